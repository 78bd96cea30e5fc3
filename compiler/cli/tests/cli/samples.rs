//! The reference project's published configurations, where they are at hand.

use crate::{dir, expect, goma, json, repository};

/// Config.md 17: the reference project's published samples have no error but what this release cannot
/// do yet, and after `goma migrate --write` no warning that it could fix.
#[test]
fn the_published_samples() {
    let samples = repository().join("../shared/reference-configs");
    if !samples.exists() {
        eprintln!("skipped: {} is not here", samples.display());
        return;
    }
    let mut files = vec![("goma.yml".to_owned(), read(&samples.join("goma.yml")))];
    for entry in std::fs::read_dir(samples.join("extra")).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        files.push((format!("extra/{name}"), read(&path)));
    }
    let names: Vec<(&str, &str)> = files
        .iter()
        .map(|(name, text)| (&**name, &**text))
        .collect();
    let dir = dir(&names);
    let codes = |dir: &std::path::Path| {
        let output = goma()
            .args(["check", "--offline", "--format", "json"])
            .current_dir(dir)
            .env("GOMA_EXTRA_CONFIG_DIR", "extra")
            .output();
        let found = json(&expect(&output.unwrap(), 1));
        let mut codes: Vec<String> = found["findings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|finding| finding["code"].as_str().unwrap().to_owned())
            .collect();
        // Which files are here is a matter of the machine.
        codes.retain(|code| code != "file-not-here");
        codes.sort();
        codes.dedup();
        codes
    };
    // One sample has the git provider on, whose repository nobody asks here; without it nothing is
    // known to be unused. Some samples guard `/docs/.*` and not `/docs`: MW-PATH-12 wants that said.
    let expected = [
        "acme-no-email",
        "health-check-passive-only",
        "literal-secret",
        "not-yet-supported",
        "path-base-not-covered",
        "provider-failed",
        "serve-only",
        "unsigned-provider",
    ];
    let mut before = expected.to_vec();
    before.push("version-missing");
    assert_eq!(codes(dir.path()), before);
    let migrated = goma()
        .args(["migrate", "--write"])
        .current_dir(dir.path())
        .env("GOMA_EXTRA_CONFIG_DIR", "extra")
        .output();
    expect(&migrated.unwrap(), 0);
    assert_eq!(codes(dir.path()), expected);
}

fn read(path: &std::path::Path) -> String {
    std::fs::read_to_string(path).unwrap()
}
