//! `basicAuth`: forms of passwords, files of users, failures (middlewares.md 5.5).

use super::Rig;
use goma_tests::{Backend, wait_until};

/// `user:secret` for the users of the specification, made by `base64`.
const SECRETS: &[&str] = &[
    "c2hhOnNlY3JldA==",
    "c3NoYTpzZWNyZXQ=",
    "YXByMTpzZWNyZXQ=",
    "bWQ1OnNlY3JldA==",
    "c2hhMjU2OnNlY3JldA==",
    "YmNyeXB0OnNlY3JldA==",
];

fn basic(credentials: &str) -> String {
    format!("Authorization: Basic {credentials}\r\n")
}

/// MW-BASIC-1, vectors 1 to 4: every form; the hash itself is no password.
#[test]
fn forms_of_passwords() {
    let rig = Rig::new();
    for credentials in SECRETS {
        assert_eq!(
            rig.get("/m/forms", &basic(credentials)).status,
            200,
            "{credentials}"
        );
    }
    for wrong in [
        // sha:wrong
        "c2hhOndyb25n",
        // sha256 and its own hash
        "c2hhMjU2OiQ1JHNhbHRzdHJpbmckQzNvNE8xVEM2YVJIRjRGSS5RU1pNWHRIYmFqMmdTWHI0c1VjLzNOY1VpLg==",
    ] {
        assert_eq!(rig.get("/m/forms", &basic(wrong)).status, 401, "{wrong}");
    }
    assert_eq!(rig.count(), SECRETS.len());
}

/// 5.5, C-FILE-9: a file is read at start, and again when it changes. C-FILE-10: what is no file of users changes
/// nothing, and is said once without what it holds.
#[test]
fn a_file_of_users() {
    let path = std::env::temp_dir().join(format!("goma-e2e-users-{}", std::process::id()));
    std::fs::write(&path, "# staff\nada:lovelace\n").unwrap();
    let shown = path.display().to_string();
    let rig = Rig::with(Backend::ok(), &[("USERS", &shown)]).alone();
    // ada:lovelace and bob:builder
    let status = |credentials: &str| rig.get("/m/forms", &basic(credentials)).status;
    assert_eq!(status("YWRhOmxvdmVsYWNl"), 200);
    assert_eq!(status("Ym9iOmJ1aWxkZXI="), 401);
    assert_eq!(status(SECRETS[0]), 200);
    std::fs::write(&path, "bob:builder\n").unwrap();
    wait_until("the file is read again", || {
        status("Ym9iOmJ1aWxkZXI=") == 200
    });
    // All cores know the same.
    assert!((0..8).all(|_| status("YWRhOmxvdmVsYWNl") == 401));
    let _ = rig.gateway.line_with(&["File read again", &shown]);
    std::fs::write(&path, "nonsense\n").unwrap();
    let text = format!("{shown}:1: not of the form");
    let line = rig.gateway.line_with(&["File not taken over", &text]);
    assert!(!line.contains("nonsense"));
    assert!((0..8).all(|_| status("Ym9iOmJ1aWxkZXI=") == 200));
    std::fs::remove_file(&path).unwrap();
}

/// MW-BASIC-8: over all connections and cores; requests without credentials do not count.
#[test]
fn too_many_failures() {
    let rig = Rig::new();
    // u:secret and u:wrong
    let status = |lines: &str| rig.get("/m/failures", lines).status;
    assert_eq!(status(&basic("dTpzZWNyZXQ=")), 200);
    for _ in 0..2 {
        assert_eq!(status(&basic("dTp3cm9uZw==")), 401);
        assert_eq!(status(""), 401);
    }
    assert_eq!(status(&basic("dTp3cm9uZw==")), 401);
    let locked = rig.get("/m/failures", &basic("dTpzZWNyZXQ="));
    assert_eq!(locked.status, 429);
    let left: u32 = locked.field("retry-after").unwrap().parse().unwrap();
    assert!((110..=120).contains(&left), "{left}");
    assert_eq!(locked.fields("cache-control"), ["no-store"]);
    // Another route has its own count.
    assert_eq!(rig.get("/m/forms", &basic(SECRETS[0])).status, 200);
}
