//! Cases, and what is said of them (RT-TEST-1).

use std::collections::BTreeMap;

use super::{read, run};
use crate::diag::Diagnostics;
use crate::source::SourceMap;
use crate::{Options, check};

const SPEC: &str = "\
version: 2
gateway:
  routes:
    - { name: site, path: /, target: 'http://10.0.0.7', middlewares: [headers] }
    - { name: api, path: /api, rewrite: /v1, methods: [GET], target: 'http://10.0.0.8', middlewares: [gate, login] }
    - { name: office, path: /office, target: 'http://10.0.0.9', middlewares: [lan] }
    - { name: old, path: /old, target: 'http://10.0.0.9', middlewares: [moved] }
    - { name: shut, path: /shut, target: 'http://10.0.0.9', maintenance: { enabled: true }, middlewares: [login] }
    - { name: cross, path: /cross, target: 'http://10.0.0.9', middlewares: [cors] }
    - { name: off, path: /off, enabled: false, target: 'http://10.0.0.9' }
middlewares:
  - { name: headers, type: requestHeaders, rule: { setHeaders: { X-Env: prod, X-Who: '{client.ip}', X-Id: '{request.id}', X-Ask: '{request.header.X-In}', X-Api-Key: k3y, Host: b.test }, removeHeaders: ['X-Internal-*'], addHeaders: { X-In: more } } }
  - { name: gate, type: access, paths: [/admin], rule: { statusCode: 403 } }
  - { name: login, type: basicAuth, rule: { users: ['ada:${PASSWORD}'] } }
  - { name: lan, type: ipAllowList, rule: { sourceRange: [10.0.0.0/8] } }
  - { name: moved, type: redirect, rule: { url: 'https://new.test', preservePath: true, permanent: true } }
  - { name: cors, type: responseHeaders, rule: { cors: { enabled: true, origins: ['https://a.test'] } } }
";

/// What is said of a file of tests: findings, skipped tests and counts.
fn said(tests: &str) -> String {
    let mut sources = SourceMap::new();
    sources.add("goma.yml", SPEC);
    let checked = check(&sources, &Options::default());
    let model = checked
        .model
        .unwrap_or_else(|| panic!("{:?}", checked.diagnostics.summary(&sources)));
    let file = sources.add("t.test.yaml", tests);
    let mut found = Diagnostics::new();
    let suite = read(&model, &sources, &[file], &BTreeMap::new(), &mut found);
    let mut text = String::new();
    let mut summary = String::new();
    if !found.has_errors() {
        let report = run(&model, &suite, None);
        found.extend(report.findings());
        summary = report.summary(&sources);
        summary.retain(|c| c != '\r');
        let is_of_tests = |line: &&str| !line.starts_with("no test");
        summary = summary
            .lines()
            .filter(is_of_tests)
            .collect::<Vec<_>>()
            .join("\n");
    }
    for finding in &found {
        let at = sources.locate(finding.span);
        text.push_str(&format!(
            "{}:{} {}: {}",
            at.line, at.column, finding.code, finding.message
        ));
        finding
            .help
            .iter()
            .for_each(|help| text.push_str(&format!(" ({help})")));
        text.push('\n');
    }
    text + summary.split("; ").next().unwrap_or_default()
}

/// One case in flow style: the request, what is expected, and what is said of it.
#[track_caller]
fn case(request: &str, expect: &str, expected: &str) {
    let tests = format!("tests:\n- {{name: t, request: {{{request}}}, expect: {{{expect}}}}}\n");
    let said = said(&tests);
    let said: Vec<&str> = said.lines().collect();
    let said = match said.as_slice() {
        ["1 passed, 0 failed, 0 skipped"] => "passed".to_owned(),
        [first, .., _] => {
            let (_, message) = first
                .split_once(": t: ")
                .or(first.split_once("t.test.yaml:2  "))
                .unwrap_or(("", first));
            message.to_owned()
        }
        [only] => (*only).to_owned(),
        [] => String::new(),
    };
    assert_eq!(said, expected, "{request} | {expect}");
}

