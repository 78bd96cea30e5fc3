//! [`Code::AcmeTermsDeclined`] (config.md section 10)

use super::providers;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for provider in providers(&outline.file) {
        let terms = provider.acme().and_then(|acme| acme.given("termsAccepted"));
        let Some(given) = terms.filter(|given| given.is_bool(false)) else {
            continue;
        };
        let message = format!(
            "the provider `{}` is off: its terms are not accepted",
            provider.name
        );
        let warning = Diagnostic::new(Code::AcmeTermsDeclined, &*given.key, given.span, message);
        diags.push(warning.help("write `termsAccepted: true`, or delete the provider"));
    }
}
