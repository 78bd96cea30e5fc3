//! End-to-end: a gateway built by `goma build` from tests/specs/main.yaml, between a raw client and a
//! scripted backend. Each test names the rules it proves.

mod abuse;
mod basic_auth;
mod edge;
mod encrypted;
mod faults;
mod headers;
mod hold;
mod http;
mod http2;
mod interceptor;
mod log;
mod middlewares;
mod paths;
mod policies;
mod process;
mod recorder;
mod routing;
mod smuggling;
mod streams;
mod targets;
mod upgrade;

mod upstream;

use goma_tests::{Backend, Gateway, Response};

/// A gateway in front of one backend.
struct Rig {
    gateway: Gateway,
    backend: Backend,
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
        Self { gateway, backend }
    }

    /// Sends one request on a connection of its own.
    fn ask(&self, request: &str) -> Response {
        let method = request.split(' ').next().unwrap_or_default();
        self.gateway.connect().send(request).response_to(method)
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
