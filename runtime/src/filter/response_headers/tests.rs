//! Vectors of middlewares.md 5.19.

use super::super::rig;
use super::*;
use crate::head::{Buffer, Fields};

const NOTHING: Config = Config {
    set: &[],
    cookies: &[],
    cache_control: None,
    cache_statuses: &[],
    statuses: &[],
    cors: None,
};

static CORS: Config = Config {
    cors: Some(Cors {
        origins: &[
            rig::literal!("https://a.test"),
            rig::literal!("https://*.b.test"),
        ],
        allow_methods: &[],
        allowed_headers: &["X-A"],
        expose_headers: &["X-B"],
        max_age: Some(600),
        allow_credentials: true,
    }),
    ..NOTHING
};

fn policy(config: &'static Config) -> ResponseHeaders {
    rig::start(|start| ResponseHeaders::new(config, start)).unwrap()
}

fn response(pairs: &[(&str, &str)]) -> Response {
    let mut fields = Fields::new(Buffer::default());
    for (name, value) in pairs {
        fields.append(name, value.as_bytes());
    }
    Response::new(404, fields)
}

/// MW-RESH-2, vector 1
#[test]
fn sets_and_removes_at_every_status() {
    static CONFIG: Config = Config {
        set: &[
            ("X-Frame-Options", rig::literal!("DENY")),
            ("X-Powered-By", rig::literal!("")),
            ("X-R", rig::literal!("{route.name}")),
        ],
        ..NOTHING
    };
    let exchange = rig::exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let mut response = response(&[("X-Powered-By", "x")]);
    policy(&CONFIG).apply(&exchange, &mut response);
    assert_eq!(
        rig::text(&response.fields),
        "X-Frame-Options: DENY\nX-R: t\n"
    );
}

/// MW-CORS-2, -3, vector 3
#[test]
fn preflight_of_an_allowed_origin() {
    let exchange = rig::exchange(
        "OPTIONS / HTTP/1.1\r\nHost: h\r\nOrigin: https://A.test\r\n\
         Access-Control-Request-Method: PUT\r\n\r\n",
    );
    let mut answer = response(&[]);
    assert!(policy(&CORS).preflight(&exchange, &mut answer));
    assert_eq!(
        rig::text(&answer.fields),
        "Access-Control-Allow-Origin: https://A.test\nAccess-Control-Allow-Methods: PUT\n\
         Access-Control-Allow-Headers: X-A\nAccess-Control-Max-Age: 600\n\
         Access-Control-Allow-Credentials: true\n\
         Vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers\n"
    );
}

/// MW-CORS-4, -5, -6, vectors 4 and 5
#[test]
fn actual_answers() {
    let applied = |origin: &str| {
        let exchange = rig::exchange(&format!(
            "GET / HTTP/1.1\r\nHost: h\r\nOrigin: {origin}\r\n\r\n"
        ));
        let mut response = response(&[("Access-Control-Allow-Origin", "*")]);
        policy(&CORS).apply(&exchange, &mut response);
        rig::text(&response.fields)
    };
    let allowed = |origin: &str| {
        format!(
            "Vary: Origin\nAccess-Control-Allow-Origin: {origin}\n\
             Access-Control-Allow-Credentials: true\nAccess-Control-Expose-Headers: X-B\n"
        )
    };
    assert_eq!(applied("https://a.test"), allowed("https://a.test"));
    assert_eq!(applied("https://x.b.test"), allowed("https://x.b.test"));
    let untouched = "Access-Control-Allow-Origin: *\nVary: Origin\n";
    for origin in [
        "https://b.test",
        "https://notb.test",
        "http://a.test",
        "https://x.b.test:1",
    ] {
        assert_eq!(applied(origin), untouched, "{origin}");
    }
    // The client's origin counts, not what the backend is told (requestHeaders).
    let mut exchange = rig::exchange("GET / HTTP/1.1\r\nHost: h\r\nOrigin: https://a.test\r\n\r\n");
    exchange.note_received();
    exchange.request.fields.set("Origin", b"https://inner.test");
    let mut answer = response(&[]);
    policy(&CORS).apply(&exchange, &mut answer);
    assert_eq!(rig::text(&answer.fields), allowed("https://a.test"));
}

