//! Pipelines that `goma init --ci` writes: valid for those who read them, and run step by step in a git
//! repository, with a registry that wants a password.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};

use goma_tests::build::{goma, repository, target};
use serde_json::Value;

use super::distribution::Registry;
use super::{expect, scratch};

/// Every pipeline with its file and its schema.
const PIPELINES: [(&str, &str, &str); 3] = [
    (
        "github",
        ".github/workflows/goma.yml",
        "vendor.github-workflows",
    ),
    ("gitlab", ".gitlab-ci.yml", "vendor.gitlab-ci"),
    ("woodpecker", ".woodpecker/goma.yml", "vendor.woodpecker-ci"),
];

/// DESIGN: the pipeline is `goma build && goma deploy`, and the pull request shows what changes.
#[test]
fn pipelines_run() {
    let home = scratch("pipelines", "");
    let users = Command::new("htpasswd")
        .args(["-Bbn", "ann", "secret"])
        .output();
    fs::write(home.join("users"), expect(&users.unwrap())).unwrap();
    let auth = format!(
        "auth: {{ htpasswd: {{ realm: t, path: {} }} }}\n",
        home.join("users").display()
    );
    let registry = Registry::start(&home, &auth);
    // As `goma`, but for what takes minutes.
    let bin = home.join("bin");
    fs::create_dir(&bin).unwrap();
    let script = format!(
        "#!/bin/sh\ncase $1 in build) shift; set -- build --fast \"$@\";; esac\nexec {} \"$@\"\n",
        goma().display()
    );
    fs::write(bin.join("goma"), script).unwrap();
    fs::set_permissions(bin.join("goma"), PermissionsExt::from_mode(0o755)).unwrap();
    for (kind, file, schema) in PIPELINES {
        let dir = home.join(kind);
        fs::create_dir(&dir).unwrap();
        let place = Place {
            dir: &dir,
            kind,
            registry: &registry,
        };
        place.sh("git init -q -b main && goma init . && git add -A && git commit -qm first");
        place.sh(&format!(
            "goma init --ci {kind} && goma lock && git add -A && git commit -qm pipeline"
        ));
        let validator = Command::new(target().join("testbed/python/bin/check-jsonschema"))
            .args(["--builtin-schema", schema, file])
            .current_dir(&dir)
            .output();
        expect(&validator.unwrap());
        let commands = place.commands(file);
        assert!(commands.len() >= 5, "{commands:?}");
        place.sh("git clone -q --bare . origin.git && git remote add origin ./origin.git");
        let spec = fs::read_to_string(dir.join("goma.yml")).unwrap();
        fs::write(
            dir.join("goma.yml"),
            spec.replace("path: /api\n", "path: /other\n"),
        )
        .unwrap();
        let tests = fs::read_to_string(dir.join("goma.test.yaml")).unwrap();
        fs::write(dir.join("goma.test.yaml"), tests.replace("/api", "/other")).unwrap();
        place.sh("goma lock && git commit -qam change");
        for (_, command) in &commands {
            place.sh(command);
        }
        let summary = ["summary", "diff.md", "log"].map(|name| fs::read_to_string(dir.join(name)));
        let shown = summary
            .into_iter()
            .flatten()
            .any(|text| text.contains("/other"));
        assert!(shown, "{kind} shows no difference");
        let pushed = registry.requests();
        let name = format!("PUT /v2/{kind}/manifests/");
        assert!(
            pushed.iter().any(|request| request.starts_with(&name)),
            "{kind}: {pushed:?}"
        );
    }
}

/// A repository whose pipeline runs.
struct Place<'a> {
    dir: &'a Path,
    kind: &'a str,
    registry: &'a Registry,
}

impl Place<'_> {
    fn commands(&self, file: &str) -> Vec<(String, String)> {
        let read = Command::new(target().join("testbed/python/bin/python"))
            .arg(repository().join("tests/pipeline_commands.py"))
            .args([self.kind, file])
            .current_dir(self.dir)
            .output();
        let found: Value = serde_json::from_str(&expect(&read.unwrap())).unwrap();
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let pairs = found.as_array().unwrap().iter();
        pairs.map(|pair| (text(&pair[0]), text(&pair[1]))).collect()
    }

    /// One command with the variables of every such service; what it prints is appended to `log`.
    fn sh(&self, command: &str) -> Output {
        let Self {
            dir,
            kind,
            registry,
        } = self;
        let host = registry.named("").trim_end_matches('/').to_owned();
        let image = registry.named(kind);
        let path = std::env::var("PATH").unwrap();
        // The services end a step at its first failure.
        let script = format!("set -e\n{command}");
        let shell = if *kind == "github" { "bash" } else { "sh" };
        let output = Command::new(shell)
            .args(["-c", &script])
            .current_dir(dir)
            .env_clear()
            .env(
                "PATH",
                format!("{}:{path}", dir.parent().unwrap().join("bin").display()),
            )
            .env("HOME", dir)
            .env("CARGO_HOME", home("CARGO_HOME", ".cargo"))
            .env("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup"))
            .env("GOMA_CACHE_DIR", target().join("e2e/cache"))
            .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@h")])
            .envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@h")])
            // As each service, or who set it up, gives them.
            .env("BASE", "HEAD~1")
            .env("CI_MERGE_REQUEST_DIFF_BASE_SHA", "HEAD~1")
            .env("CI_COMMIT_TARGET_BRANCH", "main")
            .env("GITHUB_STEP_SUMMARY", dir.join("summary"))
            .env("GITHUB_WORKSPACE", dir)
            .env("GITHUB_SERVER_URL", "https://git.example")
            .env("GITHUB_REPOSITORY", "team/shop")
            .env("CI_PROJECT_URL", "https://git.example/team/shop")
            .env("CI_REPO_URL", "https://git.example/team/shop")
            .env("CI_REGISTRY", &host)
            .envs([
                ("CI_REGISTRY_USER", "ann"),
                ("CI_REGISTRY_PASSWORD", "secret"),
            ])
            .envs([("CI_REGISTRY_IMAGE", &image), ("REGISTRY_IMAGE", &image)])
            .env(
                "DOCKER_AUTH_CONFIG",
                format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"YW5uOnNlY3JldA==\"}}}}}}"),
            )
            .output()
            .unwrap();
        let text = expect(&output);
        let log = dir.join("log");
        let before = fs::read_to_string(&log).unwrap_or_default();
        fs::write(log, before + &text).unwrap();
        output
    }
}

/// Where the tools of this machine are.
fn home(variable: &str, usual: &str) -> std::path::PathBuf {
    let own = std::env::var_os(variable).map(std::path::PathBuf::from);
    own.unwrap_or_else(|| std::env::home_dir().unwrap().join(usual))
}
