//! [`Code::JwtNoIssuer`] (MW-JWT-1)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("jwtAuth") {
        if rule.has("issuer") || rule.on("allowAnyIssuer") {
            continue;
        }
        let public = ["publicKey", "jwksUrl", "jwksFile"];
        let public = public.into_iter().find_map(|key| rule.place(key));
        let report =
            |span, message| Diagnostic::new(Code::JwtNoIssuer, rule.path("issuer"), span, message);
        if let Some(span) = public {
            let message = "tokens of every issuer with this key would be accepted";
            let fault = report(span, message);
            diags.push(
                fault.help("add `issuer: https://idp.example.com`, or `allowAnyIssuer: true`"),
            );
        } else if let Some(span) = rule.place("secret") {
            let warning = report(span, "any token signed with the secret is accepted").warning();
            diags.push(warning.help("add `issuer`, or `allowAnyIssuer: true`"));
        }
    }
}
