//! `goma deploy --to swarm:…`: no swarm, but what Docker is told word by word, by a program in its place that
//! answers as a manager would; and the file that it is given, judged by the schema of compose, and by Docker's own
//! client where that has `docker stack config` (from 23.0; Debian 12 has 20.10).

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use goma_tests::build::{goma_command, target};

use super::distribution::Registry;
use super::releases::fails;
use super::{SPEC, build, expect, revision, scratch};

/// Notes every call, and keeps the labels of the service. With the file `unhealthy` the swarm rolls back, with `late`
/// it does not become healthy in time, and with `stuck` nor does it roll back when it is told.
const MANAGER: &str = r#"#!/bin/sh
echo "$*" >> calls
case "$1 $2" in
"service ls") echo shop_gateway_2; [ ! -e labels ] || echo shop_gateway ;;
"service inspect") cat labels ;;
"service ps") echo "Running 2 seconds ago" ;;
"service rollback") [ -e stuck ] || cp labels.old labels ;;
"stack deploy")
    cat > stack.yaml
    [ ! -e labels ] || cp labels labels.old
    [ -e unhealthy ] || "$PYTHON" -c '
import json, yaml
stack = yaml.safe_load(open("stack.yaml"))
labels = stack["services"]["gateway"]["deploy"]["labels"]
print(json.dumps({name: label.replace("$$", "$") for name, label in labels.items()}))
' > labels.new && [ ! -e labels.new ] || mv labels.new labels
    [ ! -e late ] || { echo "not in time" >&2; exit 1; } ;;
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
fn a_stack_is_told_word_by_word_and_judged_where_docker_can() {
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
    let ls = "service ls --filter name=shop_gateway --format {{.Name}}";
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
    taken_back(&manager, &first, &|| deploy(&one));
    let golden = ["--golden", "GET http://h/ 200"];
    let golden = [&["deploy", "--to", "swarm:shop", &two], golden.as_slice()].concat();
    assert_eq!(manager.goma(&golden).status.code(), Some(2));
}

/// The revision that serves, deployed anew, is not in time: what it was before is what it is again, and not what
/// was there before that. And a service that others have made is left alone.
fn taken_back(manager: &Manager, serving: &str, again: &dyn Fn() -> Output) {
    let file = |name: &str| manager.0.join(name);
    let labels = || fs::read_to_string(file("labels")).unwrap();
    let before = labels();
    // Refused, and nothing has changed.
    fs::write(file("unhealthy"), "").unwrap();
    fs::write(file("late"), "").unwrap();
    manager.calls();
    let text = fails(&again());
    assert!(
        text.contains(&format!("rolled back to {serving}")),
        "{text}"
    );
    assert!(!manager.calls().iter().any(|call| call.contains("rollback")));
    fs::remove_file(file("unhealthy")).unwrap();
    // Rolled out, and not in time.
    let text = fails(&again());
    assert!(text.contains("not in time"), "{text}");
    assert!(
        text.contains(&format!("rolled back to {serving}")),
        "{text}"
    );
    let back = "service rollback --detach=false shop_gateway".to_owned();
    assert!(manager.calls().contains(&back));
    assert_eq!(labels(), before);
    // Nor does that work.
    fs::write(file("stuck"), "").unwrap();
    let text = fails(&again());
    assert!(text.contains("is not known"), "{text}");
    fs::write(file("labels"), r#"{"com.docker.stack.namespace": "shop"}"#).unwrap();
    manager.calls();
    let text = fails(&again());
    assert!(text.contains("was not deployed by goma"), "{text}");
    assert!(!manager.calls().iter().any(|call| call.contains("deploy")));
    fs::write(file("labels"), before).unwrap();
    for name in ["late", "stuck"] {
        fs::remove_file(file(name)).unwrap();
    }
}

/// The file is one of compose, and one that Docker's client takes for a stack, if it is one that can say so.
fn judged(dir: &Path) {
    let schema = target().join("testbed/python/bin/check-jsonschema");
    let mut schema = Command::new(schema);
    schema.args(["--builtin-schema", "vendor.compose-spec", "stack.yaml"]);
    expect(&schema.current_dir(dir).output().unwrap());
    let help = Command::new("docker").args(["stack", "--help"]).output();
    let help = help.unwrap_or_else(|error| panic!("docker: {error}: run ci/testbed"));
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let mut words = help
        .lines()
        .filter_map(|line| line.split_whitespace().next());
    if !words.any(|word| word == "config") {
        return;
    }
    let mut docker = Command::new("docker");
    docker.args(["stack", "config", "--compose-file", "stack.yaml"]);
    let text = expect(&docker.current_dir(dir).output().unwrap());
    assert!(text.contains("failure_action: rollback"), "{text}");
}
