//! `goma export kubernetes`: its objects, held against the schemas that Kubernetes publishes.

use std::fs;
use std::path::Path;
use std::process::Command;

use goma_tests::build::{goma_command, repository, target};

use super::cluster::said;
use super::kubernetes::SPEC;
use super::scratch;

/// Specifications whose gateways need what pods can be given.
const SHAPES: &[(&str, &str)] = &[
    ("plain", SPEC),
    (
        "files",
        "version: 2\ngateway:\n  entryPoints:\n    web: { address: \":80\" }\n    passThrough: { forwards: [ { protocol: tcp/udp, port: 5353, target: \"10.0.0.1:53\" } ] }\n  timeouts: { drain: 30, drainDelay: 7 }\n  log: { filePath: /var/log/goma/access.log }\n  monitoring: { enableLiveness: false }\n  routes:\n    - { name: site, path: /, target: \"https://10.0.0.1\", security: { tls: { rootCAs: /etc/goma/upstream/shop-ca/ca.crt } }, middlewares: [guard] }\nmiddlewares:\n  - { name: guard, type: basicAuth, rule: { usersFile: /etc/goma/users/shop-users/users.txt } }\n",
    ),
    (
        "ports",
        "version: 2\ngateway:\n  entryPoints:\n    web: { address: \"off\" }\n    passThrough: { forwards: [ { protocol: tcp, port: 5432, target: \"10.0.0.1:5432\" } ] }\n",
    ),
];

fn export(dir: &Path, args: &[&str]) -> String {
    let image = format!("registry.example/shop@sha256:{}", "a".repeat(64));
    let all = [&["export", "kubernetes", "--image", &image][..], args].concat();
    let output = goma_command().args(all).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{}", said(&output).1);
    String::from_utf8(output.stdout).unwrap()
}

/// What a release of Kubernetes has against files of objects.
fn faults(dir: &Path, release: &str, files: &[String]) -> (i32, String) {
    let held = Command::new(target().join("testbed/python/bin/python"))
        .arg(repository().join("tests/images/kubernetes/validate.py"))
        .args(files)
        .env("KUBERNETES_SCHEMAS", release)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .current_dir(dir)
        .output();
    said(&held.unwrap())
}

/// K-CMD-3: the objects are valid by the schemas of every release of Kubernetes that goma is for, without a field
/// that is unknown there; each time the same.
#[test]
fn exported_objects_are_valid() {
    let dir = scratch("kubernetes-export", SPEC);
    let mut files = Vec::new();
    let all = [
        "--namespace",
        "web",
        "--name",
        "shop",
        "--pull-secret",
        "pull",
    ];
    let many = [
        "--autoscale",
        "2-10",
        "--limits",
        "memory=128Mi",
        "--service",
        "LoadBalancer",
    ];
    let many = [&all[..], &many].concat();
    for (name, spec) in SHAPES {
        fs::write(dir.join("goma.yml"), spec).unwrap();
        for (flags, more) in [("few", &["--replicas", "3"][..]), ("many", &many)] {
            let text = export(&dir, more);
            assert_eq!(text, export(&dir, more));
            let file = format!("{name}-{flags}.yaml");
            fs::write(dir.join(&file), &text).unwrap();
            files.push(file);
        }
    }
    for release in ["v1.30.0", "v1.34.0", "v1.37.0"] {
        assert_eq!(
            faults(&dir, release, &files),
            (0, String::new()),
            "{release}"
        );
    }
    // That it is strict is held as well.
    let wrong = fs::read_to_string(dir.join("plain-few.yaml")).unwrap();
    fs::write(
        dir.join("wrong.yaml"),
        wrong.replace("replicas: 3", "replica: 3"),
    )
    .unwrap();
    let (code, text) = faults(&dir, "v1.37.0", &["wrong.yaml".to_owned()]);
    assert_eq!(code, 1);
    assert!(text.contains("'replica' was unexpected"), "{text}");
}
