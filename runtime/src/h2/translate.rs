//! Heads of requests to HTTP/2 backends, and of their responses: between the bytes of HTTP/1.1, which the
//! engine writes and reads, and what the `h2` crate takes and gives. No sockets.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, TRAILER};
use http::request::Builder;
use http::uri::{Authority, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Version, response};

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
}

/// Reads a head that the engine has written, the empty line included. `None`: it cannot be said in HTTP/2,
/// such as a switch of protocols.
pub(crate) fn request(head: &[u8], secure: bool) -> Option<Outgoing> {
    let head = Bytes::copy_from_slice(head.strip_suffix(b"\r\n\r\n")?);
    let mut lines = lines(&head);
    let first = lines.next()?;
    let mut words = first.split(|byte| *byte == b' ');
    let method = Method::from_bytes(words.next()?).ok()?;
    let target = target(head.slice_ref(words.next()?))?;
    let mut headers = HeaderMap::new();
    let (mut authority, mut lengths) = (None, framing::Fields::default());
    for line in lines {
        let (name, value) = line.split_at(memchr::memchr(b':', line)?);
        let value = value.get(1..)?.trim_ascii();
        let known = Known::of(name);
        match known {
            Known::Host => authority = Some(Authority::try_from(value).ok()?),
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
    Some(Outgoing {
        request,
        framing,
        bodiless,
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

/// Writes the head of a final response; `ended`: no body follows. Whether its body comes in chunks: so it
/// does where its length is not known, or where trailers are to be expected behind it.
pub(crate) fn response(
    out: &mut Buffer,
    parts: &response::Parts,
    bodiless: bool,
    ended: bool,
) -> bool {
    let status = parts.status.as_u16();
    let bodiless = bodiless || matches!(status, 204 | 304);
    let length = parts.headers.get(CONTENT_LENGTH);
    let chunked = !bodiless && !ended && (length.is_none() || promises_trailers(&parts.headers));
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

/// Writes an interim response.
pub(crate) fn interim(out: &mut Buffer, parts: &response::Parts) {
    write_fields(out, parts, |name| name != CONTENT_LENGTH);
    out.push(b"\r\n");
}

fn write_fields(out: &mut Buffer, parts: &response::Parts, passes: impl Fn(&HeaderName) -> bool) {
    write::status_line(out, parts.status.as_u16(), b"");
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

    fn written(fields: &[(&str, &str)], status: u16, bodiless: bool, ended: bool) -> String {
        let mut builder = http::Response::builder().status(status);
        for (name, value) in fields {
            builder = builder.header(*name, *value);
        }
        let (parts, ()) = builder.body(()).unwrap().into_parts();
        let mut out = Buffer::default();
        response(&mut out, &parts, bodiless, ended);
        let text = String::from_utf8(out.filled().to_vec()).unwrap();
        let (first, rest) = text.split_once("\r\n").unwrap();
        assert!(first.starts_with(&format!("HTTP/1.1 {status}")), "{first}");
        rest.trim_end().replace("\r\n", ", ")
    }

    /// RT-SEM-3, RT-SEM-4: a known length is kept, unless trailers are to come.
    #[test]
    fn how_a_body_is_delimited() {
        let length = ("content-length", "5");
        let chunked = "Transfer-Encoding: chunked";
        assert_eq!(written(&[length], 200, false, false), "Content-Length: 5");
        assert_eq!(written(&[], 200, false, false), chunked);
        assert_eq!(written(&[], 200, false, true), "Content-Length: 0");
        assert_eq!(written(&[length], 200, true, true), "Content-Length: 5");
        assert_eq!(written(&[], 200, true, true), "");
        assert_eq!(written(&[], 204, false, true), "");
        let promised = [length, ("trailer", "x")];
        assert!(written(&promised, 200, false, false).ends_with(chunked));
        let grpc = [("content-type", "application/grpc+proto")];
        assert!(written(&grpc, 200, false, false).ends_with(chunked));
    }
}
