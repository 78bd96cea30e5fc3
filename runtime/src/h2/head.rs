//! Heads of HTTP/2 messages (RFC 9113 §8): into the fields that filters see, and out of them.
//!
//! What makes a message malformed in itself (upper case, connection-specific fields, pseudo-fields) the
//! `h2` crate has refused before (RT-H2-2); here is judged what needs the whole head.

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, COOKIE, DATE, EXPECT, HOST, SERVER};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::connect;
use crate::error::{Refusal, RefusalReason};
use crate::h1::Limits;
use crate::h1::framing::{self, Framing};
use crate::h1::request::{RequestHead, is_dropped_disguise};
use crate::h1::trailers;
use crate::head::{Fields, Known, Method, Request, Response, Span, Version};

/// Which fields a head has, found in one pass: asking a map for a name that it lacks costs a hash each time.
#[derive(Default)]
struct Survey {
    hosts: usize,
    cookies: usize,
    has_content_length: bool,
    has_expect: bool,
    has_te: bool,
    is_forwarded: bool,
    list_bytes: usize,
}

impl Survey {
    fn of(headers: &HeaderMap) -> Self {
        let mut survey = Self::default();
        for (name, value) in headers {
            survey.list_bytes += list_bytes(name, value);
            match Known::of(name.as_str().as_bytes()) {
                Known::Host => survey.hosts += 1,
                Known::Cookie => survey.cookies += 1,
                Known::ContentLength => survey.has_content_length = true,
                Known::Expect => survey.has_expect = true,
                Known::Te => survey.has_te = true,
                known => survey.is_forwarded |= known.is_from_proxies(),
            }
        }
        survey
    }
}

/// What a field adds to the size of its list (RFC 9113 §6.5.2), which is what clients are told the limit of.
fn list_bytes(name: &HeaderName, value: &HeaderValue) -> usize {
    name.as_str().len() + value.len() + 32
}

/// The head of a request; `ended`: it has no body.
///
/// # Errors
/// The refusal, with the fields back.
pub fn request(
    parts: &Parts,
    ended: bool,
    mut fields: Box<Fields>,
    limits: &Limits,
) -> Result<RequestHead, (Box<Fields>, Refusal)> {
    let survey = Survey::of(&parts.headers);
    let judged = connect::is_handshake(parts).and_then(|handshake| {
        let framing = judge(parts, &survey, ended || handshake, limits)?;
        Ok((handshake, framing))
    });
    let (handshake, framing) = match judged {
        Ok(judged) => judged,
        Err(refusal) => return Err((fields, refusal)),
    };
    // RT-WS-5: to routes and filters, the handshake that it is on HTTP/1.1.
    let method = if handshake {
        "GET"
    } else {
        parts.method.as_str()
    };
    let method = method.as_bytes();
    // As on HTTP/1.1, so that both are copied as one when they are forwarded unchanged.
    let method = fields.buffer.push(method);
    fields.buffer.push(b" ");
    let target = fields.buffer.push(target_of(parts));
    let upgrade = if handshake {
        fields.buffer.push(connect::WEBSOCKET.as_bytes())
    } else {
        Span::default()
    };
    if let Some(authority) = authority_of(parts) {
        fields.append("Host", authority);
    }
    let authority = fields.known_span(Known::Host).unwrap_or_default();
    if let Err(refusal) = fill(&mut fields, &parts.headers, &survey) {
        return Err((fields, refusal));
    }
    let kind = Method::of(fields.buffer.at(method));
    let mut head = Request {
        fields,
        kind,
        method,
        path: Span::default(),
        query: Span::default(),
        canonical: Span::default(),
        host: Span::default(),
        authority,
        port: None,
        version: Version::Http2,
    };
    let form = match head.set_target(target) {
        Ok(form) => form,
        Err(refusal) => return Err((head.fields, refusal)),
    };
    Ok(RequestHead {
        framing,
        content_length: framing.length().filter(|_| survey.has_content_length),
        head_length: 0,
        received: 0,
        received_path: head.path,
        keep_alive: true,
        expects_continue: survey.has_expect && !framing.is_empty(),
        form,
        upgrade,
        forwarded: survey.is_forwarded,
        head,
    })
}

/// What can be wrong with a head before its fields are read; how its body is delimited towards an
/// HTTP/1.1 backend (RT-H2-6).
fn judge(parts: &Parts, survey: &Survey, ended: bool, limits: &Limits) -> Result<Framing, Refusal> {
    let headers = &parts.headers;
    let limit = |status, detail| Refusal::new(status, RefusalReason::Limit, detail);
    if target_of(parts).len() > limits.target_bytes_max {
        return Err(limit(414, "target too long"));
    }
    if survey.list_bytes > limits.header_bytes_max {
        return Err(limit(431, "header section too large"));
    }
    // RT-LIM-2: cookie pieces count as one.
    if headers.len() - survey.cookies.saturating_sub(1) > limits.fields_max {
        return Err(limit(431, "too many fields"));
    }
    if survey.hosts > 0
        && let (Some(authority), Some(host)) = (parts.uri.authority(), headers.get(HOST))
        && !authority
            .as_str()
            .as_bytes()
            .eq_ignore_ascii_case(host.as_bytes())
    {
        return Err(Refusal::header("host unlike :authority"));
    }
    if survey.hosts > 1 {
        return Err(Refusal::header("several Host fields"));
    }
    if authority_of(parts).is_none() {
        return Err(Refusal::header("no Host"));
    }
    if survey.has_expect {
        let mut expectations = headers.get_all(EXPECT).iter();
        if !expectations.all(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
            let detail = "unknown expectation";
            return Err(Refusal::new(417, RefusalReason::Header, detail));
        }
    }
    let mut lengths = framing::Fields::default();
    if survey.has_content_length {
        for value in headers.get_all(CONTENT_LENGTH) {
            lengths.content_length(value.as_bytes())?;
        }
    }
    lengths.decide(if ended {
        Framing::Length(0)
    } else {
        Framing::Chunked
    })
}

