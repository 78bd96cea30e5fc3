//! `goma export kubernetes`: its objects, held against the schemas that Kubernetes publishes.

use std::fs;
use std::path::Path;
use std::process::Command;

use goma_tests::build::{goma_command, target};

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

/// K-CMD-3: the objects are valid by the schemas of every release of Kubernetes that goma is for, without a field
/// that is unknown there; each time the same.
#[test]
fn exported_objects_are_valid() {
    let dir = scratch("kubernetes-export", SPEC);
    let python = target().join("testbed/python/bin/python");
    for (name, spec) in SHAPES {
        fs::write(dir.join("goma.yml"), spec).unwrap();
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
        let text = export(&dir, &[&all[..], &many].concat());
        assert_eq!(text, export(&dir, &[&all[..], &many].concat()));
        let file = format!("{name}.yaml");
        fs::write(dir.join(&file), &text).unwrap();
        fs::write(dir.join("few.yaml"), export(&dir, &["--replicas", "3"])).unwrap();
        for version in ["1.30", "1.34", "1.37"] {
            let args = [
                "-m",
                "kubernetes_validate",
                "--strict",
                "-k",
                version,
                "few.yaml",
                &file,
            ];
            let held = Command::new(&python).args(args).current_dir(&dir).output();
            let (code, text) = said(&held.unwrap());
            assert_eq!(code, 0, "{version} {name}: {text}");
        }
    }
    // That it is strict is held as well.
    let wrong = fs::read_to_string(dir.join("few.yaml")).unwrap();
    fs::write(
        dir.join("wrong.yaml"),
        wrong.replace("replicas: 3", "replica: 3"),
    )
    .unwrap();
    let args = ["-m", "kubernetes_validate", "--strict", "wrong.yaml"];
    let held = Command::new(&python).args(args).current_dir(&dir).output();
    assert_ne!(said(&held.unwrap()).0, 0);
}
