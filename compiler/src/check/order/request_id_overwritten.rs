//! [`Code::RequestIdOverwritten`] (RT-HDR-8, MW-RID-1)

use std::collections::BTreeSet;

use super::{at, chains, headers};
use crate::diag::{Code, Diagnostics};
use crate::model::REQUEST_ID;
use crate::resolve::outline::{Link, Outline};
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let mut found = BTreeSet::new();
    for (route, chain) in chains(outline) {
        let header = header_of_id(&chain);
        for link in &chain {
            let name = &link.entry.name;
            let rule = link.entry.rule_of("requestHeaders");
            // Once for an entry, however many routes list it.
            if !rule.is_some_and(|rule| changes(rule, header)) || !found.insert(name) {
                continue;
            }
            let message =
                format!("`{name}` changes `{header}`, which the gateway writes behind it");
            let warning = at(route, *link, Code::RequestIdOverwritten, message);
            let help =
                "leave it out; `type: requestId` says what the header is and what ids look like";
            diags.push(warning.help(help));
        }
    }
}

/// The header that the backend gets the id in: of several rules, the last decides.
fn header_of_id<'o>(chain: &[Link<'o>]) -> &'o str {
    let mut rules = chain.iter().rev();
    let named = rules.find_map(|link| link.entry.rule_of("requestId")?.text("header"));
    named.unwrap_or(REQUEST_ID)
}

/// Whether a rule names this header; a prefix means others.
fn changes(rule: &Settings, header: &str) -> bool {
    let added = rule.names("addHeaders").iter();
    let added = added.map(|(name, _)| name.value.as_str());
    let mut names = headers::changed_by_rule(rule).into_iter().chain(added);
    names.any(|name| name.eq_ignore_ascii_case(header))
}
