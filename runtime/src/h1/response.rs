//! The head of a backend's response, parsed as strictly as a request (RT-UP-10).

use std::mem::MaybeUninit;

use super::framing::{self, Framing};
use super::{FIELDS_MAX, ends_lines_in_crlf, field_of, list};
use crate::head::{Fields, Known, Response, Span};

/// A complete response head.
#[derive(Debug)]
pub struct ResponseHead {
    /// The head as filters see it; hop-by-hop fields are gone (RT-HDR-1).
    pub head: Response,
    /// How the body is delimited, as far as the head alone says.
    pub framing: Framing,
    /// The announced length, which a HEAD or 304 keeps although there is no body (RT-SEM-3).
    pub content_length: Option<u64>,
    /// Bytes of the buffer that belong to the head.
    pub head_length: usize,
    /// Whether the backend is content to keep the connection.
    pub keep_alive: bool,
}

/// The outcome of parsing.
#[derive(Debug)]
pub enum Parsed {
    /// A complete, acceptable head.
    Complete(ResponseHead),
    /// More bytes are needed; the fields come back.
    Partial(Box<Fields>),
    /// The response cannot be passed on; the fields come back.
    Malformed(Box<Fields>, &'static str),
}

struct Found {
    status: u16,
    reason: Span,
    head_length: usize,
    framing: Framing,
    content_length: Option<u64>,
    keep_alive: bool,
}

/// Parses what has been received so far. `bodiless`: the answer to HEAD.
#[must_use]
pub fn parse(mut fields: Box<Fields>, bodiless: bool) -> Parsed {
    fields.clear_list();
    match scan(&mut fields, bodiless) {
        Ok(None) => Parsed::Partial(fields),
        Err(detail) => Parsed::Malformed(fields, detail),
        Ok(Some(found)) => {
            let mut head = Response::new(found.status, fields);
            head.reason = found.reason;
            Parsed::Complete(ResponseHead {
                head,
                framing: found.framing,
                content_length: found.content_length,
                head_length: found.head_length,
                keep_alive: found.keep_alive,
            })
        }
    }
}

fn scan(fields: &mut Fields, bodiless: bool) -> Result<Option<Found>, &'static str> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    let mut response = httparse::Response::new(&mut []);
    let (buffer, list_of_fields) = fields.parts_mut();
    let bytes = buffer.filled();
    let status = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, bytes, &mut slots)
        .map_err(|_| "malformed head")?;
    let httparse::Status::Complete(head_length) = status else {
        return Ok(None);
    };
    let first = response.headers.first();
    let first = first.map(|header| Span::of(header.name.as_bytes(), bytes).start());
    let head = bytes.get(..head_length).unwrap_or_default();
    if !ends_lines_in_crlf(head, first) {
        return Err("bare line feed");
    }
    let mut facts = framing::Fields::default();
    let mut content_length = None;
    let (mut close, mut keep) = (false, false);
    for header in response.headers.iter() {
        let known = Known::of(header.name.as_bytes());
        match known {
            Known::ContentLength => {
                facts
                    .content_length(header.value)
                    .map_err(|refusal| refusal.detail)?;
                content_length = facts.decide(Framing::Close).ok().and_then(Framing::length);
                continue;
            }
            Known::TransferEncoding => facts
                .transfer_encoding(header.value)
                .map_err(|refusal| refusal.detail)?,
            Known::Connection => {
                for option in list(header.value) {
                    close |= option.eq_ignore_ascii_case(b"close");
                    keep |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            _ => {}
        }
        if !known.is_hop_by_hop() && !known.is_replaced_in_responses() {
            list_of_fields.push(field_of(head, header, known).ok_or("bare line feed")?);
        }
    }
    let status = response.code.unwrap_or_default();
    if !(100..=599).contains(&status) {
        return Err("status code out of range");
    }
    let framing = facts
        .decide(Framing::Close)
        .map_err(|refusal| refusal.detail)?;
    let without_body = bodiless || status < 200 || status == 204 || status == 304;
    let old = response.version == Some(0);
    if old && framing == Framing::Chunked {
        return Err("Transfer-Encoding on HTTP/1.0");
    }
    Ok(Some(Found {
        status,
        reason: Span::of(response.reason.unwrap_or_default().as_bytes(), bytes),
        head_length,
        framing: if without_body {
            Framing::Length(0)
        } else {
            framing
        },
        content_length,
        keep_alive: if old { keep && !close } else { !close },
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Buffer;

    fn parsed(head: &str, bodiless: bool) -> Parsed {
        let mut fields = Fields::new(Buffer::with_size(64));
        fields.buffer.push(head.as_bytes());
        parse(fields, bodiless)
    }

    fn framing(head: &str, bodiless: bool) -> Framing {
        match parsed(head, bodiless) {
            Parsed::Complete(head) => head.framing,
            other => panic!("{head:?}: {other:?}"),
        }
    }

    /// RT-SEM-3, RFC 9112 §6.3
    #[test]
    fn framing_follows_status_and_method() {
        let length = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n";
        assert_eq!(framing(length, false), Framing::Length(5));
        assert_eq!(framing(length, true), Framing::Length(0));
        assert_eq!(framing("HTTP/1.1 200 OK\r\n\r\n", false), Framing::Close);
        assert_eq!(
            framing("HTTP/1.1 304 \r\nContent-Length: 5\r\n\r\n", false),
            Framing::Length(0)
        );
        let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(framing(chunked, false), Framing::Chunked);
    }

    /// RT-UP-10
    #[test]
    fn malformed() {
        for head in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\n\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 700 OK\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
        ] {
            assert!(
                matches!(parsed(head, false), Parsed::Malformed(..)),
                "{head:?}"
            );
        }
    }
}
