//! What must hold for any bytes, said once: the fuzz targets of tests/fuzz call these, and
//! `runtime/tests/replay.rs` calls them with the committed seeds. Each panics when something does not
//! hold. Compiled with the feature `fuzzing` only.

use crate::h1::chunk::Decoder;
use crate::h1::request::{self, RequestHead};
use crate::h1::response::{self, ResponseHead};
use crate::h1::{Limits, framing::Framing};
use crate::head::path::{Canonical, canonicalize, is_below};
use crate::head::{Buffer, Fields};
use crate::server::rig::{self, Rig};

/// Limits small enough for a fuzzer to reach.
const SMALL: Limits = Limits {
    target_bytes_max: 64,
    header_bytes_max: 512,
    fields_max: 8,
};

fn fields(bytes: &[u8]) -> Box<Fields> {
    let mut fields = Fields::new(Buffer::default());
    fields.buffer.push(bytes);
    fields
}

/// A parser's verdict, comparable.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Complete { head_length: usize, facts: String },
    Partial,
    Refused(u16),
}

/// Any bytes as a request head (RT-SMUG, RT-LIM): the verdict is the same however they arrive, and what
/// is accepted has one host, a canonical path and a body with one end.
pub fn request_head(bytes: &[u8]) {
    for limits in [&Limits::default(), &SMALL] {
        let verdict = |bytes: &[u8]| match request::parse(fields(bytes), limits) {
            request::Parsed::Complete(head) => {
                check_request(&head);
                Verdict::Complete {
                    head_length: head.head_length,
                    facts: request_facts(&head),
                }
            }
            request::Parsed::Partial(_) => Verdict::Partial,
            request::Parsed::Refused(_, refusal) => Verdict::Refused(refusal.status),
        };
        check_prefixes(bytes, verdict);
    }
}

/// Any bytes as a response head (RT-UP-10); the first one says whether it answers a HEAD.
pub fn response_head(bytes: &[u8]) {
    let Some((first, bytes)) = bytes.split_first() else {
        return;
    };
    let verdict = |bytes: &[u8]| match response::parse(fields(bytes), first & 1 == 1) {
        response::Parsed::Complete(head) => Verdict::Complete {
            head_length: head.head_length,
            facts: response_facts(&head),
        },
        response::Parsed::Partial(_) => Verdict::Partial,
        response::Parsed::Malformed(..) => Verdict::Refused(502),
    };
    check_prefixes(bytes, verdict);
}

/// A verdict that is not `Partial` must not change when more bytes arrive: a head ends where it ends,
/// and what is refused stays refused.
fn check_prefixes(bytes: &[u8], verdict: impl Fn(&[u8]) -> Verdict) {
    let whole = verdict(bytes);
    for end in 0..bytes.len() {
        let Some(prefix) = bytes.get(..end) else {
            return;
        };
        let early = verdict(prefix);
        match (&early, &whole) {
            (Verdict::Partial, _) | (Verdict::Refused(_), Verdict::Refused(_)) => {}
            _ => assert_eq!(early, whole, "after {end} bytes, and after all"),
        }
        if let (Verdict::Partial, Verdict::Complete { head_length, .. }) = (&early, &whole) {
            assert!(end < *head_length, "partial after {end} of {head_length}");
        }
    }
}

fn check_request(head: &RequestHead) {
    let request = &head.head;
    assert!(!request.method().is_empty());
    let host = request.host();
    assert!(!host.contains(|c: char| c.is_ascii_uppercase() || c.is_ascii_control()));
    assert!(!host.contains(['/', '\\', '@', ' ', ',']), "{host:?}");
    for (name, value) in request.fields.iter() {
        assert!(!name.is_empty() && name.iter().all(u8::is_ascii_graphic));
        assert!(!value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)));
    }
    if !request.path().is_empty() {
        check_path(request.path());
        check_path(request.canonical_path());
    }
    assert!(head.content_length.is_none() || head.framing != Framing::Chunked);
    assert_ne!(head.framing, Framing::Close);
}

fn request_facts(head: &RequestHead) -> String {
    let request = &head.head;
    format!(
        "{} {} {} {} {:?} {:?} {:?} {:?} {} {}",
        request.method(),
        request.path(),
        request.canonical_path(),
        request.host(),
        request.port(),
        head.framing,
        head.content_length,
        head.form,
        head.keep_alive,
        head.expects_continue,
    ) + &lines(&request.fields)
}

fn response_facts(head: &ResponseHead) -> String {
    format!(
        "{} {:?} {:?} {}",
        head.head.status(),
        head.framing,
        head.content_length,
        head.keep_alive,
    ) + &lines(&head.head.fields)
}

fn lines(fields: &Fields) -> String {
    let line = |(name, value): (&[u8], &[u8])| format!("\n{}: {}", show(name), show(value));
    fields.iter().map(line).collect()
}

fn show(bytes: &[u8]) -> String {
    bytes.escape_ascii().to_string()
}

fn check_path(path: &str) {
    assert!(path.starts_with('/'), "{path:?}");
    assert!(
        !path.split('/').any(|part| part == ".." || part == "."),
        "{path:?}"
    );
    assert!(
        !path.contains(|c: char| c.is_ascii_control() || "\\# ".contains(c)),
        "{path:?}"
    );
    assert!(is_below(path, "/"));
}

