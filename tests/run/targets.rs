//! Redirects and rewrites: the vectors of middlewares.md 5.15, 5.17, 5.20 and 5.21.

use super::Rig;

impl Rig {
    /// A request for a host of its own.
    fn at(&self, host: &str, method: &str, target: &str, lines: &str) -> goma_tests::Response {
        let length = if method == "POST" {
            "Content-Length: 0\r\n"
        } else {
            ""
        };
        self.ask(&format!(
            "{method} {target} HTTP/1.1\r\nHost: {host}\r\n{length}{lines}\r\n"
        ))
    }

    /// Status and `Location` of the answer to a GET.
    fn location(&self, host: &str, target: &str) -> (u16, String) {
        let response = self.at(host, "GET", target, "");
        (
            response.status,
            response.field("location").unwrap_or_default(),
        )
    }

    /// The target that reached the backend, or the status.
    fn forwarded(&self, host: &str, method: &str, target: &str, lines: &str) -> String {
        let before = self.count();
        let response = self.at(host, method, target, lines);
        match response.status {
            200 => self.backend.request(before).target().to_owned(),
            status => status.to_string(),
        }
    }
}

fn to(status: u16, location: &str) -> (u16, String) {
    (status, location.to_owned())
}

/// MW-REDIR-1
#[test]
fn redirect() {
    let rig = Rig::new();
    let at = |target: &str| rig.location("h.test", target);
    assert_eq!(at("/m/redirect/a?x=1"), to(302, "https://n.test"));
    assert_eq!(at("/m/old/b?x=1"), to(301, "/new?x=1"));
    let kept = "https://n.test/base/m/kept/a%2Fb?y=1&x=2";
    assert_eq!(at("/m/kept/a%2Fb?x=2"), to(307, kept));
    assert_eq!(rig.count(), 0);
    let answer = rig.get("/m/redirect", "");
    assert_eq!(answer.text(), "302 Found\n");
}

/// MW-REDIR-1, MW-GEN-5: the URL is of class V.
#[test]
fn the_url_of_a_redirect_is_read_at_start() {
    let rig = Rig::with(
        goma_tests::Backend::ok(),
        &[("NEW_HOME", "http://m.test:81/x")],
    );
    assert_eq!(
        rig.location("h.test", "/m/redirect"),
        to(302, "http://m.test:81/x")
    );
}

/// MW-REDIR-2: no redirect catches what certificate authorities ask.
#[test]
fn challenges_pass_every_redirect() {
    let rig = Rig::new();
    let target = "/.well-known/acme-challenge/t";
    for host in ["r1.test", "r2.test", "r3.test"] {
        assert_eq!(rig.forwarded(host, "GET", target, ""), target, "{host}");
    }
    assert_eq!(rig.location("r1.test", "/.well-known/acme").0, 302);
    assert_eq!(rig.location("r3.test", "/.well-known/acme").0, 301);
}

/// MW-REDIRRX-1, -2, -3
#[test]
fn redirect_regex() {
    let rig = Rig::new();
    assert_eq!(
        rig.location("r2.test", "/old/a?x=1"),
        to(302, "https://n.test/new/a?x=1")
    );
    assert_eq!(
        rig.location("r4.test", "/old//evil.com"),
        to(301, "/evil.com")
    );
    assert_eq!(rig.location("r4.test", "/oldhttps://evil.com"), to(400, ""));
    assert_eq!(rig.location("r4.test", "/olda\\b").0, 400);
    assert_eq!(rig.location("r5.test", "/old.evil.com"), to(400, ""));
    assert_eq!(
        rig.location("r5.test", "/old/x"),
        to(302, "http://r5.test/x")
    );
    assert_eq!(rig.count(), 0);
    for (host, target) in [("r2.test", "/x?/old/"), ("r4.test", "/x")] {
        assert_eq!(rig.forwarded(host, "GET", target, ""), target);
    }
}

/// MW-REWRITE-1
#[test]
fn rewrite_regex() {
    let rig = Rig::new();
    let get = |target: &str| rig.forwarded("w1.test", "GET", target, "");
    assert_eq!(get("/shop/7?x=1"), "/items/7?x=1");
    assert_eq!(get("/shop/x"), "/shop/x");
    assert_eq!(get("/a/x%2Fy"), "/b/x%2Fy");
    assert_eq!(get("/a//evil.test/../x"), "/b//x");
}

/// MW-REWRITE-2, MW-REWRITE-4
#[test]
fn rewrite_tokens_and_queries() {
    let rig = Rig::new();
    let get = |target: &str, lines: &str| rig.forwarded("w1.test", "GET", target, lines);
    assert_eq!(
        get("/t/a/b?zone=eu", "X-Team: r/x y\r\n"),
        "/t/r%2Fx%20y/eu/a/b?zone=eu"
    );
    assert_eq!(get("/t/a/b?zone=eu", "X-Team: ../x\r\n"), "400");
    assert_eq!(get("/t/a", ""), "/t///a");
    assert_eq!(get("/q/7?x=1", ""), "/find?id=7&x=1");
    assert_eq!(get("/q/7", ""), "/find?id=7");
    // What a rule makes has the length that clients may send.
    let long = format!("X-Team: {}\r\n", "%".repeat(6000));
    assert_eq!(get("/t/a", &long), "414");
}

/// MW-PATH-8, MW-PREFIX-3: what comes later sees the new path, the route's `rewrite` too.
#[test]
fn order() {
    let rig = Rig::new();
    let get = |target: &str| rig.forwarded("h.test", "GET", target, "");
    assert_eq!(get("/m/moved/a"), "/v1/a");
    assert_eq!(get("/m/moved/x"), "403");
    assert_eq!(get("/m/moved/x/open"), "/elsewhere/open");
    assert_eq!(get("/m/moved/x/closed"), "403");
}

/// MW-STRIPQ-1
#[test]
fn strip_query() {
    let rig = Rig::new();
    let send = |method: &str, target: &str| rig.forwarded("q1.test", method, target, "");
    assert_eq!(send("POST", "/f/put?hint=1&src=2"), "/f/put");
    assert_eq!(send("POST", "/f/put?b=2&hint=x&a=%7e"), "/f/put?b=2&a=%7e");
    for (method, target) in [
        ("GET", "/f/put?hint=1"),
        ("POST", "/f/put?Hint=1"),
        ("POST", "/f/get?hint=1"),
        ("POST", "/f/put?"),
    ] {
        assert_eq!(send(method, target), target);
    }
}
