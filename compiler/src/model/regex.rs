//! Regular expressions (MW-GEN-15): linear time, `\d \w \s \b` are ASCII, `\Q…\E` quotes. Parsed
//! when building; what cannot be built never reaches a gateway.

use regex_syntax::ast;
use regex_syntax::hir;

use super::scalar::Invalid;

/// How large a pattern may be: bytes of source, and of the program that it becomes.
const PATTERN_BYTES_MAX: usize = 16 * 1024;

/// A pattern that can be compiled.
#[derive(Clone, Debug)]
pub struct Regex {
    /// With `\Q…\E` written out.
    source: String,
    /// Names and numbers that a replacement may use.
    groups: Vec<Option<String>>,
    /// What every match from the start begins with.
    literal: String,
}

impl Regex {
    /// Parses a pattern.
    ///
    /// # Errors
    /// `bad-regex`: what is wrong and at which character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        if text.len() > PATTERN_BYTES_MAX {
            let reason = format!("a pattern has at most {PATTERN_BYTES_MAX} bytes");
            return Err(Invalid::new(reason));
        }
        let source = unquoted(text);
        let tree = ast::parse::Parser::new().parse(&source).map_err(|fault| {
            let offset = fault.span().start.offset;
            let help = match fault.kind() {
                ast::ErrorKind::UnsupportedBackreference => {
                    Some("matching takes linear time, which back-references rule out")
                }
                ast::ErrorKind::UnsupportedLookAround => {
                    Some("matching takes linear time, which look-around rules out")
                }
                _ => None,
            };
            let fault = invalid(&source, offset, &fault.kind().to_string());
            match help {
                Some(help) => fault.help(help),
                None => fault,
            }
        })?;
        // The search is over bytes and classes are ASCII, as `(?-u)` says; letters beyond ASCII are
        // literals of several bytes.
        let mut translator = hir::translate::TranslatorBuilder::new().utf8(false).build();
        let hir = translator.translate(&source, &tree).map_err(|fault| {
            invalid(
                &source,
                fault.span().start.offset,
                &fault.kind().to_string(),
            )
        })?;
        // The runtime's own engine has the last word, its size limits included.
        regex::bytes::RegexBuilder::new(&format!("^(?:{source})"))
            .case_insensitive(true)
            .unicode(false)
            .build()
            .map_err(|_| invalid(&source, 0, "it would take too much memory"))?;
        let mut groups = vec![None; hir.properties().explicit_captures_len() + 1];
        collect(&hir, &mut groups);
        let literal = literal(&hir);
        Ok(Self {
            source,
            groups,
            literal,
        })
    }

    /// What the regex engine gets.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// Whether a text begins with a match, letter case ignored (MW-PATH-4, MW-PATH-12).
    #[must_use]
    pub fn begins(&self, text: &str) -> bool {
        let engine = regex::bytes::RegexBuilder::new(&format!("^(?:{})", self.source))
            .case_insensitive(true)
            .unicode(false)
            .build();
        engine.is_ok_and(|engine| engine.is_match(text.as_bytes()))
    }

    /// What it looks for, as a tree.
    pub(crate) fn hir(&self) -> Option<hir::Hir> {
        let mut parser = regex_syntax::ParserBuilder::new().utf8(false).build();
        parser.parse(&self.source).ok()
    }

    /// What every match from the start begins with; letter case matters.
    #[must_use]
    pub fn literal(&self) -> &str {
        &self.literal
    }

    /// The engine for a match at the start of a text, letter case matters (RT-ROUTE-14).
    ///
    /// # Errors
    /// `bad-regex`: it would take too much memory.
    pub fn at_start(&self) -> Result<regex::bytes::Regex, Invalid> {
        self.engine(&format!("^(?:{})", self.source))
    }

    /// The engine for a match anywhere in a text, letter case matters (RT-ROUTE-13).
    ///
    /// # Errors
    /// `bad-regex`: it would take too much memory.
    pub fn anywhere(&self) -> Result<regex::bytes::Regex, Invalid> {
        self.engine(&self.source)
    }

    fn engine(&self, text: &str) -> Result<regex::bytes::Regex, Invalid> {
        regex::bytes::RegexBuilder::new(text)
            .unicode(false)
            .build()
            .map_err(|_| invalid(&self.source, 0, "it would take too much memory"))
    }

    /// The number of a group, given by number or name.
    #[must_use]
    pub fn group(&self, name: &str) -> Option<usize> {
        match name.parse::<usize>() {
            Ok(number) => Some(number).filter(|number| *number < self.groups.len()),
            Err(_) => {
                let is = |group: &Option<String>| group.as_deref() == Some(name);
                self.groups.iter().position(is)
            }
        }
    }
}

