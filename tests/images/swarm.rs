//! `goma deploy --to swarm:…`: no swarm, but what Docker is told word by word, by a program in its place that
//! answers as a manager would; and the file that it is given, judged by Docker's own client.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use goma_tests::build::{goma_command, target};

use super::distribution::Registry;
use super::releases::fails;
use super::{SPEC, build, expect, revision, scratch};

/// Notes every call, and keeps the labels of the service. With the file `unhealthy` the swarm rolls back.
const MANAGER: &str = r#"#!/bin/sh
echo "$*" >> calls
case "$1 $2" in
"service ls") [ ! -e labels ] || echo id ;;
"service inspect") cat labels ;;
"service ps") echo "Running 2 seconds ago" ;;
"stack deploy")
    cat > stack.yaml
    [ -e unhealthy ] || "$PYTHON" -c '
import json, yaml
stack = yaml.safe_load(open("stack.yaml"))
labels = stack["services"]["gateway"]["deploy"]["labels"]
print(json.dumps({name: label.replace("$$", "$") for name, label in labels.items()}))
' > labels.new && [ ! -e labels.new ] || mv labels.new labels ;;
*) exit 1 ;;
esac
"#;

struct Manager(PathBuf);

impl Manager {
    fn new(dir: &Path) -> Self {
        let bin = dir.join("bin");
        fs::create_dir_all(&bin).unwrap();
        // Beside it first: a file that is open for writing cannot be run.
        fs::write(bin.join("new"), MANAGER).unwrap();
        fs::set_permissions(bin.join("new"), PermissionsExt::from_mode(0o755)).unwrap();
        fs::rename(bin.join("new"), bin.join("docker")).unwrap();
        Self(dir.to_path_buf())
    }

    fn goma(&self, args: &[&str]) -> Output {
        let path = std::env::var("PATH").unwrap();
        let python = target().join("testbed/python/bin/python");
        let mut goma = goma_command();
        goma.args(args)
            .current_dir(&self.0)
            .env("PATH", format!("{}:{path}", self.0.join("bin").display()))
            .env("PYTHON", python);
        goma.output().unwrap()
    }

    /// What Docker was told since it was last asked.
    fn calls(&self) -> Vec<String> {
        let calls = fs::read_to_string(self.0.join("calls")).unwrap();
        fs::remove_file(self.0.join("calls")).unwrap();
        calls.lines().map(str::to_owned).collect()
    }
}

/// RT-CLI: rolled out by the swarm, by digest, and rolled back.
#[test]
fn a_stack_is_told_word_by_word() {
    let dir = scratch("swarm", SPEC);
    let registry = Registry::start(&dir, "");
    let manager = Manager::new(&dir);
    let shop = registry.named("shop");
    let push = |spec: &str| {
        fs::write(dir.join("goma.yml"), spec).unwrap();
        let digest = build(&dir, "image");
        let push = ["deploy", "--to", &format!("oci://{shop}"), "image"];
        expect(&manager.goma(&push));
        (format!("oci://{shop}@{digest}"), revision(&dir))
    };
    let (one, first) = push(SPEC);
    let (two, second) = push(&SPEC.replace("[/private]", "[/secret]"));
    let deploy = |image: &str| {
        let own = ["--", "--compose-file", "own.yaml"];
        manager.goma(&[&["deploy", "--to", "swarm:shop", image], own.as_slice()].concat())
    };
    assert!(fails(&manager.goma(&["status", "--to", "swarm:shop"])).contains("nothing"));
    assert!(fails(&deploy("image")).contains("from a registry"));
    manager.calls();

    expect(&deploy(&one));
    let ls = "service ls --quiet --filter label=goma.target=shop";
    let inspect = "service inspect --format {{json .Spec.Labels}} shop_gateway";
    let stack = "stack deploy --detach=false --with-registry-auth --compose-file - --compose-file own.yaml shop";
    assert_eq!(manager.calls(), [ls, stack, ls, inspect]);
    let text = fs::read_to_string(dir.join("stack.yaml")).unwrap();
    let name = one.trim_start_matches("oci://");
    assert!(text.contains(&format!("image: {name}\n")), "{text}");
    assert!(text.contains("ports: [\"8080:8080/tcp\"]"), "{text}");
    judged(&dir);

    expect(&deploy(&two));
    fs::write(dir.join("unhealthy"), "").unwrap();
    let text = fails(&deploy(&one));
    assert!(text.contains(&format!("rolled back to {second}")), "{text}");
    fs::remove_file(dir.join("unhealthy")).unwrap();
    let text = expect(&manager.goma(&["status", "--to", "swarm:shop"]));
    assert!(text.contains(&format!("revision  {second}\n")), "{text}");
    expect(&manager.goma(&["rollback", "--to", "swarm:shop"]));
    let text = fs::read_to_string(dir.join("stack.yaml")).unwrap();
    assert!(text.contains(&format!("image: {name}\n")), "{text}");
    let list = expect(&manager.goma(&["rollback", "--to", "swarm:shop", "--list"]));
    assert!(list.starts_with(&format!("{first}  rollback  ")), "{list}");
    assert_eq!(list.lines().count(), 3);
    let golden = ["--golden", "GET http://h/ 200"];
    let golden = [&["deploy", "--to", "swarm:shop", &two], golden.as_slice()].concat();
    assert_eq!(manager.goma(&golden).status.code(), Some(2));
}

/// The file is one of compose, and one that Docker's client takes for a stack.
fn judged(dir: &Path) {
    let schema = target().join("testbed/python/bin/check-jsonschema");
    let mut schema = Command::new(schema);
    schema.args(["--builtin-schema", "vendor.compose-spec", "stack.yaml"]);
    expect(&schema.current_dir(dir).output().unwrap());
    let mut docker = Command::new("docker");
    docker.args(["stack", "config", "--compose-file", "stack.yaml"]);
    let text = expect(&docker.current_dir(dir).output().unwrap());
    assert!(text.contains("failure_action: rollback"), "{text}");
}
