//! The rules of the house that no compiler checks: who may import whom, what every file has, and
//! what no file has. Each test collects all that is wrong and shows it at once.
//!
//! Reads text only; nothing here knows what the code does.

#[path = "tidy/rules.rs"]
mod rules;

use std::fs;
use std::path::{Path, PathBuf};

/// Modules of `compiler/src` and what each may import. `emit` sees the plan and nothing else that has
/// a meaning; its `chains`, `encrypted` and `middlewares` are modules of the crate that it prints.
const COMPILER: &[(&str, &[&str])] = &[
    ("archive", &["diag", "lock", "source", "spec"]),
    ("bundle", &["diag", "model", "source", "spec"]),
    ("check", &["diag", "dialect", "model", "resolve", "source"]),
    ("diag", &["source"]),
    ("dialect", &[]),
    (
        "diff",
        &[
            "archive", "dialect", "explain", "model", "resolve", "source", "spec",
        ],
    ),
    ("emit", &["chains", "encrypted", "middlewares", "plan"]),
    ("encrypted", &["diag", "model", "source", "spec"]),
    (
        "expect",
        &[
            "diag", "dialect", "explain", "model", "resolve", "source", "spec",
        ],
    ),
    ("explain", &["model", "source"]),
    ("lock", &["diag", "source"]),
    ("migrate", &["diag", "source"]),
    ("model", &["source"]),
    ("plan", &["diag", "model", "source"]),
    (
        "resolve",
        &[
            "diag",
            "dialect",
            "encrypted",
            "lock",
            "model",
            "source",
            "spec",
        ],
    ),
    ("source", &[]),
    ("spec", &["diag", "dialect", "source"]),
    ("yaml", &["bundle", "diag", "source", "spec"]),
];

/// Modules of `runtime/src` and what each may import. No module reaches up: nothing names `server`,
/// and only `server` names `proxy`.
const RUNTIME: &[(&str, &[&str])] = &[
    ("answer", &["head"]),
    ("chain", &["answer", "gateway", "head", "route", "values"]),
    ("clock", &[]),
    ("error", &[]),
    ("files", &[]),
    (
        "filter",
        &[
            "answer", "chain", "clock", "files", "gateway", "head", "values",
        ],
    ),
    // Compiled for tests only: whole connections need the whole of a core.
    ("fuzzing", &["h1", "head", "server"]),
    (
        "gateway",
        &["chain", "files", "identity", "route", "values"],
    ),
    ("h1", &["answer", "error", "head"]),
    ("h2", &["error", "h1", "head"]),
    ("handover", &[]),
    ("head", &["error"]),
    ("identity", &["head", "values"]),
    ("io", &[]),
    ("lifecycle", &[]),
    (
        "log",
        &[
            "answer", "chain", "clock", "error", "gateway", "head", "values",
        ],
    ),
    (
        "overlay",
        &["answer", "files", "gateway", "route", "upstream", "values"],
    ),
    (
        "passthrough",
        &["clock", "gateway", "io", "log", "upstream"],
    ),
    (
        "proxy",
        &[
            "answer",
            "chain",
            "clock",
            "error",
            "filter",
            "gateway",
            "h1",
            "h2",
            "head",
            "identity",
            "io",
            "lifecycle",
            "log",
            "overlay",
            "route",
            "upstream",
        ],
    ),
    ("route", &["error", "head", "values"]),
    (
        "server",
        &[
            "clock",
            "files",
            "gateway",
            "h1",
            "h2",
            "handover",
            "io",
            "lifecycle",
            "log",
            "overlay",
            "passthrough",
            "proxy",
            "route",
            "upstream",
            "values",
        ],
    ),
    (
        "upstream",
        &[
            "clock", "error", "files", "gateway", "h1", "h2", "handover", "head", "io", "route",
            "values",
        ],
    ),
    ("values", &["head", "route"]),
];

/// Lines a file of code may have, tests apart (HOUSE 5).
const FILE_LINES_MAX: usize = 500;

