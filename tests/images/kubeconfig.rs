//! How clusters are reached: what a kubeconfig says, and what is said when that does not do.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use super::cluster::Cluster;
use super::kubernetes::{SHOP, SPEC};
use super::{expect, scratch};

/// Certificates, names of servers, tokens in files and of programs; no credential is said.
#[test]
fn how_a_cluster_is_reached() {
    let dir = scratch("kubernetes-reach", SPEC);
    let script = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
        -subj /CN=test -addext basicConstraints=critical,CA:FALSE \
        -addext subjectAltName=DNS:api.test -keyout server.key -out server.crt && \
        openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 1 \
        -subj /CN=ann -addext basicConstraints=critical,CA:FALSE -keyout ann.key -out ann.crt";
    let made = Command::new("sh")
        .args(["-c", script])
        .current_dir(&dir)
        .output();
    expect(&made.unwrap());
    let file = |name: &str| dir.join(name).display().to_string();
    let (certificate, key, ann) = (file("server.crt"), file("server.key"), file("ann.crt"));
    let args = [
        "--certificate",
        &certificate,
        "--key",
        &key,
        "--certificate-authority",
        &ann,
    ];
    let cluster = Cluster::with(&dir, &args);
    let server = json!({
        "server": cluster.url,
        "certificate-authority": "server.crt",
        "tls-server-name": "api.test",
    });
    fs::write(dir.join("token"), "test-token\n").unwrap();
    let login = "#!/bin/sh\n\
        case \"$KUBERNETES_EXEC_INFO\" in *'\"server\"'*) ;; *) exit 1 ;; esac\n\
        echo \"{\\\"status\\\": {\\\"token\\\": \\\"$1\\\"}}\"\n";
    fs::write(dir.join("login"), login).unwrap();
    let exec = |args: Value| {
        json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": "./login",
            "args": args,
            "provideClusterInfo": true,
        }})
    };
    expect(
        &Command::new("chmod")
            .args(["+x", &file("login")])
            .output()
            .unwrap(),
    );
    let asked = |server: &Value, user: &Value, expected: &str| {
        cluster.kubeconfig(server, user);
        let (code, text) = cluster.run(&["status", "--to", SHOP]);
        assert_eq!(code, 1);
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("s3cr3t"), "{text}");
    };
    let nothing = "nothing is deployed to kubernetes:shop";
    asked(&server, &json!({"token": "test-token"}), nothing);
    asked(&server, &json!({"tokenFile": "token"}), nothing);
    asked(&server, &exec(json!(["test-token"])), nothing);
    let pair = json!({"client-certificate": "ann.crt", "client-key": "ann.key"});
    asked(&server, &pair, nothing);
    asked(
        &server,
        &json!({"token": "s3cr3t"}),
        "the server answers 401 Unauthorized",
    );
    asked(
        &server,
        &exec(json!(["s3cr3t"])),
        "the server answers 401 Unauthorized",
    );
    asked(&server, &exec(json!([])), "gave no credentials");
    let token = json!({"token": "test-token"});
    let with = |name: &str, value: Value| {
        let mut server = server.clone();
        server[name] = value;
        server
    };
    asked(
        &with("tls-server-name", Value::Null),
        &token,
        "cannot be asked",
    );
    asked(
        &with("certificate-authority", "ann.crt".into()),
        &token,
        "cannot be asked",
    );
    let mut insecure = with("insecure-skip-tls-verify", true.into());
    insecure["certificate-authority"] = Value::Null;
    asked(&insecure, &token, nothing);
    let plain = with("server", "http://api.example".into());
    asked(&plain, &token, "by https only");
    let (code, text) = cluster.run(&["status", "--to", "kubernetes:shop@other"]);
    assert_eq!(code, 1);
    assert!(
        text.contains("the kubeconfig has no context `other`"),
        "{text}"
    );
}