#[test]
fn what_is_right_passes() {
    let pass = |request: &str, expect: &str| case(request, expect, "passed");
    pass(
        "url: 'http://a/x'",
        "route: site, chain: [headers], upstream: {url: 'http://10.0.0.7/x'}",
    );
    pass("url: 'http://a/x'", "upstream: {host: b.test}");
    pass(
        "url: 'http://a/x', ip: 192.0.2.1",
        "upstream: {headers: {x-env: prod, X-Who: 192.0.2.1}}",
    );
    pass(
        "url: 'http://a/x', headers: {X-In: sent}",
        "upstream: {headers: {X-Ask: sent, X-In: '~mo.*'}}",
    );
    pass(
        "url: 'http://a/x', headers: {X-Internal-A: 1}",
        "upstream: {headers: {X-Internal-A: ''}}",
    );
    pass(
        "url: 'http://a/api/x'",
        "status: 401, chain: [login], upstream: none",
    );
    pass(
        "url: 'http://a/api/x', method: PUT",
        "status: 401, route: api",
    );
    pass(
        "url: 'http://a/api/x', method: PUT, headers: {Authorization: Basic eA==}",
        "status: 405",
    );
    pass(
        "url: 'http://a/api/x', headers: {Authorization: Basic eA==}",
        "upstream: {url: 'http://10.0.0.8/v1/x'}, chain: [login]",
    );
    pass("url: 'http://a/api/admin/x'", "status: 403, chain: [gate]");
    pass(
        "url: 'http://a/office', ip: 10.1.1.1",
        "upstream: {url: '~http://10.*'}, chain: [lan]",
    );
    pass(
        "url: 'http://a/office', ip: 192.0.2.1",
        "status: 4xx, upstream: none",
    );
    pass(
        "url: 'http://a/old/x?y'",
        "status: 301, headers: {location: 'https://new.test/old/x'}",
    );
    pass(
        "url: 'http://a/shut'",
        "status: 503, route: shut, chain: []",
    );
    pass("url: 'http://a/off'", "route: site");
    pass("url: 'http://a/%00'", "status: 400, route: none");
    pass(
        "url: 'http://a/healthz'",
        "status: 200, route: none, upstream: none",
    );
}

#[test]
fn what_is_wrong_says_what_is() {
    case(
        "url: 'http://a/x'",
        "route: api",
        "route `site` answers, not `api`",
    );
    case(
        "url: 'http://a/%00'",
        "route: api",
        "no route answers: the path has a character that must be escaped (RT-PATH-5)",
    );
    case(
        "url: 'http://a/x'",
        "route: none",
        "route `site` answers, not the gateway itself",
    );
    case(
        "url: 'http://a/api'",
        "status: 403",
        "the answer is 401, not 403: `login` asks for credentials",
    );
    case(
        "url: 'http://a/x'",
        "status: 401-403",
        "the request goes to the backend, and is not answered with 401-403",
    );
    case(
        "url: 'http://a/api/admin'",
        "chain: [gate, login]",
        "what acts is `gate` (`login`: not reached, an earlier one answers)",
    );
    case("url: 'http://a/x'", "chain: []", "what acts is `headers`");
    case(
        "url: 'http://a/x'",
        "chain: [headers, lan]",
        "what acts is `headers` (`lan` is not on route `site`)",
    );
}

#[test]
fn what_is_wrong_at_the_backend() {
    case(
        "url: 'http://a/x'",
        "upstream: {headers: {X-Api-Key: other}}",
        "`X-Api-Key` is something else",
    );
    case(
        "url: 'http://a/x'",
        "upstream: none",
        "the request goes to `http://10.0.0.7/x`",
    );
    case(
        "url: 'http://a/x'",
        "upstream: {url: 'http://10.0.0.8'}",
        "the backend gets `http://10.0.0.7/x`, not `http://10.0.0.8`",
    );
    case(
        "url: 'http://a/x'",
        "upstream: {url: '~http://10.0.0.7'}",
        "the backend gets `http://10.0.0.7/x`, not a match of `http://10.0.0.7`",
    );
    case(
        "url: 'http://a/api'",
        "upstream: {url: x}",
        "no backend is asked: 401, `login` asks for credentials",
    );
    case(
        "url: 'http://a/x'",
        "upstream: {headers: {X-Env: test}}",
        "`X-Env` is `prod`, not `test`",
    );
    case(
        "url: 'http://a/x'",
        "upstream: {headers: {X-Env: ''}}",
        "`X-Env` is `prod`, not absent",
    );
    case(
        "url: 'http://a/office'",
        "upstream: none",
        "`lan` decides by the client's address, which the request does not say (write `request: {…, ip: 192.0.2.1}`)",
    );
    case(
        "url: 'http://a/api'",
        "headers: {Location: /x}",
        "no redirect: `login` asks for credentials",
    );
}

