//! Names of routes and middlewares (config.md section 2, `name`).

use super::scalar::Invalid;

/// The longest name, in characters.
const NAME_CHARS_MAX: usize = 128;

/// `[A-Za-z0-9][A-Za-z0-9._-]*`, for routes also with inner spaces.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name(String);

impl Name {
    /// Checks a name; `spaces` allows single or several spaces inside it.
    ///
    /// # Errors
    /// `bad-name`: what is wrong with it.
    pub fn new(text: &str, spaces: bool) -> Result<Self, Invalid> {
        let inner = |c: char| {
            c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') || (spaces && c == ' ')
        };
        if text.starts_with('_') {
            return Err(Invalid::new("a leading `_` is reserved"));
        }
        if !text.starts_with(|c: char| c.is_ascii_alphanumeric()) || text.ends_with(' ') {
            return Err(Invalid::new("a name begins with a letter or digit"));
        }
        if let Some(odd) = text.chars().find(|&c| !inner(c)) {
            let shown = odd.escape_debug();
            return Err(Invalid::new(format!("`{shown}` is not allowed in a name")))
                .map_err(|fault| fault.help("use letters, digits, `.`, `_` and `-`"));
        }
        if text.len() > NAME_CHARS_MAX {
            return Err(Invalid::new(format!(
                "a name has at most {NAME_CHARS_MAX} characters"
            )));
        }
        Ok(Self(text.to_owned()))
    }

    /// The name as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it has inner spaces (`odd-name`).
    #[must_use]
    pub fn is_odd(&self) -> bool {
        self.0.contains(' ')
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for good in ["a", "0", "a.b_c-d", "A1"] {
            assert!(Name::new(good, false).is_ok(), "{good}");
        }
        for bad in ["", "_a", "-a", "a b", "a/b", "é", " a"] {
            assert!(Name::new(bad, false).is_err(), "{bad}");
        }
        assert!(Name::new("my api", true).is_ok_and(|name| name.is_odd()));
        assert!(Name::new("my ", true).is_err());
        assert!(Name::new(&"a".repeat(129), false).is_err());
    }
}