/// Takes the fields over. Cookie pieces become one field (RFC 9113 §8.2.3).
fn fill(fields: &mut Fields, headers: &HeaderMap, survey: &Survey) -> Result<(), Refusal> {
    let mut cookie_written = false;
    for (name, value) in headers {
        let value = value.as_bytes();
        let outer = [value.first(), value.last()];
        if outer
            .iter()
            .flatten()
            .any(|byte| matches!(byte, b' ' | b'\t'))
        {
            return Err(Refusal::header("white space around a field value"));
        }
        let known = Known::of(name.as_str().as_bytes());
        match known {
            Known::ContentLength | Known::Expect | Known::Host => {}
            Known::Cookie => {
                if !std::mem::replace(&mut cookie_written, true) {
                    append_cookie(fields, headers, value);
                }
            }
            _ if known.is_hop_by_hop() => {}
            Known::Other if is_dropped_disguise(name.as_str().as_bytes())? => {}
            _ => fields.append(name.as_str(), value),
        }
    }
    if survey.has_te {
        // The crate has refused any other value.
        fields.append("TE", b"trailers");
    }
    Ok(())
}

fn append_cookie(fields: &mut Fields, headers: &HeaderMap, first: &[u8]) {
    let mut pieces = headers.get_all(COOKIE).iter().skip(1).peekable();
    if pieces.peek().is_none() {
        return fields.append("cookie", first);
    }
    let mut joined = first.to_vec();
    for piece in pieces {
        joined.extend_from_slice(b"; ");
        joined.extend_from_slice(piece.as_bytes());
    }
    fields.append("cookie", &joined);
}

/// `:path`, or nothing for CONNECT.
fn target_of(parts: &Parts) -> &[u8] {
    let target = parts.uri.path_and_query();
    target.map_or(b"", |target| target.as_str().as_bytes())
}

fn authority_of(parts: &Parts) -> Option<&[u8]> {
    let authority = parts.uri.authority().map(|authority| authority.as_str());
    let authority = authority.map(str::as_bytes);
    authority.or_else(|| Some(parts.headers.get(HOST)?.as_bytes()))
}

/// The head of a response, with the length that it is to announce; `values` is where those of its fields
/// go. `None` if it has a field that cannot be sent.
#[must_use]
pub fn response(
    response: &Response,
    length: Option<u64>,
    values: &mut BytesMut,
) -> Option<http::Response<()>> {
    let mut head = http::Response::new(());
    *head.status_mut() = StatusCode::from_u16(response.status()).ok()?;
    let headers = head.headers_mut();
    headers.reserve(response.fields.len() + 1);
    copy_fields(headers, &response.fields, values)?;
    if let Some(length) = length {
        headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    Some(head)
}

/// Copies fields, except those that belong to a connection.
fn copy_fields(headers: &mut HeaderMap, fields: &Fields, values: &mut BytesMut) -> Option<()> {
    for (known, name, value) in fields.iter_known() {
        if known.is_hop_by_hop() {
            continue;
        }
        values.extend_from_slice(value);
        let mut value = HeaderValue::from_maybe_shared(values.split().freeze()).ok()?;
        // Never the same twice: in the table of the compressor it would be of no use, and the crate
        // would look through all that came before each time.
        value.set_sensitive(matches!(known, Known::XGomaRequestId | Known::XRequestId));
        headers.try_append(name_of(known, name)?, value).ok()?;
    }
    Some(())
}

/// The trailers of a request that may pass, each ended by CRLF (RT-SEM-4).
///
/// # Errors
/// 431 for trailers over the limits of a head (RT-LIM-2).
pub fn request_trailers(fields: &HeaderMap, limits: &Limits) -> Result<Vec<u8>, Refusal> {
    let sizes = fields.iter().map(|(name, value)| list_bytes(name, value));
    if sizes.sum::<usize>() > limits.header_bytes_max {
        let detail = "trailer section too large";
        return Err(Refusal::new(431, RefusalReason::Limit, detail));
    }
    let mut section = Vec::new();
    for (name, value) in fields {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            section.extend_from_slice(part);
        }
    }
    trailers::pass(&section, limits.fields_max)
}

/// The trailers of a response, which are lines ended by CRLF. `None` if one cannot be sent.
#[must_use]
pub fn response_trailers(lines: &[u8]) -> Option<HeaderMap> {
    let mut trailers = HeaderMap::new();
    for line in lines.split(|byte| *byte == b'\n') {
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        let (name, value) = line.split_at(memchr::memchr(b':', line)?);
        let value = value.get(1..)?.trim_ascii();
        let value = HeaderValue::from_bytes(value).ok()?;
        trailers
            .try_append(name_of(Known::of(name), name)?, value)
            .ok()?;
    }
    Some(trailers)
}

/// A field's name in lower case. Those that every response has cost nothing.
fn name_of(known: Known, name: &[u8]) -> Option<HeaderName> {
    const PROXIED_BY: HeaderName = HeaderName::from_static("proxied-by");
    const REQUEST_ID: HeaderName = HeaderName::from_static("x-goma-request-id");
    match known {
        Known::ContentType => Some(CONTENT_TYPE),
        Known::Date => Some(DATE),
        Known::ProxiedBy => Some(PROXIED_BY),
        Known::Server => Some(SERVER),
        Known::XGomaRequestId => Some(REQUEST_ID),
        _ => HeaderName::from_bytes(name).ok(),
    }
}

#[cfg(test)]
mod tests;
