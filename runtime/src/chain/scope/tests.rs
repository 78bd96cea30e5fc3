//! The table of middlewares.md section 2, with its route `/api`.

use super::*;
use crate::route::{Route, below};

static API: Route = Route {
    path: "/api",
    ..Route::PLAIN
};

fn covers_all(patterns: &'static [Pattern], guard: bool, cases: &[(&str, bool)]) {
    let scope: &'static Scope = Box::leak(Box::new(Scope { patterns, guard }));
    let matcher = Matcher::new(scope).unwrap();
    for (path, expected) in cases {
        assert_eq!(
            matcher.covers(path, |path| below(&API, None, path)),
            *expected,
            "{patterns:?} {path}"
        );
    }
}

/// MW-PATH-1, -4, -5, -10
#[test]
fn literals() {
    covers_all(
        &[Pattern::Literal("/admin")],
        true,
        &[
            ("/api/admin", true),
            ("/api/admin/x", true),
            ("/api/ADMIN/x", true),
            ("/api/administrator", false),
            ("/api/admin%2Fx", true),
            ("/api/admin%5Cx", true),
            ("/admin", true),
            ("/api", false),
            ("/api/x/admin", false),
        ],
    );
    covers_all(
        &[Pattern::Literal("/admin")],
        false,
        &[("/api/admin%2Fx", false), ("/api/admin", true)],
    );
    covers_all(
        &[Pattern::Literal("/tenant/*/api")],
        false,
        &[
            ("/api/tenant/acme/api/x", true),
            ("/api/tenant/api", false),
            ("/api/tenant/a/b/api", false),
        ],
    );
    covers_all(
        &[Pattern::Literal("/v*-x/y")],
        false,
        &[
            ("/api/v1-x/y", true),
            ("/v-x/y/z", true),
            ("/api/v1/y", false),
        ],
    );
    covers_all(
        &[Pattern::Literal("/")],
        false,
        &[("/", true), ("/x", true)],
    );
}

/// MW-PATH-10: a guard covers what a backend may make of a path that opens escapes and drops parameters.
#[test]
fn what_backends_may_read() {
    const HIDDEN: &[&str] = &[
        "/api/%2Fadmin",
        "/api/%5C%2Fadmin/x",
        "/api/.%2Fadmin",
        "/api/.%5Cadmin",
        "/api/%2F.%2F/admin",
        "/api/admin;x",
        "/api/admin;x=1/y",
        "/api/;x/admin",
        "/api%2Fadmin",
        "/api;x/admin",
        "/api/;%2Fx/admin",
        "/api/;a=%5Cx/admin/y",
        "/api/admin%3Bx",
    ];
    static ADMIN: &[Pattern] = &[Pattern::Literal("/admin")];
    let cases = |expected| HIDDEN.iter().map(move |path| (*path, expected));
    covers_all(ADMIN, true, &cases(true).collect::<Vec<_>>());
    covers_all(ADMIN, false, &cases(false).collect::<Vec<_>>());
    let others = [
        "/api/x%2Fadmin",
        "/api/x;y/admin",
        "/api/admin%2Dx;y",
        "/api/;admin",
    ];
    let others = others.map(|path| (path, false));
    covers_all(ADMIN, true, &others);
}

/// MW-PATH-10: an escape of any character is what it stands for, in a path and in a pattern; opened once.
#[test]
fn escapes_are_opened_once() {
    const CASES: &[(&str, bool)] = &[
        ("/api/@me", true),
        ("/api/%40me", true),
        ("/api/%40me%3Bx", true),
        ("/api/x@me", false),
    ];
    covers_all(&[Pattern::Literal("/@me")], true, CASES);
    covers_all(
        &[Pattern::Literal("/@me")],
        true,
        &[("/api/%2540me", false)],
    );
    covers_all(&[Pattern::Literal("/%40me")], true, CASES);
    let raw = CASES.iter().map(|(path, _)| (*path, *path == "/api/@me"));
    covers_all(&[Pattern::Literal("/@me")], false, &raw.collect::<Vec<_>>());
    let opened = |slashes| readings::opened("/%C3%A9%2F%5C%7F%", slashes);
    assert_eq!(opened(&['/', '\\']), "/%C3%A9//%7F%");
    assert_eq!(opened(&['/']), "/%C3%A9/%5C%7F%");
}

/// MW-PATH-10: what one backend makes of a path does not hide what another does.
#[test]
fn backends_differ() {
    covers_all(
        &[Pattern::Literal("/t/*/admin")],
        true,
        &[
            ("/api/t/a%2Fb/admin;x", true),
            ("/api/t/a%5Cb/%2Fadmin", true),
            ("/api/t/a/admin", true),
            ("/api/t/a%2Fb/c;x", false),
        ],
    );
}

/// MW-PATH-10: a slash at the end is one before a parameter too.
#[cfg(feature = "regex")]
#[test]
fn slashes_at_the_end() {
    covers_all(
        &[Pattern::Regex("^/api/admin/$")],
        true,
        &[
            ("/api/admin/;x", true),
            ("/api/admin%2F.", true),
            ("/api/admin;x", false),
        ],
    );
}

/// MW-PATH-1, MW-PATH-10: what a parameter of the route's path has taken may be a slash to a backend.
#[test]
fn below_a_parameter() {
    static TENANT: Route = Route {
        path: "/t/{tenant}",
        ..Route::PLAIN
    };
    static SCOPE: Scope = Scope {
        patterns: &[Pattern::Literal("/admin")],
        guard: true,
    };
    let matcher = Matcher::new(&SCOPE).unwrap();
    let covers = |path: &str| matcher.covers(path, |path| below(&TENANT, None, path));
    assert!(covers("/t/a%2Fadmin"));
    assert!(covers("/t/a%2Fadmin/x") && covers("/t/a/admin"));
    assert!(!covers("/t/admin") && !covers("/t/a%2Fb"));
}

/// MW-PATH-3, -4, -12
#[cfg(feature = "regex")]
#[test]
fn regexes() {
    covers_all(
        &[Pattern::Regex("^/api/r[0-9]+/old")],
        false,
        &[
            ("/api/r2/older", true),
            ("/API/R2/old", true),
            ("/api/%2Fr2/old", false),
            ("/api/rx/old", false),
            ("/x/api/r2/old", false),
        ],
    );
    covers_all(
        &[Pattern::Regex("^/api/r[0-9]+/old")],
        true,
        &[("/api/%2Fr2/old", true), ("/api/r2;x/old", true)],
    );
    covers_all(
        &[Pattern::Regex("/docs/.*")],
        false,
        &[
            ("/api/docs/a", true),
            ("/docs/", true),
            ("/api/docs", false),
        ],
    );
    covers_all(
        &[Pattern::Regex("/(?-i)x[0-9]$")],
        false,
        &[("/api/x1", true), ("/api/X1", false), ("/api/x12", false)],
    );
}
