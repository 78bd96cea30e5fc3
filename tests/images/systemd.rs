//! `goma deploy --to systemd:…`: a real systemd, as process 1 of a machine made of name spaces, runs gateways that
//! follow one another under load.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use goma_tests::build::{goma, goma_command, repository};
use goma_tests::{Backend, free_port, wait_until};

use super::releases::{GOLDEN, Load, ask, fails};
use super::{SPEC, build, expect, revision, scratch};

/// Where each hierarchy of cgroups is, on machines that have both kinds.
const HIERARCHIES: [&str; 2] = ["/sys/fs/cgroup/systemd", "/sys/fs/cgroup/unified"];

/// A machine that systemd runs.
struct Machine {
    dir: PathBuf,
    unshare: Child,
    cgroups: Vec<PathBuf>,
    /// Its process 1, as this machine counts.
    init: u32,
}

impl Machine {
    fn start(dir: &Path) -> Self {
        let name = format!("goma-test-{}", std::process::id());
        let cgroups = HIERARCHIES.map(|hierarchy| Path::new(hierarchy).join(&name));
        let join = cgroups.each_ref().map(|cgroup| {
            fs::create_dir_all(cgroup).unwrap();
            format!("echo $$ > {}/cgroup.procs", cgroup.display())
        });
        let spaces = "--mount --pid --fork --kill-child --uts --ipc --cgroup";
        let script = format!(
            "set -e; {}; exec unshare {spaces} sh {} {}",
            join.join("; "),
            repository()
                .join("tests/images/systemd_machine.sh")
                .display(),
            dir.join("machine").display(),
        );
        let unshare = Command::new("sh")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let mut machine = Self {
            dir: dir.to_path_buf(),
            cgroups: cgroups.to_vec(),
            init: 0,
            unshare,
        };
        let children = format!("/proc/{0}/task/{0}/children", machine.unshare.id());
        wait_until("systemd runs", || {
            let text = fs::read_to_string(&children).unwrap_or_default();
            machine.init = text.trim().parse().unwrap_or_default();
            let state = ["show", "--property=SystemState"];
            let state = || machine.systemctl(&state).stdout;
            machine.init != 0 && String::from_utf8_lossy(&state()).contains("running")
        });
        machine
    }

    /// A command there, in the directory of the test.
    fn command(&self, program: &Path, args: &[&str]) -> Command {
        let mut command = Command::new("nsenter");
        command
            .args(["--target", &self.init.to_string()])
            .args(["--mount", "--pid", "--uts", "--ipc", "--cgroup"])
            .args(["sh", "-c", "cd \"$0\" && exec \"$@\""])
            .arg(&self.dir)
            .arg(program)
            .args(args);
        command
    }

    fn systemctl(&self, args: &[&str]) -> Output {
        let mut command = self.command(Path::new("systemctl"), args);
        command.output().unwrap()
    }

    fn goma(&self, args: &[&str]) -> Output {
        let mut command = self.command(&goma(), args);
        for (name, value) in goma_command().get_envs() {
            command.env(name, value.unwrap());
        }
        command.output().unwrap()
    }

    fn deploy(&self, image: &str, more: &[&str]) -> Output {
        self.goma(&[&["deploy", "--to", SHOP, image], more].concat())
    }

    /// What systemd shows of the unit.
    fn shows(&self, property: &str) -> String {
        let property = format!("--property={property}");
        let shown = self.systemctl(&["show", &property, "--value", "shop.service"]);
        expect(&shown).trim().to_owned()
    }

    /// A file of the machine's administrator.
    fn unit(&self, name: &str) -> PathBuf {
        self.dir.join("machine/etc").join(name)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // With process 1 of a name space end all others.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
        for cgroup in &self.cgroups {
            remove_cgroup(cgroup);
        }
    }
}

/// It can be removed when its processes have ended, which the kernel does on its own.
fn remove_cgroup(cgroup: &Path) {
    let listed = fs::read_dir(cgroup).into_iter().flatten().flatten();
    for entry in listed.filter(|entry| entry.path().is_dir()) {
        remove_cgroup(&entry.path());
    }
    if !std::thread::panicking() {
        wait_until("a cgroup is empty", || fs::remove_dir(cgroup).is_ok());
    }
}

