//! What matches of a regular expression become (MW-GEN-15, MW-REWRITE-2): cut into pieces when
//! building, so that nothing is parsed per request and captured text is never read as a token.

use super::address::parse_url;
use super::regex::Regex;
use super::scalar::Invalid;

/// What a replacement makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Where a client is sent: no tokens.
    Location,
    /// The path of a request: no fragment.
    Path,
}

/// A piece of a replacement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// What this group of the pattern has matched.
    Group(usize),
    /// `{{goma.headers.NAME}}`
    Header(String),
    /// `{{goma.query.NAME}}`
    Query(String),
    /// ASCII without spaces and control characters.
    Text(String),
}

/// A replacement that fits its pattern.
#[derive(Clone, Debug)]
pub struct Replacement {
    /// Adjacent texts are one.
    pieces: Vec<Piece>,
}

/// Why the host of a redirect could be chosen by clients.
#[derive(Clone, Debug)]
pub enum BadOrigin {
    /// `bad-url`
    Url(Invalid),
    /// `redirect-open`
    Open(Invalid),
}

impl Replacement {
    /// Cuts a replacement at `$1`, `${1}`, `${name}` and, for paths, at tokens; `$$` is a dollar.
    ///
    /// # Errors
    /// `bad-rule`: a group that the pattern lacks, a token that is none, a character that has no
    /// place there.
    pub fn new(text: &str, pattern: &Regex, purpose: Purpose) -> Result<Self, Invalid> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(at) = rest.find(['$', '{']) {
            let (before, tail) = rest.split_at(at);
            literal.push_str(before);
            let (piece, after) = special(tail, pattern, purpose)?;
            match piece {
                Piece::Text(text) => literal.push_str(&text),
                piece @ (Piece::Group(_) | Piece::Header(_) | Piece::Query(_)) => {
                    push_text(&mut pieces, &literal, purpose)?;
                    literal.clear();
                    pieces.push(piece);
                }
            }
            rest = after;
        }
        literal.push_str(rest);
        push_text(&mut pieces, &literal, purpose)?;
        Ok(Self { pieces })
    }

    /// In order.
    #[must_use]
    pub fn pieces(&self) -> &[Piece] {
        &self.pieces
    }

    /// The text before the first group or token.
    #[must_use]
    pub fn beginning(&self) -> &str {
        match self.pieces.first() {
            Some(Piece::Text(text)) => text,
            Some(Piece::Group(_) | Piece::Header(_) | Piece::Query(_)) | None => "",
        }
    }

    /// `https://host[:port]` at its beginning, in lower case; none: it leads to a path of the
    /// gateway itself (MW-REDIRRX-2).
    ///
    /// # Errors
    /// A host that is not all literal, another scheme, or no host after `//`.
    pub fn origin(&self) -> Result<Option<String>, BadOrigin> {
        let text = self.beginning();
        let Some(scheme) = scheme(text) else {
            if text.starts_with("//") {
                let fault = Invalid::new("a redirect that begins with `//` names no scheme");
                let help = "begin it with `https://`, or with one `/` to stay on this host";
                return Err(BadOrigin::Url(fault.help(help)));
            }
            return Ok(None);
        };
        let rest = text.get(scheme.len() + 1..).unwrap_or_default();
        let rest = rest.strip_prefix("//").filter(|_| {
            scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
        });
        let Some(rest) = rest else {
            let fault = Invalid::new("a redirect leads to `http://`, `https://` or a path");
            return Err(BadOrigin::Url(fault));
        };
        let end = rest.find(['/', '?', '#']);
        if end.is_none() && self.pieces.len() > 1 {
            let fault = Invalid::new("what clients send could become part of the host");
            return Err(BadOrigin::Open(fault.help("write a `/` behind the host")));
        }
        let authority = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        parse_url(&format!("http://{authority}")).map_err(BadOrigin::Url)?;
        Ok(Some(format!("{scheme}://{authority}").to_ascii_lowercase()))
    }

    /// The text with all matches replaced; `None` if there are none. `token` gives the text of a
    /// header or query token.
    #[must_use]
    pub fn apply(
        &self,
        pattern: &Regex,
        text: &str,
        token: impl Fn(&Piece) -> String,
    ) -> Option<String> {
        let engine = pattern.anywhere().ok()?;
        let mut result = Vec::new();
        let mut kept = 0;
        let mut found_any = false;
        for found in engine.captures_iter(text.as_bytes()) {
            let whole = found.get(0)?;
            found_any = true;
            result.extend_from_slice(text.as_bytes().get(kept..whole.start())?);
            for piece in &self.pieces {
                match piece {
                    Piece::Group(group) => {
                        let group = found.get(*group).map(|group| group.as_bytes());
                        result.extend_from_slice(group.unwrap_or_default());
                    }
                    Piece::Header(_) | Piece::Query(_) => {
                        result.extend_from_slice(token(piece).as_bytes());
                    }
                    Piece::Text(text) => result.extend_from_slice(text.as_bytes()),
                }
            }
            kept = whole.end();
        }
        result.extend_from_slice(text.as_bytes().get(kept..)?);
        found_any.then(|| String::from_utf8_lossy(&result).into_owned())
    }
}

