//! What the gateway answers itself: its health endpoints, and targets that no route can take.

use super::Core;
use crate::answer::Answer;
use crate::chain::Exchange;
use crate::head::TargetForm;
use crate::lifecycle::Phase;

/// An answer in place of a route's, if there must be one (RT-ROUTE-10, -12, RT-SEM-5, -6).
pub(super) fn answer(
    core: &Core,
    exchange: &Exchange,
    unrouted: bool,
    form: TargetForm,
) -> Option<Answer> {
    match form {
        TargetForm::Asterisk => return Some(Answer::empty(200)),
        TargetForm::Authority => {
            let message = "405 CONNECT method not allowed";
            return Some(Answer::message(405, message).with("Allow", ALLOWED));
        }
        TargetForm::Path => {}
    }
    let path = exchange.request.canonical_path();
    let method = exchange.request.method();
    let reads = method == "GET" || method == "HEAD";
    if is_own(core, path) {
        if reads {
            return Some(health(core, path == "/readyz"));
        }
        if unrouted {
            let message = format!("405 {method} method not allowed");
            return Some(Answer::message(405, message).with("Allow", ALLOWED));
        }
    } else if unrouted && reads {
        let registered = path.strip_suffix('/').filter(|path| is_own(core, path))?;
        let location = format!("{registered}{}", exchange.request.query());
        return Some(Answer::of(301).with("Location", location));
    }
    None
}

const ALLOWED: &str = "GET, HEAD";

/// Whether a path is one of the gateway's own.
pub(super) fn is_own(core: &Core, path: &str) -> bool {
    match path {
        "/readyz" => core.settings.readiness_enabled,
        "/healthz" => core.settings.liveness_enabled,
        _ => false,
    }
}

/// RT-OBS-1, RT-OBS-2
fn health(core: &Core, readiness: bool) -> Answer {
    let (code, status) = match core.lifecycle.phase() {
        Phase::Running => (200, "running"),
        Phase::Starting if readiness => (503, "starting"),
        Phase::Announced | Phase::Draining if readiness => (503, "draining"),
        Phase::Announced | Phase::Draining | Phase::Starting => (200, "running"),
    };
    let document =
        format!("{{\"name\":\"Service Gateway\",\"status\":\"{status}\",\"error\":\"\"}}\n");
    Answer::json(code, document)
}
