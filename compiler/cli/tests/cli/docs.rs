//! `docs/cli.md`: its second half is what `goma help` prints.
//! `GOMA_BLESS=1 cargo test -p goma --test cli` rewrites it.

use std::fmt::Write as _;
use std::fs;

use super::{expect, repository, run_in};

/// What follows in the page is generated.
const MARK: &str = "<!-- generated: GOMA_BLESS=1 cargo test -p goma --test cli -->\n";

#[test]
fn the_page_shows_the_help_of_every_command() {
    let path = repository().join("docs/cli.md");
    let page = fs::read_to_string(&path).unwrap();
    let (written, shown) = page.split_once(MARK).unwrap();
    let generated = generated();
    if std::env::var_os("GOMA_BLESS").is_some() {
        fs::write(&path, format!("{written}{MARK}{generated}")).unwrap();
        return;
    }
    assert_eq!(
        shown, generated,
        "docs/cli.md is stale: run with GOMA_BLESS=1"
    );
}

fn generated() -> String {
    let overview = help(&["help"]);
    let commands = overview
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .map_while(|line| line.split_whitespace().next())
        .filter(|command| *command != "help");
    let mut text = String::new();
    for command in commands {
        let shown = help(&[command, "--help"]);
        write!(text, "\n## goma {command}\n\n```text\n{shown}```\n").unwrap();
    }
    text
}

/// Without the spaces that clap leaves at ends of lines.
fn help(args: &[&str]) -> String {
    let shown = expect(&run_in(&repository(), args), 0);
    shown
        .lines()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}
