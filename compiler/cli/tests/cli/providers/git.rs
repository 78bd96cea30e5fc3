//! The git provider (RT-PROV-GIT), against `git http-backend` behind TLS and against sshd.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use goma_tests::free_port;
use tempfile::TempDir;

use super::server::{Certificate, Server, answer, git_backend};
use super::{bundle, main_file, run_with};
use crate::{dir, expect, run_in};

/// A bare repository `routes.git` with a branch `main`, and the work tree it is pushed from.
struct Repository {
    root: TempDir,
}

impl Repository {
    fn new() -> Self {
        let a = bundle("a");
        let files = [
            ("work/conf/a.yml", a.as_str()),
            ("work/conf/.ci/x.yml", "not: read\n"),
            ("work/other/b.yml", "not: [read\n"),
        ];
        let repository = Self { root: dir(&files) };
        git(
            repository.root.path(),
            &["init", "-q", "--bare", "-b", "main", "routes.git"],
        );
        git(&repository.work(), &["init", "-q", "-b", "main"]);
        repository.push("first");
        repository
    }

    fn work(&self) -> PathBuf {
        self.root.path().join("work")
    }

    fn push(&self, message: &str) -> String {
        let work = self.work();
        git(&work, &["add", "-A"]);
        git(&work, &["commit", "-q", "-m", message]);
        git(&work, &["push", "-q", "../routes.git", "main"]);
        git(&work, &["rev-parse", "HEAD"]).trim().to_owned()
    }
}

