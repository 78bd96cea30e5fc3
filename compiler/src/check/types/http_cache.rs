//! [`Code::OutOfRange`] and [`Code::KeyConflict`] of `httpCache` (5.10).

use super::at;
use crate::diag::{Code, Diagnostics};
use crate::model::scalar;
use crate::resolve::outline::Outline;

/// What cannot be stored (MW-CACHE-7).
const NEVER: &[i64] = &[206, 304];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("httpCache") {
        for given in rule.list("cacheableStatusCodes") {
            let status = scalar::parse_int(given.known());
            if status.is_ok_and(|status| NEVER.contains(&status)) {
                let message = format!("answers with status {} are never stored", given.known());
                diags.push(at(given, Code::OutOfRange, message));
            }
        }
        let query = rule
            .given("includeQueryInKey")
            .filter(|given| given.is_bool(false));
        if let (Some(given), Some(params)) = (query, rule.place("queryParamsToCache")) {
            let message = "`queryParamsToCache` puts the query into the key";
            diags.push(at(given, Code::KeyConflict, message).label(params, "it is given here"));
        }
    }
}