fn applied(config: &'static Config, status: u16, sent: &str, pairs: &[(&str, &str)]) -> String {
    let exchange = rig::exchange(&format!("GET / HTTP/1.1\r\nHost: h\r\n{sent}\r\n"));
    let mut fields = Fields::new(Buffer::default());
    for (name, value) in pairs {
        fields.append(name, value.as_bytes());
    }
    let mut response = Response::new(status, fields);
    policy(config).apply(&exchange, &mut response);
    rig::text(&response.fields)
}

const COOKIE: Cookie = Cookie {
    name: "s",
    value: rig::literal!("v"),
    place: "Path=/",
    age: Age::Session,
    flags: "HttpOnly; Secure; SameSite=Strict",
};

/// MW-RESH-4, vector 2: beside the backend's; an empty value or age deletes.
#[test]
fn cookies() {
    static CONFIG: Config = Config {
        cookies: &[
            COOKIE,
            Cookie {
                name: "gone",
                age: Age::Over,
                ..COOKIE
            },
            Cookie {
                name: "from",
                value: rig::literal!("{request.header.X-A}"),
                ..COOKIE
            },
        ],
        ..NOTHING
    };
    let over = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; ";
    let rest = "HttpOnly; Secure; SameSite=Strict\n";
    let own = ("Set-Cookie", "b=1");
    assert_eq!(
        applied(&CONFIG, 200, "X-A: a; Domain=evil,b\r\n", &[own]),
        format!(
            "Set-Cookie: b=1\nSet-Cookie: s=v; Path=/; {rest}Set-Cookie: gone=v; Path=/; {over}{rest}\
             Set-Cookie: from=a Domain=evilb; Path=/; {rest}"
        )
    );
    let without = applied(&CONFIG, 200, "", &[]);
    assert!(
        without.ends_with(&format!("from=; Path=/; {over}{rest}")),
        "{without}"
    );
}

/// MW-RESH-4: an age is sent in both forms.
#[test]
fn the_age_of_a_cookie() {
    static CONFIG: Config = Config {
        cookies: &[Cookie {
            age: Age::Seconds(60),
            ..COOKIE
        }],
        ..NOTHING
    };
    let line = applied(&CONFIG, 200, "", &[]);
    let (_, rest) = line.split_once("; Expires=").unwrap();
    let (date, rest) = rest.split_once("; Max-Age=60; ").unwrap();
    assert_eq!(rest, "HttpOnly; Secure; SameSite=Strict\n");
    let left = httpdate::parse_http_date(date).unwrap();
    let left = left.duration_since(std::time::SystemTime::now()).unwrap();
    assert!((50..=60).contains(&left.as_secs()), "{date}");
}

/// MW-RESH-5, and the statuses that headers and cookies are for.
#[test]
fn cache_control_and_statuses() {
    static CONFIG: Config = Config {
        set: &[
            ("Cache-Control", rig::literal!("private")),
            ("X-A", rig::literal!("1")),
        ],
        cookies: &[COOKIE],
        cache_control: Some(rig::literal!("max-age=60")),
        cache_statuses: &[200, 404],
        statuses: &[200, 500],
        ..NOTHING
    };
    let backend = [("Cache-Control", "no-cache")];
    let cookie = "Set-Cookie: s=v; Path=/; HttpOnly; Secure; SameSite=Strict\n";
    for (status, expected) in [
        (200, format!("Cache-Control: max-age=60\nX-A: 1\n{cookie}")),
        (404, "Cache-Control: max-age=60\n".to_owned()),
        (500, format!("Cache-Control: private\nX-A: 1\n{cookie}")),
        (302, "Cache-Control: no-cache\n".to_owned()),
    ] {
        assert_eq!(applied(&CONFIG, status, "", &backend), expected, "{status}");
    }
}
