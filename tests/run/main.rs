//! End-to-end: a gateway built by `goma build` from tests/specs/main.yaml, between a raw client and a
//! scripted backend. Each test names the rules it proves. What [`Rig::ask`] asks over HTTP/1.1, a twin of
//! the gateway is asked over HTTP/2, with the same outcome.

mod abuse;
mod backend_http2;
mod balance;
mod basic_auth;
mod circuits;
mod diff;
mod dns;
mod edge;
mod encrypted;
mod endings;
mod events;
mod expectations;
mod faults;
mod headers;
mod health;
mod hold;
mod http;
mod http2;
mod interceptor;
mod limits;
mod log;
mod log_file;
mod middlewares;
mod overlay;
mod passing;
mod paths;
mod places;
mod policies;
mod process;
mod recorder;
mod renewal;
mod retries;
mod routing;
mod smuggling;
mod sockets;
mod streams;
mod takeover;
mod targets;
mod tls;
mod upgrade;
mod upstream;
mod websockets;

use std::cell::OnceCell;

use goma_tests::backend::Recorded;
use goma_tests::twin::translated;
use goma_tests::{Backend, Gateway, Response, Twin};

/// Requests below a path that have reached a backend, which checks of other routes reach too.
fn served(backend: &Backend, path: &str) -> Vec<Recorded> {
    let requests = backend.requests().into_iter();
    requests
        .filter(|request| request.target().starts_with(path))
        .collect()
}

/// A gateway in front of one backend.
struct Rig {
    gateway: Gateway,
    backend: Backend,
    /// The specification and the environment of its twin, if it is to have one.
    setting: Option<(String, Vec<(String, String)>)>,
    /// Started with the first request that it can be asked too.
    twin: OnceCell<Twin>,
}

impl Rig {
    fn new() -> Self {
        Self::with(Backend::ok(), &[])
    }

    fn with(backend: Backend, env: &[(&str, &str)]) -> Self {
        Self::of("main", backend, env)
    }

    /// With the gateway of another file of tests/specs.
    fn of(spec: &str, backend: Backend, env: &[(&str, &str)]) -> Self {
        let url = backend.url();
        let mut all = vec![("A", url.as_str())];
        all.extend_from_slice(env);
        let gateway = Gateway::start(spec, &all);
        let env = env
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        Self {
            gateway,
            backend,
            setting: Some((spec.to_owned(), env.collect())),
            twin: OnceCell::new(),
        }
    }

    /// Without a twin: what it is asked has an effect that the twin's backend does not see.
    fn alone(self) -> Self {
        Self {
            setting: None,
            ..self
        }
    }

    /// Sends one request on a connection of its own; over HTTP/2, if it can be sent there, to a twin.
    fn ask(&self, request: &str) -> Response {
        let before = self.count();
        let method = request.split(' ').next().unwrap_or_default();
        let response = self.gateway.connect().send(request).response_to(method);
        if let (Some((spec, env)), Some(translated)) = (&self.setting, translated(request)) {
            let twin = self.twin.get_or_init(|| Twin::of(spec, &self.backend, env));
            let seen = self.backend.requests();
            let seen = seen.get(before..).unwrap_or_default();
            twin.agrees(request, translated, (&response, &self.backend, seen));
        }
        response
    }

    /// GET with these further lines, each ended by CRLF.
    fn get(&self, target: &str, lines: &str) -> Response {
        self.ask(&format!(
            "GET {target} HTTP/1.1\r\nHost: h.test\r\n{lines}\r\n"
        ))
    }

    /// How many requests have reached the backend.
    fn count(&self) -> usize {
        self.backend.requests().len()
    }
}
