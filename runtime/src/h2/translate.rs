//! Heads of requests to HTTP/2 backends, and of their responses: between the bytes of HTTP/1.1, which the
//! engine writes and reads, and what the `h2` crate takes and gives. No sockets.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRAILER};
use http::request::Builder;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, response};

use super::connect::{Handshake, WEBSOCKET};
use crate::h1::framing::{self, Framing};
use crate::h1::write;
use crate::head::{Buffer, Known};

/// A request for the `h2` crate, and how its body is delimited in what follows the head.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) request: Request<()>,
    pub(crate) framing: Framing,
    /// HEAD: its response has no body, whatever its fields say.
    pub(crate) bodiless: bool,
    /// It asks for a WebSocket: a success is the `101` to that.
    pub(crate) handshake: Option<Handshake>,
}

/// Reads a head that the engine has written, the empty line included. `None`: it cannot be said in HTTP/2,
/// such as a switch to another protocol than WebSocket.
pub(crate) fn request(head: &[u8], secure: bool) -> Option<Outgoing> {
    let head = Bytes::copy_from_slice(head.strip_suffix(b"\r\n\r\n")?);
    let mut lines = lines(&head);
    let first = lines.next()?;
    let mut words = first.split(|byte| *byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let target = target(head.slice_ref(words.next()?))?;
    let mut headers = HeaderMap::new();
    let (mut authority, mut lengths) = (None, framing::Fields::default());
    let mut is_handshake = false;
    for line in lines {
        let (name, value) = line.split_at(memchr::memchr(b':', line)?);
        let value = value.get(1..)?.trim_ascii();
        let known = Known::of(name);
        match known {
            Known::Host => authority = Some(Authority::try_from(value).ok()?),
            Known::Upgrade if value.eq_ignore_ascii_case(WEBSOCKET.as_bytes()) => {
                is_handshake = true;
            }
            Known::Upgrade => return None,
            Known::TransferEncoding => lengths.transfer_encoding(value).ok()?,
            Known::ContentLength => lengths.content_length(value).ok()?,
            _ => {}
        }
        let trailers = name.eq_ignore_ascii_case(b"te") && value.eq_ignore_ascii_case(b"trailers");
        let passes = known == Known::ContentLength || trailers;
        if known == Known::Host || (known.is_hop_by_hop() && !passes) {
            continue;
        }
        let mut value = HeaderValue::from_maybe_shared(head.slice_ref(value)).ok()?;
        // Never the same twice: of no use in the compressor's table.
        value.set_sensitive(matches!(known, Known::XGomaRequestId | Known::XRequestId));
        headers
            .try_append(HeaderName::from_bytes(name).ok()?, value)
            .ok()?;
    }
    let framing = lengths.decide(Framing::Length(0)).ok()?;
    let scheme = if secure { Scheme::HTTPS } else { Scheme::HTTP };
    let uri = Uri::builder()
        .scheme(scheme)
        .authority(authority?)
        .path_and_query(target);
    let bodiless = method == Method::HEAD;
    let builder: Builder = Request::builder().version(Version::HTTP_2);
    let mut request = builder
        .method(method)
        .uri(uri.build().ok()?)
        .body(())
        .ok()?;
    *request.headers_mut() = headers;
    let handshake = is_handshake.then(|| Handshake::take(&mut request));
    Some(Outgoing {
        request,
        framing,
        bodiless,
        handshake,
    })
}

/// `:path`. What HTTP/1.1 lets pass and the `http` crate does not, such as quotation marks, is encoded.
fn target(text: Bytes) -> Option<PathAndQuery> {
    // Of a `#` the crate would keep what is before it.
    let is_whole = memchr::memchr(b'#', &text).is_none();
    if is_whole && let Ok(target) = PathAndQuery::from_maybe_shared(text.clone()) {
        return Some(target);
    }
    let is_utf8 = std::str::from_utf8(&text).is_ok();
    let mut encoded = Vec::with_capacity(text.len() + 32);
    let mut in_query = false;
    for byte in text {
        let probe: &[u8] = if in_query {
            &[b'/', b'?', byte]
        } else {
            &[b'/', byte]
        };
        let passes = match byte {
            b'#' => false,
            0x80.. => is_utf8,
            _ => PathAndQuery::try_from(probe).is_ok(),
        };
        in_query |= byte == b'?';
        match passes {
            true => encoded.push(byte),
            false => encoded.extend_from_slice(format!("%{byte:02X}").as_bytes()),
        }
    }
    PathAndQuery::from_maybe_shared(Bytes::from(encoded)).ok()
}

fn lines(head: &[u8]) -> impl Iterator<Item = &[u8]> {
    let lines = head.split(|byte| *byte == b'\n');
    lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

/// What follows the head of a final response.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Following {
    /// No body, whatever the fields say.
    Nothing,
    /// No body, because the stream has ended.
    End,
    /// A body, if there may be one.
    Body,
    /// The same, and trailers that can be passed on whatever its length.
    BodyAndTrailers,
}

/// Writes the head of a final response. Whether its body comes in chunks: so it does where its length is not
/// known, or where trailers are to be expected behind it.
pub(crate) fn response(out: &mut Buffer, parts: &response::Parts, following: Following) -> bool {
    let status = parts.status.as_u16();
    let bodiless = matches!(following, Following::Nothing) || matches!(status, 204 | 304);
    let length = parts.headers.get(CONTENT_LENGTH);
    let chunked = !bodiless
        && match following {
            Following::Nothing | Following::End => false,
            Following::Body => length.is_none() || promises_trailers(&parts.headers),
            Following::BodyAndTrailers => true,
        };
    write::status_line(out, status, b"");
    write_fields(out, parts, |name| name != CONTENT_LENGTH);
    match length {
        _ if chunked => write::field(out, b"Transfer-Encoding", b"chunked"),
        Some(length) => write::field(out, b"Content-Length", length.as_bytes()),
        None if bodiless => {}
        None => write::content_length(out, 0),
    }
    out.push(b"\r\n");
    chunked
}

/// Writes the `101` that a handshake gets for a success.
pub(crate) fn switched(out: &mut Buffer, parts: &response::Parts, handshake: &Handshake) {
    write::status_line(out, 101, b"");
    write_fields(out, parts, |name| !Handshake::hides(name));
    handshake.write(out);
    out.push(b"\r\n");
}

/// Writes an interim response.
pub(crate) fn interim(out: &mut Buffer, parts: &response::Parts) {
    write::status_line(out, parts.status.as_u16(), b"");
    write_fields(out, parts, |name| name != CONTENT_LENGTH);
    out.push(b"\r\n");
}

fn write_fields(out: &mut Buffer, parts: &response::Parts, passes: impl Fn(&HeaderName) -> bool) {
    for (name, value) in parts.headers.iter().filter(|(name, _)| passes(name)) {
        let known = Known::of(name.as_str().as_bytes());
        if !known.is_hop_by_hop() && name != HOST {
            write::field(out, name.as_str().as_bytes(), value.as_bytes());
        }
    }
}

fn promises_trailers(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes);
    let grpc = kind.is_some_and(|kind| kind.starts_with(b"application/grpc"));
    grpc || headers.contains_key(TRAILER)
}

