//! Vectors of middlewares.md 5.5.

use super::super::rig;
use super::*;

static HASHED: Config = Config {
    users: &[User {
        username: rig::literal!("u"),
        password: rig::literal!("$2a$05$MdZGtO/JmqGllZBfQltcM.F3sMTH4g6dDltNI0NiRe8DJEPqweRAy"),
    }],
    realm: "a \"b\"",
    forward_username: true,
    username_header: "Username",
    remove_authorization: true,
};

static PLAIN: Config = Config {
    users: &[User {
        username: rig::literal!("u"),
        password: rig::literal!("p:w"),
    }],
    realm: "Restricted",
    forward_username: true,
    username_header: "Username",
    remove_authorization: false,
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
    filter.hygiene(&mut exchange);
    let flow = match filter.request(&mut exchange) {
        Flow::Wait(wait) => wait.await(&mut exchange),
        decided => decided,
    };
    match flow {
        Flow::Next => Ok(rig::text(&exchange.request.fields)),
        Flow::Answer(answer) => Err(answer.status()),
        Flow::Wait(_) => panic!("waits twice"),
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
    assert_eq!(filter.remembered.borrow().len(), 1);
    assert_eq!(outcome(&filter, &basic("u:secret")).await, passed);
    assert_eq!(outcome(&filter, &basic("u:wrong")).await, Err(401));
    assert_eq!(outcome(&filter, &basic("nobody:secret")).await, Err(401));
    assert_eq!(filter.remembered.borrow().len(), 1);
    assert_eq!(filter.checks.get(), 0);
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

/// MW-BASIC-6: more checks than the bound are refused, not queued.
#[tokio::test]
async fn checks_are_bounded() {
    let filter = filter(&HASHED);
    let waiting: Vec<_> = (0..CHECKS_MAX)
        .map(|_| match filter.request(&mut exchange(&basic("u:wrong"))) {
            Flow::Wait(wait) => wait,
            _ => panic!("decided at once"),
        })
        .collect();
    assert_eq!(outcome(&filter, &basic("u:wrong")).await, Err(503));
    drop(waiting);
    assert!(outcome(&filter, &basic("u:secret")).await.is_ok());
}

#[test]
fn unusable_hashes_do_not_start() {
    for stored in ["", "$2a$05$short", "$5$salt$hash", "{SHA}x"] {
        assert!(check_password(stored).is_err(), "{stored}");
    }
    assert!(check_password("pa$$word").is_ok());
}
