//! `requestId` (middlewares.md 6.8).

use super::read::Cx;
use super::rules::{REQUEST_FRAMING, RESPONSE_FRAMING, header_name, is_one_of};
use crate::diag::Code;
use crate::model::recorder::{IdFormat, RequestId, Trust};
use crate::model::scalar::Invalid;
use crate::model::{FORWARDING, HeaderName, REQUEST_ID};
use crate::spec::fields::Leaf;
use crate::spec::recorder as shape;

pub(super) fn resolve(rule: &shape::RequestId, cx: &mut Cx<'_>) -> Option<RequestId> {
    let header = name(rule.header.as_ref(), REQUEST_ID, REQUEST_FRAMING, cx);
    let answer = rule.response_header.as_ref();
    let response_header = name(answer, "X-Goma-Request-ID", RESPONSE_FRAMING, cx);
    let trust = cx.word(rule.trust.as_ref(), &["always", "trustedProxy", "never"]);
    let format = cx.word(rule.format.as_ref(), &["hex", "uuid4", "uuid7"]);
    Some(RequestId {
        header: header?,
        response_header: response_header?,
        trust: match trust? {
            "never" => Trust::Never,
            "trustedProxy" => Trust::TrustedProxy,
            _ => Trust::Always,
        },
        format: match format? {
            "uuid4" => IdFormat::Uuid4,
            "uuid7" => IdFormat::Uuid7,
            _ => IdFormat::Hex,
        },
    })
}

/// The name of a field that only carries the id.
fn name(
    leaf: Option<&Leaf>,
    default: &str,
    framing: &[&str],
    cx: &mut Cx<'_>,
) -> Option<HeaderName> {
    let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
        return HeaderName::new(default).ok();
    };
    let text = cx.text(leaf)?.text;
    if is_one_of(&text, FORWARDING) || is_one_of(&text, &["Host"]) {
        let message = format!("`{text}` has a meaning of its own");
        let fault = Invalid::new(message).help(format!("use another header, such as `{default}`"));
        cx.fault(Code::BadRule, leaf, fault);
        return None;
    }
    header_name(&text, leaf, framing, cx)
}
