//! The head of an HTTP/1.1 request, parsed in place and judged (RT-SMUG, RT-LIM, RT-PATH).

use std::mem::MaybeUninit;

use super::framing::{self, Framing};
use super::{
    FIELDS_MAX, FIELDS_USUAL, Limits, TOO_MANY_FIELDS, ends_lines_in_crlf, field_of, list,
    refusal_of,
};
use crate::error::{Refusal, RefusalReason};
use crate::head::{Fields, Known, Method, Request, Span, TargetForm, Version};

/// A complete request head.
#[derive(Debug)]
pub struct RequestHead {
    /// The head as filters see it; hop-by-hop fields are gone (RT-HDR-1).
    pub head: Request,
    /// How the body is delimited.
    pub framing: Framing,
    /// The value of `Content-Length`, if there is one.
    pub content_length: Option<u64>,
    /// Bytes of the buffer that belong to the head; what follows is body or the next request.
    pub head_length: usize,
    /// Bytes that had been received when the head was complete; edits come after them.
    pub received: usize,
    /// The path as received, for the log.
    pub received_path: Span,
    /// Whether the client is content to keep the connection.
    pub keep_alive: bool,
    /// Whether the client waits for `100 Continue`.
    pub expects_continue: bool,
    /// The form of the target.
    pub form: TargetForm,
    /// The value of `Upgrade`, if the client asks for another protocol and may (RT-WS-1); else empty.
    pub upgrade: Span,
    /// Whether there are fields that only a trusted proxy may send (RT-HDR-5).
    pub forwarded: bool,
}

/// The outcome of parsing.
#[derive(Debug)]
pub enum Parsed {
    /// A complete, acceptable head.
    Complete(RequestHead),
    /// More bytes are needed; the fields come back.
    Partial(Box<Fields>),
    /// The request is refused; the fields come back.
    Refused(Box<Fields>, Refusal),
}

/// Ranges and facts found by the first pass, while the buffer is borrowed.
struct Found {
    method: Span,
    target: Span,
    version: Version,
    head_length: usize,
    facts: Facts,
}

/// What the fields say about the connection and the body.
#[derive(Default)]
struct Facts {
    framing: framing::Fields,
    hosts: u32,
    host: Span,
    close: bool,
    keep_alive: bool,
    /// `Connection` names fields other than the well-known options.
    names_fields: bool,
    trailers_accepted: bool,
    expects_continue: bool,
    /// `Connection: upgrade`
    upgrades: bool,
    /// The value of the only `Upgrade` field.
    upgrade: Option<Span>,
    forwarded: bool,
}

impl RequestHead {
    /// Stands for bytes that could not be read as a request; `kind` is all that is known of it.
    #[must_use]
    pub fn unreadable(mut fields: Box<Fields>, kind: Method) -> Self {
        fields.clear_list();
        let nothing = Span::default();
        Self {
            head: Request {
                fields,
                method: nothing,
                kind,
                path: nothing,
                query: nothing,
                canonical: nothing,
                host: nothing,
                authority: nothing,
                port: None,
                version: Version::Http11,
            },
            framing: Framing::Length(0),
            content_length: None,
            head_length: 0,
            received: 0,
            received_path: nothing,
            keep_alive: false,
            expects_continue: false,
            form: TargetForm::Path,
            upgrade: nothing,
            forwarded: false,
        }
    }
}

/// Parses what has been received so far.
#[must_use]
pub fn parse(mut fields: Box<Fields>, limits: &Limits) -> Parsed {
    fields.clear_list();
    let found = match scan(&mut fields, limits) {
        Ok(Some(found)) => found,
        Ok(None) => return Parsed::Partial(fields),
        Err(refusal) => return Parsed::Refused(fields, refusal),
    };
    match judge(fields, &found, limits) {
        Ok(head) => Parsed::Complete(head),
        Err((fields, refusal)) => Parsed::Refused(fields, refusal),
    }
}

