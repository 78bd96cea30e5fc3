//! Response policies: the vectors of middlewares.md 5.19 besides CORS.

use super::Rig;
use goma_tests::Backend;
use goma_tests::gateway::run_to_end;

const STRICT: &str = "; Path=/; HttpOnly; Secure; SameSite=Strict";

/// MW-RESH-2, MW-RESH-7, vector 1: at every status, the backend's fields and the gateway's answers.
#[test]
fn headers_are_set_and_removed_at_every_status() {
    let missing = "HTTP/1.1 404 Not Found\r\nX-Powered-By: x\r\nContent-Length: 0\r\n\r\n";
    let rig = Rig::with(Backend::answering(missing), &[]);
    let response = rig.get("/m/cookies", "");
    assert_eq!(response.status, 404);
    assert_eq!(response.fields("x-frame-options"), ["DENY"]);
    assert_eq!(response.fields("x-r"), ["m-cookies"]);
    assert!(response.fields("x-powered-by").is_empty());
}

/// MW-RESH-4, vector 2
#[test]
fn cookies() {
    let own = "HTTP/1.1 200 OK\r\nSet-Cookie: b=1\r\nContent-Length: 0\r\n\r\n";
    let rig = Rig::with(Backend::answering(own), &[]);
    let cookies = rig.get("/m/cookies", "X-In: a;b\r\n").fields("set-cookie");
    let over = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0";
    assert_eq!(cookies[..2], ["b=1".to_owned(), format!("s=v{STRICT}")]);
    assert_eq!(cookies[2], format!("gone=; Path=/m; {over}; SameSite=Lax"));
    assert!(
        cookies[3].starts_with("day=ab; Path=/; Domain=h.test; Expires="),
        "{}",
        cookies[3]
    );
    assert!(
        cookies[3].ends_with(" GMT; Max-Age=86400; SameSite=Lax"),
        "{}",
        cookies[3]
    );
    assert_eq!(cookies.len(), 4);
}

/// MW-RESH-4, MW-GEN-1: values are read at start, and checked there.
#[test]
fn the_value_of_a_cookie_is_read_at_start() {
    let rig = Rig::with(Backend::ok(), &[("COOKIE", "w")]);
    let cookies = rig.get("/m/cookies", "").fields("set-cookie");
    assert_eq!(cookies[0], format!("s=w{STRICT}"));
    let env = [
        ("A", "http://127.0.0.1:1"),
        ("LISTEN", "127.0.0.1:0"),
        ("COOKIE", "a;b"),
    ];
    let (code, _, refused) = run_to_end("main", &["--check"], &env);
    assert!(
        code == 1 && refused.contains("error[bad-rule]"),
        "{refused}"
    );
}

/// MW-RESH-1, MW-RESH-5: the most specific policy wins; statuses limit each half of it.
#[test]
fn cache_control_and_the_most_specific_policy() {
    let rig = Rig::new();
    let fields = |target: &str| {
        let response = rig.get(target, "");
        let cache = response.fields("cache-control").join("|");
        (response.status, cache, response.fields("x-r").join("|"))
    };
    let expected =
        |status: u16, cache: &str, name: &str| (status, cache.to_owned(), name.to_owned());
    assert_eq!(
        fields("/m/cookies"),
        expected(200, "max-age=60", "m-cookies")
    );
    assert_eq!(
        fields("/m/cookies/below"),
        expected(200, "max-age=60", "m-cookies")
    );
    assert_eq!(
        fields("/m/cookies/below/denied"),
        expected(403, "must-revalidate", "below")
    );
}

/// MW-RESH-2, MW-RESH-5: an empty `cacheControl` removes the backend's, at the statuses it is for.
#[test]
fn an_empty_cache_control() {
    let backend = Backend::script(|connection| {
        while let Some(request) = connection.request() {
            let status = match request.target() {
                "/m/uncached/gone" => "404 Not Found",
                _ => "200 OK",
            };
            connection.send(format!(
                "HTTP/1.1 {status}\r\nCache-Control: public\r\nContent-Length: 0\r\n\r\n"
            ));
        }
    });
    let rig = Rig::with(backend, &[]);
    assert!(
        rig.get("/m/uncached", "")
            .fields("cache-control")
            .is_empty()
    );
    let gone = rig.get("/m/uncached/gone", "");
    assert_eq!(
        (gone.status, gone.fields("cache-control")),
        (404, vec!["public".to_owned()])
    );
}
