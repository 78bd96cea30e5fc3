//! `goma deploy --to podman:…` and `docker:…`: containers that follow one another under load. Podman runs them;
//! Docker's own client speaks to Podman's service, which answers as Docker's would.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use goma_tests::build::{goma_command, target};
use goma_tests::{Backend, free_port, wait_until};

use super::releases::{GOLDEN, Load, ask, fails};
use super::{SPEC, expect, revision, scratch};

/// What the build machines of this project allow: limits that are not raised.
pub(crate) const LIMITS: [&str; 4] = [
    "--ulimit",
    "nofile=1024:1024",
    "--ulimit",
    "nproc=1024:1024",
];

/// For a trial and a roll-out, of which each asks its engine a dozen times.
const WAIT: &str = "300s";

/// A program that ci/testbed has installed.
fn testbed(program: &str) -> PathBuf {
    target().join("testbed/python/bin").join(program)
}

/// Podman with a store of this test, found before any other; all of its containers end with the test.
pub(crate) struct Engine {
    dir: PathBuf,
    /// Not below the store: podman takes no more than 50 characters.
    run: PathBuf,
    /// Its service, for Docker's client.
    service: Option<Child>,
}

impl Engine {
    pub(crate) fn new(dir: &Path, name: &str) -> Self {
        let run = std::env::temp_dir().join(format!("goma-{name}-{}", std::process::id()));
        let engine = Self {
            dir: dir.to_path_buf(),
            run,
            service: None,
        };
        let script = format!(
            "PATH=${{PATH#*:}}\nexec podman --root {} --runroot {} --storage-driver vfs --runtime runc \"$@\"",
            dir.join("store").display(),
            engine.run.display()
        );
        engine.program("podman", &script);
        engine
    }

    /// A program that is found before any other of its name.
    pub(crate) fn program(&self, name: &str, script: &str) {
        let bin = self.dir.join("bin");
        fs::create_dir_all(&bin).unwrap();
        let (new, program) = (bin.join("new"), bin.join(name));
        // Beside it first: a file that is open for writing cannot be run.
        fs::write(&new, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).unwrap();
        fs::rename(&new, program).unwrap();
    }

    fn serve(&mut self) {
        let socket = self.socket();
        let _ = fs::create_dir_all(&self.run);
        let service = Command::new(self.dir.join("bin/podman"))
            .env("PATH", self.path())
            .args(["system", "service", "--time=0", &socket])
            .stderr(Stdio::null())
            .spawn();
        self.service = Some(service.unwrap());
        wait_until("podman's service listens", || {
            self.run.join("docker").exists()
        });
    }

    fn socket(&self) -> String {
        format!("unix://{}", self.run.join("docker").display())
    }

    pub(crate) fn path(&self) -> String {
        let path = std::env::var("PATH").unwrap();
        let own = self.dir.join("bin");
        let python = testbed("");
        format!("{}:{path}:{}", own.display(), python.display())
    }

    fn podman(&self, args: &[&str]) -> Output {
        let mut podman = Command::new(self.dir.join("bin/podman"));
        podman.env("PATH", self.path()).args(args).output().unwrap()
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = goma_command();
        command
            .args(args)
            .current_dir(&self.dir)
            .env("PATH", self.path())
            .env("DOCKER_HOST", self.socket());
        command
    }