#[test]
fn modules_import_only_what_they_may() {
    let mut faults = Vec::new();
    for (src, arrows) in [("compiler/src", COMPILER), ("runtime/src", RUNTIME)] {
        for file in files().filter(|file| file.path.starts_with(src) && file.is("rs")) {
            if file.is_test() {
                continue;
            }
            let Some(module) = file.module(src) else {
                continue;
            };
            let Some((_, allowed)) = arrows.iter().find(|(name, _)| *name == module) else {
                faults.push(format!("{}: `{module}` is not in the table", file.path));
                continue;
            };
            for import in imports(&file.text) {
                if import != module && !allowed.contains(&import.as_str()) {
                    faults.push(format!("{}: `{module}` imports `{import}`", file.path));
                }
            }
        }
    }
    none(&faults);
}

/// A table that lists what is gone, or an arrow nobody uses, is a map of another house.
#[test]
fn the_arrows_are_all_in_use() {
    let mut faults = Vec::new();
    for (src, arrows) in [("compiler/src", COMPILER), ("runtime/src", RUNTIME)] {
        for (module, allowed) in arrows {
            let used = files()
                .filter(|file| file.is("rs") && !file.is_test())
                .filter(|file| file.module(src) == Some(module))
                .flat_map(|file| imports(&file.text))
                .collect::<Vec<_>>();
            for import in *allowed {
                if !used.iter().any(|used| used == import) {
                    faults.push(format!("{src}: `{module}` does not import `{import}`"));
                }
            }
        }
    }
    none(&faults);
}

/// DESIGN: the compiler and the runtime meet in the generated crate only.
#[test]
fn compiler_and_runtime_do_not_know_each_other() {
    let mut faults = Vec::new();
    for (manifest, foreign) in [
        ("compiler/Cargo.toml", "goma-runtime"),
        ("compiler/cli/Cargo.toml", "goma-runtime"),
        ("runtime/Cargo.toml", "goma-compiler"),
    ] {
        let named = read(manifest)
            .lines()
            .any(|line| line.trim_start().starts_with(foreign));
        if named {
            faults.push(format!("{manifest}: depends on {foreign}"));
        }
    }
    none(&faults);
}

/// MW-PATH-10: what a guard covers and what is explained of it are the same, though neither side knows the other.
#[test]
fn both_sides_read_paths_alike() {
    let code = |path: &str| read(path).lines().skip(1).collect::<Vec<_>>().join("\n");
    let runtime = code("runtime/src/chain/scope/readings.rs");
    assert_eq!(code("compiler/src/model/readings.rs"), runtime);
}

#[test]
fn every_file_says_what_it_is() {
    let faults = files()
        .filter(|file| file.is("rs"))
        .filter(|file| !file.text.starts_with("//! ") && !file.text.starts_with("#!["))
        .map(|file| format!("{}: does not begin with `//!`", file.path));
    none(&faults.collect::<Vec<_>>());
}

#[test]
fn generated_code_says_so() {
    let faults = files()
        .filter(|file| file.path.starts_with("generated/") && file.is("rs"))
        .filter(|file| !file.text.starts_with("//! @generated by goma "))
        .map(|file| format!("{}: has no header", file.path));
    none(&faults.collect::<Vec<_>>());
}

#[test]
fn files_are_short() {
    let faults = files()
        .filter(|file| file.is("rs") && !file.is_test())
        .map(|file| (file.text.lines().count(), file.path))
        .filter(|(lines, _)| *lines > FILE_LINES_MAX)
        .map(|(lines, path)| format!("{path}: {lines} lines"));
    none(&faults.collect::<Vec<_>>());
}

/// The needles are put together here, or this file would hold them.
#[test]
fn nothing_is_left_undone() {
    let needles = ["todo", "unimplemented", "dbg"]
        .map(|name| format!("{name}!("))
        .into_iter()
        .chain([format!("#[{}", "ignore")])
        .collect::<Vec<_>>();
    let mut faults = Vec::new();
    for file in files().filter(|file| file.is("rs")) {
        for needle in &needles {
            if file.text.contains(needle) {
                faults.push(format!("{}: `{needle}`", file.path));
            }
        }
    }
    none(&faults);
}

/// Paths of the machine someone worked on mean nothing to the reader.
#[test]
fn no_path_of_a_machine() {
    let needles = ["work", "root", "home", "Users"].map(|name| format!("/{name}/"));
    let mut faults = Vec::new();
    for file in files() {
        for needle in &needles {
            if file.text.contains(needle) {
                faults.push(format!("{}: `{needle}`", file.path));
            }
        }
    }
    none(&faults);
}

