//! Vectors of middlewares.md 5.5.

use super::super::rig;
use super::*;

const NOBODY: Config = Config {
    users: &[],
    users_file: None,
    realm: "Restricted",
    forward_username: false,
    username_header: "Username",
    remove_authorization: false,
    limit: None,
};

static HASHED: Config = Config {
    users: &[User {
        username: rig::literal!("u"),
        password: rig::literal!("$2a$05$MdZGtO/JmqGllZBfQltcM.F3sMTH4g6dDltNI0NiRe8DJEPqweRAy"),
    }],
    realm: "a \"b\"",
    forward_username: true,
    username_header: "Username",
    remove_authorization: true,
    ..NOBODY
};

static PLAIN: Config = Config {
    users: &[User {
        username: rig::literal!("u"),
        password: rig::literal!("p:w"),
    }],
    realm: "Restricted",
    forward_username: true,
    username_header: "Username",
    ..NOBODY
};

fn filter(config: &'static Config) -> BasicAuth {
    rig::start(|start| BasicAuth::new(config, start)).unwrap()
}

fn exchange(authorization: &str) -> Exchange {
    rig::exchange(&format!(
        "GET / HTTP/1.1\r\nHost: h\r\nuser_name: evil\r\nUsername: evil\r\n{authorization}\r\n"
    ))
}

/// The status of a refusal, or the fields that the backend gets.
async fn outcome(filter: &BasicAuth, authorization: &str) -> Result<String, u16> {
    let mut exchange = exchange(authorization);
    rig::clean(filter, &mut exchange);
    let flow = match filter.request(&mut exchange) {
        Flow::Wait(wait) => wait.await(&mut exchange),
        decided => decided,
    };
    match flow {
        Flow::Next => Ok(rig::text(&exchange.request.fields)),
        Flow::Answer(answer) => Err(answer.status()),
        Flow::Hold(_) | Flow::Wait(_) => panic!("waits twice"),
    }
}

fn basic(credentials: &str) -> String {
    format!("Authorization: Basic {}\r\n", BASE64.encode(credentials))
}

/// MW-BASIC-1, -4, -5, -6, vector 1
#[tokio::test]
async fn bcrypt_off_the_loop_and_remembered() {
    let filter = filter(&HASHED);
    let passed = Ok("Host: h\nuser_name: evil\nUsername: u\n".to_owned());
    assert_eq!(outcome(&filter, &basic("u:secret")).await, passed);
    assert_eq!(filter.0.remembered.borrow().len(), 1);
    assert_eq!(outcome(&filter, &basic("u:secret")).await, passed);
    assert_eq!(outcome(&filter, &basic("u:wrong")).await, Err(401));
    assert_eq!(outcome(&filter, &basic("nobody:secret")).await, Err(401));
    assert_eq!(filter.0.remembered.borrow().len(), 1);
    assert_eq!(filter.0.turns.available_permits(), HASHES_AT_ONCE);
}

/// MW-BASIC-1, -2, -4, vector 5
#[tokio::test]
async fn plain_passwords_and_tolerance() {
    let filter = filter(&PLAIN);
    let passed = outcome(&filter, "Authorization: basic   dTpwOnc\r\n")
        .await
        .unwrap();
    assert!(
        passed.contains("Username: u\n") && !passed.contains("Username: evil"),
        "{passed}"
    );
    for refused in [
        "",
        "Authorization: Bearer x\r\n",
        "Authorization: Basic ?\r\n",
    ] {
        assert_eq!(outcome(&filter, refused).await, Err(401), "{refused}");
    }
    for credentials in ["u", ":p", "u:", "u:p"] {
        assert_eq!(
            outcome(&filter, &basic(credentials)).await,
            Err(401),
            "{credentials}"
        );
    }
    let twice = basic("u:p:w").repeat(2);
    assert_eq!(outcome(&filter, &twice).await, Err(400));
}

/// MW-BASIC-4, MW-GEN-12: the client names no user, even where the gateway does not.
#[tokio::test]
async fn a_name_from_the_client_never_passes() {
    static SILENT: Config = Config {
        users: PLAIN.users,
        ..NOBODY
    };
    let passed = outcome(&filter(&SILENT), &basic("u:p:w")).await.unwrap();
    assert!(!passed.contains("Username:"), "{passed}");
}

