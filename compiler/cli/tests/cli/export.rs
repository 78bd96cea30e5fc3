//! `goma export kubernetes`: the objects of two specifications, as they are printed.
//! `GOMA_BLESS=1 cargo test -p goma --test cli` rewrites them.

use std::fs;

use super::{expect, goma, repository};

const IMAGE: &str = "registry.example.com/shop@sha256:\
    0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

const LOCAL: &str = "\
version: 2
gateway:
  entryPoints:
    web: { address: \"127.0.0.1:8080\" }
  routes:
    - { name: site, path: /, target: \"http://10.0.0.1\" }
";

const EVERYTHING: &str = "\
version: 2
gateway:
  entryPoints:
    web: { address: \"${LISTEN:-:80}\" }
    passThrough:
      forwards:
        - { protocol: tcp/udp, port: 5353, target: \"10.0.0.53:53\" }
  timeouts: { drain: 30, drainDelay: 2 }
  log: { filePath: /var/log/goma/access.log }
  routes:
    - name: site
      path: /
      target: https://${BACKEND}
      middlewares: [guard]
      security: { tls: { rootCAs: /etc/goma/upstream/shop-ca/ca.crt } }
middlewares:
  - name: guard
    type: basicAuth
    rule: { usersFile: /etc/goma/shop-users/htpasswd }
    paths: [/private]
";

fn export(spec: &str, args: &[&str]) -> std::process::Output {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("goma.yml"), spec).unwrap();
    let mut command = goma();
    command.args(["export", "kubernetes", "--image", IMAGE]);
    command.args(args).current_dir(dir.path()).output().unwrap()
}

/// K-CMD-3, K-MAP-4, K-MAP-6: names of what it needs and no values; K-BUILD-5, K-BUILD-6.
#[test]
fn objects_of_a_gateway() {
    let few = export(super::GOOD, &[]);
    assert_eq!(few.status.code(), Some(1), "it listens on 127.0.0.1");
    let shared = ["--name", "shop", "--namespace", "web"];
    let many = [
        "--autoscale",
        "2-10",
        "--limits",
        "memory=256Mi",
        "--pull-secret",
        "registry",
    ];
    for (name, spec, args) in [
        ("plain", LOCAL.replace("127.0.0.1:8080", ":8080"), vec![]),
        (
            "everything",
            EVERYTHING.to_owned(),
            [&shared[..], &many].concat(),
        ),
    ] {
        let shown = expect(&export(&spec, &args), 0);
        let revision = shown.lines().next().unwrap().rsplit(' ').next().unwrap();
        assert_eq!(revision.len(), 12);
        // It changes with every version of goma and of Rust.
        let quoted = format!("\"{revision}\"");
        let shown = shown
            .replace(&quoted, "REVISION")
            .replace(revision, "REVISION");
        let path = repository().join(format!("compiler/cli/tests/cli/export/{name}.yaml"));
        if std::env::var_os("GOMA_BLESS").is_some() {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, shown).unwrap();
            continue;
        }
        assert_eq!(
            shown,
            fs::read_to_string(&path).unwrap(),
            "{name}: run with GOMA_BLESS=1"
        );
    }
}

#[test]
fn what_cannot_run_in_a_pod() {
    let refused = |spec: &str, args: &[&str], code, said: &str| {
        let output = export(spec, args);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{errors}");
        assert!(errors.contains(said), "{errors}");
    };
    refused(LOCAL, &[], 1, "it listens on 127.0.0.1:8080");
    let relative = EVERYTHING.replace("/etc/goma/shop-users/", "");
    refused(&relative, &[], 1, "names htpasswd, which cannot be mounted");
    let hidden = EVERYTHING.replace("/etc/goma/shop-users", "/etc/ssl/certs");
    refused(
        &hidden,
        &[],
        1,
        "names /etc/ssl/certs/htpasswd, which cannot be mounted",
    );
    for (args, said) in [
        (["--name", "my_shop"], "--name"),
        (["--replicas", "many"], "--replicas"),
        (["--cpu", "50"], "--autoscale"),
    ] {
        refused(EVERYTHING, &args, 2, said);
    }
    let tag = [
        "export",
        "kubernetes",
        "--image",
        "registry.example.com/shop:v1",
    ];
    let tag = goma().args(tag).output().unwrap();
    assert_eq!(tag.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&tag.stderr).contains("expected a digest"));
}
