//! A gateway that runs, asked what its tests say.

use std::fs;
use std::path::Path;
use std::process::Output;

use goma_tests::{Backend, Gateway};
use serde_json::Value;

use super::distribution::Registry;
use super::registry::{fails, run};
use super::{digest, expect, json, replace_manifest, revision, scratch};

const SPEC: &str = "\
version: 2
gateway:
  entryPoints:
    web: { address: \"${LISTEN:-:8080}\" }
  monitoring: { enableBuildInfo: true, host: ops.test }
  routes:
    - { name: site, path: /, target: \"${A:-http://127.0.0.1:1}\", middlewares: [marked] }
    - { name: old, path: /old, target: \"${A:-http://127.0.0.1:1}\", middlewares: [moved] }
    - { name: admin, path: /admin, target: \"${A:-http://127.0.0.1:1}\", middlewares: [login] }
middlewares:
  - { name: marked, type: responseHeaders, rule: { setHeaders: { X-Route: \"{route.name}\" } } }
  - { name: moved, type: redirect, rule: { url: /new } }
  - { name: login, type: basicAuth, rule: { users: [\"ann:${PASSWORD}\"] } }
";

/// All of this is so.
const RIGHT: &str = "
  - name: a body
    request: { method: POST, url: \"http://shop.test/x?a=b\", body: some, headers: { X-Y: z } }
    expect:
      route: site
      status: 201
      headers: { X-Route: site, X-Two: b, X-None: \"\" }
      body: \"~/x\\\\?a=b so.e\"
  - name: a redirect
    request: { url: \"http://shop.test/old\" }
    expect: { status: 302, headers: { Location: /new }, chain: [moved] }
  - name: nobody is let in
    request: { url: \"http://shop.test/admin\" }
    expect: { status: 401, upstream: none }
  - name: the right one is
    request: { url: \"http://shop.test/admin\", headers: { Authorization: \"Basic YW5uOmh1bnRlcjI=\" } }
    expect: { status: 201 }
  - name: the gateway itself
    request: { url: \"http://ops.test/healthz/build\" }
    expect: { status: 200, route: none, body: ~(?s).*\"revision\".* }
  - name: what cannot be steered
    request: { url: \"http://shop.test/x\", ip: 192.0.2.1 }
    backend: { down: true }
    expect: { status: 502 }
";

/// What is asked, what is not so, and why.
const WRONG: [(&str, &str, &str); 8] = [
    ("/x", "status: 200", "the gateway answers 201"),
    ("/x", "body: other", "the body is `/x `, not `other`"),
    (
        "/x",
        "headers: { X-Two: c }",
        "`x-two` is `a`, `b`, not `c`",
    ),
    ("/x", "headers: { X-Two: \"\" }", "is `a`, `b`, not"),
    (
        "/x",
        "headers: { X-Three: c }",
        "the answer has no `x-three`",
    ),
    ("/admin", "headers: { Location: /new }", "the answer has no"),
    ("/x", "route: old", "route `site` answers, not `old`"),
    ("/a/../x", "status: 201", "cannot be sent as it stands"),
];

fn started(dir: &Path, backend: &Backend) -> Gateway {
    let variables = [("A", backend.url()), ("PASSWORD", "hunter2".to_owned())];
    let variables = variables
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    Gateway::start_binary(&dir.join("dist/gateway"), &variables)
}

/// Says what it was asked.
fn echo() -> Backend {
    Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let body = format!(
                "{} {}",
                request.target(),
                String::from_utf8_lossy(&request.body)
            );
            let length = body.len();
            connection.send(format!(
                "HTTP/1.1 201 Created\r\nX-Two: a\r\nX-Two: b\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
        }
    })
}

/// RT-TEST-1: what only a running gateway can tell.
#[test]
fn tests_ask_what_runs() {
    let dir = scratch("asked", SPEC);
    expect(&run(&dir, &["build", "--fast", "--report"]));
    holds(&json(&dir.join("dist/size.json")));
    let backend = echo();
    let gateway = started(&dir, &backend);
    let url = format!("http://127.0.0.1:{}", gateway.port());
    let tests = |text: &str| -> Output {
        fs::write(dir.join("goma.test.yaml"), format!("tests:\n{text}")).unwrap();
        run(&dir, &["test", "--live", &url, "--format", "json"])
    };
    let text = expect(&tests(RIGHT));
    assert_eq!(
        results(&text),
        ["passed", "passed", "passed", "passed", "passed", "skipped"],
        "{text}"
    );
    assert_eq!(backend.requests().len(), 2);
    assert_eq!(backend.request(0).fields("host"), ["shop.test"]);
    assert_eq!(backend.request(0).fields("x-y"), ["z"]);

    for (request, expected, why) in WRONG {
        let test = format!(
            "  - {{ request: {{ url: \"http://shop.test{request}\" }}, expect: {{ {expected} }} }}\n"
        );
        let text = fails(&tests(&test)).to_lowercase();
        assert!(text.contains(&why.to_lowercase()), "{expected}: {text}");
    }
    drop(gateway);
    let text = fails(&tests(
        "  - { request: { url: \"http://h/x\" }, expect: { status: 201 } }\n",
    ));
    assert!(text.contains("the gateway cannot be asked"), "{text}");
}

/// What a report says of the features that were turned on by these keys, and of chains.
fn holds(report: &Value) {
    let features = report["features"].as_array().unwrap();
    let alone = |name: &str| {
        let row = features
            .iter()
            .find(|row| row["features"] == Value::from(vec![name]));
        row.unwrap_or_else(|| panic!("{name}: {report:#}"))
    };
    let tls = alone("tls");
    assert!(tls["bytes"].as_u64() > Some(300_000), "{tls:#}");
    let crates = tls["crates"].as_array().unwrap();
    assert!(crates.contains(&"rustls".into()), "{tls:#}");
    let first = &tls["because"][0];
    assert_eq!(first["key"], "`gateway.routes[0].target`");
    assert_eq!(first["at"], "goma.yml:7");
    let login = alone("basic-auth");
    assert!(login["bytes"].as_u64() > Some(1000), "{login:#}");
    assert_eq!(login["because"][0]["key"], "`type` of middleware `login`");

    let chains = report["chains"].as_array().unwrap();
    let bytes = |route: &str| {
        let row = chains.iter().find(|row| row["chains"][0]["route"] == route);
        row.and_then(|row| row["bytes"].as_u64()).unwrap()
    };
    assert_eq!(chains.len(), 3);
    for route in ["site", "old", "admin"] {
        assert!(bytes(route) > 100, "{route}: {chains:#?}");
    }
}

/// Of each test, in order.
fn results(text: &str) -> Vec<String> {
    let found: Value = serde_json::from_str(text).unwrap();
    let tests = found["tests"].as_array().unwrap().iter();
    tests
        .map(|test| test["result"].as_str().unwrap().to_owned())
        .collect()
}

/// RT-OBS-8, DESIGN decision 8: the image of what runs has its specification; one that only says so has not.
#[test]
fn what_runs_is_found_in_images() {
    let dir = scratch("reviewed", SPEC);
    let registry = Registry::start(&dir, "");
    let shop = registry.named("shop");
    let push = ["build", "--fast", "--image", "image", "--push", &shop];
    expect(&run(&dir, &push));
    let backend = echo();
    let gateway = started(&dir, &backend);
    let revision = revision(&dir);
    let url = format!("http://127.0.0.1:{}/healthz/build", gateway.port());
    fs::write(
        dir.join("goma.yml"),
        SPEC.replace(", middlewares: [login]", ""),
    )
    .unwrap();
    let built = expect(&run(&dir, &["build", "--fast", "--image", "next"]));
    let push = ["deploy", "--to", &format!("oci://{shop}:next"), "next"];
    expect(&run(&dir, &push));

    let diff = |other: &str, from: &[&str]| {
        let sides = ["diff", &url, other, "--host", "ops.test"];
        run(&dir, &[&sides[..], from].concat())
    };
    let (repository, next) = (format!("oci://{shop}"), format!("oci://{shop}:next"));
    for (other, from) in [
        ("goma.yml", &["--from", "image"][..]),
        ("goma.yml", &["--from", &repository]),
        // The images of one gateway are in one repository.
        (&next, &[]),
    ] {
        let text = fails(&diff(other, from));
        let opened = "exposure  /admin: basicAuth → none  admin";
        assert!(text.contains(opened), "{other} {from:?}: {text}");
    }
    let text = fails(&diff("goma.yml", &["--from", "next", "--from", &next]));
    let elsewhere = format!(
        "its specification is not found: next is {}",
        super::revision(&dir)
    );
    assert!(text.contains(&elsewhere), "{text}");

    replace_manifest(&dir.join("next"), &digest(&built), |manifest| {
        manifest["annotations"]["org.opencontainers.image.revision"] = revision.into();
    });
    let text = fails(&diff("goma.yml", &["--from", "next"]));
    assert!(
        text.contains("next is not what it says: revision: "),
        "{text}"
    );
}
