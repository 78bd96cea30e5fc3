//! Embeds what `goma build` unpacks on machines without this repository: the runtime's source, the
//! workspace manifest and the lock file. Also notes the commit for `goma version`.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest, Sha256};

/// Sections of the runtime's manifests that only matter in this repository.
const DROPPED_SECTIONS: [&str; 3] = ["[[test", "[dev-dependencies", "[lints"];

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?)
        .join("../..")
        .canonicalize()?;
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let files = embedded_files(&root, &out)?;

    let mut table = String::from("pub(super) static FILES: &[(&str, &str)] = &[\n");
    let mut hash = Sha256::new();
    for (name, file) in &files {
        let text = fs::read(file)?;
        hash.update(name.as_bytes());
        hash.update(text.len().to_le_bytes());
        hash.update(&text);
        writeln!(table, "    ({name:?}, include_str!({file:?})),")?;
    }
    table.push_str("];\n");
    let hash = hash.finalize();
    let hex = hash
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}"));
    writeln!(table, "pub(super) const CONTENT_HASH: &str = {hex:?};")?;
    fs::write(out.join("embedded.rs"), table)?;

    note_commit(&root);
    Ok(())
}

/// The files by the name they get in the build workspace, sorted.
fn embedded_files(root: &Path, out: &Path) -> Result<Vec<(String, PathBuf)>, Box<dyn Error>> {
    println!(
        "cargo::rerun-if-changed={}",
        root.join("templates").display()
    );
    let mut files = vec![
        (
            "Cargo.lock".to_owned(),
            root.join("templates/gateway.Cargo.lock"),
        ),
        (
            "Cargo.toml".to_owned(),
            root.join("templates/workspace.Cargo.toml"),
        ),
    ];
    for name in ["runtime", "runtime/openpgp"] {
        let manifest = root.join(name).join("Cargo.toml");
        let source = root.join(name).join("src");
        for path in [&manifest, &source] {
            println!("cargo::rerun-if-changed={}", path.display());
        }
        let stripped = out.join(format!("{}.Cargo.toml", name.replace('/', "-")));
        fs::write(&stripped, without_sections(&fs::read_to_string(manifest)?))?;
        files.push((format!("{name}/Cargo.toml"), stripped));
        collect_rust(&source, &format!("{name}/src"), &mut files)?;
    }
    files.sort();
    Ok(files)
}

/// Adds every `.rs` file below `dir`.
fn collect_rust(
    dir: &Path,
    name: &str,
    files: &mut Vec<(String, PathBuf)>,
) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        let name = format!("{name}/{}", entry.file_name().to_string_lossy());
        if path.is_dir() {
            collect_rust(&path, &name, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push((name, path));
        }
    }
    Ok(())
}

/// The manifest without [`DROPPED_SECTIONS`]; `ci/lock` does the same.
fn without_sections(manifest: &str) -> String {
    let mut keep = true;
    let mut kept = String::new();
    for line in manifest.lines() {
        if line.starts_with('[') {
            keep = !DROPPED_SECTIONS
                .iter()
                .any(|section| line.starts_with(section));
        }
        if keep {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    kept
}

/// Sets `GOMA_COMMIT`, unless the environment does; `unknown` outside a checkout. Follows HEAD, so a
/// developer's incremental build may name an earlier commit; a fresh build is exact.
fn note_commit(root: &Path) {
    println!("cargo::rerun-if-env-changed=GOMA_COMMIT");
    println!(
        "cargo::rerun-if-changed={}",
        root.join(".git/HEAD").display()
    );
    let from_git = || {
        let output = Command::new("git")
            .arg("-C")
            .arg(root)
            .args(["rev-parse", "--short=12", "HEAD"])
            .output();
        let output = output.ok().filter(|output| output.status.success())?;
        Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let commit = std::env::var("GOMA_COMMIT").ok().or_else(from_git);
    println!(
        "cargo::rustc-env=GOMA_COMMIT={}",
        commit.as_deref().unwrap_or("unknown")
    );
}
