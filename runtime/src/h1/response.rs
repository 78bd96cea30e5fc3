//! The head of a backend's response, parsed as strictly as a request (RT-UP-10).

use std::mem::MaybeUninit;

use super::framing::{self, Framing};
use super::{FIELDS_MAX, FIELDS_USUAL, ends_lines_in_crlf, field_of, list};
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
    /// The value of `Upgrade`; empty if there is none.
    pub upgrade: Span,
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
    upgrade: Span,
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
                upgrade: found.upgrade,
            })
        }
    }
}

const BARE_LINE_FEED: &str = "bare line feed";
const TOO_MANY_FIELDS: &str = "too many fields";

fn scan(fields: &mut Fields, bodiless: bool) -> Result<Option<Found>, &'static str> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_USUAL];
    match scan_into(fields, bodiless, &mut slots) {
        Err(TOO_MANY_FIELDS) => scan_many(fields, bodiless),
        scanned => scanned,
    }
}

#[cold]
#[inline(never)]
fn scan_many(fields: &mut Fields, bodiless: bool) -> Result<Option<Found>, &'static str> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    scan_into(fields, bodiless, &mut slots)
}

#[inline]
fn scan_into<'f>(
    fields: &'f mut Fields,
    bodiless: bool,
    slots: &mut [MaybeUninit<httparse::Header<'f>>],
) -> Result<Option<Found>, &'static str> {
    let mut response = httparse::Response::new(&mut []);
    let (buffer, list_of_fields) = fields.parts_mut();
    let bytes = buffer.filled();
    if matches!(bytes.first(), Some(b'\r' | b'\n')) {
        return Err("an empty line before the status line");
    }
    let status = httparse::ParserConfig::default()
        .parse_response_with_uninit_headers(&mut response, bytes, slots)
        .map_err(|error| match error {
            httparse::Error::TooManyHeaders => TOO_MANY_FIELDS,
            _ => "malformed head",
        })?;
    let httparse::Status::Complete(head_length) = status else {
        return Ok(None);
    };
    let first = response.headers.first();
    let first = first.map(|header| Span::of(header.name.as_bytes(), bytes).start());
    let head = bytes.get(..head_length).unwrap_or_default();
    if !ends_lines_in_crlf(head, first) {
        return Err(BARE_LINE_FEED);
    }
    let mut facts = Facts::default();
    for header in response.headers.iter() {
        let known = Known::of(header.name.as_bytes());
        facts.take_in(known, header.value, head)?;
        let passes = !known.is_hop_by_hop()
            && !known.is_replaced_in_responses()
            && known != Known::ContentLength;
        if passes {
            list_of_fields.push(field_of(head, header, known).ok_or(BARE_LINE_FEED)?);
        } else if field_of(head, header, known).is_none() {
            return Err(BARE_LINE_FEED);
        }
    }
    if facts.names_fields {
        for header in response.headers.iter() {
            if Known::of(header.name.as_bytes()) == Known::Connection {
                for option in list(header.value) {
                    list_of_fields.retain(|field| !field.is(buffer, option));
                }
            }
        }
    }
    let status = response.code.unwrap_or_default();
    let old = response.version == Some(0);
    let (framing, keep_alive) = facts.decide(status, bodiless, old)?;
    Ok(Some(Found {
        status,
        reason: Span::of(response.reason.unwrap_or_default().as_bytes(), bytes),
        head_length,
        framing,
        content_length: facts.framing.length(),
        keep_alive,
        upgrade: facts.upgrade,
    }))
}

/// What the fields say about the connection and the body.
#[derive(Default)]
struct Facts {
    framing: framing::Fields,
    close: bool,
    keep: bool,
    /// `Connection` names fields other than the well-known options.
    names_fields: bool,
    upgrade: Span,
}

