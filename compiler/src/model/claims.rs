//! Claims expressions (MW-CLAIM): the grammar of middlewares.md 5.11.1.

use super::regex::Regex;
use super::scalar::Invalid;

/// How deep `!` and parentheses may nest.
const DEPTH_MAX: usize = 64;

/// An expression over the claims of a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Claims {
    /// All hold.
    And(Vec<Self>),
    /// The claim is there.
    Exists(String),
    /// It does not hold.
    Not(Box<Self>),
    /// One holds.
    Or(Vec<Self>),
    /// A predicate about a claim.
    Test {
        /// Which.
        predicate: Predicate,
        /// Claim path.
        claim: String,
        /// What it is compared with; never empty.
        values: Vec<String>,
    },
}

/// How a claim is compared (MW-CLAIM-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Predicate {
    /// Member of a list.
    Contains,
    /// Equal to the value.
    Equals,
    /// Has a match of the pattern.
    Matches,
    /// Equal to one of the values.
    OneOf,
    /// Begins with the value.
    Prefix,
}

impl Claims {
    /// Parses a whole text.
    ///
    /// # Errors
    /// `bad-rule`: what was expected and at which character.
    pub fn new(text: &str) -> Result<Self, Invalid> {
        let mut parser = Parser {
            text,
            at: 0,
            depth: 0,
        };
        let claims = parser.or()?;
        if parser.peek().is_some() {
            return Err(parser.expected("`&&`, `||` or the end"));
        }
        Ok(claims)
    }
}

struct Parser<'t> {
    text: &'t str,
    /// Byte offset.
    at: usize,
    depth: usize,
}

impl<'t> Parser<'t> {
    fn or(&mut self) -> Result<Claims, Invalid> {
        let mut parts = vec![self.and()?];
        while self.take("||") {
            parts.push(self.and()?);
        }
        Ok(one_or(parts, Claims::Or))
    }

    fn and(&mut self) -> Result<Claims, Invalid> {
        let mut parts = vec![self.not()?];
        while self.take("&&") {
            parts.push(self.not()?);
        }
        Ok(one_or(parts, Claims::And))
    }

    fn not(&mut self) -> Result<Claims, Invalid> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Invalid::new("the expression is nested too deeply"));
        }
        let claims = if self.take("!") {
            Claims::Not(Box::new(self.not()?))
        } else if self.take("(") {
            let inner = self.or()?;
            self.expect(")")?;
            inner
        } else {
            self.predicate()?
        };
        self.depth -= 1;
        Ok(claims)
    }

    fn predicate(&mut self) -> Result<Claims, Invalid> {
        const NAMES: &str = "`Equals`, `Prefix`, `Contains`, `OneOf`, `Matches` or `Exists`";
        self.peek();
        let start = self.at;
        let name = self.run(|c| c.is_ascii_alphanumeric() || c == '_');
        let predicate = match name {
            "Contains" => Some(Predicate::Contains),
            "Equals" => Some(Predicate::Equals),
            "Exists" => None,
            "Matches" => Some(Predicate::Matches),
            "OneOf" => Some(Predicate::OneOf),
            "Prefix" => Some(Predicate::Prefix),
            _ => {
                self.at = start;
                return Err(self.expected(NAMES));
            }
        };
        self.expect("(")?;
        let claim = self.string("a claim in quotes")?;
        let mut values = Vec::new();
        while predicate.is_some() && self.take(",") {
            let start = self.at;
            values.push(self.value()?);
            if predicate == Some(Predicate::Matches) {
                let pattern = values.last().map_or("", String::as_str);
                Regex::new(pattern).map_err(|fault| {
                    self.at = start;
                    Invalid::new(format!("{} of the expression", self.place(&fault.reason)))
                })?;
            }
        }
        let Some(predicate) = predicate else {
            self.expect(")")?;
            return Ok(Claims::Exists(claim));
        };
        if values.is_empty() {
            return Err(self.expected("`,` and a value"));
        }
        let several = matches!(predicate, Predicate::Contains | Predicate::OneOf);
        if values.len() > 1 && !several {
            return Err(self.place_fault(&format!("`{name}` takes one value")));
        }
        self.expect(")")?;
        Ok(Claims::Test {
            predicate,
            claim,
            values,
        })
    }

    fn value(&mut self) -> Result<String, Invalid> {
        match self.peek() {
            Some('\'' | '"' | '`') => self.string("a value"),
            _ => {
                let bare = |c: char| !matches!(c, ',' | '(' | ')' | '\'' | '"' | '`' | ' ');
                match self.run(bare) {
                    "" => Err(self.expected("a value")),
                    bare => Ok(bare.to_owned()),
                }
            }
        }
    }

    fn string(&mut self, what: &str) -> Result<String, Invalid> {
        let Some(quote @ ('\'' | '"' | '`')) = self.peek() else {
            return Err(self.expected(what));
        };
        let start = self.at;
        let mut result = String::new();
        let mut chars = self.rest().char_indices().skip(1);
        while let Some((at, c)) = chars.next() {
            match c {
                '\\' if quote != '`' => match chars.next() {
                    Some((_, escaped)) => result.push(escaped),
                    None => break,
                },
                c if c == quote => {
                    self.at = start + at + 1;
                    return Ok(result);
                }
                c => result.push(c),
            }
        }
        Err(self.place_fault("the text in quotes does not end"))
    }

    /// The next character that is no space; `None` at the end.
    fn peek(&mut self) -> Option<char> {
        self.at += self.rest().len() - self.rest().trim_start().len();
        self.rest().chars().next()
    }

    fn rest(&self) -> &'t str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'t str {
        let rest = self.rest();
        let len = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += len;
        rest.get(..len).unwrap_or("")
    }

    fn take(&mut self, token: &str) -> bool {
        self.peek();
        let there = self.rest().starts_with(token);
        self.at += if there { token.len() } else { 0 };
        there
    }

    fn expect(&mut self, token: &str) -> Result<(), Invalid> {
        if self.take(token) {
            return Ok(());
        }
        Err(self.expected(&format!("`{token}`")))
    }

    fn expected(&mut self, what: &str) -> Invalid {
        self.peek();
        self.place_fault(&format!("expected {what}"))
    }

    fn place_fault(&self, reason: &str) -> Invalid {
        Invalid::new(format!("{} of the expression", self.place(reason)))
    }

    fn place(&self, reason: &str) -> String {
        let before = self.text.get(..self.at).unwrap_or("");
        format!("{reason} at character {}", before.chars().count() + 1)
    }
}