const SHOP: &str = "systemd:shop";

/// A release takes over from another and is rolled back under load; what does not start, or answers a golden request
/// otherwise, leaves the one before as it is.
#[test]
fn a_unit_that_is_reloaded() {
    let dir = scratch("systemd", SPEC);
    build(&dir, "one");
    let first = revision(&dir);
    fs::write(
        dir.join("goma.yml"),
        SPEC.replace("[/private]", "[/secret]"),
    )
    .unwrap();
    build(&dir, "two");
    let second = revision(&dir);
    let machine = Machine::start(&dir);
    let backend = Backend::ok();
    let port = free_port();
    let variables = format!("LISTEN=127.0.0.1:{port}\nA={}\nLOG=\n", backend.url());
    fs::write(dir.join("few.env"), &variables).unwrap();
    fs::write(dir.join("shop.env"), variables + "PASSWORD=x\n").unwrap();
    let file = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (few, all) = (file("few.env"), file("shop.env"));
    let usual = ["--golden", GOLDEN, "--", "--env-file", &all];

    first_of_all(&machine, &usual, &few);

    let load = Load::start(port);
    let marks = || (ask(port, "/private"), ask(port, "/secret"));
    let (old, new) = ((Some(401), Some(200)), (Some(200), Some(401)));
    assert_eq!(marks(), old);
    let before = machine.shows("MainPID");
    let plan = expect(&machine.deploy("two", &[&["--dry-run"], usual.as_slice()].concat()));
    assert!(
        plan.contains(&format!("current: {first} → {second}\n")),
        "{plan}"
    );
    assert!(!plan.contains("write /etc"), "{plan}");
    expect(&machine.deploy("two", &usual));
    only(&marks, new);
    assert_ne!(machine.shows("MainPID"), before);

    refused(&machine, &second, &few);
    only(&marks, new);
    // New values, without goma.
    let before = machine.shows("MainPID");
    expect(&machine.systemctl(&["reload", "shop.service"]));
    assert_ne!(machine.shows("MainPID"), before);
    only(&marks, new);

    expect(&machine.goma(&["rollback", "--to", SHOP]));
    only(&marks, old);
    load.end();
    let list = expect(&machine.goma(&["rollback", "--to", SHOP, "--list"]));
    let list: Vec<_> = list
        .lines()
        .map(|line| line.split("  ").take(2).collect::<Vec<_>>())
        .collect();
    let (first, second) = (first.as_str(), second.as_str());
    assert_eq!(
        list,
        [[first, "rollback"], [second, "deploy"], [first, "deploy"]]
    );
    started_again(&machine, port);
    others_are_left_alone(&machine);
}

/// It is shown, fails and leaves nothing behind, and then serves.
fn first_of_all(machine: &Machine, usual: &[&str], few: &str) {
    let status = || machine.goma(&["status", "--to", SHOP]);
    assert!(fails(&status()).contains("nothing is deployed"));
    let plan = expect(&machine.deploy("one", &[&["--dry-run"], usual].concat()));
    for line in [
        "change    write /etc/systemd/system/shop.service\n",
        &format!("change      + EnvironmentFile={}\n", usual[4]),
        &format!("change    ask {GOLDEN}\n"),
        "change    systemctl restart shop.service\n",
        "change    systemctl enable shop.service\n",
    ] {
        assert!(plan.contains(line), "{line}: {plan}");
    }
    assert!(!machine.unit("shop.service").exists());
    // The first one of all leaves nothing behind.
    let text = fails(&machine.deploy("one", &["--", "--env-file", few]));
    assert!(text.contains("taken back"), "{text}");
    assert!(!machine.unit("shop.service").exists());
    let text = expect(&machine.deploy("one", usual));
    assert!(text.contains("serves    as shop.service"), "{text}");
    assert!(expect(&status()).contains("serves    yes"));
    assert_eq!(machine.shows("UnitFileState"), "enabled");
    judged(machine);
}

