//! What the redirecting types have in common: statuses, the path that always passes, and how a
//! request's bytes stand in a `Location`.

use crate::answer::Answer;
use crate::chain::Exchange;

/// Certificate authorities ask here, over plain HTTP and without following redirects.
const CHALLENGE: &str = "/.well-known/acme-challenge/";

/// 302, 301, 307 or 308.
pub(super) const fn status(permanent: bool, preserve_method: bool) -> u16 {
    match (permanent, preserve_method) {
        (false, false) => 302,
        (false, true) => 307,
        (true, false) => 301,
        (true, true) => 308,
    }
}

/// Whether a request is one that no redirect may catch, by the path that the client sent
/// (MW-REDIR-2).
pub(super) fn is_challenge(exchange: &Exchange) -> bool {
    let path = exchange.request.text(exchange.client_path);
    path.starts_with(CHALLENGE)
}

/// Bytes of a request target as text of a URL: those beyond ASCII as escapes.
pub(super) fn escaped(target: &[u8]) -> String {
    let mut text = String::with_capacity(target.len());
    for byte in target {
        if byte.is_ascii() {
            text.push(char::from(*byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
    }
    text
}

/// The answer that sends a client elsewhere.
pub(super) fn to(status: u16, location: String) -> Answer {
    Answer::of(status).with("Location", location)
}
