//! `goma explain` and the gateway choose the same route: random specifications, random requests.
//!
//! The compiler and the runtime do not know each other; here they meet. `PROPTEST_CASES=100000` tries
//! more.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use goma_compiler::explain::{Answer, Request, explain};
use goma_compiler::model::{self, Model};
use goma_compiler::source::SourceMap;
use goma_compiler::{Options, check};
use goma_runtime::h1;
use goma_runtime::head::{self, Buffer, Fields};
use goma_runtime::route::{Condition, PathType, Route, Table, Test};
use proptest::prelude::*;

/// Specifications of a run, unless the environment says otherwise.
const SPECIFICATIONS: u32 = 300;
/// Requests to each.
const REQUESTS: usize = 40;

/// A request in the words of both.
#[derive(Clone, Debug)]
struct Asked {
    method: &'static str,
    authority: &'static str,
    target: String,
    fields: Vec<&'static str>,
}

fn any_specification() -> impl Strategy<Value = String> {
    let route = (any_path(), any_hosts(), any_conditions(), any_priority());
    proptest::collection::vec(route, 1..12).prop_map(|routes| {
        let mut text = String::from("version: 2\ngateway:\n  routes:\n");
        for (index, (path, hosts, conditions, priority)) in routes.into_iter().enumerate() {
            text.push_str(&format!(
                "    - name: r{index}\n      target: http://127.0.0.1\n"
            ));
            for line in [path, hosts, conditions, priority] {
                if !line.is_empty() {
                    text.push_str(&format!("      {line}\n"));
                }
            }
        }
        text
    })
}

fn any_path() -> impl Strategy<Value = String> {
    let plain = "(/(a|b|%61|\\{x\\}|\\{y\\})){0,3}/?".prop_map(|path: String| {
        format!("path: \"{}\"", if path.is_empty() { "/" } else { &path })
    });
    let regex = proptest::sample::select(vec![
        "/a.*",
        "/(a|b)/b",
        "^/a/b$",
        "/a/[ab]",
        "/b/a/(.*)",
        "/(?i)A",
        r"/\Qa\E/b?",
    ]);
    prop_oneof![
        4 => plain.clone(),
        2 => plain.prop_map(|path| format!("{path}\n      pathType: exact")),
        1 => regex.prop_map(|path| format!("path: '{path}'\n      pathType: regex")),
    ]
}

fn any_hosts() -> impl Strategy<Value = String> {
    let host = proptest::sample::select(vec![
        "*", "a.x", "B.x.", "*.x", "a.x:8080", "{l}.x", "*.b.x", "*:8080", "{l...}.x", "[::1]",
    ]);
    prop_oneof![
        1 => Just(String::new()),
        2 => proptest::collection::vec(host, 1..3).prop_map(|hosts| format!("hosts: {hosts:?}")),
    ]
}

fn any_conditions() -> impl Strategy<Value = String> {
    let test = || {
        proptest::sample::select(vec![
            "\"1\"",
            "{present: true}",
            "{present: false}",
            "{regex: \"^[12]\"}",
        ])
    };
    let some = (
        proptest::option::of(test()),
        proptest::option::of(test()),
        proptest::option::of(test()),
        proptest::option::of(Just("[get, POST]")),
    );
    let some = some.prop_map(|(header, cookie, query, methods)| {
        let mut parts = Vec::new();
        parts.extend(header.map(|test| format!("headers: {{X-A: {test}}}")));
        parts.extend(cookie.map(|test| format!("cookies: {{c: {test}}}")));
        parts.extend(query.map(|test| format!("query: {{\"q q\": {test}}}")));
        parts.extend(methods.map(|list| format!("methods: {list}")));
        format!("match: {{{}}}", parts.join(", "))
    });
    prop_oneof![2 => Just(String::new()), 1 => some]
}

fn any_priority() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => Just(String::new()),
        1 => (-1_i64..3).prop_map(|priority| format!("priority: {priority}")),
    ]
}

fn any_request() -> impl Strategy<Value = Asked> {
    let field = proptest::sample::select(vec![
        "x-a: 1",
        "X-A: 2",
        "X-A: x",
        "Cookie: c=1",
        "Cookie: d=1; c=21",
        "Cookie: cc=1",
        "X-B: 1",
    ]);
    (
        proptest::sample::select(vec!["GET", "POST", "PUT"]),
        proptest::sample::select(vec![
            "a.x",
            "A.X.:8080",
            "b.x",
            "c.b.x",
            "x",
            "y:80",
            "[::1]:8080",
            "[0::1]",
        ]),
        "(/(a|b|ab|%61|%2F|A)){0,4}/{0,2}",
        proptest::sample::select(vec![
            "",
            "?",
            "?q+q=1",
            "?q%20q=2&r",
            "?q%20q",
            "?q=1&q+q=3",
        ]),
        proptest::collection::vec(field, 0..3),
    )
        .prop_map(|(method, authority, path, query, fields)| Asked {
            method,
            authority,
            target: format!("{}{query}", if path.is_empty() { "/" } else { &path }),
            fields,
        })
}

