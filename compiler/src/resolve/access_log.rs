//! `accessLog` (middlewares.md 5.3).

use super::read::Cx;
use super::rules::Home;
use super::tokens;
use crate::diag::Code;
use crate::model::HeaderName;
use crate::model::recorder::{AccessLog, LINE_FIELDS, Redact};
use crate::model::scalar::Invalid;
use crate::spec::fields::{Leaf, Leaves, Pair};
use crate::spec::recorder as shape;

pub(super) fn resolve(
    rule: &shape::AccessLog,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<AccessLog> {
    let redact = rule.redact.as_ref().filter(|leaf| !leaf.null);
    let redact_span = redact.map_or(home.head, |leaf| leaf.span);
    let word = cx.word(redact, &["true", "hash", "false"]);
    let user = cx.boolean(rule.user.as_ref(), false);
    let log = AccessLog {
        headers: headers(rule.headers.as_ref(), cx),
        query: names(rule.query.as_ref(), query_name, cx),
        cookies: names(rule.cookies.as_ref(), cookie_name, cx),
        response_headers: headers(rule.response_headers.as_ref(), cx),
        fields: fields(rule.fields.as_deref(), user, cx),
        user,
        redact: match word? {
            "hash" => Redact::Hash,
            "false" => Redact::Never,
            _ => Redact::Always,
        },
        redact_span,
        emit_missing: cx.boolean(rule.emit_missing.as_ref(), false),
    };
    if !rule.any {
        let fault = Invalid::new("the rule logs nothing").help("write `headers: [X-Client]`");
        cx.fault_at(Code::MissingKey, home.key, home.head, fault);
        return None;
    }
    Some(log)
}

/// Names of header fields, each once.
fn headers(leaves: Option<&Leaves>, cx: &mut Cx<'_>) -> Vec<HeaderName> {
    let mut headers: Vec<HeaderName> = Vec::new();
    for (leaf, text) in cx.texts(leaves).items {
        match HeaderName::new(&text) {
            Ok(name) => {
                let same = |other: &HeaderName| other.as_str().eq_ignore_ascii_case(name.as_str());
                if !headers.iter().any(same) {
                    headers.push(name);
                }
            }
            Err(invalid) => cx.fault(Code::BadRule, leaf, invalid),
        }
    }
    headers
}

/// Other names, each once.
fn names(
    leaves: Option<&Leaves>,
    check: fn(&str) -> Result<(), Invalid>,
    cx: &mut Cx<'_>,
) -> Vec<String> {
    let mut names = Vec::new();
    for (leaf, text) in cx.texts(leaves).items {
        match check(&text) {
            Ok(()) if names.contains(&text) => {}
            Ok(()) => names.push(text),
            Err(invalid) => cx.fault(Code::BadRule, leaf, invalid),
        }
    }
    names
}

fn query_name(text: &str) -> Result<(), Invalid> {
    if text.is_empty() || text.contains(char::is_control) {
        return Err(Invalid::new(
            "a parameter's name is not empty and has no line breaks",
        ));
    }
    Ok(())
}

fn cookie_name(text: &str) -> Result<(), Invalid> {
    let shown = text.escape_debug();
    let fault = |_| Invalid::new(format!("`{shown}` is not the name of a cookie"));
    HeaderName::new(text).map(drop).map_err(fault)
}

/// Keys and their texts. The key of a field must not be that of another one in the line.
fn fields(pairs: Option<&[Pair]>, user: bool, cx: &mut Cx<'_>) -> Vec<(String, String)> {
    let mut fields = Vec::new();
    for pair in pairs.unwrap_or_default() {
        let key = pair.name.value.as_str();
        let place = Leaf {
            span: pair.name.span,
            ..pair.value.clone()
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte);
        let shown = key.escape_debug();
        if key.is_empty() || !key.bytes().all(plain) {
            let fault = Invalid::new(format!("`{shown}` is not a key of log lines"));
            let help = "a key has letters, digits, `_`, `.` and `-` only";
            cx.fault(Code::BadRule, &place, fault.help(help));
        } else if LINE_FIELDS.contains(&key) || (user && key == "user") {
            let fault = Invalid::new(format!("every line has a `{shown}` already"));
            cx.fault(Code::BadRule, &place, fault.help("use another key"));
        }
        if let Some(text) = cx.text(&pair.value) {
            tokens::check_text(&text.text, &pair.value, cx);
            fields.push((key.to_owned(), text.text));
        }
    }
    fields
}