/// The length of a body, which the `h2` crate sees to.
pub(crate) fn length(parts: &response::Parts) -> Option<u64> {
    let text = parts.headers.get(CONTENT_LENGTH)?.to_str().ok()?;
    text.parse().ok()
}

/// Writes what ends a body in chunks.
pub(crate) fn end(out: &mut Buffer, trailers: Option<&HeaderMap>) {
    out.push(b"0\r\n");
    for (name, value) in trailers.into_iter().flatten() {
        write::field(out, name.as_str().as_bytes(), value.as_bytes());
    }
    out.push(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RT-UP-3, RT-STREAM-4
    #[test]
    fn a_request_in_http2() {
        let head = b"POST /a?b=c HTTP/1.1\r\nHost: h.test:8080\r\nTE: trailers\r\nX-Id:  1\r\n\
                     Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
        let outgoing = request(head, true).unwrap();
        assert_eq!(outgoing.request.uri(), "https://h.test:8080/a?b=c");
        assert_eq!(outgoing.framing, Framing::Chunked);
        let headers: Vec<_> = outgoing.request.headers().iter().collect();
        let shown = format!("{headers:?}");
        assert_eq!(shown, r#"[("te", "trailers"), ("x-id", "1")]"#);
        let length = request(
            b"PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n",
            false,
        );
        let length = length.unwrap();
        assert_eq!(length.framing, Framing::Length(3));
        assert_eq!(length.request.headers().len(), 1);
        assert!(
            request(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n", false)
                .unwrap()
                .bodiless
        );
        let upgrade = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";
        assert!(request(upgrade, false).is_none());
        assert!(request(b"GET / HTTP/1.1\r\nX: 1\r\n\r\n", false).is_none());
    }

    /// RT-WS-5: the example of RFC 6455 §1.3 as RFC 8441 §5.1 has it, and its answer.
    #[test]
    fn a_handshake_in_http2() {
        let head = b"GET /chat?a HTTP/1.1\r\nHost: h.test\r\n\
                     Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\
                     Connection: Upgrade\r\nUpgrade: WebSocket\r\nContent-Length: 0\r\n\r\n";
        let outgoing = request(head, true).unwrap();
        assert_eq!(outgoing.request.method(), Method::CONNECT);
        assert_eq!(outgoing.request.uri(), "https://h.test/chat?a");
        let protocol = outgoing.request.extensions().get::<h2::ext::Protocol>();
        assert_eq!(protocol.unwrap().as_str(), "websocket");
        let headers: Vec<_> = outgoing.request.headers().iter().collect();
        assert_eq!(
            format!("{headers:?}"),
            r#"[("sec-websocket-version", "13")]"#
        );

        let fields = [
            ("content-length", "0"),
            ("sec-websocket-accept", "x"),
            ("x-a", "1"),
        ];
        let mut builder = http::Response::builder().status(200);
        for (name, value) in fields {
            builder = builder.header(name, value);
        }
        let (parts, ()) = builder.body(()).unwrap().into_parts();
        let mut out = Buffer::default();
        switched(&mut out, &parts, &outgoing.handshake.unwrap());
        assert_eq!(
            String::from_utf8_lossy(out.filled()),
            "HTTP/1.1 101 Switching Protocols\r\nx-a: 1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
        );
    }

    /// RT-PATH-5: nothing else of a target changes.
    #[test]
    fn what_a_target_may_not_have_is_encoded() {
        let path = |target: &[u8]| {
            let head = [b"GET ", target, b" HTTP/1.1\r\nHost: h\r\n\r\n"].concat();
            request(&head, false).map(|outgoing| {
                let path = outgoing.request.uri().path_and_query().cloned();
                path.unwrap().as_str().to_owned()
            })
        };
        for (target, expected) in [
            (&b"/a%22b?c=d"[..], "/a%22b?c=d"),
            (b"/<`>?q=\"<`>'", "/%3C%60%3E?q=%22%3C`%3E'"),
            (b"/a#b?c#d", "/a%23b?c%23d"),
            ("/é?ü=\"".as_bytes(), "/é?ü=%22"),
            (b"/\xe9?\xc3\xbc", "/%E9?%C3%BC"),
            (b"*", "*"),
        ] {
            assert_eq!(path(target).as_deref(), Some(expected));
        }
        assert_eq!(path(b"no-path"), None);
    }

    fn written(fields: &[(&str, &str)], status: u16, following: Following) -> String {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        let (parts, ()) = builder.body(()).unwrap().into_parts();
        let mut out = Buffer::default();
        response(&mut out, &parts, following);
        let text = String::from_utf8(out.filled().to_vec()).unwrap();
        let (first, rest) = text.split_once("\r\n").unwrap();
        assert!(first.starts_with(&format!("HTTP/1.1 {status}")), "{first}");
        rest.trim_end().replace("\r\n", ", ")
    }

    /// RT-SEM-3, RT-SEM-4: a known length is kept, unless trailers are to come.
    #[test]
    fn how_a_body_is_delimited() {
        use Following::{Body, BodyAndTrailers, End, Nothing};
        let length = ("content-length", "5");
        let chunked = "Transfer-Encoding: chunked";
        assert_eq!(written(&[length], 200, Body), "Content-Length: 5");
        assert_eq!(written(&[length], 200, BodyAndTrailers), chunked);
        assert_eq!(written(&[], 200, Body), chunked);
        assert_eq!(written(&[], 200, End), "Content-Length: 0");
        assert_eq!(written(&[length], 200, Nothing), "Content-Length: 5");
        assert_eq!(written(&[], 200, Nothing), "");
        assert_eq!(written(&[], 204, End), "");
        assert_eq!(
            written(&[length], 304, BodyAndTrailers),
            "Content-Length: 5"
        );
        let promised = [length, ("trailer", "x")];
        assert!(written(&promised, 200, Body).ends_with(chunked));
        let grpc = [("content-type", "application/grpc+proto")];
        assert!(written(&grpc, 200, Body).ends_with(chunked));
    }
}
