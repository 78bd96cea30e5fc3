//! What rules make of a request's target: where redirects lead, what rewrites leave (middlewares.md
//! 5.15, 5.17, 5.20, 5.21, 6.2). The runtime's filters have the same vectors.

use super::Request;
use super::chain::Walked;
use super::path::{Canonical, canonicalize};
use crate::model::Route;
use crate::model::replacement::{Piece, Replacement};
use crate::model::rule::{Redirect, RedirectRegex, ReplacePath, RewriteRegex, StripQuery};

/// What happens, in words, and the answer if there surely is one.
type Effect = (String, Option<u16>);

/// Certificate authorities ask here (MW-REDIR-2).
const CHALLENGE: &str = "/.well-known/acme-challenge/";

/// Bytes of a target that a rule may make (RT-LIM-1).
const TARGET_BYTES_MAX: usize = 16 * 1024;

/// Whether no redirect may catch the request (MW-REDIR-2).
pub(super) fn is_challenge(request: &Request) -> bool {
    canonicalize(request.path()).is_ok_and(|path| path.matched.starts_with(CHALLENGE))
}

/// 302, 301, 307 or 308.
pub(super) const fn status(permanent: bool, preserve_method: bool) -> u16 {
    match (permanent, preserve_method) {
        (false, false) => 302,
        (false, true) => 307,
        (true, false) => 301,
        (true, true) => 308,
    }
}

/// MW-REDIR-1
pub(super) fn redirect(rule: &Redirect, request: &Request, walked: &mut Walked) -> Effect {
    if is_challenge(request) {
        return passes();
    }
    let status = status(rule.permanent, rule.preserve_method);
    let url = super::upstream::shown(&rule.url);
    let (rest, fragment) = url.split_at(url.find('#').unwrap_or(url.len()));
    let (base, own) = rest.split_once('?').unwrap_or((rest, ""));
    let mut location = base.to_owned();
    if rule.preserve_path {
        location = super::upstream::join(base, walked.path.forwarded.trim_start_matches('/'));
    }
    let bare_path = url.starts_with('/') && own.is_empty();
    // One mark alone is no query; what follows it is, more marks too.
    let sent = walked.query.strip_prefix('?');
    let sent = sent.filter(|_| rule.preserve_query || bare_path);
    let queries = [own, sent.unwrap_or_default()];
    let queries = queries.into_iter().filter(|query| !query.is_empty());
    for (query, mark) in queries.zip(['?', '&']) {
        location.push(mark);
        location.push_str(query);
    }
    location.push_str(fragment);
    let text = format!("{status} to {location}");
    walked.location = Some(location);
    (text, Some(status))
}

/// MW-REDIRRX
pub(super) fn redirect_regex(
    rule: &RedirectRegex,
    request: &Request,
    walked: &mut Walked,
) -> Effect {
    if is_challenge(request) {
        return passes();
    }
    let subject = format!("{}{}", walked.path.forwarded, walked.query);
    let Some(result) = rule
        .replacement
        .apply(&rule.pattern, &subject, |_| String::new())
    else {
        return ("no match".to_owned(), None);
    };
    let refused = |why: &str| (format!("400, the result {why}"), Some(400));
    if result.contains(|c: char| c == '\\' || c.is_ascii_control()) {
        return refused("has a character that URLs do not have");
    }
    let begins = |origin: &&String| {
        let head = result.get(..origin.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(origin))
    };
    let origin = rule.origin.as_ref().filter(begins);
    let (location, here) = match origin {
        Some(origin) => {
            let rest = result.get(origin.len()..).unwrap_or_default();
            if !(rest.is_empty() || rest.starts_with(['/', '?', '#'])) {
                return refused("would lengthen the host");
            }
            let same = is_of(request, origin) && is_same_target(rest, &subject);
            (result.clone(), same)
        }
        None => {
            let scheme = result.split_once(':').map(|(scheme, _)| scheme);
            if scheme.is_some_and(is_scheme) {
                return refused("begins with a scheme");
            }
            let path = format!("/{}", result.trim_start_matches('/'));
            let same = path == subject;
            (path, same)
        }
    };
    if here {
        return (
            "leads where the request is already, passes".to_owned(),
            None,
        );
    }
    let status = status(rule.permanent, false);
    let text = format!("{status} to {location}");
    walked.location = Some(location);
    (text, Some(status))
}

/// Whether a request is for this origin: letter case and default ports make no difference.
fn is_of(request: &Request, origin: &str) -> bool {
    Request::parse("GET", origin).is_ok_and(|there| {
        there.secure() == request.secure()
            && there.host() == request.host()
            && there.port() == request.port()
    })
}

/// Whether what follows an origin is this path and query; without a path it is the root.
fn is_same_target(rest: &str, subject: &str) -> bool {
    let from_root = subject.strip_prefix('/');
    rest == subject || (!rest.starts_with('/') && from_root == Some(rest))
}

/// RFC 3986 section 3.1
fn is_scheme(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    text.starts_with(|first: char| first.is_ascii_alphabetic()) && text.bytes().all(inner)
}

/// MW-REPL-1
pub(super) fn replace_path(
    rule: &ReplacePath,
    route: &Route,
    routed: &Canonical,
    walked: &mut Walked,
) -> Effect {
    let path = rule.path.filled(&route.path, &routed.forwarded);
    match made(&path, walked.query.clone(), walked) {
        Ok(()) => (format!("path becomes {}", walked.path.forwarded), None),
        Err(refused) => refused,
    }
}

