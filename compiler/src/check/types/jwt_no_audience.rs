//! [`Code::JwtNoAudience`] (MW-JWT-1)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("jwtAuth") {
        if rule.has("audience") || rule.on("allowAnyAudience") {
            continue;
        }
        let public = ["publicKey", "jwksUrl", "jwksFile"];
        let public = public.into_iter().find_map(|key| rule.place(key));
        let report = |span, message| {
            Diagnostic::new(Code::JwtNoAudience, rule.path("audience"), span, message)
        };
        if let Some(span) = public {
            let message = "tokens that were made for other services would be accepted";
            diags.push(
                report(span, message).help("add `audience: api`, or `allowAnyAudience: true`"),
            );
        }
    }
}