fn invalid(source: &str, offset: usize, reason: &str) -> Invalid {
    let column = source
        .get(..offset)
        .map_or(0, |before| before.chars().count())
        + 1;
    Invalid::new(format!(
        "`{}` is not a regular expression: {reason}, at character {column}",
        source.escape_debug()
    ))
}

fn collect(hir: &hir::Hir, groups: &mut [Option<String>]) {
    match hir.kind() {
        hir::HirKind::Capture(capture) => {
            let slot = groups.get_mut(usize::try_from(capture.index).unwrap_or(usize::MAX));
            if let Some(slot) = slot {
                *slot = capture.name.as_deref().map(str::to_owned);
            }
            collect(&capture.sub, groups);
        }
        hir::HirKind::Repetition(repetition) => collect(&repetition.sub, groups),
        hir::HirKind::Alternation(parts) | hir::HirKind::Concat(parts) => {
            for part in parts {
                collect(part, groups);
            }
        }
        hir::HirKind::Class(_)
        | hir::HirKind::Empty
        | hir::HirKind::Literal(_)
        | hir::HirKind::Look(_) => {}
    }
}

/// The literal that a pattern begins with.
fn literal(hir: &hir::Hir) -> String {
    let parts = match hir.kind() {
        hir::HirKind::Concat(parts) => parts.as_slice(),
        _ => std::slice::from_ref(hir),
    };
    let mut bytes = Vec::new();
    for part in parts {
        match part.kind() {
            hir::HirKind::Literal(literal) => bytes.extend_from_slice(&literal.0),
            hir::HirKind::Look(hir::Look::Start) if bytes.is_empty() => {}
            _ => break,
        }
    }
    let valid = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(fault) => bytes
            .get(..fault.valid_up_to())
            .and_then(|valid| std::str::from_utf8(valid).ok())
            .unwrap_or_default(),
    };
    valid.to_owned()
}

/// Writes `\Q…\E` as escaped characters.
fn unquoted(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = split_quote(rest) {
        result.push_str(before);
        let (quoted, tail) = after.split_once(r"\E").unwrap_or((after, ""));
        result.push_str(&regex_syntax::escape(quoted));
        rest = tail;
    }
    result.push_str(rest);
    result
}

/// At the first `\Q` whose backslash is not itself escaped.
fn split_quote(text: &str) -> Option<(&str, &str)> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            'Q' if escaped => return Some((text.get(..at - 1)?, text.get(at + 1..)?)),
            '\\' => escaped = !escaped,
            _ => escaped = false,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// MW-GEN-15.
    #[test]
    fn patterns() {
        for (text, source) in [
            ("^/api/(v[0-9]+)$", "^/api/(v[0-9]+)$"),
            (r"a\Q.*\Eb", r"a\.\*b"),
            (r"\\Qx", r"\\Qx"),
            ("é", "é"),
        ] {
            assert_eq!(
                Regex::new(text).map(|regex| regex.source),
                Ok(source.to_owned())
            );
        }
        for (text, part) in [
            ("(a", "unclosed group, at character 1"),
            (
                "é(?=a)",
                "look-around, including look-ahead and look-behind, is not supported, at character 2",
            ),
            (r"(a)\1", "backreferences are not supported, at character 4"),
            ("a{2,1}", "at character 2"),
        ] {
            let fault = Regex::new(text)
                .err()
                .map(|fault| fault.reason)
                .unwrap_or_default();
            assert!(fault.ends_with(part), "{fault}");
        }
    }

    #[test]
    fn groups() {
        let regex = Regex::new("(a)(?P<name>b)(?:c)").expect("a pattern");
        for (name, there) in [
            ("0", Some(0)),
            ("2", Some(2)),
            ("3", None),
            ("name", Some(2)),
            ("b", None),
        ] {
            assert_eq!(regex.group(name), there, "{name}");
        }
    }
}
