//! What an image carries of a specification compiles to the same gateway, and holds no secret.

#![allow(
    clippy::disallowed_methods,
    reason = "a test reads its files; failing is its answer"
)]

use goma_compiler::archive::Archive;
use goma_compiler::diag::render::human;
use goma_compiler::source::SourceMap;
use goma_compiler::{Options, Output, archive, check, compile};

/// None: it has errors.
fn archived(text: &str) -> Option<(Output, Archive)> {
    let mut sources = SourceMap::new();
    sources.add("goma.yaml", text);
    let output = compile(&sources, &options()).output?;
    let archive = archive(&sources, &options(), &output);
    Some((output, archive))
}

fn options() -> Options {
    Options {
        env: [("NAME".to_owned(), "orders".to_owned())].into(),
        ..Options::default()
    }
}

/// Routes, chains, places: a plan has all of them.
#[test]
fn an_archive_compiles_to_the_same_gateway() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/..");
    let examples = ["quickstart", "shop"].map(|name| format!("{root}/specs/{name}/goma.yaml"));
    let tests = std::fs::read_dir(format!("{root}/tests/specs")).unwrap();
    let tests = tests.map(|entry| entry.unwrap().path().to_string_lossy().into_owned());
    let mut same = 0;
    for path in tests.chain(examples).filter(|path| path.ends_with(".yaml")) {
        let text = std::fs::read_to_string(&path).unwrap();
        let Some((before, archive)) = archived(&text) else {
            continue;
        };
        let read = Archive::read(&archive.text()).unwrap();
        assert_eq!(read, archive);
        let sources = read.sources();
        let after = compile(&sources, &options());
        let findings = human(&after.diagnostics, &sources, false);
        let after = after.output.unwrap_or_else(|| panic!("{path}: {findings}"));
        assert_eq!(after.plan.routes, before.plan.routes, "{path}");
        assert_eq!(after.plan.chains, before.plan.chains, "{path}");
        if !archive.text().contains("GOMA_WITHHELD") {
            assert_eq!(after.plan, before.plan, "{path}");
            same += 1;
        }
    }
    assert!(same > 2, "{same}");
}

/// RT-CLI-10, C-ENV-8
#[test]
fn no_secret_and_no_comment_is_archived() {
    let text = "\
# hunter0 was the password
version: 2
gateway:
  routes:
    - name: ${NAME}
      path: /a # hunter1
      target: http://127.0.0.1:1
      middlewares: [a, b, c]
middlewares:
  - name: a
    type: basicAuth
    rule:
      users: [ { username: x, password: \"hunter2
          and more\" }, { username: y, password: hunter3 } ]
  - name: b
    type: basicAuth
    rule:
      users:
        - \"x:hunter4\"
        - y:${PASSWORD}
  - name: c
    type: basicAuth
    rule:
      users:
        - username: x
          password: |-  # hunter5
            hunter6

            hunter7
        - username: y
          password: ${OTHER:-hunter8}
";
    let (_, archive) = archived(text).unwrap();
    let published = archive.text();
    assert!(!published.contains("hunter"), "{published}");
    assert_eq!(archive.env["NAME"], "orders");
    // Their names are none, and whoever runs the gateway needs them.
    assert!(archive.values["PASSWORD"]);
    assert!(!archive.values["OTHER"]);
    let sources = archive.sources();
    let after = check(&sources, &options());
    let findings = human(&after.diagnostics, &sources, false);
    let model = after
        .model
        .unwrap_or_else(|| panic!("{findings}\n{published}"));
    assert_eq!(model.middlewares.len(), 3);
    let main = sources.main().unwrap();
    assert_eq!(sources.line(main, 5), "    - name: ${NAME}");
    assert_eq!(sources.text(main).lines().count(), text.lines().count());
}

#[test]
fn other_texts_are_no_archives() {
    let check = |text: &str, expected: &str| {
        let why = Archive::read(text).unwrap_err().to_string();
        assert!(why.starts_with(expected), "{why}");
    };
    check("{}", "it is no archive: ");
    let (_, archive) = archived(
        "version: 2\ngateway: { routes: [{ name: all, path: /, target: \"http://127.0.0.1:1\" }] }\n",
    )
    .unwrap();
    let text = archive.text();
    check(
        &text.replace("\"format\": 1", "\"format\": 2"),
        "its format 2",
    );
    check(
        &text.replace("\"main\"", "\"extra\""),
        "it has no main file",
    );
}
