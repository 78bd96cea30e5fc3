//! `match` of a route: conditions beside host and path (RT-ROUTE-13).

use super::read::Cx;
use super::routes::methods;
use crate::diag::{Code, Diagnostic};
use crate::model::regex::Regex;
use crate::model::{Condition, HeaderName, Test};
use crate::spec;

/// All of a route's; `None`: one is faulty, and a route without it would take more.
pub(super) fn resolve(matching: &spec::Matching, cx: &mut Cx<'_>) -> Option<Vec<Condition>> {
    let mut whole = true;
    let mut conditions = Vec::new();
    for item in &matching.headers {
        let name = HeaderName::new(&item.name.value);
        let name = name.map_err(|invalid| {
            cx.fault_at(Code::BadRule, &item.path_key, item.name.span, invalid);
        });
        let test = test(item, cx);
        match name.ok().zip(test) {
            Some((name, test)) => conditions.push(Condition::Header(name, test)),
            None => whole = false,
        }
    }
    let named = [(&matching.query, true), (&matching.cookies, false)];
    for (items, is_query) in named {
        for item in items {
            let name = item.name.value.clone();
            match test(item, cx) {
                Some(test) if is_query => conditions.push(Condition::Query(name, test)),
                Some(test) => conditions.push(Condition::Cookie(name, test)),
                None => whole = false,
            }
        }
    }
    let listed = methods(matching.methods.as_ref(), cx);
    whole &= listed.is_some();
    if let Some(methods) = listed.filter(|methods| !methods.is_empty()) {
        conditions.push(Condition::Methods(methods));
    }
    whole.then_some(conditions)
}

fn test(item: &spec::Condition, cx: &mut Cx<'_>) -> Option<Test> {
    let leaves = [&item.equals, &item.regex, &item.present];
    let mut given = leaves.into_iter().flatten().filter(|leaf| !leaf.null);
    let key = item.path_key.as_str();
    let (first, second) = (given.next(), given.next());
    let Some(first) = first else {
        let broken = leaves.into_iter().flatten().any(|leaf| leaf.broken);
        if !broken && !item.broken {
            let message = format!("`{key}` does not say what is wanted");
            let fault = Diagnostic::new(Code::MissingKey, key, item.name.span, message);
            let help = "write a value, or one of `equals`, `regex` and `present`";
            cx.diags.push(fault.help(help));
        }
        return None;
    };
    if let Some(second) = second {
        let message = "only one of `equals`, `regex` and `present` can be given";
        cx.diags.push(Diagnostic::new(
            Code::KeyConflict,
            key,
            second.span,
            message,
        ));
        return None;
    }
    if item.present.is_some() {
        return cx.flag(first).map(Test::Present);
    }
    let text = cx.text(first)?.text;
    if item.regex.is_none() {
        return Some(Test::Equals(text));
    }
    let compiled = Regex::new(&text).and_then(|regex| {
        let engine = regex.anywhere()?;
        Ok(Test::Regex(regex, engine))
    });
    compiled
        .map_err(|invalid| cx.fault(Code::BadRegex, first, invalid))
        .ok()
}
