//! What `goma test` tells beforehand is what the gateway does (RT-TEST-1): status, redirect, and the URL
//! and the headers that the backend gets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::net::{IpAddr, Ipv4Addr};

use goma_compiler::explain::{Request, explain};
use goma_compiler::model::Model;
use goma_compiler::source::SourceMap;
use goma_compiler::{Options, check};
use goma_tests::build::repository;

use super::Rig;

/// Method, host, target, header fields.
const REQUESTS: &[(&str, &str, &str, &[&str])] = &[
    ("GET", "h.test", "/x?y", &[]),
    ("GET", "a.test", "/", &[]),
    ("GET", "x.a.test", "/off", &[]),
    ("GET", "h.test", "/api/x", &[]),
    ("PUT", "h.test", "/api/x", &[]),
    ("GET", "h.test", "/api/deep/a%2Fb", &[]),
    ("GET", "h.test", "/a/../b", &[]),
    ("GET", "h.test", "/%00", &[]),
    ("GET", "h.test", "/x?a b", &[]),
    ("TRACE", "h.test", "/x", &[]),
    ("CONNECT", "h.test", "/x", &[]),
    ("OPTIONS", "h.test", "/x", &["Max-Forwards: 0"]),
    ("OPTIONS", "h.test", "/x", &["Max-Forwards: 7"]),
    ("GET", "h.test", "/x", &["Max-Forwards: 0"]),
    ("GET", "h.test", "/x", &["Expect: 100-continue"]),
    ("GET", "h.test", "/x", &["Expect: 200-ok"]),
    ("GET", "h.test", "/readyz", &[]),
    ("PUT", "h.test", "/readyz", &[]),
    (
        "GET",
        "h.test",
        "/m/headers",
        &["X-In: in", "X-Old: 1", "X-Int-A: 1", "Authorization: s"],
    ),
    ("GET", "h.test", "/m/headers", &["Accept: a"]),
    ("GET", "h.test", "/m/order", &[]),
    ("GET", "h.test", "/m/host", &[]),
    ("GET", "h.test", "/m/prefix/a", &[]),
    ("GET", "h.test", "/m/strip/x", &[]),
    ("GET", "h.test", "/m/card/7", &[]),
    ("GET", "h.test", "/m/scheme/x?y", &[]),
    ("GET", "h.test", "/m/auth", &[]),
    ("PUT", "h.test", "/m/auth", &[]),
    (
        "GET",
        "h.test",
        "/m/auth",
        &["Authorization: Basic cGxhaW46cDp3"],
    ),
    (
        "PUT",
        "h.test",
        "/m/auth",
        &["Authorization: Basic cGxhaW46cDp3"],
    ),
    ("GET", "h.test", "/m/access/ops/x", &[]),
    ("GET", "h.test", "/m/access/local", &[]),
    ("GET", "h.test", "/m/access/other", &[]),
    ("GET", "h.test", "/m/scope/admin", &[]),
    ("GET", "h.test", "/m/scope/tenant/a/api", &[]),
    ("GET", "h.test", "/m/redirect/x", &[]),
    ("GET", "h.test", "/m/old/x?y", &[]),
    ("GET", "r2.test", "/a/b", &[]),
    ("GET", "w1.test", "/shop/7", &[]),
];

fn model() -> Model {
    let mut sources = SourceMap::new();
    let spec = repository().join("tests/specs/main.yaml");
    sources.add("main.yaml", std::fs::read(spec).unwrap());
    check(&sources, &Options::default()).model.unwrap()
}

#[test]
fn what_is_told_beforehand_happens() {
    let (rig, model) = (Rig::new(), model());
    for (method, host, target, fields) in REQUESTS {
        let mut request = Request::parse(method, &format!("http://{host}{target}")).unwrap();
        request = request.sent_by(IpAddr::V4(Ipv4Addr::LOCALHOST));
        for field in *fields {
            request = request.with_field(field).unwrap();
        }
        let explanation = explain(&model, &request);
        let told = explanation.outcome();

        let before = rig.backend.requests().len();
        let fields: String = fields.iter().map(|field| format!("{field}\r\n")).collect();
        let bytes = format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n");
        let response = rig.gateway.connect().send(bytes).response_to(method);
        let asked = rig.backend.requests();
        let name = format!("{method} {host}{target} {fields:?}");

        let Some(upstream) = told.upstream else {
            assert_eq!(asked.len(), before, "{name}: the backend was asked");
            assert_eq!(told.status, Some(response.status), "{name}");
            assert_eq!(
                told.location,
                response.field("location").as_deref(),
                "{name}"
            );
            continue;
        };
        assert_eq!(asked.len(), before + 1, "{name}: {}", response.status);
        let asked = &asked[before];
        assert_eq!(upstream.url, format!("${{A}}{}", asked.target()), "{name}");
        for field in &upstream.fields {
            let Some(values) = &field.values else {
                continue;
            };
            assert_eq!(asked.fields(&field.name), *values, "{name}: {}", field.name);
        }
    }
}
