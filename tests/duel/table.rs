//! The differential test, the peers' half: sends the corpus to all six proxies and writes what became
//! of it into docs/security.md. Called by `ci/duel`.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a tool of the tests: whatever goes wrong ends it"
)]

use std::fmt::Write as _;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use goma_tests::duel::contest::Answer;
use goma_tests::duel::peers::{Ours, PEERS, Peer};
use goma_tests::duel::readers::dissent;
use goma_tests::duel::{Case, Outcome, Proxy, contest, corpus};
use goma_tests::page;
use goma_tests::peer::version;

/// Processes of a proxy, each with its own backend, that share the work.
const LANES: usize = 4;

fn main() {
    let cases = corpus();
    let mut columns = vec![("goma".to_owned(), run("goma", &cases, |_| Ours::start()))];
    for peer in PEERS {
        let outcomes = run(peer, &cases, |lane| Peer::start(peer, lane));
        columns.push((format!("{peer} {}", version(peer)), outcomes));
    }
    page::write("docs/security.md", "ci/duel", &render(&cases, &columns));
}

/// All cases against one proxy, in the order of the corpus.
fn run<P: Proxy>(name: &str, cases: &[Case], start: impl Fn(usize) -> P + Sync) -> Vec<Outcome> {
    let next = AtomicUsize::new(0);
    let outcomes = Mutex::new(vec![None; cases.len()]);
    std::thread::scope(|scope| {
        for lane in 0..LANES {
            let (next, outcomes, start) = (&next, &outcomes, &start);
            scope.spawn(move || {
                let proxy = start(lane);
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(case) = cases.get(index) else { return };
                    let outcome = contest(&proxy, case);
                    outcomes.lock().unwrap()[index] = Some(outcome);
                }
            });
        }
    });
    eprintln!("{name}: {} cases", cases.len());
    let outcomes = outcomes.into_inner().unwrap();
    outcomes.into_iter().map(Option::unwrap).collect()
}

/// What became of a case, as the summary counts it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Forwarded,
    Refused,
    Split,
}

fn class(outcome: &Outcome) -> Class {
    let own_first = !matches!(outcome.answers.first(), Some(Answer::Backend(_)));
    if outcome
        .forwarded
        .iter()
        .any(|stream| dissent(stream).is_some())
    {
        Class::Split
    } else if own_first {
        Class::Refused
    } else {
        Class::Forwarded
    }
}

fn render(cases: &[Case], columns: &[(String, Vec<Outcome>)]) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "### In numbers\n");
    let _ = writeln!(
        out,
        "Of {} cases: answered by the proxy itself or closed / forwarded with one reading / forwarded with several.\n",
        cases.len()
    );
    let mut families: Vec<&str> = cases.iter().map(|case| case.family.as_str()).collect();
    families.dedup();
    let names = columns.iter().map(|(name, _)| name.as_str());
    header(&mut out, "family", names.clone());
    for family in families.iter().map(Some).chain([None]) {
        let of = |case: &Case| family.is_none_or(|family| case.family == *family);
        let _ = write!(out, "| {} |", family.unwrap_or(&"**all**"));
        for (_, outcomes) in columns {
            let count = |class_: Class| {
                let pairs = cases.iter().zip(outcomes);
                pairs
                    .filter(|(case, outcome)| of(case) && class(outcome) == class_)
                    .count()
            };
            let (refused, forwarded) = (count(Class::Refused), count(Class::Forwarded));
            let _ = match count(Class::Split) {
                0 => write!(out, " {refused} / {forwarded} / 0 |"),
                split => write!(out, " {refused} / {forwarded} / **{split}** |"),
            };
        }
        out.push('\n');
    }
    let ours = columns.first().map(|(_, outcomes)| outcomes.as_slice());
    let counts: Vec<String> = columns
        .iter()
        .skip(1)
        .map(|(name, outcomes)| {
            let pairs = outcomes.iter().zip(ours.unwrap_or_default());
            let more = pairs.filter(|(theirs, ours)| {
                class(theirs) != Class::Refused && class(ours) == Class::Refused
            });
            format!("{name} {}", more.count())
        })
        .collect();
    let _ = writeln!(
        out,
        "\nForwarded by them, refused by goma: {}.",
        counts.join(", ")
    );
    for family in families {
        let _ = writeln!(out, "\n### {family}\n");
        header(&mut out, "case", names.clone().chain(["why"]));
        for (index, case) in cases.iter().enumerate() {
            if case.family != family {
                continue;
            }
            let _ = write!(out, "| {} |", case.name);
            for (_, outcomes) in columns {
                let _ = write!(out, " {} |", cell(case, &outcomes[index]));
            }
            let _ = writeln!(out, " {} |", escaped(&case.why));
        }
    }
    out
}

fn header<'a>(out: &mut String, first: &str, names: impl Iterator<Item = &'a str> + Clone) {
    let _ = write!(out, "| {first} |");
    for name in names.clone() {
        let _ = write!(out, " {name} |");
    }
    let _ = write!(out, "\n|---|");
    for _ in names {
        out.push_str("---|");
    }
    out.push('\n');
}

/// `→` is the request as it was; `→ x` another one; a number is the proxy's own answer.
fn cell(case: &Case, outcome: &Outcome) -> String {
    let request = String::from_utf8_lossy(&case.request).into_owned();
    let mut parts: Vec<String> = Vec::new();
    for answer in &outcome.answers {
        match answer {
            Answer::Backend(saw) if saw == "GET /next" => {}
            Answer::Backend(saw) if request.contains(&format!("{saw} HTTP/1.")) => {
                parts.push("→".to_owned());
            }
            Answer::Backend(saw) => {
                let shown: String = saw.chars().take(40).collect();
                parts.push(format!("→ `{}`", escaped(&shown.replace('`', "'"))));
            }
            Answer::Own(status) => parts.push(status.to_string()),
        }
    }
    if !outcome.end.is_empty() {
        parts.push(outcome.end.to_owned());
    }
    let split = if class(outcome) == Class::Split {
        "**≠** "
    } else {
        ""
    };
    format!("{split}{}", parts.join(" "))
}

fn escaped(text: &str) -> String {
    text.replace('|', "\\|").replace('<', "&lt;")
}
