//! Runs cargo in the workspace: with which flags, and what it made.

use std::io::{BufRead as _, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{ChildStdout, Command, Stdio};

use anyhow::{Context as _, anyhow};
use serde_json::Value;

use super::toolchain::{Target, Toolchain};
use super::workspace::Workspace;
use super::{Options, failed, profile, progress};
use crate::failure::Failure;

/// Most bytes of cargo's stderr that are kept for the log of a failed build.
const LOG_BYTES_MAX: usize = 1024 * 1024;

/// Cargo's own variables that are passed on; all others could change the binary.
const PASSED_PREFIXES: [&str; 5] = [
    "CARGO_HOME",
    "CARGO_HTTP_",
    "CARGO_NET_",
    "CARGO_REGISTRIES_",
    "CARGO_REGISTRY_",
];

/// A successful run of cargo.
#[derive(Debug)]
pub(super) struct Compiled {
    /// The gateway, in the target directory.
    pub(super) binary: PathBuf,
    /// Manifests of all packages that took part, as cargo names them.
    pub(super) packages: Vec<PathBuf>,
    /// Of those that were compiled for the target.
    pub(super) linked: Vec<PathBuf>,
    /// Manifests of libraries that were, and what code calls them.
    pub(super) libraries: Vec<(PathBuf, String)>,
}

/// Builds the crate in `gateway/`.
pub(super) fn build(
    workspace: &Workspace,
    toolchain: &Toolchain,
    target: &Target,
    options: Options,
) -> Result<Compiled, Failure> {
    let mut child = command(workspace, toolchain, target, options)
        .envs(profile::variables(options.profile)?)
        .spawn()
        .map_err(|_| failed::no_rust("cargo"))?;
    let stdout = child
        .stdout
        .take()
        .ok_or_else(|| anyhow!("cargo has no stdout"))?;
    let stderr = child
        .stderr
        .take()
        .ok_or_else(|| anyhow!("cargo has no stderr"))?;
    let directory = format!("/{}/", target.triple);
    let messages = std::thread::spawn(move || read_messages(stdout, &directory));
    let log = progress::follow(BufReader::new(stderr), LOG_BYTES_MAX);
    let messages = messages
        .join()
        .map_err(|_| anyhow!("reading from cargo failed"))?;
    let status = child.wait().context("cannot wait for cargo")?;
    if !status.success() {
        return Err(failed::explain(&log, workspace.root()));
    }
    let binary = messages
        .binary
        .ok_or_else(|| anyhow!("cargo made no binary"))?;
    Ok(Compiled {
        binary,
        packages: messages.packages,
        linked: messages.linked,
        libraries: messages.libraries,
    })
}

fn command(
    workspace: &Workspace,
    toolchain: &Toolchain,
    target: &Target,
    options: Options,
) -> Command {
    let mut command = bare(workspace, toolchain);
    // What is added for the gateway's own crate is no part of the hashes in symbols: code and data are the same.
    let (verb, more): (_, &[&str]) = if options.symbols {
        ("rustc", &["--", "-Cstrip=debuginfo"])
    } else {
        ("build", &[])
    };
    command
        .args([
            verb,
            "--locked",
            "--color",
            "never",
            "--message-format",
            "json-render-diagnostics",
        ])
        .args(options.offline.then_some("--offline"))
        .args([
            "--profile",
            options.profile.name(),
            "--target",
            &target.triple,
        ])
        .arg("--manifest-path")
        .arg(workspace.root().join("gateway/Cargo.toml"))
        .arg("--target-dir")
        .arg(workspace.target_dir())
        .args(more)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // Wins over every configured rustflags, so that they cannot change the binary either.
    command.env(
        "CARGO_ENCODED_RUSTFLAGS",
        rust_flags(workspace, &target.triple).join("\x1f"),
    );
    if let Some(linker) = target.linker {
        let triple = target.triple.replace('-', "_");
        let name = format!("CARGO_TARGET_{}_LINKER", triple.to_uppercase());
        command
            .env(name, linker)
            .env(format!("CC_{triple}"), linker);
    }
    command
}

/// Cargo without arguments, and without variables that would change what it does.
pub(super) fn bare(workspace: &Workspace, toolchain: &Toolchain) -> Command {
    let mut command = Command::new("cargo");
    // Cargo looks for configuration upwards from here: not in the user's project.
    command.current_dir(workspace.root());
    for (name, _) in std::env::vars_os() {
        if changes_binary(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command.envs(toolchain.program().map(|rustc| ("RUSTC", rustc)));
    command
}

fn changes_binary(name: &str) -> bool {
    let is_cargo = name.starts_with("CARGO")
        && !PASSED_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix));
    is_cargo
        || ["RUSTFLAGS", "RUSTC", "RUSTC_WORKSPACE_WRAPPER", "RUST_LOG"].contains(&name)
        || is_of_c(name)
}

/// Flags and tools for C, also those of one target, such as `CFLAGS_x86_64-unknown-linux-gnu`.
fn is_of_c(name: &str) -> bool {
    [
        "AR",
        "ARFLAGS",
        "CC",
        "CFLAGS",
        "TARGET_CC",
        "TARGET_CFLAGS",
    ]
    .iter()
    .any(|own| {
        name.strip_prefix(own)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('_'))
    })
}

