//! `access`, `accessPolicy` and its two short forms (middlewares.md 5.1, 5.2).

use super::grammar;
use super::read::Cx;
use super::rules::Home;
use crate::diag::Code;
use crate::dialect::Scalar;
use crate::model::address::{self, IpRange};
use crate::model::rule::{Access, AccessPolicy};
use crate::model::scalar;
use crate::spec::fields::Leaf;
use crate::spec::rule as shape;

pub(super) fn access(rule: &shape::Access, cx: &mut Cx<'_>) -> Option<Access> {
    let status = status(rule.status_code.as_ref(), cx)?;
    Some(Access { status })
}

/// `allow`: what the type says; `None`: `action` does.
pub(super) fn access_policy(
    rule: &shape::AccessPolicy,
    allow: Option<bool>,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<AccessPolicy> {
    let status = status(rule.status_code.as_ref(), cx);
    let allow = match (allow, rule.action.as_ref().filter(|leaf| !leaf.null)) {
        (Some(allow), _) => Some(allow),
        (None, None) => Some(true),
        (None, Some(leaf)) => action(leaf, cx),
    };
    let message = rule.message.as_ref().filter(|leaf| !leaf.null);
    let message = message.and_then(|leaf| cx.text(leaf)).map(|text| text.text);
    let list = rule.source_ranges.as_ref();
    if list.is_none_or(|list| list.items.is_empty() && !list.broken) {
        let help = "write `sourceRanges: [10.0.0.0/8]`";
        cx.missing(home.key, "sourceRanges", home.head, help);
        return None;
    }
    let texts = cx.texts(list);
    let mut whole = texts.whole;
    let mut ranges = Vec::new();
    for (leaf, text) in texts.items {
        match address::parse_range(&text) {
            Ok(range) => ranges.push(range),
            Err(invalid) => {
                whole = false;
                cx.fault(Code::BadCidr, leaf, invalid);
            }
        }
    }
    let (status, allow) = (status?, allow?);
    whole.then(|| AccessPolicy {
        allow,
        ranges: IpRange::merged(ranges),
        status,
        message,
    })
}

fn action(leaf: &Leaf, cx: &mut Cx<'_>) -> Option<bool> {
    let text = cx.text(leaf)?.text;
    match scalar::parse_word(&text, &["ALLOW", "DENY"], true) {
        Ok(word) => Some(word == "ALLOW"),
        Err(invalid) => {
            cx.fault(Code::BadValue, leaf, invalid);
            None
        }
    }
}

/// 400 to 599; 403 unless said.
fn status(leaf: Option<&Leaf>, cx: &mut Cx<'_>) -> Option<u16> {
    let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
        return Some(403);
    };
    let text = cx.text(leaf)?.text;
    if let Err((code, invalid)) = grammar::check(Scalar::Int(400, 599), &text) {
        cx.fault(code, leaf, invalid);
        return None;
    }
    let status = scalar::parse_int(&text).ok()?;
    u16::try_from(status).ok()
}
