//! [`Code::BadRule`] of `sources` and `tokenSources`: `header:`, `cookie:` or `query:` and a name
//! (5.11, 6.3).

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::model::HeaderName;
use crate::resolve::outline::Outline;

const LISTS: &[(&str, &str)] = &[("apiKey", "sources"), ("jwtAuth", "tokenSources")];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (kind, list) in LISTS {
        for (_, rule) in outline.rules_of(kind) {
            for given in rule.list(list) {
                let Some(text) = given.text.as_deref() else {
                    continue;
                };
                let fits = match text.split_once(':') {
                    Some(("header" | "cookie", name)) => HeaderName::new(name).is_ok(),
                    Some(("query", name)) => !name.is_empty(),
                    Some(_) | None => false,
                };
                if !fits {
                    let message = format!("`{}` says not where to look", text.escape_debug());
                    let fault = at(given, Code::BadRule, message);
                    diags.push(fault.help("write `header:NAME`, `cookie:NAME` or `query:NAME`"));
                }
            }
        }
    }
}
