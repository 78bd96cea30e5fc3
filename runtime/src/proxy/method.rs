//! Which methods a route takes, and what `Max-Forwards` makes of OPTIONS and TRACE.

use crate::answer::Answer;
use crate::chain::Exchange;
use crate::head::Method;

/// RT-METHOD-1, RT-SEM-5. Counts `Max-Forwards` down.
pub(super) fn check_method(exchange: &mut Exchange) -> Option<Answer> {
    let allowed = exchange.route.methods;
    let kind = exchange.request.kind();
    let unlisted = || !allowed.contains(&exchange.request.method());
    if (!allowed.is_empty() || kind == Method::Trace) && unlisted() {
        let method = exchange.request.method();
        let message = format!("405 {method} method not allowed");
        let allow = allowed_methods(allowed);
        return Some(Answer::message(405, message).with("Allow", allow));
    }
    if matches!(kind, Method::Options | Method::Trace) {
        match hops_left(exchange) {
            Some(0) => {
                let allow = allowed_methods(allowed);
                return Some(Answer::empty(200).with("Allow", allow));
            }
            Some(hops) => {
                let left = (hops - 1).to_string();
                exchange.request.fields.set("Max-Forwards", left.as_bytes());
            }
            None => {}
        }
    }
    None
}

/// The least of what `Max-Forwards` says; what is no number says nothing.
fn hops_left(exchange: &Exchange) -> Option<u64> {
    let values = exchange.request.fields.values("max-forwards");
    let numbers = values.filter_map(|hops| {
        let digits = std::str::from_utf8(hops).ok()?;
        let is_number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        // One that is too large stays so.
        is_number.then(|| digits.parse().unwrap_or(u64::MAX))
    });
    numbers.min()
}

fn allowed_methods(methods: &[&str]) -> String {
    if methods.is_empty() {
        "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS".to_owned()
    } else {
        methods.join(", ")
    }
}
