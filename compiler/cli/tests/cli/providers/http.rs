//! The http provider (RT-PROV-HTTP).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::server::{Certificate, Server, answer};
use super::{bundle, main_file, run_with};
use crate::{dir, expect, run_in};

fn providers(address: &str, more: &str) -> String {
    main_file(&format!(
        "{{ http: {{ enabled: true, endpoint: 'http://{address}/routes?token=${{TOKEN:-hunter2}}', retryDelay: 1ms, cacheDir: cache.json, {more} }} }}"
    ))
}

/// RT-PROV-HTTP-1, -2 and -4: what is sent, what is locked, and what is not asked for again.
#[test]
fn a_bundle_is_fetched_and_locked() {
    let server = Server::start(None, |request| {
        if request.field("if-none-match") == Some("\"v1\"") {
            return answer("304 Not Modified", &[], b"");
        }
        let fields = [
            ("etag", "\"v1\""),
            ("content-type", "application/yaml; charset=utf-8"),
        ];
        answer("200 OK", &fields, bundle("a").as_bytes())
    });
    let main = providers(&server.address, "headers: { X-Key: '${KEY}' }");
    let dir = dir(&[("goma.yml", main.as_str())]);
    let run = |args: &[&str]| run_with(dir.path(), args, &[("KEY", "opensesame")]);
    let text = expect(&run(&["lock"]), 0);
    assert!(text.contains("warning[unsigned-provider]"), "{text}");
    let lock = std::fs::read_to_string(dir.path().join("goma.lock")).unwrap();
    let source = format!(
        "kind = \"http\"\nsource = \"http://{}/routes\"\n",
        server.address
    );
    assert!(lock.contains(&source), "{lock}");
    // C-LOCK-1: of a secret only the name; C-ENV-8.
    assert!(lock.contains("[[env]]\nname = \"KEY\"\n\n"), "{lock}");
    assert!(
        !lock.contains("hunter2") && !lock.contains("opensesame"),
        "{lock}"
    );
    let first = server.requests().remove(0);
    assert_eq!(
        (&*first.method, &*first.target),
        ("GET", "/routes?token=hunter2")
    );
    assert_eq!(first.field("x-key"), Some("opensesame"));
    let agent = format!("goma-gateway/{}", env!("CARGO_PKG_VERSION"));
    assert_eq!(first.field("user-agent"), Some(agent.as_str()));
    assert_eq!(
        first.field("accept"),
        Some("application/json, application/yaml, application/x-yaml, text/yaml")
    );

    let again = expect(&run(&["lock"]), 0);
    assert!(again.contains("(unchanged)"), "{again}");
    assert_eq!(server.requests()[1].field("if-none-match"), Some("\"v1\""));
    // C-LOCK-2: what is locked is not asked for.
    for flags in [
        &["--locked"][..],
        &["--offline"],
        &["--locked", "--offline"],
    ] {
        expect(&run(&[&["check"], flags].concat()), 0);
        expect(&run(&[&["build", "--dry-run"], flags].concat()), 0);
    }
    assert_eq!(server.requests().len(), 2);
    let mode = |name: &str| {
        let metadata = std::fs::metadata(dir.path().join(name)).unwrap();
        std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777
    };
    assert_eq!(mode("cache.json"), 0o600);
}

/// C-LOCK-2 and RT-PROV-HTTP-3.
#[test]
fn a_changed_bundle_does_not_get_past_locked() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let server = Server::start(None, move |_| {
        let route = ["a", "b"][counter.fetch_add(1, Ordering::Relaxed).min(1)];
        answer("200 OK", &[], bundle(route).as_bytes())
    });
    let main = providers(&server.address, "");
    let dir = dir(&[("goma.yml", main.as_str())]);
    expect(&run_in(dir.path(), &["lock"]), 0);
    std::fs::remove_dir_all(dir.path().join(".goma")).unwrap();
    let text = expect(&run_in(dir.path(), &["check", "--offline"]), 1);
    assert!(
        text.contains("error[provider-failed]: no bundle that `goma.lock` lists"),
        "{text}"
    );
    let text = expect(&run_in(dir.path(), &["check", "--locked"]), 1);
    assert!(
        text.contains("error[lock-mismatch]: `http://127.0.0.1"),
        "{text}"
    );
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

/// RT-PROV-HTTP-3: tries, then the cache file, then an error.
#[test]
fn failures_are_bounded_and_said() {
    let count = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&count);
    let server = Server::start(None, move |_| {
        counter.fetch_add(1, Ordering::Relaxed);
        answer("503 Service Unavailable", &[], b"no")
    });
    let main = providers(&server.address, "retryAttempts: 4");
    let dir = dir(&[("goma.yml", main.as_str())]);
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(
        text.contains("error[provider-failed]: the server answers 503 (after 4 tries)"),
        "{text}"
    );
    assert_eq!(count.load(Ordering::Relaxed), 4);
    std::fs::write(dir.path().join("cache.json"), bundle("old")).unwrap();
    let output = run_in(dir.path(), &["explain", "GET", "http://h/old"]);
    assert!(expect(&output, 0).contains("route     old "));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("the last good bundle is used") && !said.contains("hunter2"),
        "{said}"
    );
}

