//! Every rule of the engine and of the middlewares that there are has a test that names it.

use std::collections::BTreeSet;

/// Families of rules and their numbers. What is left out waits for something that is not there yet:
///
/// - for traffic (limits): RT-DNS;
/// - for TLS: RT-ROUTE-11; for providers: RT-START-2; for pass-through: RT-STOP-2; for profiles:
///   RT-OBS-9;
/// - for Redis and state over reloads: MW-GEN-10, -17; for plugins: MW-PATH-7;
/// - cannot be told from outside: MW-GEN-19. RT-WS-2 does not exist.
const RULES: &[(&str, &[u32])] = &[
    ("RT-START", &[1, 3, 4, 5, 6]),
    ("RT-LISTEN", &[1, 2, 3]),
    ("RT-STOP", &[1, 3]),
    ("RT-PP", &[1, 2, 3]),
    (
        "RT-ROUTE",
        &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 13, 14, 15],
    ),
    ("RT-METHOD", &[1, 2]),
    ("RT-PATH", &[1, 2, 3, 4, 5, 6]),
    ("RT-MAINT", &[1]),
    ("RT-CHAIN", &[1, 2, 3, 4]),
    ("RT-REWRITE", &[1, 2, 3, 4]),
    ("RT-UP", &[1, 2, 3, 4, 5, 6, 7, 8, 9, 10]),
    ("RT-MTLS", &[2]),
    ("RT-HDR", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ("RT-IP", &[1, 2, 3, 4, 5]),
    (
        "RT-ERR",
        &[1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20],
    ),
    ("RT-LB", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ("RT-RETRY", &[1, 2, 3]),
    ("RT-CB", &[1, 2]),
    ("RT-INFL", &[1]),
    ("RT-CANARY", &[1, 2, 3, 4, 5, 6]),
    ("RT-HEALTH", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
    ("RT-SEM", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("RT-LIM", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("RT-SMUG", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("RT-H2", &[1, 2, 3, 4, 5, 6]),
    ("RT-WS", &[1, 3, 4, 5]),
    ("RT-STREAM", &[1, 4, 5]),
    ("RT-OBS", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("RT-LOG", &[1, 2, 3, 4, 5, 6, 7, 8, 9]),
    (
        "MW-GEN",
        &[
            1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 12, 13, 14, 15, 16, 18, 20, 21, 22, 23, 24,
        ],
    ),
    ("MW-PATH", &[1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12]),
    ("MW-CLI", &[1, 2, 3, 4, 5, 7, 8]),
    ("MW-ERR", &[1, 2, 3, 4, 5, 6, 7, 8]),
    ("MW-ACCESS", &[1, 3]),
    ("MW-POLICY", &[1, 2, 5]),
    ("MW-LOG", &[1, 2, 3, 4, 6, 7]),
    ("MW-PREFIX", &[1, 2, 3]),
    ("MW-BASIC", &[1, 2, 3, 4, 5, 6, 8]),
    ("MW-BODY", &[1, 2, 4]),
    ("MW-EI", &[1, 2, 3, 4, 5, 6, 7]),
    ("MW-REDIR", &[1, 2, 4]),
    ("MW-SCHEME", &[1, 4]),
    ("MW-REDIRRX", &[1, 2, 3]),
    ("MW-REQH", &[1, 2, 3]),
    ("MW-RESH", &[1, 2, 4, 5, 7]),
    ("MW-CORS", &[1, 2, 3, 4, 5, 6]),
    ("MW-REWRITE", &[1, 2, 4]),
    ("MW-STRIPQ", &[1]),
    ("MW-STRIPP", &[1]),
    ("MW-REPL", &[1]),
    ("MW-RID", &[1]),
    ("MW-SEC", &[1]),
];

#[test]
fn every_rule_has_a_test() {
    let mut named = BTreeSet::new();
    for file in super::files() {
        if file.is("rs") {
            for comment in comments_of_tests(&file.text) {
                names(&comment, &mut named);
            }
        }
        // Each of these is a test: what it says at its top is what it proves.
        if file.is("yaml") && file.path.starts_with("specs/wrong/") {
            names(file.text.lines().next().unwrap_or_default(), &mut named);
        }
    }
    let mut faults = Vec::new();
    for (family, numbers) in RULES {
        for number in *numbers {
            if !named.contains(&((*family).to_owned(), *number)) {
                faults.push(format!("{family}-{number}: no test names it"));
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
    let found = ["RT-", "MW-"]
        .into_iter()
        .flat_map(|prefix| comment.match_indices(prefix));
    for (at, prefix) in found.filter(|(at, _)| begins(*at)) {
        let after = comment.get(at + prefix.len()..).unwrap_or_default();
        let family = after.split('-').next().unwrap_or_default();
        let mut rest = after.get(family.len()..).unwrap_or_default();
        let family = format!("{prefix}{family}");
        let (mut last, mut is_range) = (0, false);
        while let Some(digits) = rest.strip_prefix('-') {
            let end = digits.find(|c: char| !c.is_ascii_digit());
            let (number, behind) = digits.split_at(end.unwrap_or(digits.len()));
            let Ok(number) = number.parse() else { break };
            let first = if is_range { last } else { number };
            named.extend((first..=number).map(|number| (family.clone(), number)));
            last = number;
            is_range = behind.starts_with(" to ");
            let separators = [", ", " to ", " and "];
            let next = separators.iter().find_map(|text| behind.strip_prefix(text));
            rest = next.unwrap_or_default();
        }
    }
}
