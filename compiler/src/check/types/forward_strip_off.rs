//! [`Code::ForwardStripOff`] (5.11.2)

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for kind in ["jwtAuth", "oidc"] {
        for (_, rule) in outline.rules_of(kind) {
            let given = rule.given("forward.stripInbound");
            if let Some(given) = given.filter(|given| given.is_bool(false)) {
                let message = "clients can send the headers that tell the backend who they are";
                let warning = at(given, Code::ForwardStripOff, message);
                diags.push(warning.help("delete `stripInbound: false`"));
            }
        }
    }
}
