//! [`Code::KeyConflict`] of `responseHeaders.cacheStatuses`, which says where `cacheControl` counts
//! (5.19).

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("responseHeaders") {
        let statuses = rule.place("cacheStatuses");
        // An empty `cacheControl` removes the header (MW-RESH-2).
        if let Some(span) = statuses.filter(|_| !rule.is_written("cacheControl")) {
            let message = "`cacheStatuses` says nothing without `cacheControl`";
            let key = rule.path("cacheStatuses");
            let fault = Diagnostic::new(Code::KeyConflict, key, span, message);
            diags.push(fault.help("add `cacheControl: no-store`, or delete it"));
        }
    }
}
