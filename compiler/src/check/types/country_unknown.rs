//! [`Code::CountryUnknown`] (5.9)

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::model::country::is_assigned;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("geoBlock") {
        for given in rule.list("countries") {
            let Some(text) = given.text.as_deref() else {
                continue;
            };
            let code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
            if code && !is_assigned(text) {
                let message = format!("no country has the code `{text}`");
                let warning = at(given, Code::CountryUnknown, message);
                let warning = if text.eq_ignore_ascii_case("UK") {
                    warning
                        .help("the United Kingdom is `GB`")
                        .fix(given.span, "GB")
                } else {
                    warning
                };
                diags.push(warning);
            }
        }
    }
}