fn one_or(mut parts: Vec<Claims>, many: impl Fn(Vec<Claims>) -> Claims) -> Claims {
    match parts.pop() {
        Some(part) if parts.is_empty() => part,
        Some(part) => {
            parts.push(part);
            many(parts)
        }
        None => many(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn show(claims: &Claims) -> String {
        let all = |parts: &[Claims], word| {
            let parts: Vec<_> = parts.iter().map(show).collect();
            format!("({})", parts.join(word))
        };
        match claims {
            Claims::And(parts) => all(parts, " and "),
            Claims::Or(parts) => all(parts, " or "),
            Claims::Not(inner) => format!("not {}", show(inner)),
            Claims::Exists(claim) => format!("{claim}?"),
            Claims::Test {
                predicate,
                claim,
                values,
            } => format!("{claim} {predicate:?} {values:?}"),
        }
    }

    /// MW-CLAIM-1: precedence.
    #[test]
    fn expressions() {
        for (text, expected) in [
            ("Equals('a', b)", "a Equals [\"b\"]"),
            (
                "Exists(`a.b`) || !Prefix(\"c\",'d') && OneOf('e', f, `g h`)",
                "(a.b? or (not c Prefix [\"d\"] and e OneOf [\"f\", \"g h\"]))",
            ),
            (
                "!(Equals('a',1) || Exists('b'))",
                "not (a Equals [\"1\"] or b?)",
            ),
            (r"Equals('a','it\'s')", "a Equals [\"it's\"]"),
            (r"Equals(`a`,`\d`)", r#"a Equals ["\\d"]"#),
        ] {
            assert_eq!(
                Claims::new(text).map(|claims| show(&claims)),
                Ok(expected.to_owned())
            );
        }
    }

    /// MW-CLAIM-2: the whole text must parse, else an error with its column.
    #[test]
    fn faults() {
        for (text, column) in [
            ("", 1),
            ("Equals('a','b') and X", 17),
            ("equals('a','b')", 1),
            ("Equals('a')", 11),
            ("Equals('a','b','c')", 19),
            ("Equals(a,'b')", 8),
            ("Equals('a','b'", 15),
            ("Equals('a','b", 12),
            ("Matches('a','(')", 13),
            ("Equals('a','b') ||", 19),
        ] {
            let fault = Claims::new(text)
                .err()
                .map(|fault| fault.reason)
                .unwrap_or_default();
            assert!(
                fault.contains(&format!("at character {column} of")),
                "{text}: {fault}"
            );
        }
        assert!(Claims::new(&"!".repeat(100_000)).is_err());
        assert!(Claims::new(&"(".repeat(100_000)).is_err());
    }
}