/// A static binary that names no path of this machine (RT-CLI-10), with symbols that tell for which types a function
/// was compiled (`build --report`). Only for the target: build scripts and macros are not affected, because
/// `--target` is given.
fn rust_flags(workspace: &Workspace, target: &str) -> Vec<String> {
    let mut flags = vec!["-Csymbol-mangling-version=v0".to_owned()];
    if ["-linux-gnu", "-linux-gnueabihf", "-linux-musl"]
        .iter()
        .any(|end| target.ends_with(end))
    {
        flags.push("-Ctarget-feature=+crt-static".to_owned());
    }
    let remap = |path: &Path, name: &str| format!("--remap-path-prefix={}={name}", path.display());
    if let Some(home) = cargo_home() {
        flags.push(remap(&home, "/cargo"));
    }
    flags.push(remap(workspace.root(), "/goma"));
    flags
}

fn cargo_home() -> Option<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".cargo"));
    std::env::var_os("CARGO_HOME")
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
        .or_else(home)
}

/// What cargo says on stdout, as far as it matters here.
#[derive(Debug, Default)]
struct Messages {
    binary: Option<PathBuf>,
    packages: Vec<PathBuf>,
    linked: Vec<PathBuf>,
    libraries: Vec<(PathBuf, String)>,
}

/// `directory` is part of the name of everything that is compiled for the target.
fn read_messages(stdout: ChildStdout, directory: &str) -> Messages {
    let mut messages = Messages::default();
    let mut lines = BufReader::new(stdout);
    let mut line = String::new();
    while lines.read_line(&mut line).is_ok_and(|read| read > 0) {
        if let Ok(message) = serde_json::from_str(&line) {
            note_artefact(&message, directory, &mut messages);
        }
        line.clear();
    }
    // Cargo must not block on a full pipe, whatever it says.
    let _ = std::io::copy(&mut lines.by_ref(), &mut std::io::sink());
    for manifests in [&mut messages.packages, &mut messages.linked] {
        manifests.sort();
        manifests.dedup();
    }
    messages
}

fn note_artefact(message: &Value, directory: &str, messages: &mut Messages) {
    let text = |key: &str| message.get(key).and_then(Value::as_str);
    if text("reason") != Some("compiler-artifact") {
        return;
    }
    let files = message.get("filenames").and_then(Value::as_array);
    let mut files = files.into_iter().flatten().filter_map(Value::as_str);
    if let Some(manifest) = text("manifest_path") {
        messages.packages.push(PathBuf::from(manifest));
        if files.any(|file| file.contains(directory)) {
            messages.linked.push(PathBuf::from(manifest));
            let library = message.pointer("/target/name").and_then(Value::as_str);
            let library = library.filter(|_| text("executable").is_none());
            let library = library.map(|name| (PathBuf::from(manifest), name.replace('-', "_")));
            messages.libraries.extend(library);
        }
    }
    if let Some(executable) = text("executable") {
        messages.binary = Some(PathBuf::from(executable));
    }
}
