//! Images that `goma build --image` writes, judged by the tools of others: skopeo, umoci, and podman with
//! runc; and by the libraries of those who made the formats. `ci/testbed` installs them.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

mod cluster;
mod containers;
mod distribution;
mod documents;
mod first_route;
mod keeping;
mod kubeconfig;
mod kubernetes;
mod objects;
mod pipelines;
mod platforms;
mod registry;
mod releases;
mod running;
mod signatures;
mod swarm;
mod systemd;
mod transfer;
mod verify;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use goma_tests::build::{goma_command, target};
use goma_tests::{Backend, Client, free_port, wait_until};
use serde_json::Value;

const SPEC: &str = "\
# hunter1 is a comment
version: 2
gateway:
  entryPoints:
    web: { address: \"${LISTEN:-:8080}\" }
  log: { filePath: \"${LOG:-/var/log/goma/access.log}\" }
  routes:
    - name: site
      path: /
      target: ${A:-http://127.0.0.1:1}
      middlewares: [guard]
middlewares:
  - name: guard
    type: basicAuth
    rule:
      users: [ { username: ann, password: \"${PASSWORD}\" } ]
    paths: [/private]
";

/// One that takes little to compile: another cache has all of it to do.
const SMALL: &str = "\
# hunter1 is a comment
version: 2
gateway:
  routes:
    - { name: site, path: /, target: \"http://127.0.0.1:1\", middlewares: [key] }
middlewares:
  - { name: key, type: requestHeaders, rule: { setHeaders: { X-Key: \"${PASSWORD}\" } } }
";

/// An empty directory of this test, with the specification.
fn scratch(name: &str, spec: &str) -> PathBuf {
    let dir = target().join("e2e/images").join(name);
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("goma.yml"), spec).unwrap();
    dir
}

fn expect(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{text}{errors}");
    text
}

/// Builds an image there; its digest.
fn build(dir: &Path, image: &str) -> String {
    let built = goma_command()
        .args(["build", "--fast", "--image", image])
        .env("PASSWORD", "hunter2")
        .current_dir(dir)
        .output();
    digest(&expect(&built.unwrap()))
}

fn digest(text: &str) -> String {
    let line = text.lines().find_map(|line| line.strip_prefix("digest"));
    line.unwrap_or_else(|| panic!("{text}")).trim().to_owned()
}

/// Where the tools of this machine are.
fn home(variable: &str, usual: &str) -> PathBuf {
    let own = std::env::var_os(variable).map(PathBuf::from);
    own.unwrap_or_else(|| std::env::home_dir().unwrap().join(usual))
}

fn sha256(path: &Path) -> String {
    let sum = Command::new("sha256sum").arg(path).output();
    expect(&sum.unwrap())[..64].to_owned()
}

/// Puts another manifest in the place of that of the image; its digest.
fn replace_manifest(image: &Path, digest: &str, change: impl FnOnce(&mut Value)) -> String {
    let mut manifest = json(&blob(image, &digest.into()));
    change(&mut manifest);
    let text = manifest.to_string();
    let file = image.with_extension("manifest");
    fs::write(&file, &text).unwrap();
    let digest = format!("sha256:{}", sha256(&file));
    fs::rename(&file, blob(image, &digest.clone().into())).unwrap();
    let mut index = json(&image.join("index.json"));
    index["manifests"][0]["digest"] = digest.clone().into();
    index["manifests"][0]["size"] = text.len().into();
    fs::write(image.join("index.json"), index.to_string()).unwrap();
    digest
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn revision(dir: &Path) -> String {
    let record = json(&dir.join("dist/build.json"));
    record["revision"].as_str().unwrap().to_owned()
}

fn blob(image: &Path, digest: &Value) -> PathBuf {
    let hash = digest.as_str().unwrap().strip_prefix("sha256:").unwrap();
    image.join("blobs/sha256").join(hash)
}

/// Name and content of every file below.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut open = vec![dir.to_path_buf()];
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                open.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_path_buf();
                found.insert(name, fs::read(&path).unwrap());
            }
        }
    }
    found
}

/// As another user with another home, 2,000 days ago. That the user and the clock are others is seen to first. Cargo and
/// rustc have the machine's clock: rustc's allocator does not start with another.
const ELSEWHERE: &str = r#"
test "$(id -u)" = 1234 && test "$(date +%s)" -lt "$((NOW - 100000000))" || exit 3
umask 077
mkdir tools
for tool in cargo rustc; do
    printf '#!/bin/sh\nunset LD_PRELOAD\nexec "%s" "$@"\n' "$(command -v $tool)" > tools/$tool
    chmod +x tools/$tool
done
PATH=$PWD/tools:$PATH exec "$0" build --fast --out elsewhere --image out/image.tar"#;

/// RT-CLI-10: directory, cache, home, user, umask, locale and time do not matter.
#[test]
fn the_same_image_anywhere() {
    let one = scratch("same-one", SMALL);
    let two = scratch("same-two/much/deeper", SMALL);
    let first = build(&one, "image");
    // Where cargo looks for configuration.
    let cache = target().join("e2e/another cache");
    fs::create_dir_all(cache.join(".cargo")).unwrap();
    let profiles =
        "[profile.fast]\nopt-level = 0\ndebug = true\noverflow-checks = true\npanic = \"abort\"\n";
    fs::write(cache.join(".cargo/config.toml"), profiles).unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let second = Command::new("unshare")
        .args(["--user", "--map-user=1234", "--map-group=1234"])
        .args(["faketime", "--exclude-monotonic", "-f", "-2000d"])
        .args(["sh", "-c", ELSEWHERE])
        .arg(goma_tests::build::goma())
        .current_dir(&two)
        .env("NOW", now.to_string())
        .env("CARGO_HOME", home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup"))
        .env("HOME", &two)
        .envs([("USER", "ann"), ("LOGNAME", "ann")])
        .env("GOMA_CACHE_DIR", &cache)
        .env("LC_ALL", "tr_TR.UTF-8")
        .env("TZ", "Pacific/Kiritimati")
        .env("SOURCE_DATE_EPOCH", "1700000000")
        .env("CFLAGS", "-g")
        .env("RUSTFLAGS", "-Copt-level=0")
        .output();
    assert_eq!(first, digest(&expect(&second.unwrap())));
    assert_eq!(json(&one.join("dist/build.json"))["image"], *first);

    let unpacked = two.join("unpacked");
    fs::create_dir(&unpacked).unwrap();
    let tar = ["-xf", "out/image.tar", "-C", "unpacked"];
    let tar = Command::new("tar").args(tar).current_dir(&two).output();
    expect(&tar.unwrap());
    assert!(
        files(&one.join("image")) == files(&unpacked),
        "layouts differ"
    );
    let compared = Command::new("diffoscope")
        .arg("--exclude-directory-metadata=yes")
        .args([&one.join("image"), &unpacked])
        .output();
    assert_eq!(expect(&compared.unwrap()), "");
    for (name, bytes) in files(&unpacked) {
        for secret in ["hunter1", "hunter2"] {
            let found = bytes
                .windows(secret.len())
                .any(|window| window == secret.as_bytes());
            assert!(!found, "{secret} in {}", name.display());
        }
    }
}

/// DESIGN decision 8: an image is compared by what it carries, although it carries no secret.
#[test]
fn what_changes_against_an_image() {
    let dir = scratch("diff", &SPEC.replace("${PASSWORD}", "hunter2"));
    build(&dir, "image");
    build(&dir, "image.tar");
    let diff = |sides: [&str; 2]| {
        let output = goma_command()
            .arg("diff")
            .args(sides)
            .current_dir(&dir)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        (
            output.status.code(),
            String::from_utf8_lossy(&output.stdout).into_owned() + &errors,
        )
    };
    let nothing = "nothing changes for requests\n".to_owned();
    for image in ["image", "image.tar"] {
        assert_eq!(diff([image, "goma.yml"]), (Some(0), nothing.clone()));
    }
    assert_eq!(diff(["image", "image.tar"]), (Some(0), nothing));
    let opened = SPEC.replace("[guard]", "[]");
    fs::write(dir.join("goma.yml"), opened).unwrap();
    let (code, text) = diff(["image", "goma.yml"]);
    assert_eq!(code, Some(1));
    let first = "exposure  /: basicAuth on /private → none  site  goma.yml:8\n";
    assert!(text.starts_with(first), "{text}");
    let (_, back) = diff(["goma.yml", "image"]);
    let first = "restricts /: none → basicAuth on /private  site  image:goma.yml:8\n";
    assert!(back.starts_with(first), "{back}");
}

/// What did not change is not stored and pushed again.
#[test]
fn a_route_changes_the_gateway_and_its_specification_only() {
    let layers = |dir: &Path, digest: &str| {
        let image = dir.join("image");
        let manifest = json(&blob(&image, &digest.into()));
        let layers = manifest["layers"].as_array().unwrap().iter();
        let digests = layers.map(|layer| layer["digest"].as_str().unwrap().to_owned());
        digests.collect::<Vec<_>>()
    };
    let dir = scratch("change", SPEC);
    let before = layers(&dir, &build(&dir, "image"));
    fs::write(
        dir.join("goma.yml"),
        SPEC.replace("path: /\n", "path: /shop\n"),
    )
    .unwrap();
    // The image before is replaced.
    let after = layers(&dir, &build(&dir, "image"));
    let same: Vec<bool> = before
        .iter()
        .zip(&after)
        .map(|(one, two)| one == two)
        .collect();
    assert_eq!(same, [true, false, false]);
    assert_eq!(
        fs::read_dir(dir.join("image/blobs/sha256"))
            .unwrap()
            .count(),
        10
    );
}

#[test]
fn nothing_else_is_replaced() {
    let dir = scratch("refused", SPEC);
    fs::create_dir(dir.join("photos")).unwrap();
    fs::write(dir.join("photos/cat.jpg"), "").unwrap();
    for (place, why) in [("photos", "holds no image"), ("goma.yml", "is a file")] {
        let built = goma_command()
            .args(["build", "--fast", "--image", place])
            .current_dir(&dir)
            .output()
            .unwrap();
        assert_eq!(built.status.code(), Some(1));
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(errors.contains(why), "{errors}");
    }
    assert!(dir.join("photos/cat.jpg").exists());
}

/// RT-CLI-9
#[test]
fn skopeo_and_umoci_accept_it() {
    let dir = scratch("tools", SPEC);
    let digest = build(&dir, "image");
    let revision = revision(&dir);
    let run = |program: &str, args: &[&str]| {
        let output = Command::new(program).args(args).current_dir(&dir).output();
        expect(&output.unwrap_or_else(|error| panic!("{program}: {error}: run ci/testbed")))
    };
    let named = format!("oci:image:{revision}");
    let seen: Value = serde_json::from_str(&run("skopeo", &["inspect", &named])).unwrap();
    assert_eq!(seen["Digest"], *digest);
    assert_eq!(
        seen["Labels"]["org.opencontainers.image.revision"],
        revision
    );
    // It recompresses and renames nothing.
    let copy = ["copy", "--preserve-digests", &named, "oci-archive:copy.tar"];
    run("skopeo", &copy);
    let seen: Value =
        serde_json::from_str(&run("skopeo", &["inspect", "oci-archive:copy.tar"])).unwrap();
    assert_eq!(seen["Digest"], *digest);

    let image = format!("image:{revision}");
    run("umoci", &["unpack", "--image", &image, "bundle"]);
    let root = dir.join("bundle/rootfs");
    let paths: Vec<_> = files(&root).into_keys().collect();
    let expected = [
        "etc/group",
        "etc/passwd",
        // `${A}` may be an https:// URL.
        "etc/ssl/certs/ca-certificates.crt",
        "usr/local/bin/goma",
        "usr/local/share/goma/specification.json",
    ];
    assert_eq!(paths, expected.map(PathBuf::from));
    for (path, mode, owner) in [
        ("etc/passwd", 0o644, 0),
        ("usr/local/bin/goma", 0o755, 0),
        ("var/log/goma", 0o750, 65532),
    ] {
        let metadata = fs::metadata(root.join(path)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{path}");
        assert_eq!(
            (metadata.uid(), metadata.gid(), metadata.mtime()),
            (owner, owner, 0)
        );
    }
    let bundle = json(&dir.join("bundle/config.json"));
    assert_eq!(bundle["process"]["user"]["uid"], 65532);
    assert_eq!(bundle["process"]["args"][0], "/usr/local/bin/goma");
    let manifest = json(&blob(&dir.join("image"), &Value::from(digest)));
    let config = json(&blob(&dir.join("image"), &manifest["config"]["digest"]));
    assert!(config["config"]["ExposedPorts"]["8080/tcp"].is_object());
    assert!(config["config"]["Volumes"]["/var/log/goma"].is_object());
}

/// RT-CLI-9: with nothing but its image, a read-only root and no capability, as a user without a name
/// on the host.
#[test]
fn podman_runs_it() {
    let dir = scratch("podman", SPEC);
    build(&dir, "image");
    let backend = Backend::ok();
    let port = free_port();
    let container = Container::run(&dir, port, &backend.url());
    wait_until("the container listens", || {
        std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()
    });
    let answer = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: h\r\n\r\n");
        Client::connect(port).send(request).response()
    };
    assert_eq!(answer("/").text(), "ok");
    assert_eq!(answer("/private").status, 401);
    expect(&container.podman(&[
        "exec",
        &container.name,
        "/usr/local/bin/goma",
        "healthcheck",
    ]));
    let pid = container.podman(&["inspect", "--format", "{{.State.Pid}}", &container.name]);
    let pid = expect(&pid);
    let status = fs::read_to_string(format!("/proc/{}/status", pid.trim())).unwrap();
    let field = |name: &str| {
        status
            .lines()
            .find_map(|line| line.strip_prefix(name))
            .unwrap()
    };
    assert_eq!(field("Uid:").split_whitespace().next(), Some("65532"));
    assert_eq!(field("CapEff:").trim(), "0000000000000000");
    expect(&container.podman(&["stop", &container.name]));
    let code = container.podman(&["wait", &container.name]);
    assert_eq!(expect(&code).trim(), "0");
}

/// A container in a store of this test, gone with its end.
struct Container {
    store: PathBuf,
    /// Not below `store`: podman takes no more than 50 characters.
    run: PathBuf,
    name: String,
}

impl Container {
    fn run(dir: &Path, port: u16, backend: &str) -> Self {
        let name = format!("goma-test-{}", std::process::id());
        let container = Self {
            store: dir.join("store"),
            run: std::env::temp_dir().join(&name),
            name,
        };
        let image = format!("oci:{}:{}", dir.join("image").display(), revision(dir));
        let pulled = container.podman(&["pull", "-q", &image]);
        let id = expect(&pulled);
        let variables = [
            format!("LISTEN=127.0.0.1:{port}"),
            format!("A={backend}"),
            "LOG=".to_owned(),
            "PASSWORD=x".to_owned(),
        ];
        // What the build machines of this project allow: limits that are not raised, runc.
        let mut args = vec!["run", "-d", "--name", &container.name, "--network=host"];
        args.extend([
            "--ulimit",
            "nofile=1024:1024",
            "--ulimit",
            "nproc=1024:1024",
        ]);
        args.extend([
            "--read-only",
            "--cap-drop=all",
            "--security-opt=no-new-privileges",
        ]);
        args.extend(
            variables
                .iter()
                .flat_map(|variable| ["-e", variable.as_str()]),
        );
        args.push(id.trim());
        expect(&container.podman(&args));
        container
    }

    fn podman(&self, args: &[&str]) -> Output {
        let output = Command::new("podman")
            .arg("--root")
            .arg(&self.store)
            .arg("--runroot")
            .arg(&self.run)
            .args(["--storage-driver", "vfs", "--runtime", "runc"])
            .args(args)
            .output();
        output.unwrap_or_else(|error| panic!("podman: {error}: run ci/testbed"))
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        let _ = self.podman(&["rm", "-f", &self.name]);
        let _ = fs::remove_dir_all(&self.run);
    }
}
