//! Vectors of middlewares.md 5.19.

use super::super::rig;
use super::*;
use crate::head::{Buffer, Fields};

static CORS: Config = Config {
    set: &[],
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
        cors: None,
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
}
