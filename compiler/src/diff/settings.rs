//! The main file without routes, middlewares and the lists of those.

use super::chain::another;
use super::{Change, rules};
use crate::resolve::flat::Flat;

pub(super) fn compare(old: &Flat, new: &Flat) -> Vec<Change> {
    let mut keys: Vec<&String> = old.keys().chain(new.keys()).collect();
    keys.sort();
    keys.dedup();
    let mut changes = Vec::new();
    for key in keys {
        let (before, after) = (old.get(key), new.get(key));
        if rules::same(before, after) || rules::is_idle(key, old, new) {
            continue;
        }
        let (was, is) = (rules::shown(before), rules::shown(after));
        let (at, what) = match key.strip_prefix("gateway.") {
            Some(rest) => ("gateway", rest),
            None => ("file", key.as_str()),
        };
        changes.push(Change {
            class: rules::of_gateway(key, before, after),
            at: at.to_owned(),
            what: what.to_owned(),
            after: another(was.clone(), is),
            before: was,
            routes: Vec::new(),
            place: String::new(),
        });
    }
    changes
}
