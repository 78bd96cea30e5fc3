//! How clusters are reached: what a kubeconfig says, and what is said when that does not do.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::cluster::{Cluster, certificate};
use super::kubernetes::{SHOP, SPEC};
use super::{expect, scratch};

const NOTHING: &str = "nothing is deployed to kubernetes:shop";

/// A cluster by TLS, and what a kubeconfig says of it.
struct Scene {
    dir: PathBuf,
    cluster: Cluster,
    server: Value,
}

impl Scene {
    /// It takes `ann.crt` of a client.
    fn start(name: &str) -> Self {
        let dir = scratch(name, SPEC);
        certificate(&dir, "ann", &[]);
        let ann = dir.join("ann.crt").display().to_string();
        let more = ["--certificate-authority", &ann];
        let cluster = Cluster::start_with_tls(&dir, "DNS:api.test", &more);
        let server = json!({
            "server": cluster.url,
            "certificate-authority": "server.crt",
            "tls-server-name": "api.test",
        });
        Self {
            dir,
            cluster,
            server,
        }
    }

    /// What a kubeconfig says of it, but this.
    fn server_with(&self, name: &str, value: Value) -> Value {
        let mut server = self.server.clone();
        server[name] = value;
        server
    }

    /// Asks for the status by such a kubeconfig.
    fn asked(&self, server: &Value, user: &Value, expected: &str) {
        self.cluster.kubeconfig(server, user);
        let (code, text) = self.cluster.run(&["status", "--to", SHOP]);
        assert_eq!(code, 1);
        assert!(text.contains(expected), "{text}");
        assert!(!text.contains("s3cr3t"), "{text}");
    }
}

/// Certificates, tokens in files and of programs; no credential is said.
#[test]
fn a_cluster_is_told_who_asks() {
    let scene = Scene::start("kubernetes-user");
    fs::write(scene.dir.join("token"), "test-token\n").unwrap();
    write_login(&scene.dir);
    let asked = |user: &Value, expected: &str| scene.asked(&scene.server, user, expected);
    asked(&json!({"token": "test-token"}), NOTHING);
    asked(&json!({"tokenFile": "token"}), NOTHING);
    asked(&login(&["test-token"]), NOTHING);
    let pair = json!({"client-certificate": "ann.crt", "client-key": "ann.key"});
    asked(&pair, NOTHING);
    let refused = "the server answers 401 Unauthorized";
    asked(&json!({"token": "s3cr3t"}), refused);
    asked(&login(&["s3cr3t"]), refused);
    asked(&login(&[]), "gave no credentials");
}

/// A program that is told of the server, and gives its argument as the token.
fn write_login(dir: &Path) {
    let login = "#!/bin/sh\n\
        case \"$KUBERNETES_EXEC_INFO\" in *'\"server\"'*) ;; *) exit 1 ;; esac\n\
        echo \"{\\\"status\\\": {\\\"token\\\": \\\"$1\\\"}}\"\n";
    fs::write(dir.join("login"), login).unwrap();
    let made = Command::new("chmod")
        .args(["+x", "login"])
        .current_dir(dir)
        .output();
    expect(&made.unwrap());
}

/// A user by that program.
fn login(args: &[&str]) -> Value {
    json!({"exec": {
        "apiVersion": "client.authentication.k8s.io/v1",
        "command": "./login",
        "args": args,
        "provideClusterInfo": true,
    }})
}

/// Certificates and names of servers, and contexts.
#[test]
fn a_cluster_has_to_be_the_right_one() {
    let scene = Scene::start("kubernetes-server");
    let token = json!({"token": "test-token"});
    let asked = |server: &Value, expected: &str| scene.asked(server, &token, expected);
    let unnamed = scene.server_with("tls-server-name", Value::Null);
    asked(&unnamed, "cannot be asked");
    let unknown = scene.server_with("certificate-authority", "ann.crt".into());
    asked(&unknown, "cannot be asked");
    let mut insecure = scene.server_with("insecure-skip-tls-verify", true.into());
    insecure["certificate-authority"] = Value::Null;
    asked(&insecure, NOTHING);
    let plain = scene.server_with("server", "http://api.example".into());
    asked(&plain, "by https only");
    let other = ["status", "--to", "kubernetes:shop@other"];
    let (code, text) = scene.cluster.run(&other);
    assert_eq!(code, 1);
    assert!(
        text.contains("the kubeconfig has no context `other`"),
        "{text}"
    );
}
