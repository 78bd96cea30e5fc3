//! Fields that `accessLog` adds to the line of a request (MW-LOG): kept with the exchange
//! (`chain/logged.rs`), written here, behind the usual fields.

use std::borrow::Cow;

use super::line::Line;
use crate::chain::{Content, Exchange, Extra, Show};

/// The most bytes of a value that a line holds (MW-LOG-6).
const VALUE_BYTES_MAX: usize = 1024;

/// Writes the fields of an exchange: in the order of their groups, each key once (MW-LOG-7).
pub(crate) fn write(exchange: &Exchange, line: &mut Line<'_>) {
    let mut extras = exchange.logged.borrow_mut();
    extras.sort_by_key(|extra| extra.group);
    for (at, extra) in extras.iter().enumerate() {
        let mut before = extras.iter().take(at);
        if before.any(|other| other.key == extra.key) {
            continue;
        }
        match value(extra, exchange) {
            Some(value) => line.extra(extra.key, &shown(&value, extra.show)),
            None if extra.emit_missing => line.missing(extra.key),
            None => {}
        }
    }
}

/// `None`: there is nothing.
fn value<'a>(extra: &'a Extra, exchange: &'a Exchange) -> Option<Cow<'a, [u8]>> {
    let filled = |bytes: Cow<'a, [u8]>| (!bytes.is_empty()).then_some(bytes);
    match &extra.content {
        Content::Absent => None,
        Content::Sent(span) => Some(exchange.request.bytes(*span).into()),
        Content::Template(template) => filled(template.fill(&exchange.template_context()).into()),
        Content::Text(text) => Some(text.into()),
        Content::User => filled(exchange.user.as_bytes().into()),
    }
}

/// MW-LOG-6
fn shown(value: &[u8], show: Show) -> Cow<'_, str> {
    match show {
        Show::Clear => cut(value),
        #[cfg(feature = "log-hash")]
        Show::Hash => super::hash::of(value).into(),
        Show::Redacted => "[REDACTED]".into(),
    }
}

/// The first bytes of a value, whole characters only.
fn cut(value: &[u8]) -> Cow<'_, str> {
    let Some(start) = value
        .get(..VALUE_BYTES_MAX)
        .filter(|start| start.len() < value.len())
    else {
        return String::from_utf8_lossy(value);
    };
    match std::str::from_utf8(start) {
        // The last character goes on behind the cut.
        Err(error) if error.error_len().is_none() => {
            String::from_utf8_lossy(start.get(..error.valid_up_to()).unwrap_or_default())
        }
        _ => String::from_utf8_lossy(start),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MW-LOG-6
    #[test]
    fn long_values_are_cut_between_characters() {
        let long = "a".repeat(1023) + "éa";
        assert_eq!(shown(long.as_bytes(), Show::Clear), "a".repeat(1023));
        let exact = "a".repeat(1022) + "é";
        assert_eq!(shown(exact.as_bytes(), Show::Clear), exact);
        assert_eq!(shown(b"a\xff", Show::Clear), "a\u{fffd}");
        assert_eq!(shown(b"hunter2", Show::Redacted), "[REDACTED]");
    }

    #[cfg(feature = "log-hash")]
    #[test]
    fn equal_values_have_equal_digits() {
        let hash = |value: &[u8]| shown(value, Show::Hash).into_owned();
        assert_eq!(hash(b"a"), hash(b"a"));
        assert_ne!(hash(b"a"), hash(b"b"));
        assert!(hash(b"a").starts_with('#') && hash(b"a").len() == 13);
    }
}
