//! Tokens in header values (MW-GEN-24): `{client.ip}`.

use super::read::Cx;
use crate::diag::nearest::{is_near, nearest};
use crate::diag::{Code, Diagnostic};
use crate::model::{HeaderName, Part, Value};
use crate::spec::fields::Leaf;

const TOKENS: &[&str] = &[
    "client.ip",
    "gateway.version",
    "request.host",
    "request.id",
    "request.method",
    "request.path",
    "request.scheme",
    "route.name",
    "route.path",
    "route.target",
    "user",
];
/// Tokens that end in a header's name.
const HEADER: &str = "request.header.";
/// Tokens of the dialect that this release cannot do yet; they end in a name.
const LATER: &[&str] = &["claim.", "param."];

/// Reports tokens of later releases and near misses; any other `{…}` is literal.
pub(super) fn check(value: &Value, leaf: &Leaf, cx: &mut Cx<'_>) {
    for part in &value.parts {
        let text = match part {
            Part::Text(text) => text,
            Part::Env {
                default: Some(default),
                ..
            } => default,
            Part::Env { default: None, .. } => continue,
        };
        for token in braced(text) {
            check_token(token, leaf, cx);
        }
    }
}

fn check_token(token: &str, leaf: &Leaf, cx: &mut Cx<'_>) {
    if TOKENS.contains(&token) {
        return;
    }
    let shown = token.escape_debug();
    if LATER
        .iter()
        .any(|prefix| token.starts_with(prefix) && token.len() > prefix.len())
    {
        let message = format!("the token `{{{shown}}}` is not supported yet");
        cx.diags.push(Diagnostic::new(
            Code::NotYetSupported,
            leaf.key.as_str(),
            leaf.span,
            message,
        ));
        return;
    }
    let better = match token.strip_prefix(HEADER) {
        Some(name) if HeaderName::new(name).is_ok() => return,
        Some(_) => Some("request.header.NAME"),
        None => TOKENS
            .iter()
            .any(|known| is_near(token, known))
            .then(|| nearest(token, TOKENS.iter().copied()))
            .flatten(),
    };
    if let Some(better) = better {
        let message = format!("`{{{shown}}}` is not a token and is sent as it stands");
        let warning = Diagnostic::new(Code::TokenUnknown, leaf.key.as_str(), leaf.span, message);
        cx.diags
            .push(warning.help(format!("did you mean `{{{better}}}`?")));
    }
}

/// What stands between `{` and the next `}`, innermost.
fn braced(text: &str) -> impl Iterator<Item = &str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(inner, _)| inner)
}
