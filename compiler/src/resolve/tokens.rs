//! Tokens in header values (MW-GEN-24): `{client.ip}`.

use super::read::Cx;
use crate::diag::nearest::nearest;
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
/// Tokens that end in the path of a claim.
const CLAIM: &str = "claim.";
/// Tokens of the dialect that this release cannot do yet; they end in a name.
/// Tokens that end in the name of a path parameter.
const PARAMETER: &str = "param.";
/// Tokens with a name of the user's in them, as they are explained.
const NAMED: &[&str] = &["claim.PATH", "param.NAME", "request.header.NAME"];

/// Reports tokens of later releases and near misses; any other `{…}` is literal.
pub(super) fn check(value: &Value, leaf: &Leaf, cx: &mut Cx<'_>) {
    for part in &value.parts {
        let text = match part {
            Part::Text(text) => text,
            Part::Env {
                default: Some(default),
                ..
            } => default,
            Part::Env { default: None, .. } | Part::Encrypted { .. } => continue,
        };
        check_text(text, leaf, cx);
    }
}

/// Likewise for a text of class S.
pub(super) fn check_text(text: &str, leaf: &Leaf, cx: &mut Cx<'_>) {
    for token in braced(text) {
        check_token(token, leaf, cx);
    }
}

/// Likewise for the body of an error, whose braces are mostly text: only what is nearly one of its
/// three tokens is reported (MW-EI-7).
pub(super) fn check_body(text: &str, leaf: &Leaf, cx: &mut Cx<'_>) {
    let tokens = ["reason", "request.id", "status"];
    for token in braced(text) {
        let letters = token.to_ascii_lowercase().replace(['_', '-', '.'], "");
        let meant = nearest(token, tokens).or(match letters.as_str() {
            "statuscode" => Some("status"),
            _ if token.starts_with("request.") => Some("request.id"),
            _ => None,
        });
        if let Some(better) = meant.filter(|_| !tokens.contains(&token)) {
            report(
                token,
                Some(better),
                format!("did you mean `{{{better}}}`?"),
                leaf,
                cx,
            );
        }
    }
}

fn check_token(token: &str, leaf: &Leaf, cx: &mut Cx<'_>) {
    if TOKENS.contains(&token) {
        return;
    }
    if token
        .strip_prefix(PARAMETER)
        .is_some_and(|name| !name.is_empty())
    {
        return;
    }
    let better = match token.strip_prefix(HEADER) {
        Some(name) if HeaderName::new(name).is_ok() => return,
        Some(_) => Some("request.header.NAME"),
        None if token
            .strip_prefix(CLAIM)
            .is_some_and(|path| !path.is_empty()) =>
        {
            return;
        }
        None => nearest(token, TOKENS.iter().copied()),
    };
    let help = match better {
        Some(better) => format!("did you mean `{{{better}}}`?"),
        None => match relatives(token) {
            Some(relatives) => relatives,
            None => return,
        },
    };
    report(
        token,
        better.filter(|better| TOKENS.contains(better)),
        help,
        leaf,
        cx,
    );
}

/// Reports a near miss; `better` replaces it.
fn report(token: &str, better: Option<&str>, help: String, leaf: &Leaf, cx: &mut Cx<'_>) {
    let shown = token.escape_debug();
    let message = format!("`{{{shown}}}` is not a token and is sent as it stands");
    let warning = Diagnostic::new(Code::TokenUnknown, leaf.key.as_str(), leaf.span, message);
    let warning = warning.help(help);
    cx.diags
        .push(match better.filter(|_| !leaf.text.contains('\n')) {
            Some(better) => {
                let wrong = format!("{{{token}}}");
                let text = leaf.text.replace(&wrong, &format!("{{{better}}}"));
                // JSON strings are strings of YAML too.
                warning.fix(leaf.span, serde_json::Value::from(text).to_string())
            }
            None => warning,
        });
}

/// What there is, if a token is of a family that has others. Other braces are text.
fn relatives(token: &str) -> Option<String> {
    let (family, _) = token.split_once('.')?;
    let all = TOKENS.iter().copied().chain(NAMED.iter().copied());
    let same = all.filter(|known| known.split('.').next() == Some(family));
    let list: Vec<_> = same.map(|known| format!("`{{{known}}}`")).collect();
    (!list.is_empty()).then(|| format!("there are {}", list.join(", ")))
}

/// What stands between `{` and the next `}`, innermost.
fn braced(text: &str) -> impl Iterator<Item = &str> {
    text.split('{')
        .skip(1)
        .filter_map(|rest| rest.split_once('}'))
        .map(|(inner, _)| inner)
}
