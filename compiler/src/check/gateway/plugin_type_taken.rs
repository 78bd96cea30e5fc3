//! [`Code::PluginTypeTaken`] (MW-PLUG-3)

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::Type;
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let mut taken = BTreeMap::new();
    for plugin in outline.file.sections("plugins") {
        let Some(given) = plugin.given("type") else {
            continue;
        };
        let Some(name) = given.text.as_deref() else {
            continue;
        };
        let shown = name.escape_debug();
        let report =
            |message| Diagnostic::new(Code::PluginTypeTaken, &*given.key, given.span, message);
        if Type::find_folded(name).is_some() || Type::find_old(name).is_some() {
            diags
                .push(report(format!("`{shown}` is a built-in type")).help("give it another name"));
        } else if let Some(first) = taken.insert(name, given.span) {
            let fault = report(format!("the type `{shown}` is added twice"));
            diags.push(fault.label(first, "first added here"));
        }
    }
}
