//! [`Code::JwtKeySource`] (MW-JWT-1)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

const SOURCES: &[&str] = &["secret", "publicKey", "jwksUrl", "jwksFile"];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (entry, rule) in outline.rules_of("jwtAuth") {
        let mut given = SOURCES
            .iter()
            .filter_map(|key| Some((*key, rule.place(key)?)));
        let report = |span, message| Diagnostic::new(Code::JwtKeySource, &*rule.key, span, message);
        match (given.next(), given.next()) {
            (None, _) => {
                let message = format!("`{}` has no key to verify tokens with", entry.name);
                let help = format!("give one of `{}`", SOURCES.join("`, `"));
                diags.push(report(rule.head, message).help(help));
            }
            (Some(_), None) => {}
            (Some((first, place)), Some((second, span))) => {
                let message =
                    format!("`{second}` beside `{first}`: only one key source can be meant");
                diags.push(report(span, message).label(place, "the first one is here"));
            }
        }
    }
}