/// MW-BASIC-1: the realm is escaped.
#[tokio::test]
async fn challenge() {
    let filter = filter(&HASHED);
    let Flow::Answer(answer) = filter.request(&mut exchange("")) else {
        panic!("not refused");
    };
    let (response, _) = answer.render(None);
    assert_eq!(
        response.fields.get("www-authenticate"),
        Some(&br#"Basic realm="a \"b\"", charset="UTF-8""#[..])
    );
}

/// MW-BASIC-6: a password waits a second for its turn.
#[tokio::test(start_paused = true)]
async fn hashes_are_bounded() {
    let filter = filter(&HASHED);
    let turns = &filter.0.turns;
    let held = turns.try_acquire_many(HASHES_AT_ONCE as u32).unwrap();
    assert_eq!(outcome(&filter, &basic("u:wrong")).await, Err(503));
    drop(held);
    assert!(outcome(&filter, &basic("u:secret")).await.is_ok());
}

/// Vectors 1 to 4, and what other tools have made of the same password.
#[test]
fn forms_of_stored_passwords() {
    for stored in [
        "$2a$05$MdZGtO/JmqGllZBfQltcM.F3sMTH4g6dDltNI0NiRe8DJEPqweRAy",
        "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "{SSHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA==",
        "$apr1$5HZ3aMVa$htJKwY5AB7sKbSGbo6vhI1",
        "$1$5HZ3aMVa$3WB4RDV57Pi.4zVg5kWWF/",
        "$5$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.",
        "$6$saltstring$AIsRs/Ee56G/tC8MEHhvReZTfx8u3rXXMl6eYrjCG9ibix19DxoMBLogdTET5Ukw9Sf7eZTITsuk0Ry5qulYz.",
        "secret",
    ] {
        let parsed = Stored::parse(stored).unwrap();
        assert!(parsed.fits("secret"), "{stored}");
        for wrong in ["wrong", "secret ", "", stored] {
            assert!(wrong == "secret" || !parsed.fits(wrong), "{stored} {wrong}");
        }
    }
    for (stored, password) in [
        (
            "$apr1$ab$5ef9CMzMJOCh2lIgCFLh1/",
            "a-longer-password-than-sixteen",
        ),
        ("$1$xy$JSgu5Zv4igzK2ULm5nTM30", ""),
        (
            "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
            "password",
        ),
    ] {
        let parsed = Stored::parse(stored).unwrap();
        assert!(parsed.fits(password), "{stored}");
        assert!(!parsed.fits("wrong"), "{stored}");
    }
}

#[test]
fn unusable_hashes_do_not_start() {
    for stored in [
        "",
        "$2a$05$short",
        "$2z$05$MdZGtO/JmqGllZBfQltcM.F3sMTH4g6dDltNI0NiRe8DJEPqweRAy",
        "$5$salt$hash",
        "$5$rounds=999999999$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.",
        "$6$saltstring$C3o4O1TC6aRHF4FI.QSZMXtHbaj2gSXr4sUc/3NcUi.",
        "$apr1$5HZ3aMVa$short",
        "$1$",
        "{SHA}x",
        "{SHA}1G904nLkTkGWjKNnQuB/hpWXC/hzYWx0c2FsdA==",
        "{SSHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
        "$argon2id$v=19$m=256,t=2,p=1$c29tZXNhbHQ",
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "$argon2d$v=19$m=256,t=2,p=1$c29tZXNhbHQ$nf65EOgLrQMR/uIPnA4rEsF5h7TKyQwu9U1bMCHGi/4",
        "{CRYPT}x",
        "$7$x",
    ] {
        assert!(Stored::parse(stored).is_err(), "{stored}");
    }
    for plain in ["pa$$word", "$x", "{x}", "{}", "$$"] {
        assert_eq!(Stored::parse(plain), Ok(Stored::Plain(plain.to_owned())));
    }
}

/// MW-BASIC-6: an unknown user is compared with what users have.
#[tokio::test]
async fn unknown_users_cost_the_same() {
    let waits = |filter: &BasicAuth| {
        let flow = filter.request(&mut exchange(&basic("nobody:x")));
        matches!(flow, Flow::Wait(_))
    };
    assert!(waits(&filter(&HASHED)));
    assert!(!waits(&filter(&PLAIN)));
}

/// A password of any length would take time by its square.
#[tokio::test]
async fn long_passwords_are_refused() {
    let filter = filter(&PLAIN);
    let long = basic(&format!("u:{}", "x".repeat(PASSWORD_BYTES_MAX + 1)));
    assert_eq!(outcome(&filter, &long).await, Err(401));
}

/// MW-BASIC-8: failures count, requests without credentials do not; even the right password waits.
#[tokio::test]
async fn too_many_failures() {
    static CONFIG: Config = Config {
        users: PLAIN.users,
        limit: Some(Limit {
            failures: 3,
            window_ms: 60_000,
            lock_ms: 300_000,
        }),
        ..NOBODY
    };
    // Another core has the same table.
    let (filter, other) = (filter(&CONFIG), self::filter(&CONFIG));
    for _ in 0..2 {
        assert_eq!(outcome(&filter, &basic("u:x")).await, Err(401));
        assert_eq!(outcome(&filter, "").await, Err(401));
    }
    assert!(outcome(&filter, &basic("u:p:w")).await.is_ok());
    assert_eq!(outcome(&other, &basic("nobody:x")).await, Err(401));
    assert_eq!(outcome(&filter, &basic("u:p:w")).await, Err(429));
    let Flow::Answer(answer) = other.request(&mut exchange("")) else {
        panic!("not refused");
    };
    let (response, _) = answer.render(None);
    let left = response.fields.get("retry-after").unwrap();
    let left: u64 = std::str::from_utf8(left).unwrap().parse().unwrap();
    assert!((290..=300).contains(&left), "{left}");
}

/// 5.5, C-FILE-9, C-FILE-10: a file is read at start and again when it changes; the rule's own users come first.
#[tokio::test]
async fn users_of_a_file() {
    static CONFIG: Config = Config {
        users: PLAIN.users,
        users_file: Some(Value {
            key: "rule.usersFile",
            source: "t.yaml:1:1",
            parts: &[crate::values::Part::Env {
                name: "USERS",
                default: None,
            }],
        }),
        ..NOBODY
    };
    let path = std::env::temp_dir().join(format!("goma-users-{}", std::process::id()));
    let shown = path.display().to_string();
    let files = Arc::new(crate::files::Files::default());
    let made = || {
        let environment = crate::values::Environment::of([("USERS", &*shown)]);
        let start = Start::with(&environment, Arc::clone(&files));
        let filter = BasicAuth::new(&CONFIG, &start);
        (filter, start.into_notices())
    };
    assert_eq!(made().0.unwrap_err().code, "file-missing");
    std::fs::write(&path, "ada:x\nbad\n").unwrap();
    let fault = made().0.unwrap_err();
    assert!(
        fault.text.ends_with(":2: not of the form `user:password`"),
        "{}",
        fault.text
    );
    std::fs::write(&path, "# staff\n\nada:lovelace\nada:other\nu:file\n").unwrap();
    let (filter, notices) = made();
    let filter = filter.unwrap();
    // MW-BASIC-3: which line, not who.
    let text = format!("{shown}:4: the user is listed before, and that entry decides");
    assert_eq!(notices, [text]);
    let passes = async |credentials: &str| outcome(&filter, &basic(credentials)).await.is_ok();
    assert!(passes("ada:lovelace").await && passes("u:p:w").await);
    assert!(!passes("ada:other").await && !passes("u:file").await);
    // Another core's filter reads the same.
    let (other, _) = made();
    let looks = || (0..3).flat_map(|_| files.look()).collect::<Vec<_>>();
    std::fs::write(&path, "bob:builder\n").unwrap();
    assert!(passes("ada:lovelace").await, "nobody has looked");
    assert_eq!(looks(), [Ok(shown.clone())]);
    assert!(passes("bob:builder").await && !passes("ada:lovelace").await);
    let other = outcome(&other.unwrap(), &basic("bob:builder")).await;
    assert!(other.is_ok());
    // What cannot be read changes nothing, and is said without what it holds.
    std::fs::write(&path, "broken\n").unwrap();
    let text = format!("{shown}:1: not of the form `user:password`");
    assert_eq!(looks(), [Err(text)]);
    assert!(passes("bob:builder").await);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(looks().len(), 1);
    assert!(passes("bob:builder").await);
}
