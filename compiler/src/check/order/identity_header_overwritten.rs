//! [`Code::IdentityHeaderOverwritten`] (MW-INT-4): headers that only the gateway may set for the
//! backend (MW-GEN-12).

use super::{at, chains, headers, with_earlier};
use crate::diag::{Code, Diagnostics};
use crate::resolve::outline::{Link, Outline};

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (route, chain) in chains(outline) {
        for (link, earlier) in with_earlier(&chain) {
            let Some(rule) = link.entry.rule_of("requestHeaders") else {
                continue;
            };
            let changed = headers::changed_by_rule(rule);
            if let Some((header, setter)) = overwritten(&changed, earlier) {
                let (list, first) = (&link.entry.name, &setter.entry.name);
                let message =
                    format!("`{list}` changes `{header}`, which `{first}` sets before it");
                let warning = at(route, link, Code::IdentityHeaderOverwritten, message);
                let warning = warning.label(setter.span, "the gateway sets it here");
                let help = format!("list `{list}` before `{first}`, or use another header");
                diags.push(warning.help(help));
            }
        }
    }
}

fn overwritten<'o>(changed: &[&str], earlier: &[Link<'o>]) -> Option<(String, Link<'o>)> {
    let set = earlier.iter().flat_map(|link| {
        let names = headers::identity(link.entry).into_iter();
        names.map(move |name| (name, *link))
    });
    let mut set = set;
    set.find(|(name, _)| changed.iter().any(|other| headers::touches(name, other)))
}
