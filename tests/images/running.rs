//! A gateway that runs, asked what its tests say.

use std::fs;
use std::path::Path;
use std::process::Output;

use goma_tests::{Backend, Gateway};
use serde_json::Value;

use super::registry::{fails, run};
use super::{expect, scratch};

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
    expect(&run(&dir, &["build", "--fast"]));
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

/// Of each test, in order.
fn results(text: &str) -> Vec<String> {
    let found: Value = serde_json::from_str(text).unwrap();
    let tests = found["tests"].as_array().unwrap().iter();
    tests
        .map(|test| test["result"].as_str().unwrap().to_owned())
        .collect()
}