/// MW-REWRITE
pub(super) fn rewrite_regex(rule: &RewriteRegex, walked: &mut Walked) -> Effect {
    let subject = &walked.path.forwarded;
    let query = walked.query.clone();
    let token = |piece: &Piece| match piece {
        Piece::Query(name) => segment(&first(&query, name)),
        // Header fields are not known here.
        Piece::Header(_) | Piece::Group(_) | Piece::Text(_) => String::new(),
    };
    let Some(result) = rule.replacement.apply(&rule.pattern, subject, token) else {
        return ("no match".to_owned(), None);
    };
    let (path, own) = result.split_once('?').unwrap_or((&result, ""));
    let sent = query.trim_start_matches('?');
    let query = match (own.is_empty(), sent.is_empty()) {
        (true, _) => query.clone(),
        (false, true) => format!("?{own}"),
        (false, false) => format!("?{own}&{sent}"),
    };
    if let Err(refused) = made(path, query, walked) {
        return refused;
    }
    let note = unknown(&rule.replacement);
    let (path, query) = (&walked.path.forwarded, shown(&walked.query, own));
    (format!("path becomes {path}{query}{note}"), None)
}

/// Takes over the target that a rule has made; the answer of one that is refused.
fn made(path: &str, query: String, walked: &mut Walked) -> Result<(), Effect> {
    if path.len() + query.len() > TARGET_BYTES_MAX {
        return Err(("414, the result is too long".to_owned(), Some(414)));
    }
    let made = canonicalize(&format!("/{}", path.trim_start_matches('/')));
    let mut made = made.map_err(|fault| (format!("400, {fault}"), Some(400)))?;
    made.forwarded = format!("/{}", made.forwarded.trim_start_matches('/'));
    walked.path = made;
    walked.query = query;
    Ok(())
}

/// MW-STRIPQ-1
pub(super) fn strip_query(rule: &StripQuery, request: &Request, walked: &mut Walked) -> Effect {
    let listed = |method: &crate::model::Method| method.as_str() == request.method();
    if !(rule.methods.is_empty() || rule.methods.iter().any(listed)) {
        return ("other method".to_owned(), None);
    }
    let found = |pattern: &crate::model::regex::Regex| {
        let engine = pattern.anywhere();
        engine.is_ok_and(|engine| engine.is_match(walked.path.matched.as_bytes()))
    };
    if !rule.path_pattern.as_ref().is_none_or(found) {
        return ("other path".to_owned(), None);
    }
    let sent = walked.query.trim_start_matches('?');
    let wanted = |piece: &&str| !rule.params.contains(&decoded(piece.split('=').next()));
    let kept: Vec<&str> = sent.split('&').filter(wanted).collect();
    if kept.len() == sent.split('&').count() {
        return ("nothing to remove".to_owned(), None);
    }
    let kept = kept.join("&");
    walked.query = if kept.is_empty() {
        String::new()
    } else {
        format!("?{kept}")
    };
    let text = match walked.query.as_str() {
        "" => "query is removed".to_owned(),
        query => format!("query becomes {query}"),
    };
    (text, None)
}

fn passes() -> Effect {
    ("lets ACME challenges pass".to_owned(), None)
}

/// The query, where the rule has put something in it.
fn shown<'q>(query: &'q str, own: &str) -> &'q str {
    if own.is_empty() { "" } else { query }
}

/// Which header fields a result depends on.
fn unknown(replacement: &Replacement) -> String {
    let name = |piece: &Piece| match piece {
        Piece::Header(name) => Some(format!("`{name}`")),
        Piece::Group(_) | Piece::Query(_) | Piece::Text(_) => None,
    };
    let names: Vec<_> = replacement.pieces().iter().filter_map(name).collect();
    if names.is_empty() {
        String::new()
    } else {
        format!(" without {}", names.join(", "))
    }
}

/// The first value of a parameter.
fn first(query: &str, name: &str) -> String {
    let pieces = query.trim_start_matches('?').split('&');
    let pairs = pieces.map(|piece| piece.split_once('=').unwrap_or((piece, "")));
    let mut named = pairs.filter(|(known, _)| decoded(Some(known)) == name);
    decoded(named.next().map(|(_, value)| value))
}

/// Escapes and `+` decoded; an escape that is none stands for itself.
fn decoded(text: Option<&str>) -> String {
    let mut decoded = Vec::new();
    let mut rest = text.unwrap_or_default().as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let digit = |at: usize| {
            let byte = after.get(at).copied().map(char::from)?;
            byte.to_digit(16).and_then(|value| u8::try_from(value).ok())
        };
        decoded.push(match (byte, digit(0), digit(1)) {
            (b'+', _, _) => b' ',
            (b'%', Some(high), Some(low)) => {
                rest = after.get(2..).unwrap_or_default();
                high * 16 + low
            }
            _ => byte,
        });
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A value escaped as one segment; one that climbs stays raw, and is refused with the path.
fn segment(value: &str) -> String {
    let climbs = |part: &str| part == "." || part == "..";
    if value.split(['/', '\\']).any(climbs) {
        return "\\".to_owned();
    }
    let escaped = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    value.bytes().map(escaped).collect()
}
