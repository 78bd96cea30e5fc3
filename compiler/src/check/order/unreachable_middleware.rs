//! [`Code::UnreachableMiddleware`] (MW-GEN-22)

use super::{at, chains, with_earlier};
use crate::diag::{Code, Diagnostics};
use crate::dialect::rules::Effect;
use crate::model::witness;
use crate::resolve::outline::{Entry, Outline};

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (route, chain) in chains(outline) {
        for (link, earlier) in with_earlier(&chain) {
            let mut enders = earlier.iter().filter(|link| link.entry.does(Effect::Ends));
            // In another scope it would see another path than the earlier one did.
            let moved = earlier
                .iter()
                .any(|link| link.entry.does(Effect::ChangesPath));
            let end = enders.find(|end| covers(end.entry, link.entry, moved));
            if let Some(end) = end {
                let (late, early) = (&link.entry.name, &end.entry.name);
                let message =
                    format!("`{late}` never runs: `{early}` answers every request before");
                let warning = at(route, link, Code::UnreachableMiddleware, message);
                let warning = warning.label(end.span, "the chain ends here");
                diags.push(warning.help(format!("list `{late}` before `{early}`, or delete it")));
            }
        }
    }
}

fn covers(end: &Entry, late: &Entry, moved: bool) -> bool {
    match (end.scope.scope(), late.scope.scope()) {
        (Some(None), Some(_)) => true,
        (Some(first), Some(second)) => !moved && witness::within(second, first),
        (None, _) | (_, None) => false,
    }
}
