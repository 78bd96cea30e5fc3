//! Files that become part of a gateway: `errors[].file` (C-FILE-9, MW-EI).

use crate::{GOOD, dir, expect, run_in};

const EXTRA: &str = "\
middlewares:
  - name: pages
    type: errorInterceptor
    rule:
      errors:
        - { statusCode: 404, file: ../pages/gone.html }
        - { statusCode: 5xx, file: \"${PAGE:-down.html}\" }
";

fn spec() -> String {
    GOOD.to_owned() + "      middlewares: [pages]\n  extraConfig: { directory: more }\n"
}

/// C-FILE-9: relative to the file that names it; C-LOCK-1: an input like any other. What the crate
/// holds of it stands in a file of its own.
#[test]
fn they_are_inputs_and_files_of_the_crate() {
    let spec = spec();
    let files = [
        ("in/goma.yml", spec.as_str()),
        ("in/more/a.yml", EXTRA),
        ("in/pages/gone.html", "<p>gone</p>"),
        ("in/more/down.html", "<p>down</p>"),
    ];
    let dir = dir(&files);
    let run = |args: &[&str]| expect(&run_in(dir.path(), args), 0);
    let plan = run(&["build", "--dry-run", "in"]);
    for page in ["crate/src/page_pages_1.html", "crate/src/page_pages_2.html"] {
        assert!(plan.contains(page), "{plan}");
    }
    run(&["lock", "in"]);
    let lock = std::fs::read_to_string(dir.path().join("in/goma.lock")).unwrap();
    for name in ["more/../pages/gone.html", "more/down.html"] {
        let input = format!("kind = \"embedded\"\nsource = \"{name}\"\n");
        assert!(lock.contains(&input), "{lock}");
    }
    run(&["check", "--locked", "in"]);
    std::fs::write(dir.path().join("in/pages/gone.html"), "<p>else</p>").unwrap();
    let text = expect(&run_in(dir.path(), &["check", "--locked", "in"]), 1);
    assert!(text.contains("lock-mismatch"), "{text}");
}

/// MW-EI: one that is missing, too large or no text is an error at the place that names it.
#[test]
fn unfit_files_are_errors_at_their_place() {
    let spec = spec();
    let large = "x".repeat(1024 * 1024 + 1);
    let files = [
        ("goma.yml", spec.as_str()),
        ("more/a.yml", EXTRA),
        ("more/large.html", large.as_str()),
    ];
    let dir = dir(&files);
    std::fs::write(dir.path().join("more/odd.png"), b"\x89PNG").unwrap();
    let check = |page: &str| {
        let page = format!("PAGE={page}");
        expect(&run_in(dir.path(), &["check", "--env", &page]), 1)
    };
    let text = check("");
    assert!(
        text.contains("error[file-missing]: `../pages/gone.html` does not exist"),
        "{text}"
    );
    assert!(text.contains("more/a.yml:6:36"), "{text}");
    let text = check("large.html");
    assert!(
        text.contains("error[out-of-range]: `large.html` is larger than 1048576 bytes"),
        "{text}"
    );
    let text = check("odd.png");
    assert!(
        text.contains("error[bad-rule]: `odd.png` is not text in UTF-8"),
        "{text}"
    );
}