/// Any bytes as a path (RT-PATH): canonical once, canonical for ever, and never above the root.
pub fn path(bytes: &[u8]) {
    let both = |path: &[u8]| -> Option<(String, String)> {
        Some(match canonicalize(path).ok()? {
            Some(Canonical { forwarded, matched }) => (forwarded, matched),
            None => {
                let path = String::from_utf8(path.to_vec()).ok()?;
                (path.clone(), path)
            }
        })
    };
    if bytes.first() != Some(&b'/') {
        return;
    }
    let Some((forwarded, matched)) = both(bytes) else {
        return;
    };
    check_path(&forwarded);
    check_path(&matched);
    let again = both(forwarded.as_bytes());
    assert_eq!(again, Some((forwarded, matched.clone())));
    assert_eq!(both(matched.as_bytes()).map(|both| both.1), Some(matched));
}

/// Any bytes as the authority of a request (RT-ROUTE-1, RT-SMUG-8), in `Host` and in the target: both
/// are read alike, and the host that comes out is read as itself.
pub fn authority(bytes: &[u8]) {
    let host = |request: &[u8]| match request::parse(fields(request), &Limits::default()) {
        request::Parsed::Complete(head) => {
            check_request(&head);
            Some((head.head.host().to_owned(), head.head.port()))
        }
        request::Parsed::Partial(_) | request::Parsed::Refused(..) => None,
    };
    let in_host = |name: &[u8]| host(&[b"GET / HTTP/1.1\r\nHost: ", name, b"\r\n\r\n"].concat());
    if bytes.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
        return;
    }
    let Some((name, port)) = in_host(bytes) else {
        return;
    };
    let bracketed = if name.contains(':') {
        format!("[{name}]")
    } else {
        name.clone()
    };
    let again = port.map_or(bracketed.clone(), |port| format!("{bracketed}:{port}"));
    // One dot at the end is removed, not every.
    if !name.ends_with('.') {
        assert_eq!(in_host(again.as_bytes()), Some((name.clone(), port)));
    }
    let absolute = [
        b"GET http://",
        bytes.trim_ascii(),
        b"/ HTTP/1.1\r\nHost: x\r\n\r\n",
    ]
    .concat();
    // One that is not said may be empty; a target without one is none (RFC 9110 §4.2.1).
    let expected = Some((name, port)).filter(|(name, _)| !name.is_empty());
    assert_eq!(host(&absolute), expected, "in an absolute target");
}

/// Any bytes as a chunked body (RT-SMUG-7): any split gives the same data, end and refusal. The first
/// bytes say where to split.
pub fn chunks(bytes: &[u8]) {
    let (cuts, body) = bytes.split_at(usize::min(8, bytes.len()));
    let decoded = |pieces: &mut dyn Iterator<Item = &[u8]>| {
        let mut decoder = Decoder::new(&SMALL);
        let (mut data, mut trailers) = (Vec::<u8>::new(), Vec::<u8>::new());
        let (mut consumed, mut done) = (0, false);
        for piece in pieces {
            let mut piece = piece.to_vec();
            match decoder.decode(&mut piece) {
                Err(refusal) => return Err(refusal.status),
                Ok(found) => {
                    assert!(found.data <= found.consumed && found.consumed <= piece.len());
                    data.extend(piece.iter().take(found.data));
                    consumed += found.consumed;
                    trailers.extend(found.trailers);
                    done = found.done;
                }
            }
        }
        Ok((data, trailers, consumed, done))
    };
    let whole = decoded(&mut std::iter::once(body));
    assert_eq!(whole, decoded(&mut body.chunks(1)), "byte by byte");
    assert_eq!(
        whole,
        decoded(&mut split(body, cuts).into_iter()),
        "cut at {cuts:?}"
    );
}

/// Cuts `bytes` into pieces whose lengths `cuts` gives, over and over; no piece is empty.
#[must_use]
pub fn split<'a>(mut bytes: &'a [u8], cuts: &[u8]) -> Vec<&'a [u8]> {
    let mut pieces = Vec::new();
    for cut in cuts.iter().cycle() {
        if bytes.is_empty() {
            break;
        }
        let (piece, rest) = bytes.split_at(usize::from(*cut).clamp(1, bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    if !bytes.is_empty() {
        pieces.push(bytes);
    }
    pieces
}

/// Any bytes as the beginning of a connection with a PROXY header (RT-PP): the verdict is the same
/// however they arrive.
pub fn proxy_header(bytes: &[u8]) {
    let whole = rig::preamble(bytes);
    for end in 0..bytes.len() {
        let early = bytes.get(..end).and_then(rig::preamble);
        assert!(
            early.is_none() || early == whole,
            "{early:?} after {end} bytes, then {whole:?}"
        );
    }
}

/// Any bytes as all that a client sends on a connection: split as the first bytes say, and byte by
/// byte, they give the same requests and responses as one piece.
pub fn connection(rig: &Rig, bytes: &[u8]) {
    let (cuts, stream) = bytes.split_at(usize::min(8, bytes.len()));
    let whole = rig.converse(&[stream]);
    for pieces in [split(stream, cuts), split(stream, &[1])] {
        let parts = rig.converse(&pieces);
        let agree = parts.agrees_with(&whole);
        assert!(
            agree,
            "cut at {cuts:?}: {parts:#?}\nin one piece: {whole:#?}"
        );
    }
}