/// The method that received bytes begin with, as far as it can be told.
#[must_use]
pub fn method_of(bytes: &[u8]) -> Method {
    let line = behind_empty_line(bytes);
    let end = memchr::memchr(b' ', line).unwrap_or_default();
    Method::of(line.get(..end).unwrap_or_default())
}

/// Parses on, after `parsed` bytes came to [`Parsed::Partial`]. A line that is not complete cannot
/// change the outcome but for its length, so that bytes that come one by one cost little more than lines
/// that do.
#[must_use]
pub fn parse_more(fields: Box<Fields>, limits: &Limits, parsed: usize) -> Parsed {
    let bytes = fields.buffer.filled();
    let fresh = bytes.get(parsed..).unwrap_or_default();
    if parsed == 0 || memchr::memchr(b'\n', fresh).is_some() {
        return parse(fields, limits);
    }
    match within_limits(bytes, limits) {
        Ok(()) => Parsed::Partial(fields),
        Err(refusal) => Parsed::Refused(fields, refusal),
    }
}

fn scan(fields: &mut Fields, limits: &Limits) -> Result<Option<Found>, Refusal> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_USUAL];
    match scan_into(fields, limits, &mut slots) {
        Err(refusal) if refusal == TOO_MANY_FIELDS && limits.fields_max > FIELDS_USUAL => {
            scan_many(fields, limits)
        }
        scanned => scanned,
    }
}

/// As [`scan`], with room for any number of fields that `limits.maxHeaders` can allow.
#[cold]
#[inline(never)]
fn scan_many(fields: &mut Fields, limits: &Limits) -> Result<Option<Found>, Refusal> {
    let mut slots = [const { MaybeUninit::uninit() }; FIELDS_MAX];
    scan_into(fields, limits, &mut slots)
}

#[inline]
fn scan_into<'f>(
    fields: &'f mut Fields,
    limits: &Limits,
    slots: &mut [MaybeUninit<httparse::Header<'f>>],
) -> Result<Option<Found>, Refusal> {
    let mut request = httparse::Request::new(&mut []);
    let (buffer, list) = fields.parts_mut();
    let bytes = buffer.filled();
    // RT-SMUG-5, RT-SMUG-6: one, and no line feed alone.
    let begins = behind_empty_line(bytes);
    if begins.first() == Some(&b'\n') || begins.first() == Some(&b'\r') && bytes.len() > 1 {
        return Err(Refusal::framing("empty lines before the request line"));
    }
    let head_length = match request.parse_with_uninit_headers(bytes, slots) {
        Ok(httparse::Status::Complete(head_length)) => head_length,
        Ok(httparse::Status::Partial) => return within_limits(bytes, limits).map(|()| None),
        // What is wrong with it is known once its line is complete.
        Err(httparse::Error::Version) if first_line(bytes).is_none() => {
            return within_limits(bytes, limits).map(|()| None);
        }
        Err(error) => return Err(refusal_of(error, bytes)),
    };
    let method = Span::of(request.method.unwrap_or_default().as_bytes(), bytes);
    let target = Span::of(request.path.unwrap_or_default().as_bytes(), bytes);
    let version = match request.version {
        Some(0) => Version::Http10,
        _ => Version::Http11,
    };
    if target.len() > limits.target_bytes_max {
        return Err(Refusal::new(414, RefusalReason::Limit, "target too long"));
    }
    let first = request.headers.first();
    let first = first.map(|header| Span::of(header.name.as_bytes(), bytes).start());
    let section = head_length - first.unwrap_or(head_length);
    if section > limits.header_bytes_max {
        return Err(SECTION_TOO_LARGE);
    }
    if request.headers.len() > limits.fields_max {
        return Err(TOO_MANY_FIELDS);
    }
    let mut facts = Facts::default();
    let bare_line_feed = Refusal::framing("bare line feed");
    let head = bytes.get(..head_length).unwrap_or_default();
    if !ends_lines_in_crlf(head, first) {
        return Err(bare_line_feed);
    }
    for header in request.headers.iter() {
        let known = Known::of(header.name.as_bytes());
        let field = field_of(head, header, known).ok_or(bare_line_feed)?;
        facts.take_in(known, header.value, field.value())?;
        if known == Known::Other && is_dropped_disguise(header.name.as_bytes())? {
            continue;
        }
        if !known.is_hop_by_hop() && known != Known::Expect && known != Known::ContentLength {
            list.push(field);
        }
    }
    Ok(Some(Found {
        method,
        target,
        version,
        head_length,
        facts,
    }))
}