fn git(dir: &Path, args: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=t", "-c", "user.email=t@localhost"])
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{args:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A token goes to the server and nowhere else; the commit is locked; a locked build takes that commit,
/// from `.goma/inputs` or, where that is empty, from the server.
#[test]
fn over_https_with_a_token() {
    let repository = Repository::new();
    let certificate = Certificate::new(repository.root.path());
    let root = repository.root.path().to_owned();
    let server = Server::start(Some(&certificate), move |request| {
        // git:s3cret
        if request.field("credentials") == Some("Basic Z2l0OnMzY3JldA==") {
            git_backend(&root, request)
        } else {
            answer(
                "401 Unauthorized",
                &[("www-authenticate", "Basic realm=x")],
                b"",
            )
        }
    });
    let url = format!("https://{}/routes.git", server.address);
    let main = main_file(&format!(
        "{{ git: {{ enabled: true, url: '{url}', path: conf, auth: {{ type: token, token: '${{TOKEN}}' }} }} }}"
    ));
    let project = dir(&[("goma.yml", main.as_str())]);
    let file = certificate.file.to_str().unwrap();
    let run = |args: &[&str], token: &str| {
        let variables = [
            ("GIT_SSL_CAINFO", file),
            ("TOKEN", token),
            ("GIT_TRACE_CURL", "1"),
            ("GIT_TRACE_REDACT", "0"),
        ];
        run_with(project.path(), args, &variables)
    };
    let output = run(&["lock"], "s3cret");
    expect(&output, 0);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!said.contains("Z2l0OnMzY3JldA"), "{said}");
    let first = git(&repository.work(), &["rev-parse", "HEAD"])
        .trim()
        .to_owned();
    let read = || std::fs::read_to_string(project.path().join("goma.lock")).unwrap();
    let source = |commit: &str| format!("kind = \"git\"\nsource = \"{url}@{commit}/conf/a.yml\"\n");
    assert!(read().contains(&source(&first)), "{}", read());
    assert!(!read().contains("s3cret"), "{}", read());

    std::fs::write(repository.work().join("conf/a.yml"), bundle("new")).unwrap();
    let second = repository.push("second");
    let asked = server.requests().len();
    expect(&run(&["check", "--locked", "--offline"], "s3cret"), 0);
    assert_eq!(server.requests().len(), asked);
    // The repository of the tests gives any commit to whoever names it, as the large hosts do.
    git(
        &repository.root.path().join("routes.git"),
        &["config", "uploadpack.allowAnySHA1InWant", "true"],
    );
    std::fs::remove_dir_all(project.path().join(".goma")).unwrap();
    let text = expect(
        &run(&["explain", "GET", "http://h/a", "--locked"], "s3cret"),
        0,
    );
    assert!(text.contains("route     a "), "{text}");
    expect(&run(&["lock"], "s3cret"), 0);
    assert!(read().contains(&source(&second)), "{}", read());

    let output = run(&["check"], "wrong");
    let text = expect(&output, 1);
    assert!(text.contains("error[provider-failed]: git: "), "{text}");
    assert!(!text.contains("wrong"), "{text}");
    // Without the certificate's issuer there is no trust, whatever the surroundings say.
    let variables = [("TOKEN", "s3cret"), ("GIT_SSL_NO_VERIFY", "1")];
    let text = expect(&run_with(project.path(), &["check"], &variables), 1);
    assert!(text.contains("certificate"), "{text}");
}

/// A link could show any file of the building machine; an empty place is a mistake.
#[test]
fn only_plain_files_are_bundles() {
    let repository = Repository::new();
    let certificate = Certificate::new(repository.root.path());
    let root = repository.root.path().to_owned();
    let server = Server::start(Some(&certificate), move |request| {
        git_backend(&root, request)
    });
    let check = |path: &str, branch: &str| {
        let main = main_file(&format!(
            "{{ git: {{ enabled: true, url: 'https://{}/routes.git', path: '{path}', branch: '{branch}' }} }}",
            server.address
        ));
        let project = dir(&[("goma.yml", main.as_str())]);
        let file = certificate.file.to_str().unwrap();
        expect(
            &run_with(project.path(), &["check"], &[("GIT_SSL_CAINFO", file)]),
            1,
        )
    };
    std::os::unix::fs::symlink("/etc/passwd", repository.work().join("other/p.yaml")).unwrap();
    repository.push("a link");
    let text = check("other", "main");
    assert!(
        text.contains("error[provider-failed]: `other/p.yaml` is not a plain file"),
        "{text}"
    );
    let text = check("nowhere", "main");
    assert!(
        text.contains("error[provider-failed]: the branch `main` has no bundle in `nowhere`"),
        "{text}"
    );
    let text = check("conf", "no");
    assert!(text.contains("error[provider-failed]: git: "), "{text}");
}

/// Host keys are verified, by the key, by a file, and by nothing less.
#[test]
fn over_ssh() {
    let repository = Repository::new();
    let sshd = Sshd::start(repository.root.path());
    let other = key_pair(repository.root.path(), "other");
    let user = String::from_utf8(Command::new("id").arg("-un").output().unwrap().stdout).unwrap();
    let url = format!(
        "ssh://{}@127.0.0.1:{}{}/routes.git",
        user.trim(),
        sshd.port,
        repository.root.path().display()
    );
    let check = |auth: &str, code| {
        let main = main_file(&format!(
            "{{ git: {{ enabled: true, url: '{url}', path: conf, auth: {{ type: ssh, {auth} }} }} }}"
        ));
        let project = dir(&[("goma.yml", main.as_str())]);
        expect(&run_in(project.path(), &["check"]), code)
    };
    let key = sshd.client_key.display();
    check(
        &format!("sshKeyPath: '{key}', hostKey: '{}'", sshd.host_key),
        0,
    );
    let text = check(&format!("sshKeyPath: '{key}', hostKey: '{}'", other.1), 1);
    assert!(
        text.contains("error[provider-failed]: git: Host key verification failed"),
        "{text}"
    );

    let known = repository.root.path().join("known hosts");
    std::fs::write(
        &known,
        format!("[127.0.0.1]:{} {}\n", sshd.port, sshd.host_key),
    )
    .unwrap();
    let known = known.display();
    check(
        &format!("sshKeyPath: '{key}', knownHostsPath: '{known}'"),
        0,
    );
    std::fs::write(repository.root.path().join("empty"), "").unwrap();
    let empty = repository.root.path().join("empty");
    let text = check(
        &format!("sshKeyPath: '{key}', knownHostsPath: '{}'", empty.display()),
        1,
    );
    assert!(text.contains("Host key verification failed"), "{text}");

    let data = Command::new("base64")
        .arg(&sshd.client_key)
        .output()
        .unwrap()
        .stdout;
    let data = String::from_utf8(data).unwrap().replace('\n', "");
    let text = check(
        &format!("sshKeyData: {data}, hostKey: '{}'", sshd.host_key),
        0,
    );
    assert!(
        text.contains("warning[literal-secret]") && !text.contains(&data),
        "{text}"
    );
}

/// A server of our own, of the user who tests.
struct Sshd {
    child: Child,
    port: u16,
    host_key: String,
    client_key: PathBuf,
}

impl Sshd {
    fn start(root: &Path) -> Self {
        let (host, host_key) = key_pair(root, "host");
        let (client_key, public) = key_pair(root, "client");
        std::fs::write(root.join("authorized"), public).unwrap();
        let port = free_port();
        // Where the daemon runs as root it wants this directory.
        let _ = std::fs::create_dir_all("/run/sshd");
        let mut child = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f", "/dev/null", "-p", &port.to_string(), "-h"])
            .arg(&host)
            .arg("-o")
            .arg(format!(
                "AuthorizedKeysFile={}",
                root.join("authorized").display()
            ))
            .args([
                "-o",
                "ListenAddress=127.0.0.1",
                "-o",
                "StrictModes=no",
                "-o",
                "UsePAM=no",
            ])
            .args(["-o", "PidFile=none", "-o", "PermitRootLogin=yes"])
            .stderr(Stdio::piped())
            .spawn()
            .expect("ci/testbed installs sshd");
        let log = std::io::BufReader::new(child.stderr.take().unwrap());
        let mut lines = std::io::BufRead::lines(log);
        let up = lines
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.contains("Server listening"));
        assert!(up, "sshd did not start");
        std::thread::spawn(move || lines.for_each(drop));
        Self {
            child,
            port,
            host_key,
            client_key,
        }
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// File of the private key, and type and text of the public one.
fn key_pair(root: &Path, name: &str) -> (PathBuf, String) {
    let file = root.join(name);
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "", "-f"])
        .arg(&file)
        .status()
        .unwrap();
    assert!(made.success());
    let public = std::fs::read_to_string(file.with_extension("pub")).unwrap();
    (file, public.trim().to_owned())
}