/// What begins with `$` or `{`, and the rest.
fn special<'t>(
    tail: &'t str,
    pattern: &Regex,
    purpose: Purpose,
) -> Result<(Piece, &'t str), Invalid> {
    let literal = |text: &str| Ok((Piece::Text(text.to_owned()), tail.get(text.len()..)));
    let (piece, rest) = if tail.starts_with("$$") {
        Ok((Piece::Text("$".to_owned()), tail.get(2..)))
    } else if let Some(inner) = tail.strip_prefix("${") {
        let Some((name, rest)) = inner.split_once('}') else {
            let fault = Invalid::new("`${` is not closed");
            return Err(fault.help("write `$$` for a dollar"));
        };
        Ok((group(name, pattern)?, Some(rest)))
    } else if let Some(inner) = tail.strip_prefix('$') {
        let in_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let (name, rest) = inner.split_at(inner.find(|c| !in_name(c)).unwrap_or(inner.len()));
        if name.is_empty() {
            literal("$")
        } else {
            Ok((group(name, pattern)?, Some(rest)))
        }
    } else if let Some((inner, rest)) = braced(tail) {
        Ok((token(inner, purpose)?, Some(rest)))
    } else {
        literal("{")
    }?;
    Ok((piece, rest.unwrap_or_default()))
}

/// A group of the pattern; the longest name counts: `$1x` is the group `1x`.
fn group(name: &str, pattern: &Regex) -> Result<Piece, Invalid> {
    if let Some(number) = pattern.group(name) {
        return Ok(Piece::Group(number));
    }
    let shown = name.escape_debug();
    let fault = Invalid::new(format!("the pattern has no group `{shown}`"));
    let digits = name.trim_start_matches(|c: char| c.is_ascii_digit());
    let number = name.strip_suffix(digits).unwrap_or_default();
    Err(if !digits.is_empty() && pattern.group(number).is_some() {
        fault.help(format!("write `${{{number}}}{digits}`"))
    } else {
        fault.help("write `$$` for a dollar")
    })
}

/// The inside of `{{ goma.… }}`, and the rest.
fn braced(tail: &str) -> Option<(&str, &str)> {
    let (inner, rest) = tail.strip_prefix("{{")?.split_once("}}")?;
    let inner = inner.trim();
    inner.starts_with("goma.").then_some((inner, rest))
}

/// MW-REWRITE-2
fn token(inner: &str, purpose: Purpose) -> Result<Piece, Invalid> {
    if purpose == Purpose::Location {
        let fault = Invalid::new("a redirect takes no tokens: clients could choose where it leads");
        return Err(fault.help("use groups of the pattern: `$1`"));
    }
    let named = |name: &str| {
        let in_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        (!name.is_empty() && name.bytes().all(in_name)).then(|| name.to_owned())
    };
    let header = inner.strip_prefix("goma.headers.").and_then(named);
    let query = inner.strip_prefix("goma.query.").and_then(named);
    let piece = header.map(Piece::Header).or(query.map(Piece::Query));
    piece.ok_or_else(|| {
        let shown = inner.escape_debug();
        Invalid::new(format!("`{{{{{shown}}}}}` is not a token"))
            .help("write `{{goma.headers.NAME}}` or `{{goma.query.NAME}}`")
    })
}

/// A literal text: characters beyond ASCII as escapes, others as they are.
fn push_text(pieces: &mut Vec<Piece>, literal: &str, purpose: Purpose) -> Result<(), Invalid> {
    if literal.is_empty() {
        return Ok(());
    }
    let forbidden = |c: char| {
        c.is_control() || matches!(c, ' ' | '\\') || (c == '#' && purpose == Purpose::Path)
    };
    if let Some(odd) = literal.chars().find(|&c| forbidden(c)) {
        let shown = odd.escape_debug();
        let fault = Invalid::new(format!("`{shown}` is not allowed in a replacement"));
        let code = u32::from(odd);
        return Err(if code < 128 {
            fault.help(format!("write `%{code:02X}`"))
        } else {
            fault
        });
    }
    let mut text = String::with_capacity(literal.len());
    let mut bytes = literal.as_bytes().iter();
    while let Some(&byte) = bytes.next() {
        if byte.is_ascii() {
            text.push(char::from(byte));
        } else {
            text.push_str(&format!("%{byte:02X}"));
        }
        let digit = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_hexdigit);
        let next = bytes.as_slice();
        if byte == b'%' && !(digit(next.first()) && digit(next.get(1))) {
            let fault = Invalid::new("`%` is not followed by two hex digits");
            return Err(fault.help("write `%25` for a percent sign"));
        }
    }
    pieces.push(Piece::Text(text));
    Ok(())
}

/// The scheme before a first `:`, if the text has one (RFC 3986 3.1).
fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.');
    (scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(rest))
        .then_some(scheme)
}

#[cfg(test)]
mod tests;
