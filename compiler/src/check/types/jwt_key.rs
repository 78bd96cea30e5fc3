//! [`Code::BadRule`] of `jwtAuth.algorithms`: an algorithm must fit the key (MW-JWT-2).

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("jwtAuth") {
        let public = ["publicKey", "jwksUrl", "jwksFile"];
        let public = public.into_iter().find(|key| rule.has(key));
        let source = match (rule.has("secret"), public) {
            (true, None) => "secret",
            (false, Some(key)) => key,
            (true, Some(_)) | (false, None) => continue,
        };
        for given in rule.list("algorithms") {
            let symmetric = given.known().starts_with("HS");
            if !given.known().is_empty() && symmetric != (source == "secret") {
                let message = format!("`{}` does not fit `{source}`", given.known().escape_debug());
                let help = if symmetric {
                    "`HS256` goes with `secret` alone: with a public key anyone could sign"
                } else {
                    "with `secret` use `HS256`, `HS384` or `HS512`"
                };
                diags.push(at(given, Code::BadRule, message).help(help));
            }
        }
    }
}
