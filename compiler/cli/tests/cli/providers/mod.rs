//! Providers of bundles, against real counterparts: HTTP and HTTPS servers on loopback, `git
//! http-backend` behind TLS, and sshd.

mod git;
mod http;
pub(crate) mod server;

use std::path::Path;
use std::process::Output;

use crate::{dir, expect, goma, run_in};

/// A bundle with one route.
pub(super) fn bundle(route: &str) -> String {
    format!("routes:\n  - {{ name: {route}, path: /{route}, target: 'http://10.0.0.1' }}\n")
}

/// A main file with these providers, in flow style.
pub(super) fn main_file(providers: &str) -> String {
    format!(
        "version: 2\ngateway:\n  providers: {providers}\n  routes:\n    - {{ name: site, path: /, target: 'http://127.0.0.1:9090' }}\n"
    )
}

/// Runs goma with variables.
pub(super) fn run_with(dir: &Path, args: &[&str], variables: &[(&str, &str)]) -> Output {
    goma()
        .args(args)
        .current_dir(dir)
        .envs(variables.iter().copied())
        .output()
        .unwrap()
}

/// Config.md 6.11 and 14: bundles of a directory, YAML and JSON, in lexical order.
#[test]
fn the_file_provider() {
    let main = main_file("{ file: { enabled: true, directory: bundles, debounce: 1s } }");
    let json = "{\n\t\"routes\": [\n\t\t{\"name\": \"j\", \"path\": \"/j\", \"target\": \"http://10.0.0.1\"}\n\t],\n\t\"metadata\": {\"rev\": 3}\n}\n";
    let (a, z) = (bundle("a"), bundle("z"));
    let files = [
        ("goma.yml", main.as_str()),
        ("bundles/z/z.yml", &z),
        ("bundles/a.yaml", &a),
        ("bundles/j.json", json),
        ("bundles/.git/x.yml", "not: read\n"),
        ("bundles/README.md", "not read"),
    ];
    let dir = dir(&files);
    let text = expect(&run_in(dir.path(), &["check"]), 0);
    assert!(
        text.contains("note[serve-only]: `debounce` acts only under"),
        "{text}"
    );
    for route in ["a", "j", "z"] {
        let url = format!("http://h/{route}");
        let text = expect(&run_in(dir.path(), &["explain", "GET", &url]), 0);
        assert!(text.contains(&format!("route     {route} ")), "{text}");
    }
    expect(&run_in(dir.path(), &["lock"]), 0);
    let lock = std::fs::read_to_string(dir.path().join("goma.lock")).unwrap();
    assert!(
        lock.contains("kind = \"file\"\nsource = \"bundles/a.yaml\"\n"),
        "{lock}"
    );

    // Two sources may not define one name (config.md 15), and a bundle has no `gateway`.
    std::fs::write(
        dir.path().join("bundles/site.yml"),
        bundle("site") + "gateway: {}\n",
    )
    .unwrap();
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(
        text.contains("error[duplicate-name]") && text.contains("error[unknown-key]"),
        "{text}"
    );

    std::fs::remove_dir_all(dir.path().join("bundles")).unwrap();
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(
        text.contains("error[provider-failed]: `bundles` does not exist"),
        "{text}"
    );
    assert!(text.contains("--> goma.yml:3:50"), "{text}");
}

/// Config.md section 4: variables of the tool win over the file.
#[test]
fn the_file_provider_by_variables() {
    let main = main_file("{}");
    let a = bundle("a");
    let dir = dir(&[("goma.yml", main.as_str()), ("other/a.yml", &a)]);
    let check = |enabled: &str| {
        let variables = [
            ("GOMA_FILE_PROVIDER_ENABLED", enabled),
            ("GOMA_FILE_PROVIDER_DIRECTORY", "other"),
        ];
        run_with(dir.path(), &["explain", "GET", "http://h/a"], &variables)
    };
    assert!(expect(&check("true"), 0).contains("route     a "));
    assert!(expect(&check("F"), 0).contains("route     site "));
    assert!(expect(&check("yes"), 1).contains("error[bad-value]"));
}

/// Runtime.md 22: `goma config keygen` and `sign`, then C-SIGN-1 as the compiler sees it.
#[test]
fn keys_and_signatures() {
    let text = bundle("a");
    let dir = dir(&[("b.yml", text.as_str())]);
    let made = expect(&run_in(dir.path(), &["config", "keygen", "-o", "key"]), 0);
    let public = made.trim().strip_prefix("public key  ").unwrap().to_owned();
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &std::fs::metadata(dir.path().join("key"))
            .unwrap()
            .permissions(),
    );
    assert_eq!(mode & 0o777, 0o600);
    // A key is not overwritten.
    expect(&run_in(dir.path(), &["config", "keygen", "-o", "key"]), 1);
    expect(&run_in(dir.path(), &["config", "sign", "b.yml"]), 1);
    expect(
        &run_in(dir.path(), &["config", "sign", "--key", "x", "b.yml"]),
        1,
    );
    expect(&run_in(dir.path(), &["config", "sign"]), 2);
    let said = expect(
        &run_in(
            dir.path(),
            &["config", "sign", "--key-file", "key", "b.yml"],
        ),
        0,
    );
    assert!(said.contains(&public), "{said}");
    let signed = std::fs::read_to_string(dir.path().join("b.yml")).unwrap();
    assert!(signed.starts_with(&text), "{signed}");
    let key = std::fs::read_to_string(dir.path().join("key")).unwrap();
    let by_variable = run_with(
        dir.path(),
        &["config", "sign", "b.yml"],
        &[("GOMA_BUNDLE_SIGNING_KEY", &key)],
    );
    expect(&by_variable, 0);
    assert_eq!(
        std::fs::read_to_string(dir.path().join("b.yml")).unwrap(),
        signed
    );
    let private = expect(&run_in(dir.path(), &["config", "keygen"]), 0);
    assert_eq!(private.trim().len(), 88, "{private}");
}