/// The README's code map names every module, so that a newcomer finds each without a search.
#[test]
fn the_code_map_is_complete() {
    let readme = read("README.md");
    let map = readme
        .split("## Code map")
        .nth(1)
        .and_then(|rest| rest.split("```").nth(1))
        .expect("README.md has a code map");
    let modules = COMPILER.iter().chain(RUNTIME).map(|(module, _)| *module);
    let faults = modules
        .filter(|module| {
            !map.split(|c: char| !c.is_ascii_alphanumeric())
                .any(|word| word == *module)
        })
        .map(|module| format!("README.md: `{module}` is not in the code map"));
    none(&faults.collect::<Vec<_>>());
}

/// Files and folders that the user's and the newcomer's pages point at are there.
#[test]
fn links_between_pages_lead_somewhere() {
    let mut faults = Vec::new();
    for file in files().filter(|file| file.is("md")) {
        let folder = Path::new(&file.path).parent().expect("a file has a folder");
        for target in links(&file.text) {
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !root().join(folder).join(target).exists() {
                faults.push(format!("{}: `{target}` does not exist", file.path));
            }
        }
    }
    none(&faults);
}

/// A text file of the project.
struct File {
    /// From the project's root, with `/`.
    path: String,
    text: String,
}

impl File {
    fn is(&self, extension: &str) -> bool {
        Path::new(&self.path)
            .extension()
            .is_some_and(|found| found == extension)
    }

    /// A test by its place: below a `tests` folder, a `tests.rs`, or the rig that several share.
    fn is_test(&self) -> bool {
        self.path
            .split('/')
            .any(|part| matches!(part, "rig.rs" | "tests" | "tests.rs"))
    }

    /// The top-level module below `src` that the file belongs to; `None` for the crate's root.
    fn module(&self, src: &str) -> Option<&str> {
        let inside = self.path.strip_prefix(src)?.strip_prefix('/')?;
        let module = inside.split('/').next()?.trim_end_matches(".rs");
        (module != "lib").then_some(module)
    }
}

/// The modules that `crate::` paths name, tests apart: what follows `#[cfg(test)]` is not looked at,
/// and neither are comments, nor the text in quotes that `emit` prints.
fn imports(text: &str) -> Vec<String> {
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    code.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
        .flat_map(|line| line.split('"').step_by(2).collect::<Vec<_>>())
        .flat_map(|part| {
            part.split("crate::")
                .skip(1)
                .map(|rest| {
                    rest.chars()
                        .take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_')
                        .collect::<String>()
                })
                .collect::<Vec<_>>()
        })
        .filter(|module| !module.is_empty())
        .collect()
}

/// Targets of Markdown links that stay within the project.
fn links(text: &str) -> Vec<&str> {
    text.split("](")
        .skip(1)
        .filter_map(|rest| rest.split(')').next())
        .filter(|target| !target.contains("://") && !target.contains(' '))
        .collect()
}

/// Every text file of the project, in the order of their paths; build output and dot folders are
/// not part of it.
fn files() -> impl Iterator<Item = File> {
    let mut paths = Vec::new();
    collect(&root(), &mut paths);
    paths.sort();
    assert!(paths.len() > 100, "the project is somewhere else");
    paths.into_iter().filter_map(|path| {
        let text = fs::read_to_string(&path).ok()?;
        let path = path.strip_prefix(root()).ok()?.to_str()?.replace('\\', "/");
        Some(File { path, text })
    })
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let path = entry.expect("an entry can be read").path();
        let name = path.file_name().and_then(|name| name.to_str());
        // In a worktree `.git` is a file.
        if matches!(name, Some(".git" | "target" | "dist")) {
            continue;
        }
        if path.is_dir() {
            collect(&path, paths);
        } else {
            paths.push(path);
        }
    }
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).expect("a file of the project")
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ stands in the project")
        .to_path_buf()
}

fn none(faults: &[String]) {
    assert!(faults.is_empty(), "\n{}\n", faults.join("\n"));
}
