//! WebSocket over HTTP/2 (RFC 8441), from clients and to backends: what a stream's CONNECT lacks of a handshake
//! on HTTP/1.1, and what the answer to that has too much (RT-WS-5).

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use h2::ext::Protocol;
use http::request::Parts;
use http::{Method, StatusCode};
use sha1::{Digest as _, Sha1};

use crate::error::{Refusal, RefusalReason};
use crate::head::{Buffer, Fields, Response};

/// What a handshake on HTTP/1.1 gets back from a backend on HTTP/2.
#[derive(Debug)]
pub struct Handshake {
    /// The answer to its key; `None`: it has no key.
    answer: Option<String>,
}

/// The only protocol that a stream may become.
pub const WEBSOCKET: &str = "websocket";

const KEY: &str = "Sec-WebSocket-Key";
const ACCEPT: &str = "Sec-WebSocket-Accept";
/// What is hashed with the key (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/// Whether a request asks its stream to become a WebSocket.
///
/// # Errors
/// 501 for another protocol (RFC 9220 §3), 400 for a body, which such a request cannot have.
pub fn is_handshake(parts: &Parts) -> Result<bool, Refusal> {
    let protocol = parts.extensions.get::<Protocol>();
    let Some(protocol) = protocol.filter(|_| parts.method == Method::CONNECT) else {
        return Ok(false);
    };
    if !protocol.as_str().eq_ignore_ascii_case(WEBSOCKET) {
        let detail = "unknown :protocol";
        return Err(Refusal::new(501, RefusalReason::Header, detail));
    }
    if parts.headers.contains_key(http::header::CONTENT_LENGTH) {
        return Err(Refusal::header("Content-Length on CONNECT"));
    }
    Ok(true)
}

/// Adds the key, which only HTTP/1.1 has, in place of any that the client has sent.
pub fn add_key(fields: &mut Fields, random: u128) {
    fields.set(KEY, BASE64_STANDARD.encode(random.to_be_bytes()).as_bytes());
}

/// Judges the final response to a handshake with the fields of `request`: a `101` has to answer its key, and
/// no other success can be passed on, because to the client that would say that the tunnel is there.
///
/// # Errors
/// What is wrong with it.
pub fn check(request: &Fields, response: &Response, protocol: &[u8]) -> Result<(), &'static str> {
    match response.status() {
        101 if is_accepted(request, &response.fields, protocol) => Ok(()),
        101 => Err("101 that does not answer the handshake"),
        status if is_success(status) => Err("success without 101 to a handshake"),
        _ => Ok(()),
    }
}

/// Whether a status on a stream would open it.
#[must_use]
pub fn is_success(status: u16) -> bool {
    (200..300).contains(&status)
}

fn is_accepted(request: &Fields, response: &Fields, protocol: &[u8]) -> bool {
    let Some(key) = request.get(KEY) else {
        return false;
    };
    let expected = answer_to(key);
    let mut answers = response.values(ACCEPT);
    protocol.eq_ignore_ascii_case(WEBSOCKET.as_bytes())
        && answers.next() == Some(expected.as_bytes())
        && answers.next().is_none()
}

/// What a server says to a key (RFC 6455 §4.2.2).
#[must_use]
pub fn answer_to(key: &[u8]) -> String {
    let mut hash = Sha1::new();
    hash.update(key);
    hash.update(GUID);
    BASE64_STANDARD.encode(hash.finalize())
}

impl Handshake {
    /// Makes a GET that asks for a WebSocket a CONNECT.
    #[must_use]
    pub fn take(request: &mut http::Request<()>) -> Self {
        *request.method_mut() = Method::CONNECT;
        request
            .extensions_mut()
            .insert(Protocol::from_static(WEBSOCKET));
        let fields = request.headers_mut();
        fields.remove(http::header::CONTENT_LENGTH);
        let key = fields.remove(KEY);
        Self {
            answer: key.map(|key| answer_to(key.as_bytes())),
        }
    }

    /// Writes the fields that a success has not.
    pub fn write(&self, out: &mut Buffer) {
        out.push_line(b"Connection", b"Upgrade");
        out.push_line(b"Upgrade", WEBSOCKET.as_bytes());
        if let Some(answer) = &self.answer {
            out.push_line(ACCEPT.as_bytes(), answer.as_bytes());
        }
    }

    /// Whether a field is none of a `101`.
    #[must_use]
    pub fn hides(name: &http::HeaderName) -> bool {
        [
            http::header::CONTENT_LENGTH,
            http::header::SEC_WEBSOCKET_ACCEPT,
        ]
        .contains(name)
    }
}

/// Makes the head of a `101` one that opens a stream.
pub fn open(response: &mut http::Response<()>) {
    *response.status_mut() = StatusCode::OK;
    response.headers_mut().remove(ACCEPT);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> Box<Fields> {
        let mut fields = Fields::new(Buffer::default());
        for (name, value) in pairs {
            fields.append(name, value.as_bytes());
        }
        fields
    }

    /// RT-WS-5: the example of RFC 6455 §1.3.
    #[test]
    fn the_key_is_answered() {
        const RIGHT: (&str, &str) = (ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let request = fields(&[(KEY, "dGhlIHNhbXBsZSBub25jZQ==")]);
        let accepted = |lines: &[(&str, &str)], protocol: &[u8]| {
            is_accepted(&request, &fields(lines), protocol)
        };
        assert!(accepted(&[RIGHT], b"WebSocket"));
        assert!(!accepted(&[RIGHT], b"foo"));
        assert!(!accepted(&[RIGHT, RIGHT], b"websocket"));
        assert!(!accepted(
            &[(ACCEPT, "s3pPLMBiTxaQ9kYGzzhZRbK+xOp=")],
            b"websocket"
        ));
        assert!(!accepted(&[], b"websocket"));
        assert!(!is_accepted(&fields(&[]), &fields(&[RIGHT]), b"websocket"));
    }

    /// RT-WS-5: 16 random bytes, and the client's own key does not count.
    #[test]
    fn the_key_is_the_gateways() {
        let mut sent = fields(&[("sec-websocket-key", "x")]);
        add_key(&mut sent, 0x00ff);
        let keys: Vec<_> = sent.values(KEY).collect();
        assert_eq!(keys, [b"AAAAAAAAAAAAAAAAAAAA/w=="]);
    }
}
