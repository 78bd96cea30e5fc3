//! What findings look like: a handful of whole reports.

use goma_compiler::source::SourceMap;
use goma_compiler::{Options, check, diag};

fn human(text: &str) -> String {
    let mut sources = SourceMap::new();
    sources.add("goma.yml", text);
    diag::render::human(
        &check(&sources, &Options::default()).diagnostics,
        &sources,
        false,
    )
}

#[test]
fn suggestion() {
    let text = "version: 2\ngateway:\n  routes:\n    - name: a\n      path: /\n      target: http://a\n      middlewares: [ jwt-mian ]\nmiddlewares:\n  - {name: jwt-main, type: bodyLimit, rule: {limit: 1Mi}} # goma:allow unused-middleware\n";
    insta::assert_snapshot!(human(text));
}

#[test]
fn second_place_and_fault_beside_fault() {
    let text = "version: 2\ngateway:\n  log: {levle: info}\n  routes:\n    - name: first\n      path: /x\n      target: http://a\n    - name: second\n      path: /x/\n      target: ftp://a\n";
    insta::assert_snapshot!(human(text));
}

#[test]
fn masked_secret() {
    let text = "version: 2\ngateway:\n  routes:\n    - {name: a, path: /, target: \"http://a\", middlewares: [m]}\nmiddlewares:\n  - name: m\n    type: basicAuth\n    rule:\n      users: [{username: ada, password: hunter2, role: x}]\n";
    insta::assert_snapshot!(human(text));
}

#[test]
fn masked_secret_in_a_broken_file() {
    insta::assert_snapshot!(human("version: 2\npassword: \"hunter2\n"));
    insta::assert_snapshot!(human("version: 2\nrule: {password: hunter2, x: [}\n"));
}

#[test]
fn wide_and_odd_characters() {
    let text = "version: 2\ngateway:\n\u{20}\u{20}routes:\n    - {\"name\": \"é\u{202e}\t\", path: /, target: \"http://a\"}\n";
    insta::assert_snapshot!(human(text));
}

#[test]
fn long_line() {
    let text = format!(
        "version: 2\ngateway: {{routes: [{{name: a, path: /, x-{}: 1, target: \"http://a\"}}]}}\n",
        "y".repeat(300)
    );
    insta::assert_snapshot!(human(&text));
}

#[test]
fn machine_readable() {
    let mut sources = SourceMap::new();
    sources.add("goma.yml", "version: 2\ngatway: {}\n");
    let findings = check(&sources, &Options::default()).diagnostics;
    insta::assert_snapshot!(diag::render::json(&findings, &sources));
    insta::assert_snapshot!("sarif", diag::render::sarif(&findings, &sources));
    insta::assert_snapshot!("github", diag::render::github(&findings, &sources));
}
