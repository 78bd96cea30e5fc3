//! [`Code::RedirectSchemeAfterAuth`] (MW-INT-2)

use super::{at, chains, with_earlier};
use crate::diag::{Code, Diagnostics};
use crate::dialect::rules::Effect;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (route, chain) in chains(outline) {
        for (link, earlier) in with_earlier(&chain) {
            if link.entry.kind.name != "redirectScheme" {
                continue;
            }
            let auth = earlier
                .iter()
                .find(|link| link.entry.does(Effect::Authenticates));
            if let Some(auth) = auth {
                let (late, early) = (&link.entry.name, &auth.entry.name);
                let message =
                    format!("`{late}` redirects after `{early}` has asked for credentials");
                let warning = at(route, link, Code::RedirectSchemeAfterAuth, message);
                let warning = warning.label(auth.span, "credentials are asked for here");
                diags.push(warning.help(format!("list `{late}` before `{early}`")));
            }
        }
    }
}
