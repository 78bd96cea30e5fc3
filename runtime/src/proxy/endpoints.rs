//! What the gateway answers itself: its health endpoints, and targets that no route can take.

use super::Core;
use crate::answer::{Answer, escaped_json};
use crate::chain::Exchange;
use crate::head::{Method, Request, TargetForm};
use crate::lifecycle::Phase;
use crate::upstream;

/// An answer in place of a route's, if there must be one (RT-ROUTE-10, -12, RT-SEM-5, -6).
/// `own`: [`is_own`] of the request.
pub(super) fn answer(
    core: &Core,
    exchange: &Exchange,
    own: bool,
    unrouted: bool,
    form: TargetForm,
) -> Option<Answer> {
    let request = &exchange.request;
    match form {
        TargetForm::Asterisk => return Some(Answer::empty(200)),
        TargetForm::Authority => return Some(not_allowed(request)),
        TargetForm::Path if !own && !unrouted => return None,
        TargetForm::Path => {}
    }
    let reads = matches!(request.kind(), Method::Get | Method::Head);
    match (own, reads) {
        (true, true) => Some(document(core, request.canonical_path())),
        (true, false) => unrouted.then(|| not_allowed(request)),
        (false, true) if core.settings.strict_slash => {
            let registered = request.canonical_path().strip_suffix('/')?;
            if !is_endpoint(core, request, registered.as_bytes()) {
                return None;
            }
            let location = format!("{registered}{}", request.query());
            Some(Answer::of(301).with("Location", location))
        }
        (false, _) => None,
    }
}

const READINESS: &str = "/readyz";
const LIVENESS: &str = "/healthz";
const ROUTES: &str = "/healthz/routes";
const BUILD: &str = "/healthz/build";

fn not_allowed(request: &Request) -> Answer {
    let message = format!("405 {} method not allowed", request.method());
    Answer::message(405, message).with("Allow", "GET, HEAD")
}

/// Whether a request is for one of the gateway's own endpoints.
pub(super) fn is_own(core: &Core, request: &Request) -> bool {
    is_endpoint(core, request, request.bytes(request.canonical))
}

fn is_endpoint(core: &Core, request: &Request, path: &[u8]) -> bool {
    let settings = &core.settings;
    (path == READINESS.as_bytes() && settings.readiness_enabled)
        || (path == LIVENESS.as_bytes() && settings.liveness_enabled)
        || (settings.route_health_enabled
            && path == ROUTES.as_bytes()
            && is_for_operators(core, request))
        || (settings.build_info_enabled
            && path == BUILD.as_bytes()
            && is_for_operators(core, request))
}

/// `monitoring.host`: the endpoint is as if absent on other hosts.
fn is_for_operators(core: &Core, request: &Request) -> bool {
    let host = core.settings.monitoring_host.as_ref();
    let port = request.port().unwrap_or(80);
    host.is_none_or(|host| host.fits(request.bytes(request.host), port))
}

fn document(core: &Core, path: &str) -> Answer {
    match path {
        BUILD => build(core.revision, core.live.borrow().hash()),
        ROUTES => routes(core),
        path => health(core, path == READINESS),
    }
}

/// RT-OBS-8
fn build(revision: &str, overlay: &str) -> Answer {
    let version = crate::VERSION;
    Answer::json(
        200,
        format!(
            "{{\"name\":\"Service Gateway\",\"version\":\"{version}\",\
             \"revision\":\"{revision}\",\"overlay\":\"{overlay}\"}}\n"
        ),
    )
}

/// RT-OBS-3 to -6
fn routes(core: &Core) -> Answer {
    let word = |healthy: bool| if healthy { "healthy" } else { "unhealthy" };
    let mut all_healthy = true;
    let mut rows = Vec::new();
    let live = core.live.borrow();
    for (name, cause) in upstream::report(&live.backends, |index| live.is_enabled(index)) {
        let healthy = cause.is_none();
        all_healthy &= healthy;
        let error = match cause {
            None => String::new(),
            Some(cause) if core.settings.route_health_errors => format!("Error: {cause}"),
            Some(_) => "Route healthcheck errors disabled".to_owned(),
        };
        let (name, error) = (escaped_json(&name), escaped_json(&error));
        let status = word(healthy);
        rows.push(format!(
            "{{\"name\":\"{name}\",\"status\":\"{status}\",\"error\":\"{error}\"}}"
        ));
    }
    let (status, rows) = (word(all_healthy), rows.join(","));
    Answer::json(
        200,
        format!("{{\"status\":\"{status}\",\"routes\":[{rows}]}}\n"),
    )
}

/// RT-OBS-1, RT-OBS-2
fn health(core: &Core, readiness: bool) -> Answer {
    let (code, status) = match core.lifecycle.phase() {
        // After a takeover the address is ready: another process serves it.
        Phase::HandedOver | Phase::Running => (200, "running"),
        Phase::Starting if readiness => (503, "starting"),
        Phase::Announced | Phase::Draining if readiness => (503, "draining"),
        Phase::Announced | Phase::Draining | Phase::Starting => (200, "running"),
    };
    let document =
        format!("{{\"name\":\"Service Gateway\",\"status\":\"{status}\",\"error\":\"\"}}\n");
    Answer::json(code, document)
}