impl Facts {
    fn take_in(&mut self, known: Known, value: &[u8], head: &[u8]) -> Result<(), &'static str> {
        match known {
            Known::ContentLength => {
                let taken = self.framing.content_length(value);
                taken.map_err(|refusal| refusal.detail)?;
            }
            Known::TransferEncoding => {
                let taken = self.framing.transfer_encoding(value);
                taken.map_err(|refusal| refusal.detail)?;
            }
            Known::Connection => {
                for option in list(value) {
                    if option.eq_ignore_ascii_case(b"close") {
                        self.close = true;
                    } else if option.eq_ignore_ascii_case(b"keep-alive") {
                        self.keep = true;
                    } else {
                        self.names_fields |= !option.eq_ignore_ascii_case(b"upgrade");
                    }
                }
            }
            Known::Upgrade => self.upgrade = Span::of(value, head),
            _ => {}
        }
        Ok(())
    }

    /// The framing, and whether the connection may be kept (RT-UP-10, RT-SEM-3).
    fn decide(
        &self,
        status: u16,
        bodiless: bool,
        old: bool,
    ) -> Result<(Framing, bool), &'static str> {
        if !(100..=599).contains(&status) {
            return Err("status code out of range");
        }
        let framing = self.framing.decide(Framing::Close);
        let framing = framing.map_err(|refusal| refusal.detail)?;
        if old && framing == Framing::Chunked {
            return Err("Transfer-Encoding on HTTP/1.0");
        }
        let announced = self.framing.any() && !framing.is_empty();
        if status < 200 && self.framing.any() {
            return Err("an interim response with framing fields");
        }
        // A body where none may be is never read; what of it comes later must not be taken for the
        // next response.
        let intrudes = match status {
            204 => announced,
            205 => announced || framing == Framing::Close,
            _ => false,
        };
        let keep_alive = !self.close && !intrudes && (!old || self.keep);
        if bodiless || status < 200 || matches!(status, 204 | 205 | 304) {
            return Ok((Framing::Length(0), keep_alive));
        }
        // What its end delimits has none behind it.
        Ok((framing, keep_alive && framing != Framing::Close))
    }
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

    /// RT-SEM-3: a body where none may be ends the connection.
    #[test]
    fn bodies_that_must_not_be() {
        let keeps = |head: &str| match parsed(head, false) {
            Parsed::Complete(head) => (head.framing == Framing::Length(0), head.keep_alive),
            other => panic!("{head:?}: {other:?}"),
        };
        for (head, expected) in [
            ("HTTP/1.1 204 No Content\r\n\r\n", true),
            ("HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", true),
            (
                "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
                false,
            ),
            (
                "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n",
                false,
            ),
            (
                "HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n",
                true,
            ),
            ("HTTP/1.1 205 Reset Content\r\n\r\n", false),
            (
                "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
                true,
            ),
        ] {
            assert_eq!(keeps(head), (true, expected), "{head:?}");
        }
    }

    /// RFC 9112 §9.3: a connection whose end delimits a body is not kept, whatever its fields say.
    #[test]
    fn what_its_end_delimits() {
        for (fields, kept) in [
            ("", false),
            ("Connection: keep-alive\r\n", false),
            ("Content-Length: 0\r\n", true),
        ] {
            let head = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
            let Parsed::Complete(response) = parsed(&head, false) else {
                panic!("{head:?}");
            };
            assert_eq!(response.keep_alive, kept, "{fields:?}");
        }
        let Parsed::Complete(response) = parsed("HTTP/1.1 200 OK\r\n\r\n", true) else {
            panic!("an answer to HEAD");
        };
        assert!(response.keep_alive);
    }

    /// RT-HDR-1
    #[test]
    fn hop_by_hop_fields_are_gone() {
        let head = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade, X-Hop\r\nX-Hop: 1\r\n\
                    Keep-Alive: 5\r\nUpgrade: websocket\r\nX-End: 2\r\n\r\n";
        let Parsed::Complete(response) = parsed(head, false) else {
            panic!("{head:?}");
        };
        let fields = &response.head.fields;
        let names: Vec<_> = fields.iter().map(|(name, _)| name.to_vec()).collect();
        assert_eq!(names, [b"X-End"]);
        assert_eq!(fields.buffer.at(response.upgrade), b"websocket");
    }

    /// RT-UP-10: more fields than usual are no fault.
    #[test]
    fn many_fields() {
        let head = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "A: b\r\n".repeat(count));
        assert_eq!(framing(&head(1000), false), Framing::Close);
        assert!(matches!(parsed(&head(1001), false), Parsed::Malformed(..)));
    }

    /// RT-UP-10
    #[test]
    fn malformed() {
        for head in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
            "HTTP/1.1 200 OK\nA: b\n\n",
            "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 2\nConnection: close\nA: b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA : b\r\n\r\n",
            "HTTP/1.1 700 OK\r\n\r\n",
            "HTTP/1.1 103 Early\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: \0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA: b\r\n c\r\n\r\n",
            "SSH-2.0-x\r\n\r\n",
        ] {
            assert!(
                matches!(parsed(head, false), Parsed::Malformed(..)),
                "{head:?}"
            );
        }
    }
}
