//! [`Code::SignInNoAppend`] (MW-FWD-5)

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("forwardAuth") {
        let Some(given) = rule.given("authSignIn") else {
            continue;
        };
        let text = given.known();
        if text.contains('?') && !text.ends_with('=') {
            let message = "the page does not learn where to send the client back";
            let warning = at(given, Code::SignInNoAppend, message);
            diags.push(warning.help("end it with a parameter that gets the URL: `?rd=`"));
        }
    }
}
