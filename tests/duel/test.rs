//! Differential test, our half (RT-SMUG, RT-PATH, RT-HDR-1, issue 4): every request of the corpus is
//! refused or forwarded as its case says, and what is forwarded every reader frames alike.
//! `ci/duel` runs the peers' half and writes docs/security.md.

#![allow(
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use goma_tests::build::repository;
use goma_tests::duel::peers::Ours;
use goma_tests::duel::readers::{READERS, dissent};
use goma_tests::duel::{Case, Outcome, contest, corpus};
use http_desync_guardian::request_analyzer::HttpRequestData;
use http_desync_guardian::{ClassificationReason, RequestSafetyTier};

/// What the corpus must not fall below.
const CASES_MIN: usize = 300;
/// Gateways, each with its own backend, that share the work.
const LANES: usize = 4;

/// RT-SMUG, RT-PATH: no case reaches the backend in a form that two readers could frame differently.
#[test]
fn what_is_forwarded_has_one_reading() {
    let cases = corpus();
    assert!(cases.len() >= CASES_MIN, "{} cases", cases.len());
    let next = AtomicUsize::new(0);
    let faults = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..LANES {
            scope.spawn(|| {
                let ours = Ours::start();
                while let Some(case) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let outcome = contest(&ours, case);
                    faults.lock().unwrap().extend(judge(case, &outcome));
                }
            });
        }
    });
    let mut faults = faults.into_inner().unwrap();
    faults.sort();
    assert!(
        faults.is_empty(),
        "{} faults\n{}",
        faults.len(),
        faults.join("\n")
    );
}

/// The page shows the corpus as it is, and our outcomes as the cases have them.
#[test]
fn the_table_is_of_this_corpus() {
    let page = std::fs::read_to_string(repository().join("docs/security.md")).unwrap();
    let missing: Vec<_> = corpus()
        .into_iter()
        .filter(|case| {
            let row = format!("| {} | ", case.name);
            !page.lines().any(|line| line.starts_with(&row))
        })
        .map(|case| case.name)
        .collect();
    assert!(missing.is_empty(), "run ci/duel: {missing:?}");
}

/// The readers do differ, each on what it is there for: or their agreement would say nothing.
#[test]
fn readers_differ() {
    let differ = |stream: &str, name: &str, other: &str| {
        let view = |name: &str| {
            let reader = READERS.iter().find(|reader| reader.name == name);
            reader.unwrap().all(stream.as_bytes())
        };
        assert_ne!(view(name), view(other), "{name}, {other}: {stream:?}");
    };
    let body = "0\r\n\r\nGET /x HTTP/1.1\r\n\r\n";
    let post = |lines: &str| format!("POST / HTTP/1.1\r\n{lines}\r\n{body}");
    let both = post("Content-Length: 6\r\nTransfer-Encoding: chunked\r\n");
    differ(&both, "length first", "lenient");
    differ(&both, "strict", "lenient");
    let lengths = "Content-Length: 29\r\nContent-Length: 5\r\n";
    differ(&post(lengths), "last length", "lenient");
    let three = format!("{lengths}Transfer-Encoding: chunked\r\n");
    differ(&post(&three), "last length first", "length first");
    differ(
        &post("Transfer-Encoding: xchunked\r\n"),
        "exact coding",
        "lenient",
    );
    differ(&post("A: b\rContent-Length: 5\r\n"), "bare CR", "lenient");
    differ(
        &post("A: b\r\n Content-Length: 5\r\n"),
        "folding",
        "lenient",
    );
    differ(&post("Content_Length: 5\r\n"), "strict names", "lenient");
    let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    differ(
        &format!("{chunked}3x\r\nabc0\r\n\r\n"),
        "strict chunks",
        "lenient",
    );
    assert_eq!(dissent(post("Content-Length: 5\r\n").as_bytes()), None);
    assert_eq!(
        dissent(post("Transfer-Encoding: chunked\r\n").as_bytes()),
        None
    );
    assert_eq!(dissent(b"GET / HTTP/1.1\r\nHost: a"), None);
    assert!(dissent(b"GET / HTTP/1.1\nHost: a\n\n").is_some());
}

/// All that is wrong with an outcome.
fn judge(case: &Case, outcome: &Outcome) -> Vec<String> {
    let name = &case.name;
    let mut faults = Vec::new();
    let line = outcome.line();
    if line != case.ours {
        faults.push(format!("{name}: ours: {line} (not {})", case.ours));
    }
    for stream in &outcome.forwarded {
        if let Some(dissent) = dissent(stream) {
            faults.push(format!("{name}: readers differ: {dissent}"));
        }
        let mut rest = stream.as_slice();
        for message in READERS[0].all(stream).0 {
            faults.extend(guarded(&rest[..message.head]).map(|fault| format!("{name}: {fault}")));
            rest = &rest[message.length..];
        }
    }
    let seen = outcome.forwarded.concat();
    let holds = |text: &[u8]| seen.windows(text.len()).any(|part| part == text);
    for text in case.sees.iter().filter(|text| !holds(text)) {
        faults.push(format!(
            "{name}: backend lacks {:?}",
            String::from_utf8_lossy(text)
        ));
    }
    for text in case.lacks.iter().filter(|text| holds(text)) {
        faults.push(format!(
            "{name}: backend sees {:?}",
            String::from_utf8_lossy(text)
        ));
    }
    faults
}

/// What http_desync_guardian has against a forwarded head. A body on GET or HEAD is no fault: RFC 9110
/// 9.3.1 gives it no meaning, but its framing is explicit.
fn guarded(head: &[u8]) -> Option<String> {
    let verdict = HttpRequestData::analyze_raw_request(head);
    let body_on_get = matches!(
        verdict.reason,
        ClassificationReason::UndefinedContentLengthSemantics
            | ClassificationReason::UndefinedTransferEncodingSemantics
    );
    let safe = verdict.tier < RequestSafetyTier::Ambiguous || body_on_get;
    (!safe).then(|| format!("guardian: {:?} {:?}", verdict.tier, verdict.reason))
}
