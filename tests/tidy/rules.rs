//! Every rule of the engine has a test that names it.

use std::collections::BTreeSet;

/// Families of rules and their numbers. What is left out waits for something that is not there yet:
/// RT-START-2 for providers; RT-STOP-2 for pass-through; RT-UP-3 for TLS; RT-UP-4 cannot be told from
/// outside without waiting; RT-UP-5, RT-ERR-13 and -20 for limits of backends; RT-WS-2 does not
/// exist; RT-WS-5 for HTTP/2; RT-OBS-3 to -6 for health checks; RT-OBS-9 for profiles; RT-LOG-7 for files.
const RULES: &[(&str, &[u32])] = &[
    ("START", &[1, 3, 4, 5, 6]),
    ("LISTEN", &[1, 2, 3]),
    ("STOP", &[1, 3]),
    ("PP", &[1, 2, 3]),
    ("UP", &[1, 2, 6, 7, 8, 9, 10]),
    ("HDR", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ("IP", &[1, 2, 3, 4, 5]),
    ("ERR", &[1, 2, 3, 10, 11, 14, 15, 16, 17, 18, 19]),
    ("SEM", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("LIM", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("SMUG", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("WS", &[1, 3, 4]),
    ("STREAM", &[1, 5]),
    ("OBS", &[1, 2, 7, 8]),
    ("LOG", &[1, 2, 3, 4, 5, 6, 8, 9]),
];

#[test]
fn every_rule_of_the_engine_has_a_test() {
    let mut named = BTreeSet::new();
    for file in super::files().filter(|file| file.is("rs")) {
        for comment in comments_of_tests(&file.text) {
            names(&comment, &mut named);
        }
    }
    let mut faults = Vec::new();
    for (family, numbers) in RULES {
        for number in *numbers {
            if !named.contains(&((*family).to_owned(), *number)) {
                faults.push(format!("RT-{family}-{number}: no test names it"));
            }
        }
    }
    super::none(&faults);
}

/// The doc comments of test functions, each as one line.
fn comments_of_tests(text: &str) -> Vec<String> {
    let mut comments = Vec::new();
    let mut comment = String::new();
    for line in text.lines().map(str::trim_start) {
        if let Some(rest) = line.strip_prefix("///") {
            comment.push_str(rest);
        } else if line.starts_with("#[test]") || line.starts_with("#[tokio::test") {
            comments.push(std::mem::take(&mut comment));
        } else if !line.starts_with("#[") {
            comment.clear();
        }
    }
    comments
}

/// `RT-SMUG-1, -2`, `RT-SMUG-4 to -6`.
fn names(comment: &str, named: &mut BTreeSet<(String, u32)>) {
    let begins = |at: usize| {
        let before = comment.get(..at).unwrap_or_default();
        !before.ends_with(|c: char| c.is_ascii_alphanumeric())
    };
    // `RT-START-1` has the letters twice.
    let found = comment.match_indices("RT-").filter(|(at, _)| begins(*at));
    for after in found.filter_map(|(at, prefix)| comment.get(at + prefix.len()..)) {
        let family = after.split('-').next().unwrap_or_default();
        let mut rest = after.get(family.len()..).unwrap_or_default();
        let (mut last, mut is_range) = (0, false);
        while let Some(digits) = rest.strip_prefix('-') {
            let end = digits.find(|c: char| !c.is_ascii_digit());
            let (number, behind) = digits.split_at(end.unwrap_or(digits.len()));
            let Ok(number) = number.parse() else { break };
            let first = if is_range { last } else { number };
            named.extend((first..=number).map(|number| (family.to_owned(), number)));
            last = number;
            is_range = behind.starts_with(" to ");
            let separators = [", ", " to ", " and "];
            let next = separators.iter().find_map(|text| behind.strip_prefix(text));
            rest = next.unwrap_or_default();
        }
    }
}
