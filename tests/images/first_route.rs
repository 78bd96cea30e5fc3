//! docs/first-route.md as it is read: in one shell its files are written and its commands run, in their order, and what
//! it shows must come.

use std::fmt::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Output};

use goma_tests::build::{goma, repository, target};
use goma_tests::free_port;

use super::containers::{Engine, LIMITS};
use super::distribution::Registry;
use super::{expect, scratch};

/// Between the outputs of two blocks.
const MARK: char = '\u{1e}';

/// Issue 6: "from first route to production in fifteen minutes".
#[test]
fn the_first_page_can_be_typed() {
    let dir = scratch("first-route", "");
    let registry = Registry::start(&dir, "");
    let engine = Engine::new(&dir, "first");
    // As `goma`, but for what takes minutes, and for what the build machines of this project refuse.
    let script = format!(
        "case $1 in\n\
         build) shift; set -- build --fast \"$@\" ;;\n\
         deploy) set -- \"$@\" {} ;;\n\
         esac\n\
         exec {} \"$@\"",
        LIMITS.join(" "),
        goma().display()
    );
    engine.program("goma", &script);
    let mut page = std::fs::read_to_string(repository().join("docs/first-route.md")).unwrap();
    for (said, here) in [
        ("127.0.0.1:8080", format!("127.0.0.1:{}", free_port())),
        ("127.0.0.1:9090", format!("127.0.0.1:{}", free_port())),
        ("podman:shop", format!("podman:shop-{}", std::process::id())),
        ("registry.example.com", registry.named("").replace('/', "")),
    ] {
        assert!(page.contains(said), "{said}");
        page = page.replace(said, &here);
    }
    let blocks = blocks(&page);
    let typed = expect(&typed(&engine, &dir, &blocks));
    let outputs: Vec<&str> = typed.split(MARK).collect();
    let mut run = 0;
    for (kind, text) in &blocks {
        match *kind {
            "sh" => run += 1,
            "text" => comes(outputs[run - 1], text),
            file => assert!(file.contains(' '), "a block of `{file}`"),
        }
    }
    assert!(run > 8, "{run} blocks");
}

/// Kind and text of each block; `yaml goma.yml` is a file.
fn blocks(page: &str) -> Vec<(&str, &str)> {
    let parts = page.split("```").skip(1).step_by(2);
    parts.map(|part| part.split_once('\n').unwrap()).collect()
}

/// Everything at one terminal.
fn typed(engine: &Engine, dir: &Path, blocks: &[(&str, &str)]) -> Output {
    // With the shell ends what it has begun.
    let mut script = "exec 2>&1\ntrap 'trap \"\" TERM; kill 0' EXIT\nset -e\n".to_owned();
    for (kind, text) in blocks {
        if let Some((_, name)) = kind.split_once(' ') {
            writeln!(script, "cat > {name} << 'END OF FILE'\n{text}END OF FILE").unwrap();
        } else if *kind == "sh" {
            writeln!(script, "{text}printf '\\n{MARK}'").unwrap();
        }
    }
    Command::new("bash")
        .args(["-c", &script])
        .process_group(0)
        .current_dir(dir)
        .env("PATH", engine.path())
        .env("GOMA_CACHE_DIR", target().join("e2e/cache"))
        .envs([("GIT_AUTHOR_NAME", "a"), ("GIT_AUTHOR_EMAIL", "a@h")])
        .envs([("GIT_COMMITTER_NAME", "a"), ("GIT_COMMITTER_EMAIL", "a@h")])
        .output()
        .unwrap()
}

/// The lines are there, in this order.
fn comes(output: &str, lines: &str) {
    let mut left = output.lines();
    for line in lines.lines() {
        assert!(
            left.any(|came| fits(came.trim_end(), line)),
            "`{line}` does not come in\n{output}"
        );
    }
}

/// `…` stands for anything.
fn fits(line: &str, shown: &str) -> bool {
    let mut parts = shown.split('…');
    let first = parts.next().unwrap_or_default();
    let mut left = line.strip_prefix(first);
    for part in parts {
        left = left.and_then(|left| Some(left.split_once(part)?.1));
    }
    left.is_some_and(|left| left.is_empty() || shown.ends_with('…'))
}
