//! Which path a backend sees.

use super::*;

/// RT-REWRITE-2
#[test]
fn rewrite_vectors() {
    let check = |route_path: &str, rewrite: &str, path: &str, expected: &str| {
        let route = format!("r | {route_path} | | rewrite: {rewrite}");
        let found = url(&[&route], &format!("http://h{path}"));
        assert_eq!(
            found,
            format!("http://10.0.0.7{expected}"),
            "{route_path} {path}"
        );
    };
    check("/api", "/", "/api", "/");
    check("/api", "/", "/api/", "/");
    check("/api", "/", "/api/a/", "/a/");
    check("/api", "/v2", "/api/x", "/v2/x");
    check("/", "/v1", "/x", "/v1/x");
    check("/", "/v1", "/", "/v1/");
    check("/cart", "/cart", "/cart", "/cart");
}

/// RT-REWRITE-1, RT-REWRITE-3, RT-REWRITE-4
#[test]
fn rewrite_works_on_segments_and_leaves_the_query() {
    let routes = ["api | /api/ | | rewrite: /v2"];
    assert_eq!(
        url(&routes, "http://h/api/x?a=//b"),
        "http://10.0.0.7/v2/x?a=//b"
    );
    assert_eq!(url(&routes, "http://h/%61pi//x//"), "http://10.0.0.7/v2/x/");
    assert_eq!(
        url(&routes, "http://h/x/../api/x").as_str(),
        "http://10.0.0.7/v2/x"
    );
}

/// RT-REWRITE-4, RT-PATH-3
#[test]
fn without_rewrite_the_path_stays() {
    assert_eq!(
        url(&["api | /api"], "http://h/api//x/./%41"),
        "http://10.0.0.7/api//x/%41"
    );
}

/// RT-REWRITE-1, MW-PREFIX-3: a prefix that leads out of the route's path switches `rewrite` off.
#[test]
fn add_prefix_comes_before_rewrite() {
    let spec = "
version: 2
gateway:
  routes:
    - {name: api, path: /api, rewrite: /v1, target: \"http://10.0.0.7\", middlewares: [p]}
middlewares:
  - {name: p, type: addPrefix, rule: {prefix: /old}}
";
    let upstream = routed(spec, "GET http://h/api/x").upstream.unwrap();
    assert_eq!(upstream.url, "http://10.0.0.7/old/api/x");
    assert_eq!(upstream.rewrite, None);
}

/// MW-STRIPP-1
#[test]
fn strip_prefix_vectors() {
    let spec = "
version: 2
gateway:
  routes:
    - {name: all, path: /, target: \"http://10.0.0.7\", middlewares: [s]}
middlewares:
  - {name: s, type: stripPrefix, rule: {prefixes: [/api, /api/v1]}}
";
    for (path, expected) in [
        ("/api/v1/x?a=1", "/x?a=1"),
        ("/apiary", "/apiary"),
        ("/api", "/"),
        ("/%61pi/v1/a%2Fb/", "/a%2Fb/"),
        ("/api//x", "/x"),
    ] {
        let upstream = routed(spec, &format!("GET http://h{path}"))
            .upstream
            .unwrap();
        assert_eq!(upstream.url, format!("http://10.0.0.7{expected}"), "{path}");
    }
}