const SECTION_TOO_LARGE: Refusal =
    Refusal::new(431, RefusalReason::Limit, "header section too large");

/// Room for the method, the version and what is between them and the target.
const LINE_BYTES: usize = 256;

/// A name like `Content_Length` is a framing field to some backends and none to others (RT-SMUG);
/// `X_Forwarded_For` is the client's word in the place of the gateway's (RT-HDR-2 to -5, -8), and is
/// dropped.
pub(crate) fn is_dropped_disguise(name: &[u8]) -> Result<bool, Refusal> {
    match Known::disguised(name) {
        Known::ContentLength | Known::TransferEncoding => Err(Refusal::framing(
            "a field name that resembles a framing field",
        )),
        Known::XForwardedFor
        | Known::XForwardedHost
        | Known::XForwardedPort
        | Known::XForwardedProto
        | Known::XForwardedScheme
        | Known::XRealIp
        | Known::XRequestId => Ok(true),
        _ => Ok(false),
    }
}

/// RT-LIM-1, RT-LIM-2 for a head that is not complete yet.
fn within_limits(bytes: &[u8], limits: &Limits) -> Result<(), Refusal> {
    let line_end = first_line(bytes).map(<[u8]>::len);
    let bytes = behind_empty_line(bytes);
    if line_end.unwrap_or(bytes.len()) > limits.target_bytes_max + LINE_BYTES {
        return Err(Refusal::new(414, RefusalReason::Limit, "target too long"));
    }
    if bytes.len() - line_end.unwrap_or(bytes.len()) > limits.header_bytes_max {
        return Err(SECTION_TOO_LARGE);
    }
    Ok(())
}

/// The empty line that may stand before a request (RT-SMUG-6) is no part of its head.
fn behind_empty_line(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(b"\r\n").unwrap_or(bytes)
}

/// The request line with its end, if it is complete.
fn first_line(bytes: &[u8]) -> Option<&[u8]> {
    let bytes = behind_empty_line(bytes);
    let end = memchr::memchr(b'\n', bytes)?;
    bytes.get(..=end)
}

impl Facts {
    fn take_in(&mut self, known: Known, value: &[u8], span: Span) -> Result<(), Refusal> {
        match known {
            Known::Host => {
                self.hosts += 1;
                self.host = span;
            }
            Known::ContentLength => self.framing.content_length(value)?,
            Known::TransferEncoding => self.framing.transfer_encoding(value)?,
            Known::Connection => self.connection(value),
            Known::Te => {
                self.trailers_accepted |=
                    list(value).any(|member| member.eq_ignore_ascii_case(b"trailers"));
            }
            // Two of them name no protocol that all readers agree on.
            Known::Upgrade => {
                let only = self.upgrade.is_none() && !is_cleartext_http2(value);
                self.upgrade = Some(span).filter(|_| only).or(Some(Span::default()));
            }
            known if known.is_from_proxies() => self.forwarded = true,
            Known::Expect if value.eq_ignore_ascii_case(b"100-continue") => {
                self.expects_continue = true;
            }
            Known::Expect => {
                // RT-SEM-1
                let detail = "unknown expectation";
                return Err(Refusal::new(417, RefusalReason::Header, detail));
            }
            _ => {}
        }
        Ok(())
    }