/// What only a running gateway can tell is no success.
#[test]
fn what_cannot_be_told_is_skipped() {
    let live = |request: &str, expect: &str, what: &str| {
        case(request, expect, &format!("needs a running gateway: {what}"));
    };
    live(
        "url: 'http://a/x'",
        "status: 200",
        "`expect.status` of the backend",
    );
    live("url: 'http://a/x'", "body: hello", "`expect.body`");
    live(
        "url: 'http://a/x', body: a",
        "route: site",
        "`request.body`",
    );
    live(
        "url: 'http://a/x'",
        "headers: {X-A: b}",
        "`expect.headers.X-A`",
    );
    live(
        "url: 'http://a/x'",
        "upstream: {headers: {X-Id: '~.+'}}",
        "`expect.upstream.headers.X-Id`",
    );
    live(
        "url: 'http://a/x'",
        "upstream: {headers: {Accept: '*/*'}}",
        "`expect.upstream.headers.Accept`",
    );
    live(
        "method: OPTIONS, url: 'http://a/cross', headers: {Origin: 'https://a.test', Access-Control-Request-Method: PUT}",
        "status: 204",
        "`cors` and the CORS preflight",
    );
    // What can be told is wrong all the same.
    case(
        "url: 'http://a/x', body: a",
        "route: api",
        "route `site` answers, not `api`",
    );
}

#[test]
fn faults_of_the_file_are_findings() {
    let mut wrong = Vec::new();
    let mut check = |tests: &str, expected: &str| {
        let said = said(tests);
        if said.trim_end() != expected {
            wrong.push(format!("{tests}\n{said}"));
        }
    };
    check(
        "tests:\n- {request: {url: http://a/}, expect: {route: sit}}",
        "2:47 undefined-name: route `sit` is not defined (did you mean `site`?)",
    );
    check(
        "tests:\n- {request: {url: http://a/}, expect: {chain: [gat]}}",
        "2:48 undefined-name: middleware `gat` is not defined (did you mean `gate`?)",
    );
    check(
        "tests:\n- {request: {url: http://a/}, expect: {statsu: 200}}",
        "2:40 unknown-key: unknown key `statsu` in `tests[0].expect` (did you mean `status`?)",
    );
    check(
        "tests:\n- {request: {url: http://a/}, expect: {status: 700}}",
        "2:48 out-of-range: a status code is 100 to 599",
    );
    check(
        "tests:\n- {request: {url: /x}, expect: {}}",
        "2:19 bad-url: `/x` is not a URL; write `http://host/path`",
    );
    check(
        "tests:\n- {request: {url: http://a/, headers: {Host: b}}, expect: {}}",
        "2:40 bad-value: the host stands in the URL",
    );
    check(
        "tests:\n- {request: {url: http://a/, method: 'G T'}, expect: {}}",
        "2:38 bad-method: `G T` is not a method",
    );
    check(
        "tests:\n- {request: {url: http://a/, ip: here}, expect: {}}",
        "2:34 bad-address: `here` is not an IP address",
    );
    check(
        "tests:\n- {request: {url: http://a/}}",
        "2:4 missing-key: `expect` is missing in `tests[0]` (`expect`: What must become of it.)",
    );
    check(
        "tests:\n- {request: {url: http://a/}, expect: {upstream: {url: '~('}}}",
        "2:56 bad-regex: `(` is not a regular expression",
    );
    check(
        "tests:\n- {request: {url: http://a/}, expect: {upstream: http://a}}",
        "2:50 type-mismatch: expected a mapping with `url`, or `none` (write `upstream: {url: \"http://…\"}`)",
    );
    check(
        "test: []",
        "1:1 unknown-key: unknown key `test` at the top level (did you mean `tests`?)",
    );
    check("tests: [", "1:8 yaml-syntax: unclosed bracket '['");
    check("", "0 passed, 0 failed, 0 skipped");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
