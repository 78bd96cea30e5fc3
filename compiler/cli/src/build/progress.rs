//! What the user sees on stderr while cargo runs: one moving line on a terminal, else one plain
//! line per crate. Keeps the text for the log of a failed build.

use std::io::{BufRead, IsTerminal as _};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

/// How often the moving line is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// Reads cargo's stderr to its end, shows what it does, and returns its last `bytes_max` bytes.
pub(super) fn follow(mut stderr: impl BufRead, bytes_max: usize) -> String {
    let bar = std::io::stderr().is_terminal().then(bar);
    let mut log = String::new();
    let mut line = Vec::new();
    let mut crates = 0_u64;
    while stderr
        .read_until(b'\n', &mut line)
        .is_ok_and(|read| read > 0)
    {
        let text = String::from_utf8_lossy(&line);
        append(&mut log, &text, bytes_max);
        if let Some(doing) = doing(&text) {
            crates += u64::from(doing.starts_with("compiling"));
            match &bar {
                Some(bar) => bar.set_message(format!("{doing} (crate {crates})")),
                None => eprintln!("{doing}"),
            }
        }
        line.clear();
    }
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    log
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{spinner} {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.enable_steady_tick(TICK);
    bar
}

/// `compiling tokio v1.54.1` for cargo's `   Compiling tokio v1.54.1`; the place of a local crate
/// is left out.
fn doing(line: &str) -> Option<String> {
    let mut words = line.split_whitespace();
    let verb = match words.next()? {
        "Compiling" => "compiling",
        "Downloaded" | "Downloading" => "downloading",
        "Updating" => "updating",
        _ => return None,
    };
    let what: Vec<&str> = words.take_while(|word| !word.starts_with('(')).collect();
    line.starts_with(' ')
        .then(|| format!("{verb} {}", what.join(" ")))
}

/// Keeps the end of the text when it grows too long: that is where cargo says why it stopped.
fn append(log: &mut String, text: &str, bytes_max: usize) {
    log.push_str(text);
    if log.len() > bytes_max {
        let surplus = log.len() - bytes_max / 2;
        let cut = (surplus..=log.len())
            .find(|&at| log.is_char_boundary(at))
            .unwrap_or(log.len());
        log.drain(..cut);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shortens_what_cargo_says() {
        assert_eq!(
            doing("   Compiling tokio v1.54.1\n").as_deref(),
            Some("compiling tokio v1.54.1")
        );
        assert_eq!(
            doing("   Compiling shop v0.0.0 (/x/y)\n").as_deref(),
            Some("compiling shop v0.0.0")
        );
        assert_eq!(doing("    Finished `fast` profile\n"), None);
        assert_eq!(doing("Compiling is fun\n"), None);
    }

    #[test]
    fn the_log_keeps_its_end() {
        let log = follow("aaaa\nbbbb\ncccc\n".as_bytes(), 12);
        assert!(log.ends_with("cccc\n"));
        assert!(log.len() <= 12);
    }
}