    fn goma(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Builds what is in `goma.yml` now and deploys it.
    fn deploy(&self, to: &str, spec: &str, more: &[&str]) -> Output {
        fs::write(self.dir.join("goma.yml"), spec).unwrap();
        let first = ["deploy", "--fast", "--to", to, "--wait", WAIT];
        let mut args = [first.as_slice(), more].concat();
        args.push("--");
        if to.starts_with("compose:") {
            args.extend(["--file", "override.yaml"]);
        } else {
            args.extend(LIMITS);
            args.extend(["--env-file", "shop.env"]);
        }
        self.goma(&args)
    }

    fn variables(&self, port: u16, backend: &str) {
        let text = format!("LISTEN=127.0.0.1:{port}\nA={backend}\nLOG=\nPASSWORD=x\n");
        fs::write(self.dir.join("shop.env"), text).unwrap();
    }

    /// Names of the containers that there are.
    fn containers(&self) -> Vec<String> {
        let names = self.podman(&["ps", "--all", "--format", "{{.Names}}"]);
        expect(&names).lines().map(str::to_owned).collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // Twice: a container whose network another is in goes after that one.
        for _ in 0..2 {
            let _ = self.podman(&["rm", "--force", "--all", "--time", "0"]);
        }
        if let Some(service) = &mut self.service {
            let _ = service.kill();
            let _ = service.wait();
        }
        let _ = fs::remove_dir_all(&self.run);
    }
}

/// A revision takes over from another and is rolled back under load; what does not start, or answers a golden
/// request otherwise, leaves the one before as it is.
fn follow_one_another(engine: &Engine, to: &str) {
    let backend = Backend::ok();
    let port = free_port();
    engine.variables(port, &backend.url());
    let status = || engine.goma(&["status", "--to", to]);
    assert!(fails(&status()).contains("nothing is deployed"));
    let text = expect(&engine.deploy(to, SPEC, &["--golden", GOLDEN]));
    assert!(text.contains(&format!("serves    from {to}")), "{text}");
    let first = revision(&engine.dir);
    assert_eq!(engine.containers().len(), 1);
    assert!(expect(&status()).contains("serves    yes"));

    let load = Load::start(port);
    let marks = || (ask(port, "/private"), ask(port, "/secret"));
    let (old, new) = ((Some(401), Some(200)), (Some(200), Some(401)));
    assert_eq!(marks(), old);
    let changed = SPEC.replace("[/private]", "[/secret]");
    let plan = expect(&engine.deploy(to, &changed, &["--dry-run", "--golden", GOLDEN]));
    let change = format!("change    current: {first} → ");
    assert!(plan.contains(&change), "{plan}");
    assert!(
        plan.contains(&format!("change    ask {GOLDEN}\n")),
        "{plan}"
    );
    assert_eq!(marks(), old);
    expect(&engine.deploy(to, &changed, &["--golden", GOLDEN]));
    let second = revision(&engine.dir);
    assert_eq!(engine.containers().len(), 1);
    for _ in 0..8 {
        assert_eq!(marks(), new);
    }

    refused(engine, to, &second);
    assert_eq!(marks(), new);

    expect(&engine.goma(&["rollback", "--to", to, "--wait", WAIT]));
    for _ in 0..8 {
        assert_eq!(marks(), old);
    }
    load.end();
    let list = expect(&engine.goma(&["rollback", "--to", to, "--list"]));
    let list: Vec<_> = list
        .lines()
        .map(|line| {
            line.split_whitespace()
                .take(2)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect();
    let expected = [
        format!("{first} rollback"),
        format!("{second} deploy"),
        format!("{first} deploy"),
    ];
    assert_eq!(list, expected);
    let absent = ["rollback", "--to", to, "--revision", "000000000000"];
    assert!(fails(&engine.goma(&absent)).contains("there is no release"));
    let name = engine.containers().remove(0);
    expect(&engine.podman(&["stop", "--time", "10", &name]));
    assert!(fails(&status()).contains("serves    no: "));
    // It is not there to take over from, and does not come back.
    expect(&engine.deploy(to, SPEC, &[]));
    assert_eq!(engine.containers().len(), 1);
    assert!(expect(&status()).contains("serves    yes"));
}

/// Two revisions that do not come to serve.
fn refused(engine: &Engine, to: &str, serving: &str) {
    // Its backend is not there: the variable has another name, and nobody sets that.
    let wrong = SPEC.replace("${A:-", "${OTHER:-");
    let text = fails(&engine.deploy(to, &wrong, &["--golden", GOLDEN]));
    assert!(text.contains("GET http://h/ 200: 502 came"), "{text}");
    let back = format!("rolled back to {serving}");
    assert!(text.contains(&back), "{text}");
    // A variable is not set where it runs.
    let broken = SPEC.replace("${A:-http://127.0.0.1:1}", "${NOT_SET}");
    let text = fails(&engine.deploy(to, &broken, &[]));
    assert!(text.contains("it does not start"), "{text}");
    assert!(text.contains("NOT_SET"), "{text}");
    assert!(text.contains(&back), "{text}");
    assert_eq!(engine.containers().len(), 1);
    foreign(engine, to, &broken);
    let text = expect(&engine.goma(&["status", "--to", to]));
    assert!(text.contains(&format!("revision  {serving}\n")), "{text}");
}

/// A container of somebody else that has a name of the target's is left alone, and so is the target.
fn foreign(engine: &Engine, to: &str, spec: &str) {
    let target = to.rsplit([':', '/']).next().unwrap();
    let name = format!("{target}-trial");
    let own = engine.containers().remove(0);
    let image = expect(&engine.podman(&["inspect", "--format", "{{.Image}}", &own]));
    expect(&engine.podman(&["create", "--name", &name, image.trim()]));
    let text = fails(&engine.deploy(to, spec, &["--golden", GOLDEN]));
    assert!(text.contains(&name), "{text}");
    assert!(text.contains("was not deployed by goma"), "{text}");
    let mut there = engine.containers();
    there.sort();
    let mut both = [own, name.clone()];
    both.sort();
    assert_eq!(there, both);
    expect(&engine.podman(&["rm", &name]));
}

/// RT-CLI: done-when 5 of issue 6.
#[test]
fn podman_containers_follow_one_another() {
    let dir = scratch("podman-deploy", SPEC);
    let engine = Engine::new(&dir, "follow");
    let name = format!("podman:shop-{}", std::process::id());
    follow_one_another(&engine, &name);
}

/// RT-CLI: by Docker's own client.
#[test]
fn docker_containers_follow_one_another() {
    let dir = scratch("docker-deploy", SPEC);
    let mut engine = Engine::new(&dir, "docker");
    engine.serve();
    let name = format!("docker:shop-{}", std::process::id());
    follow_one_another(&engine, &name);
}

/// RT-CLI: by podman-compose, with what is the user's in a file of its own.
#[test]
fn a_project_of_compose_follows_itself() {
    let dir = scratch("compose-deploy", SPEC);
    let engine = Engine::new(&dir, "compose");
    // Nor is there any other compose.
    engine.program("docker", "exit 1");
    let own = "services:\n  gateway:\n    env_file: shop.env\n    ulimits: { nofile: 1024, nproc: 1024 }\n";
    fs::write(dir.join("override.yaml"), own).unwrap();
    let project = format!("shop-{}", std::process::id());
    let to = format!("compose:compose.yaml/{project}");
    follow_one_another(&engine, &to);
    let mut check = Command::new(testbed("check-jsonschema"));
    check.args(["--builtin-schema", "vendor.compose-spec", "compose.yaml"]);
    expect(&check.current_dir(&dir).output().unwrap());
    fs::write(dir.join("mine.yaml"), own).unwrap();
    let foreign = engine.deploy("compose:mine.yaml/shop", SPEC, &[]);
    assert!(fails(&foreign).contains("was not written by goma"));
    assert_eq!(fs::read_to_string(dir.join("mine.yaml")).unwrap(), own);
}

/// A network that others are in already: golden requests reach it too.
#[test]
fn a_container_in_the_network_of_another() {
    let dir = scratch("podman-network", SPEC);
    let engine = Engine::new(&dir, "network");
    engine.variables(8080, "http://127.0.0.1:1");
    let built = engine.goma(&["build", "--fast", "--image", "image"]);
    expect(&built);
    let image = format!("oci:{}:{}", dir.join("image").display(), revision(&dir));
    let image = expect(&engine.podman(&["pull", "--quiet", &image]));
    let mut holder = vec!["run", "--detach", "--name", "holder", "--network=none"];
    holder.extend(LIMITS);
    let variables = [
        "-e",
        "LISTEN=127.0.0.1:8081",
        "-e",
        "LOG=",
        "-e",
        "PASSWORD=x",
    ];
    holder.extend(variables);
    holder.push(image.trim());
    expect(&engine.podman(&holder));
    let to = format!("podman:network-{}", std::process::id());
    let deploy = |golden: &str| {
        let mut args = vec!["deploy", "--to", &to, "--wait", WAIT];
        args.extend(["--golden", golden, "image", "--"]);
        args.extend(LIMITS);
        args.extend(["--env-file", "shop.env", "--network=container:holder"]);
        engine.goma(&args)
    };
    expect(&deploy("GET http://h/private 401"));
    expect(&deploy("GET http://h/ 502"));
    let text = fails(&deploy("GET http://h/ 200"));
    assert!(text.contains("502 came"), "{text}");
    assert!(expect(&engine.goma(&["status", "--to", &to])).contains("serves    yes"));
    for (args, why) in [
        (["--publish", "80:8080"], "does not pass"),
        (["--network", "bridge"], "sockets of its own"),
        (["--name", "other"], "goma decides"),
    ] {
        let deploy = [&["deploy", "--to", &to, "image", "--"], args.as_slice()].concat();
        let output = engine.goma(&deploy);
        assert_eq!(output.status.code(), Some(2));
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.contains(why), "{errors}");
    }
}