/// What `goma explain` says.
fn explained(model: &Model, asked: &Asked) -> Option<String> {
    let url = format!("http://{}{}", asked.authority, asked.target);
    let mut request = Request::parse(asked.method, &url).unwrap();
    for field in &asked.fields {
        request = request.with_field(field).unwrap();
    }
    match explain(model, &request).answer {
        Answer::Gateway { status, .. } => {
            assert_eq!(status, 404);
            None
        }
        Answer::Route(routed) => Some(routed.name),
    }
}

/// What the gateway does.
fn found(table: &Table, asked: &Asked) -> Option<String> {
    let fields: String = asked
        .fields
        .iter()
        .map(|field| format!("{field}\r\n"))
        .collect();
    let (method, target) = (asked.method, &asked.target);
    let text = format!(
        "{method} {target} HTTP/1.1\r\nHost: {}\r\n{fields}\r\n",
        asked.authority
    );
    let request = parsed(&text);
    let id = table.find(&request, 80)?;
    Some(table.route(id).unwrap().name.to_owned())
}

fn parsed(text: &str) -> head::Request {
    let mut buffer = Buffer::with_size(4096);
    let _ = buffer.push(text.as_bytes());
    match h1::request::parse(Fields::new(buffer), &h1::Limits::default()) {
        h1::request::Parsed::Complete(head) => head.head,
        other => panic!("{text:?}: {other:?}"),
    }
}

/// The rows of a model, as generated code has them.
fn rows(model: &Model) -> &'static [Route] {
    let rows = model.routes.iter().map(|route| Route {
        name: leak(route.name.as_str()),
        enabled: route.enabled,
        priority: route.priority,
        path: leak(route.path.as_str()),
        path_type: match route.path.path_type() {
            model::PathType::Exact => PathType::Exact,
            model::PathType::Prefix => PathType::Prefix,
            model::PathType::Regex => PathType::Regex {
                literal: leak(&route.path.regex_literal().unwrap()),
            },
        },
        hosts: leak_all(route.hosts.iter().map(|host| leak(host.as_str()))),
        conditions: leak_all(route.conditions.iter().map(condition)),
        ..Route::PLAIN
    });
    leak_all(rows)
}

fn condition(condition: &model::Condition) -> Condition {
    match condition {
        model::Condition::Cookie(name, value) => Condition::Cookie(leak(name), test(value)),
        model::Condition::Header(name, value) => {
            Condition::Header(leak(name.as_str()), test(value))
        }
        model::Condition::Methods(methods) => {
            Condition::Methods(leak_all(methods.iter().map(|method| leak(method.as_str()))))
        }
        model::Condition::Query(name, value) => Condition::Query(leak(name), test(value)),
    }
}

fn test(test: &model::Test) -> Test {
    match test {
        model::Test::Equals(text) => Test::Equals(leak(text)),
        model::Test::Present(present) => Test::Present(*present),
        model::Test::Regex(regex, _) => Test::Regex(leak(regex.as_str())),
    }
}

fn leak(text: &str) -> &'static str {
    text.to_owned().leak()
}

fn leak_all<T>(items: impl Iterator<Item = T>) -> &'static [T] {
    items.collect::<Vec<_>>().leak()
}

fn config() -> ProptestConfig {
    let mut config = ProptestConfig::default();
    if std::env::var_os("PROPTEST_CASES").is_none() {
        config.cases = SPECIFICATIONS;
    }
    config.failure_persistence = None;
    config
}

proptest! {
    #![proptest_config(config())]

    /// RT-ROUTE-1 to -8, -13 to -15: one answer. And what the check calls shadowed is never found.
    #[test]
    fn explain_and_the_table_agree(
        text in any_specification(),
        requests in proptest::collection::vec(any_request(), REQUESTS),
    ) {
        let mut sources = SourceMap::new();
        sources.add("goma.yaml", text.as_str());
        let checked = check(&sources, &Options::default());
        // Conflicts and parameters of one name are errors: there is no gateway of those.
        if let Some(model) = checked.model {
            let table = Table::build(Box::leak(Box::new([rows(&model)]))).unwrap();
            let shadowed = checked.diagnostics.iter().filter(|item| item.code.as_str() == "route-shadowed");
            let shadowed: Vec<&str> = shadowed.filter_map(|item| item.message.split('`').nth(1)).collect();
            for asked in &requests {
                let name = found(&table, asked);
                prop_assert_eq!(&name, &explained(&model, asked), "{:?}\n{}", asked, text);
                let dead = name.as_deref().is_some_and(|name| shadowed.contains(&name));
                prop_assert!(!dead, "{:?} is shadowed\n{:?}\n{}", name, asked, text);
            }
        } else {
            let refused = |code: &str| matches!(code, "route-conflict" | "bad-path");
            let known = checked.diagnostics.iter().any(|item| refused(item.code.as_str()));
            prop_assert!(known, "{}", text);
        }
    }
}