    fn connection(&mut self, value: &[u8]) {
        for option in list(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.upgrades = true;
            } else {
                self.names_fields = true;
            }
        }
    }
}

/// RT-LISTEN-1: a request for HTTP/2 in clear text is ignored.
fn is_cleartext_http2(value: &[u8]) -> bool {
    list(value).any(|protocol| protocol.eq_ignore_ascii_case(b"h2c"))
}

fn judge(
    mut fields: Box<Fields>,
    found: &Found,
    limits: &Limits,
) -> Result<RequestHead, (Box<Fields>, Refusal)> {
    let facts = &found.facts;
    let received = fields.buffer.len();
    if facts.names_fields {
        remove_named_by_connection(&mut fields, found.head_length, limits);
    }
    if facts.trailers_accepted {
        fields.append("TE", b"trailers");
    }
    let kind = Method::of(fields.buffer.at(found.method));
    let mut head = Request {
        fields,
        kind,
        method: found.method,
        path: Span::default(),
        query: Span::default(),
        canonical: Span::default(),
        host: Span::default(),
        authority: facts.host,
        port: None,
        version: found.version,
    };
    let form = match head.set_target(found.target) {
        Ok(form) => form,
        Err(refusal) => return Err((head.fields, refusal)),
    };
    let received_path = head.path;
    match decide(&head, facts) {
        Ok(framing) => Ok(RequestHead {
            upgrade: upgrade(&head, facts, framing),
            forwarded: facts.forwarded,
            head,
            framing,
            content_length: framing.length().filter(|_| facts.framing.any()),
            head_length: found.head_length,
            received,
            received_path,
            keep_alive: match found.version {
                Version::Http10 => facts.keep_alive && !facts.close,
                Version::Http11 | Version::Http2 => !facts.close,
            },
            expects_continue: facts.expects_continue && found.version == Version::Http11,
            form,
        }),
        Err(refusal) => Err((head.fields, refusal)),
    }
}

/// RT-WS-1: what a GET without body asks its connection to become.
fn upgrade(head: &Request, facts: &Facts, framing: Framing) -> Span {
    let may = facts.upgrades
        && head.kind == Method::Get
        && head.version == Version::Http11
        && framing.is_empty();
    facts.upgrade.filter(|_| may).unwrap_or_default()
}

fn decide(head: &Request, facts: &Facts) -> Result<Framing, Refusal> {
    match (head.version, facts.hosts) {
        // RT-ROUTE-0
        (Version::Http11, 0) => return Err(Refusal::header("no Host")),
        (_, 2..) => return Err(Refusal::header("several Host fields")),
        _ => {}
    }
    let framing = facts.framing.decide(Framing::Length(0))?;
    if framing == Framing::Chunked && head.version == Version::Http10 {
        return Err(Refusal::framing("Transfer-Encoding on HTTP/1.0"));
    }
    Ok(framing)
}

/// RT-HDR-1: fields that the client's `Connection` names. Rare, so the head is read again.
fn remove_named_by_connection(fields: &mut Fields, head_length: usize, limits: &Limits) {
    let mut slots = vec![httparse::EMPTY_HEADER; limits.fields_max];
    let mut request = httparse::Request::new(&mut slots);
    let head = fields
        .buffer
        .filled()
        .get(..head_length)
        .unwrap_or_default()
        .to_vec();
    if request.parse(&head).is_err() {
        return;
    }
    for header in request.headers.iter() {
        if Known::of(header.name.as_bytes()) != Known::Connection {
            continue;
        }
        for option in list(header.value) {
            // End-to-end fields that framing and routing rest on cannot be taken away.
            if !matches!(Known::of(option), Known::Host | Known::ContentLength) {
                fields.remove_where(|name| name.eq_ignore_ascii_case(option));
            }
        }
    }
}

#[cfg(test)]
mod tests;
