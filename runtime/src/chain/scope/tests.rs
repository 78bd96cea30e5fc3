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
            matcher.covers(path, below(&API, None, path)),
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
            ("/api/rx/old", false),
            ("/x/api/r2/old", false),
        ],
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
