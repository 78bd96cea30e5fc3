//! How a name of the spec becomes a Rust identifier.
//!
//! Apart, because generated code is read by people who look for the name they wrote. The rule:
//! lower case; every run of other characters than letters and digits becomes one `_`; a leading
//! digit gets a `_` in front; a Rust keyword gets a `_` behind. Two names may meet in one
//! identifier: that is the diagnostic `name-clash`, never a numeric suffix.

use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::{Model, Name};
use crate::source::Span;

/// A valid Rust identifier, made by [`ident`] and the functions of [`Ident`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Ident(String);

impl Ident {
    /// The identifier's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The chain of routes without middlewares, as a function.
    pub(super) fn bare() -> Self {
        Self("bare".to_owned())
    }

    /// The function of the chain that the route of this name gives its name to.
    pub(super) fn chain_of(route: &str) -> Self {
        Self(format!("of_{}", snake(route)))
    }

    /// The constant of an encrypted message with these digits.
    pub(super) fn message(digits: &str) -> Self {
        Self(format!("MESSAGE_{}", digits.to_ascii_uppercase()))
    }

    /// The same name as a constant.
    pub(super) fn constant(&self) -> Self {
        Self(self.0.to_ascii_uppercase())
    }
}

impl fmt::Display for Ident {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Strict and reserved words of edition 2024; raw identifiers would read worse than `type_`.
const KEYWORDS: [&str; 51] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super", "trait", "true", "try", "type", "typeof",
    "unsafe", "unsized", "use", "virtual", "where", "while", "yield",
];

/// The identifier of a function named after a middleware.
pub fn ident(name: &str) -> Ident {
    let text = snake(name);
    if text.starts_with(|first: char| first.is_ascii_digit()) {
        Ident(format!("_{text}"))
    } else if KEYWORDS.contains(&text.as_str()) {
        Ident(format!("{text}_"))
    } else {
        Ident(text)
    }
}

/// Reports names of one kind that would become one identifier (`name-clash`). All routes count,
/// although only the first of a chain gives it a name: a rename elsewhere must not make a name bad.
pub fn check(model: &Model, diags: &mut Diagnostics) {
    let routes = model.routes.iter().map(|route| (&route.name, route.span));
    check_kind("gateway.routes", routes, Ident::chain_of, diags);
    let middlewares = model.middlewares.iter();
    let middlewares = middlewares.map(|middleware| (&middleware.name, middleware.span));
    check_kind("middlewares", middlewares, ident, diags);
}

fn check_kind<'a>(
    key: &str,
    names: impl Iterator<Item = (&'a Name, Span)>,
    ident_of: impl Fn(&str) -> Ident,
    diags: &mut Diagnostics,
) {
    let mut first: BTreeMap<Ident, (&Name, Span)> = BTreeMap::new();
    for (index, (name, span)) in names.enumerate() {
        let ident = ident_of(name.as_str());
        let Some((other, other_span)) = first.get(&ident) else {
            first.insert(ident, (name, span));
            continue;
        };
        // Equal names are `duplicate-name`.
        if *other != name {
            let message =
                format!("`{name}` and `{other}` are one name in generated code: `{ident}`");
            let path = format!("{key}[{index}].name");
            diags.push(
                Diagnostic::new(Code::NameClash, path, span, message)
                    .label(*other_span, "the other name")
                    .help(
                        "letter case, `-`, `.`, `_` and spaces do not tell names apart; rename one",
                    ),
            );
        }
    }
}

/// INVARIANT: not empty for names that `bad-name` lets through, which begin with a letter or digit.
fn snake(name: &str) -> String {
    let mut text = String::with_capacity(name.len());
    for character in name.chars() {
        if character.is_ascii_alphanumeric() {
            text.push(character.to_ascii_lowercase());
        } else if !text.ends_with('_') {
            text.push('_');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, expected: &str) {
        let ident = ident(name);
        assert_eq!(ident.as_str(), expected);
        assert!(
            syn::parse_str::<syn::Ident>(expected).is_ok(),
            "{expected} is not an identifier"
        );
    }

    #[test]
    fn names_keep_their_words() {
        check("security", "security");
        check("small-bodies", "small_bodies");
        check("orders.list", "orders_list");
        check("Orders--List", "orders_list");
        check("2fa", "_2fa");
        check("type", "type_");
        check("gen", "gen_");
        check("end-", "end_");
    }

    #[test]
    fn chains_are_named_after_a_route() {
        let function = Ident::chain_of("orders.list v2");
        assert_eq!(function.as_str(), "of_orders_list_v2");
        assert_eq!(function.constant().as_str(), "OF_ORDERS_LIST_V2");
        assert_eq!(Ident::chain_of("2fa").as_str(), "of_2fa");
        assert_eq!(Ident::chain_of("type").as_str(), "of_type");
    }

    fn clashes(spec: &str) -> Vec<String> {
        let mut sources = crate::source::SourceMap::new();
        sources.add("goma.yaml", spec);
        let checked = crate::check(&sources, &crate::Options::default());
        let findings = checked.diagnostics.iter();
        findings
            .filter(|finding| finding.code == Code::NameClash)
            .map(|finding| format!("{}: {}", finding.path, finding.message))
            .collect()
    }

    #[test]
    fn two_names_in_one_identifier_are_an_error() {
        let spec = "
version: 2
gateway:
  routes:
    - {name: orders.list, path: /a, target: \"http://10.0.0.7\", middlewares: [a-b, A_b]}
    - {name: orders-list, path: /b, target: \"http://10.0.0.7\"}
middlewares:
  - {name: a-b, type: bodyLimit, rule: {limit: 1}}
  - {name: A_b, type: bodyLimit, rule: {limit: 1}}
";
        assert_eq!(
            clashes(spec),
            [
                "gateway.routes[1].name: `orders-list` and `orders.list` are one name in generated code: `of_orders_list`",
                "middlewares[1].name: `A_b` and `a-b` are one name in generated code: `a_b`",
            ]
        );
        assert_eq!(
            clashes(&spec.replace("A_b", "c").replace("orders-list", "o")),
            [""; 0]
        );
    }
}