/// Those of the gateway before are served by it still for a moment.
fn only(marks: &dyn Fn() -> (Option<u16>, Option<u16>), expected: (Option<u16>, Option<u16>)) {
    wait_until("only one answers", || (0..8).all(|_| marks() == expected));
}

/// Neither one that does not start nor one that answers otherwise changes anything.
fn refused(machine: &Machine, serving: &str, few: &str) {
    let before = machine.shows("MainPID");
    let unit = fs::read(machine.unit("shop.service")).unwrap();
    let back = format!("rolled back to {serving}");
    // A variable is not set.
    let text = fails(&machine.deploy("one", &["--", "--env-file", few]));
    assert!(text.contains(&back), "{text}");
    let all = machine.dir.join("shop.env");
    let wrong = "GET http://h/private 200";
    let own = ["--golden", wrong, "--", "--env-file", all.to_str().unwrap()];
    let text = fails(&machine.deploy("one", &own));
    assert!(text.contains(&format!("{wrong}: 401 came")), "{text}");
    assert!(text.contains(&back), "{text}");
    assert_eq!(machine.shows("MainPID"), before);
    assert_eq!(machine.shows("NRestarts"), "0");
    assert_eq!(fs::read(machine.unit("shop.service")).unwrap(), unit);
    let trial = machine.systemctl(&["status", "shop-trial.service"]);
    assert!(String::from_utf8_lossy(&trial.stderr).contains("could not be found"));
    let text = expect(&machine.goma(&["status", "--to", SHOP]));
    assert!(text.contains(&format!("revision  {serving}\n")), "{text}");
}

/// What is run, and how systemd's own tool judges it.
fn judged(machine: &Machine) {
    let analyze = |args: &[&str]| {
        let mut analyze = machine.command(Path::new("systemd-analyze"), args);
        analyze.output().unwrap()
    };
    let unit = "/etc/systemd/system/shop.service";
    let verified = analyze(&["verify", "--man=no", unit]);
    let said = String::from_utf8_lossy(&verified.stderr).into_owned();
    assert!(
        verified.status.success() && !said.contains("shop"),
        "{said}"
    );
    // Tenths of what it calls exposure, which goes to ten.
    let security = ["security", "--offline=yes", "--threshold=20", unit];
    expect(&analyze(&security));
    let process = machine.shows("MainPID");
    let file = format!("/proc/{process}/status");
    let status = machine.command(Path::new("cat"), &[&file]).output();
    let status = expect(&status.unwrap());
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().split_whitespace().next().unwrap().to_owned()
    };
    assert_ne!(field("Uid:"), "0");
    assert_eq!(field("CapBnd:"), "0000000000000000");
    assert_eq!(field("NoNewPrivs:"), "1");
    assert_eq!(field("Seccomp:"), "2");
}

/// What ends by itself is started again, and takes over nothing from nobody.
fn started_again(machine: &Machine, port: u16) {
    expect(&machine.systemctl(&["kill", "--signal=KILL", "shop.service"]));
    wait_until("it is started again", || ask(port, "/private") == Some(401));
    assert_eq!(machine.shows("NRestarts"), "1");
    // It answers before systemd knows that it is ready.
    wait_until("it is said to serve", || {
        machine.goma(&["status", "--to", SHOP]).status.success()
    });
    expect(&machine.systemctl(&["stop", "shop.service"]));
    assert_eq!(ask(port, "/private"), None);
    assert!(fails(&machine.goma(&["status", "--to", SHOP])).contains("serves    no"));
}

/// A unit that goma has not made.
fn others_are_left_alone(machine: &Machine) {
    let other = machine.unit("other.service");
    fs::write(&other, "[Service]\nExecStart=/bin/true\n").unwrap();
    let before = fs::metadata(&other).unwrap().ino();
    let text = fails(&machine.goma(&["deploy", "--to", "systemd:other", "one"]));
    assert!(text.contains("was not made by goma"), "{text}");
    assert_eq!(fs::metadata(&other).unwrap().ino(), before);
}