/// RT-PROV-HTTP-2.
#[test]
fn what_is_no_bundle_is_refused() {
    let elsewhere = Server::start(None, |_| answer("200 OK", &[], bundle("evil").as_bytes()));
    let target = format!("http://{}/x", elsewhere.address);
    let large = vec![b' '; 17 * 1024 * 1024];
    let cases: [(&str, Vec<u8>, &str); 5] = [
        (
            "redirect",
            answer("302 Found", &[("location", &target)], b""),
            "it redirects to another host, which is refused",
        ),
        (
            "page",
            answer("200 OK", &[("content-type", "text/html")], b"<p>log in"),
            "the answer is `text/html`, neither JSON nor YAML",
        ),
        (
            "empty",
            answer("200 OK", &[], b" \n"),
            "the answer is empty",
        ),
        (
            "large",
            answer("200 OK", &[], &large),
            "the bundle is larger than 16 MiB",
        ),
        (
            "unasked",
            answer("304 Not Modified", &[], b""),
            "the server answers 304",
        ),
    ];
    for (name, bytes, expected) in cases {
        let server = Server::start(None, move |_| bytes.clone());
        let main = providers(&server.address, "retryAttempts: 1");
        let dir = dir(&[("goma.yml", main.as_str())]);
        let text = expect(&run_in(dir.path(), &["check"]), 1);
        assert!(
            text.contains(&format!("error[provider-failed]: {expected}")),
            "{name}: {text}"
        );
        assert!(!text.contains("token=hunter2"), "{name}: {text}");
    }
    assert_eq!(elsewhere.requests().len(), 0);
}

/// A redirect within the host is followed; over TLS, with the trust of SSL_CERT_FILE.
#[test]
fn over_tls() {
    let scratch = dir(&[]);
    let certificate = Certificate::new(scratch.path());
    let server = Server::start(Some(&certificate), |request| match &*request.target {
        "/routes" => answer("302 Found", &[("location", "/moved")], b""),
        _ => answer("200 OK", &[], bundle("a").as_bytes()),
    });
    let main = |more: &str| {
        main_file(&format!(
            "{{ http: {{ enabled: true, endpoint: 'https://{}/routes', retryAttempts: 1, {more} }} }}",
            server.address
        ))
    };
    let strict = main("");
    let dir = dir(&[("goma.yml", strict.as_str())]);
    let file = certificate.file.to_str().unwrap();
    expect(
        &run_with(dir.path(), &["check"], &[("SSL_CERT_FILE", file)]),
        0,
    );
    std::fs::remove_dir_all(dir.path().join(".goma")).unwrap();
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(
        text.contains("error[provider-failed]: the server cannot be asked"),
        "{text}"
    );
    std::fs::write(
        dir.path().join("goma.yml"),
        main("insecureSkipVerify: true"),
    )
    .unwrap();
    expect(&run_in(dir.path(), &["check"]), 0);
}

/// `bundle-signature` for what comes over the network, with keys in a file.
#[test]
fn signed_bundles() {
    let dir = dir(&[("b.yml", &bundle("a"))]);
    let made = expect(&run_in(dir.path(), &["config", "keygen", "-o", "key"]), 0);
    let public = made.trim().strip_prefix("public key  ").unwrap();
    expect(
        &run_in(
            dir.path(),
            &["config", "sign", "--key-file", "key", "b.yml"],
        ),
        0,
    );
    let signed = std::fs::read_to_string(dir.path().join("b.yml")).unwrap();
    let good = Server::start(None, move |_| answer("200 OK", &[], signed.as_bytes()));
    let bad = Server::start(None, |_| answer("200 OK", &[], bundle("a").as_bytes()));
    let write = |address: &str| {
        let main = main_file(&format!(
            "{{ http: {{ enabled: true, endpoint: 'http://{address}/' }}, signing: {{ publicKeyFile: keys }} }}"
        ));
        std::fs::write(dir.path().join("goma.yml"), main).unwrap();
    };
    write(&good.address);
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(
        text.contains("error[provider-config]: `keys` does not exist"),
        "{text}"
    );
    std::fs::write(dir.path().join("keys"), "# none yet\n").unwrap();
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(
        text.contains("error[provider-config]: the file holds no key"),
        "{text}"
    );
    let keys = format!("# deploy\n{public} # of 2026\n");
    std::fs::write(dir.path().join("keys"), keys).unwrap();
    expect(&run_in(dir.path(), &["check", "--strict"]), 0);
    write(&bad.address);
    let text = expect(&run_in(dir.path(), &["check"]), 1);
    assert!(
        text.contains("error[bundle-signature]: the bundle is not signed"),
        "{text}"
    );
}
