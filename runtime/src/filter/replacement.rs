//! Replacing what a regular expression matches (MW-GEN-15), within bounds.

use regex::bytes::Regex;

use crate::gateway::StartError;
use crate::head::Request;
use crate::values::{pattern, query};

/// Matches that are replaced in one target. Each search may look at the whole rest, so many of them
/// would make time grow with the square of a target's length.
const MATCHES_MAX: usize = 1024;

/// A piece of a replacement.
#[derive(Debug)]
pub enum Piece {
    /// What a group has matched.
    Group(usize),
    /// The first value of a field, as one segment.
    Header(&'static str),
    /// The first value of a parameter, as one segment.
    Query(&'static str),
    /// As it stands.
    Text(&'static str),
}

/// A pattern and what its matches become.
#[derive(Debug)]
pub(super) struct Replacement {
    regex: Regex,
    pieces: &'static [Piece],
}

impl Replacement {
    pub(super) fn new(source: &str, pieces: &'static [Piece]) -> Result<Self, StartError> {
        let regex = pattern::compile(source, false)?;
        Ok(Self { regex, pieces })
    }

    /// `subject` with all matches replaced, `None` without a match. Tokens are filled in from
    /// `request`; captured text is never read as a token (MW-REWRITE-2).
    ///
    /// # Errors
    /// The status of the answer: 400 for a token that climbs, 414 for a result over `bytes_max` or
    /// too many matches.
    pub(super) fn apply(
        &self,
        subject: &[u8],
        request: &Request,
        bytes_max: usize,
    ) -> Result<Option<Vec<u8>>, u16> {
        let mut result = Vec::new();
        let mut kept = 0;
        let mut any = false;
        for (count, found) in self.regex.captures_iter(subject).enumerate() {
            let whole = found.get(0).map_or(kept..kept, |whole| whole.range());
            result.extend_from_slice(subject.get(kept..whole.start).unwrap_or_default());
            kept = whole.end;
            any = true;
            for piece in self.pieces {
                match piece {
                    Piece::Group(group) => {
                        let text = found.get(*group).map(|group| group.as_bytes());
                        result.extend_from_slice(text.unwrap_or_default());
                    }
                    Piece::Header(name) => {
                        let value = request.fields.get(name).unwrap_or_default();
                        push_segment(&mut result, value)?;
                    }
                    Piece::Query(name) => {
                        let sent = request.query_bytes();
                        let sent = sent.strip_prefix(b"?").unwrap_or_default();
                        let value = query::first(sent, name).unwrap_or_default();
                        push_segment(&mut result, &value)?;
                    }
                    Piece::Text(text) => result.extend_from_slice(text.as_bytes()),
                }
                if result.len() > bytes_max {
                    return Err(414);
                }
            }
            if count >= MATCHES_MAX {
                return Err(414);
            }
        }
        if !any {
            return Ok(None);
        }
        result.extend_from_slice(subject.get(kept..).unwrap_or_default());
        if result.len() > bytes_max {
            return Err(414);
        }
        Ok(Some(result))
    }
}

/// A value escaped as one segment.
fn push_segment(result: &mut Vec<u8>, value: &[u8]) -> Result<(), u16> {
    let mut parts = value.split(|byte| matches!(byte, b'/' | b'\\'));
    if parts.any(|part| part == b"." || part == b"..") {
        return Err(400);
    }
    for byte in value {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(byte) {
            result.push(*byte);
        } else {
            result.extend_from_slice(format!("%{byte:02X}").as_bytes());
        }
    }
    Ok(())
}
