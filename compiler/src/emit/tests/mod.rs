//! What each emitter prints, beside the spec it comes from; and how output grows.

mod middlewares;
mod paths;
mod resilience;

use crate::plan::Feature;
use crate::source::SourceMap;
use crate::{Options, Output, compile};

fn output(spec: &str) -> Output {
    let mut sources = SourceMap::new();
    sources.add("goma.yaml", spec);
    let compiled = compile(&sources, &Options::default());
    let findings = compiled.diagnostics.summary(&sources);
    compiled.output.unwrap_or_else(|| panic!("{findings:?}"))
}

/// One file of a spec's crate.
fn file(spec: &str, path: &str) -> String {
    let output = output(spec);
    let found = output.files.iter().find(|file| file.path == path);
    found.unwrap().text.clone()
}

/// Spec and output together, without the header that all files have.
fn shown(spec: &str, path: &str) -> String {
    let text = file(spec, path);
    let body = text
        .trim_start_matches(|c| c != '\n')
        .trim_start_matches("\n//!\n");
    format!("{}\n\n=> {path}\n{body}", spec.trim())
}

/// A spec whose only route has one middleware.
fn with_middleware(middleware: &str) -> String {
    format!(
        "
version: 2
gateway: {{routes: [{{name: a, path: /, target: \"http://10.0.0.7\", middlewares: [m]}}]}}
middlewares:
  - name: m
{middleware}"
    )
}

#[test]
fn route_rows() {
    let spec = "
version: 2
gateway:
  routes:
    - name: orders.list
      path: /orders/
      hosts: [Shop.example.com, \"*.example.org:8080\"]
      methods: [get, HEAD]
      rewrite: /v1/
      backends:
        - endpoint: http://${HOST}:${PORT:-80}/base
        - endpoint: http://10.0.0.8
";
    insta::assert_snapshot!(shown(spec, "src/routes.rs"), @r#"
    version: 2
    gateway:
      routes:
        - name: orders.list
          path: /orders/
          hosts: [Shop.example.com, "*.example.org:8080"]
          methods: [get, HEAD]
          rewrite: /v1/
          backends:
            - endpoint: http://${HOST}:${PORT:-80}/base
            - endpoint: http://10.0.0.8

    => src/routes.rs
    //! The route table: one row per route, which names its chain.

    use goma_runtime::route::{Backend, Route};
    use goma_runtime::values::{Part, Value};

    use crate::chains;

    /// `gateway.routes` (goma.yaml:4), in spec order.
    pub static ROUTES: [&[Route]; 1] = [&ROWS_0];

    /// Routes from goma.yaml:5 to goma.yaml:5.
    static ROWS_0: [Route; 1] = [Route {
        name: "orders.list",
        source: "goma.yaml:5",
        path: "/orders",
        hosts: &["shop.example.com", "*.example.org:8080"],
        methods: &["GET", "HEAD"],
        rewrite: Some("/v1"),
        backends: &[
            Backend {
                endpoint: Value {
                    key: "gateway.routes[0].backends[0].endpoint",
                    source: "goma.yaml:11:21",
                    parts: &[
                        Part::Text("http://"),
                        Part::Env {
                            name: "HOST",
                            default: None,
                        },
                        Part::Text(":"),
                        Part::Env {
                            name: "PORT",
                            default: Some("80"),
                        },
                        Part::Text("/base"),
                    ],
                },
            },
            Backend {
                endpoint: Value {
                    key: "gateway.routes[0].backends[1].endpoint",
                    source: "goma.yaml:12:21",
                    parts: &[Part::Text("http://10.0.0.8")],
                },
            },
        ],
        chain: chains::BARE,
        ..Route::PLAIN
    }];
    "#);
}

/// RT-LB-1, RT-LB-2, RT-LB-4: a row says shares only where there are some.
#[test]
fn weights_of_backends() {
    let row = |backends: &str| {
        let spec = format!(
            "version: 2\ngateway: {{routes: [{{name: t, path: /, backends: [{backends}]}}]}}\n"
        );
        let text = shown(&spec, "src/routes.rs");
        let line = text.lines().find(|line| line.contains("weights:"));
        line.map(|line| line.trim().to_owned())
    };
    let weighted = "{endpoint: \"http://a\", weight: 3}, {endpoint: \"http://b\"}";
    assert_eq!(row(weighted).as_deref(), Some("weights: &[3, 0],"));
    assert_eq!(row("{endpoint: \"http://a\", weight: 3}"), None);
    assert_eq!(
        row("{endpoint: \"http://a\"}, {endpoint: \"http://b\"}"),
        None
    );
}

/// RT-CANARY-1, RT-LB-1, RT-LB-8, RT-HEALTH-1: what a row says of its backends.
#[test]
fn rows_with_canaries_policies_and_checks() {
    let rows = |backends: &str| {
        let spec = format!(
            "version: 2
gateway:
  routes:
    - name: t
      path: /
      healthCheck: {{path: /ü, timeout: 1500ms, healthyStatuses: [200]}}
      loadBalancer: {{policy: consistentHash, hashOn: {{source: cookie, name: id}}}}
      backends: [{backends}]
"
        );
        let text = shown(&spec, "src/routes.rs");
        let (_, row) = text.split_once("canaries:").unwrap_or(("", ""));
        (text.clone(), row.split("chain:").next().unwrap().to_owned())
    };
    let canary = "{endpoint: \"http://a\", exclusive: true, priority: -1, match: \
        [{source: header, name: X-A, operator: in, value: \"1, 2\"}, {source: ip, operator: not_equals, value: \"::1\"}]}";
    let (text, row) = rows(&format!("{canary}, {{endpoint: \"http://b\"}}"));
    assert!(
        text.contains("Backend, Canary, CanaryTest, HealthCheck, Operator, Policy, Route, Source")
    );
    insta::assert_snapshot!(row, @r#"
    &[Canary {
           backend: 0,
           tests: &[
               CanaryTest {
                   source: Source::Header("X-A"),
                   operator: Operator::In(&["1", "2"]),
               },
               CanaryTest {
                   source: Source::Ip,
                   operator: Operator::NotEquals("::1"),
               },
           ],
           exclusive: true,
           priority: -1,
       }],
       policy: Policy::ConsistentHash(Source::Cookie("id")),
       health_check: Some(HealthCheck {
           path: "/%C3%BC",
           interval_ms: 30000,
           timeout_ms: 1500,
           healthy_statuses: &[200],
       }),
    "#);
    let (text, row) = rows(canary);
    assert!(row.is_empty() && !text.contains("Policy::"));
}

#[test]
fn chains_in_list_order_with_policies_apart() {
    let spec = "
version: 2
gateway:
  routes:
    - {name: a, path: /a, target: \"http://10.0.0.7\", middlewares: [limit, headers, type]}
    - {name: b, path: /b, target: \"http://10.0.0.7\"}
    - {name: c, path: /c, target: \"http://10.0.0.7\", middlewares: [limit, headers, type]}
middlewares:
  - {name: type, type: addPrefix, rule: {prefix: /p}}
  - {name: headers, type: responseHeaders, rule: {setHeaders: {X-A: b}}}
  - {name: limit, type: bodyLimit, rule: {limit: 1}}
";
    insta::assert_snapshot!(shown(spec, "src/chains.rs"), @r#"
    version: 2
    gateway:
      routes:
        - {name: a, path: /a, target: "http://10.0.0.7", middlewares: [limit, headers, type]}
        - {name: b, path: /b, target: "http://10.0.0.7"}
        - {name: c, path: /c, target: "http://10.0.0.7", middlewares: [limit, headers, type]}
    middlewares:
      - {name: type, type: addPrefix, rule: {prefix: /p}}
      - {name: headers, type: responseHeaders, rule: {setHeaders: {X-A: b}}}
      - {name: limit, type: bodyLimit, rule: {limit: 1}}

    => src/chains.rs
    //! Every distinct list of middlewares, built once per core.

    use goma_runtime::chain::{self, Chain, ChainId, ChainSource};
    use goma_runtime::gateway::{Start, StartError};

    use crate::middlewares;

    /// Chain of `a` (goma.yaml:5) and 1 more route.
    pub const OF_A: ChainId = ChainId(0);

    /// Chain of `b` (goma.yaml:6).
    pub const BARE: ChainId = ChainId(1);

    /// Every distinct chain, by its `ChainId`.
    pub static CHAINS: [ChainSource; 2] = [of_a, bare];

    /// `a` (goma.yaml:5) and 1 more route: recorder `headers`, filters `limit` → `type`
    fn of_a(start: &Start<'_>) -> Result<Box<dyn Chain>, StartError> {
        Ok(chain::boxed(
            (middlewares::headers(start)?,),
            (middlewares::limit(start)?, middlewares::type_(start)?),
        ))
    }

    /// No middlewares: `b` (goma.yaml:6).
    fn bare(_start: &Start<'_>) -> Result<Box<dyn Chain>, StartError> {
        Ok(chain::boxed((), ()))
    }
    "#);
}

#[test]
fn the_manifest_names_only_the_features_in_use() {
    let plain = "version: 2\ngateway: {routes: [{name: a, path: /, target: \"http://10.0.0.7\"}]}";
    insta::assert_snapshot!(shown(plain, "Cargo.toml"), @r#"
    version: 2
    gateway: {routes: [{name: a, path: /, target: "http://10.0.0.7"}]}

    => Cargo.toml


    [package]
    name = "gateway"
    version = "0.0.0"
    edition = "2024"
    publish = false

    [dependencies]
    goma-runtime = { version = "=0.1.0", default-features = false }
    "#);
    let features = |password: &str| {
        let users = format!("    type: basicAuth\n    rule: {{users: [\"u:{password}\"]}}");
        output(&with_middleware(&users)).plan.features
    };
    let basic = Feature::BasicAuth;
    assert_eq!(features("plain"), [basic]);
    let hash = "$2a$05$MdZGtO/JmqGllZBfQltcM.F3sMTH4g6dDltNI0NiRe8DJEPqweRAy";
    assert_eq!(features(hash), [basic, Feature::Bcrypt]);
    // What is only known at start may be of any form.
    let any = [
        Feature::Argon2,
        basic,
        Feature::Bcrypt,
        Feature::Md5Crypt,
        Feature::ShaCrypt,
        Feature::Sha1,
    ];
    assert_eq!(features("${P}"), any);
    let spec = plain.replace("10.0.0.7", "orders.internal");
    assert_eq!(output(&spec).plan.features, [Feature::Dns]);
}

/// RT-START-3: a gateway without routes is a gateway.
#[test]
fn no_routes() {
    let spec = "version: 2\ngateway: {routes: []}";
    insta::assert_snapshot!(shown(spec, "src/routes.rs"), @r#"
    version: 2
    gateway: {routes: []}

    => src/routes.rs
    //! The route table: one row per route, which names its chain.

    use goma_runtime::route::Route;

    /// `gateway.routes` (goma.yaml:2), in spec order.
    pub static ROUTES: [&[Route]; 0] = [];
    "#);
    insta::assert_snapshot!(shown(spec, "src/chains.rs"), @r#"
    version: 2
    gateway: {routes: []}

    => src/chains.rs
    //! Every distinct list of middlewares, built once per core.

    use goma_runtime::chain::ChainSource;

    /// Every distinct chain, by its `ChainId`.
    pub static CHAINS: [ChainSource; 0] = [];
    "#);
    insta::assert_snapshot!(shown(spec, "src/middlewares.rs"), @r#"
    version: 2
    gateway: {routes: []}

    => src/middlewares.rs
    //! Every middleware in use, with its rule.
    "#);
}

/// MW-GEN-9: once, at the first position.
#[test]
fn a_middleware_that_is_listed_twice_runs_once() {
    let spec = "
version: 2
gateway: {routes: [{name: a, path: /, target: \"http://10.0.0.7\", middlewares: [x, y, x]}]}
middlewares:
  - {name: x, type: addPrefix, rule: {prefix: /x}}
  - {name: y, type: addPrefix, rule: {prefix: /y}}
";
    let output = output(spec);
    let filters = output.plan.chains.iter().flat_map(|chain| &chain.filters);
    let names: Vec<&str> = filters.map(|member| member.name.as_str()).collect();
    assert_eq!(names, ["x", "y"]);
}

#[test]
fn long_chains_nest_after_sixteen() {
    let names: Vec<String> = (0..18).map(|number| format!("m{number}")).collect();
    let mut spec = format!(
        "version: 2\ngateway: {{routes: [{{name: a, path: /, target: \"http://10.0.0.7\", middlewares: [{}]}}]}}\nmiddlewares:\n",
        names.join(", ")
    );
    for name in &names {
        spec.push_str(&format!(
            "  - {{name: {name}, type: bodyLimit, rule: {{limit: 1}}}}\n"
        ));
    }
    let text = file(&spec, "src/chains.rs");
    let function = text.split("fn of_a").nth(1).unwrap();
    insta::assert_snapshot!(function, @r#"
    (start: &Start<'_>) -> Result<Box<dyn Chain>, StartError> {
        Ok(chain::boxed(
            (),
            (
                middlewares::m0(start)?,
                middlewares::m1(start)?,
                middlewares::m2(start)?,
                middlewares::m3(start)?,
                middlewares::m4(start)?,
                middlewares::m5(start)?,
                middlewares::m6(start)?,
                middlewares::m7(start)?,
                middlewares::m8(start)?,
                middlewares::m9(start)?,
                middlewares::m10(start)?,
                middlewares::m11(start)?,
                middlewares::m12(start)?,
                middlewares::m13(start)?,
                middlewares::m14(start)?,
                (
                    middlewares::m15(start)?,
                    middlewares::m16(start)?,
                    middlewares::m17(start)?,
                ),
            ),
        ))
    }
    "#);
}

/// DESIGN decision 3: code follows the number of distinct chains.
#[test]
fn a_thousand_routes_over_twenty_chains() {
    let mut spec = "version: 2\ngateway:\n  routes:\n".to_owned();
    for route in 0..1000 {
        let chain = route % 20;
        spec.push_str(&format!(
            "    - {{name: r{route}, path: /r{route}, target: \"http://10.0.0.7\", middlewares: [m{chain}, m20]}}\n"
        ));
    }
    spec.push_str("middlewares:\n");
    for name in 0..=20 {
        spec.push_str(&format!(
            "  - {{name: m{name}, type: addPrefix, rule: {{prefix: /p{name}}}}}\n"
        ));
    }
    let output = output(&spec);
    assert_eq!(output.plan.routes.rows.len(), 1000);
    assert_eq!(output.plan.chains.len(), 20);
    let chains = output
        .files
        .iter()
        .find(|file| file.path == "src/chains.rs")
        .unwrap();
    assert_eq!(chains.text.matches("\nfn ").count(), 20);
    assert_eq!(chains.text.matches("and 49 more routes").count(), 40);
}

/// A file's name reaches comments only.
#[test]
fn a_line_break_in_a_file_name_stays_in_the_comment() {
    let mut sources = SourceMap::new();
    sources.add(
        "a\nfn main() {}.yaml",
        with_middleware("    type: bodyLimit\n    rule: {limit: 1}"),
    );
    let output = compile(&sources, &Options::default()).output.unwrap();
    for file in output.files {
        assert!(!file.text.contains("\nfn main() {}"), "{}", file.text);
    }
}

/// HOUSE 3.4: same input, same bytes; DESIGN decision 8: other input, other revision.
#[test]
fn the_revision_follows_the_plan() {
    let spec = with_middleware("    type: bodyLimit\n    rule: {limit: 1Ki}");
    let (first, second) = (output(&spec), output(&spec));
    assert_eq!(first.files, second.files);
    assert_eq!(first.revision, second.revision);
    assert_eq!(first.revision.len(), 12);
    let third = output(&spec.replace("1Ki", "2Ki"));
    assert_ne!(first.revision, third.revision);
}

/// MW-GEN-7, MW-RESH-1: the recorder's types in their layers, outermost first; of one layer the most
/// specific acts on answers last, among equals the one listed later.
#[test]
fn the_recorder_from_outside_in() {
    let spec = "version: 2
gateway:
  routes: [{name: a, path: /, target: \"http://10.0.0.7\", middlewares: [deep, safe, all, id, size, near, later]}]
middlewares:
  - {name: deep, type: responseHeaders, paths: [/docs/deep], rule: {setHeaders: {X-A: deep}}}
  - {name: safe, type: securityHeaders}
  - {name: all, type: responseHeaders, rule: {setHeaders: {X-A: all}}}
  - {name: id, type: requestId}
  - {name: size, type: bodyLimit, rule: {limit: 1Ki}}
  - {name: near, type: responseHeaders, paths: [/docs], rule: {setHeaders: {X-A: near}}}
  - {name: later, type: responseHeaders, rule: {setHeaders: {X-A: later}}}
";
    let chains = shown(spec, "src/chains.rs");
    let order = "recorder `id` → `deep` → `near` → `later` → `all` → `safe`, filters `size`";
    assert!(chains.contains(order), "{chains}");
}

/// MW-EI-2, MW-GEN-21: files are part of the crate and of the revision; what is off is in no chain.
#[test]
fn embedded_files() {
    let spec = "version: 2
gateway:
  routes: [{name: a, path: /, target: \"http://10.0.0.7\", middlewares: [pages, nothing]}]
middlewares:
  - {name: pages, type: errorInterceptor, rule: {errors: [{statusCode: 5xx, file: down.html}]}}
  - {name: nothing, type: errorInterceptor, rule: {enabled: false, errors: [{statusCode: 404}]}}
";
    let output = |page: &str| {
        let mut sources = SourceMap::new();
        sources.add("goma.yaml", spec);
        sources.embed("down.html", Ok(page.as_bytes().to_vec()));
        let compiled = compile(&sources, &Options::default());
        compiled.output.unwrap()
    };
    let first = output("<p>{status}</p>");
    let file = |path: &str| {
        let mut files = first.files.iter();
        let found = files.find(|file| file.path == path);
        found.map(|file| file.text.clone()).unwrap_or_default()
    };
    assert_eq!(file("src/page_pages_1.html"), "<p>{status}</p>");
    let middlewares = file("src/middlewares.rs");
    for part in [
        "first: 500,",
        "last: 599,",
        "include_str!(\"page_pages_1.html\")",
        "Content::Markup(\"text/html; charset=utf-8\")",
    ] {
        assert!(middlewares.contains(part), "{middlewares}");
    }
    assert!(!middlewares.contains("nothing"), "{middlewares}");
    assert!(file("src/chains.rs").contains("recorder `pages`\n"));
    assert!(first.lock.text().contains("source = \"down.html\""));
    assert_ne!(first.revision, output("<p>{reason}</p>").revision);
}

/// RT-UP-3, RT-MTLS-2: a row says how its backends are spoken to only if that is not the usual way.
#[test]
fn tls_of_rows() {
    let spec = "
version: 2
gateway:
  networking: {transport: {insecureSkipVerify: true, forceAttemptHTTP2: false}}
  routes:
    - name: a
      path: /a
      target: https://10.0.0.7
      security: {tls: {insecureSkipVerify: false, rootCAs: ca.pem, clientCert: c.pem, clientKey: \"${KEY}\"}}
    - {name: b, path: /b, target: \"https://10.0.0.7\"}
    - {name: c, path: /c, target: \"http://10.0.0.7\", security: {tls: {rootCAs: ca.pem}}}
";
    let plan = output(spec).plan;
    assert_eq!(plan.features, [Feature::Tls]);
    let rows = file(spec, "src/routes.rs");
    let tls: Vec<&str> = rows.split("tls: Some(").skip(1).collect();
    let shown: Vec<String> = tls
        .iter()
        .filter_map(|row| row.split_once("}),\n        chain"))
        .map(|(row, _)| row.split_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    &BackendTls { insecure: false, roots: Some(Value { key: "gateway.routes[0].security.tls.rootCAs", source: "goma.yaml:9:60", parts: &[Part::Text("ca.pem")], }), client: Some(( Value { key: "gateway.routes[0].security.tls.clientCert", source: "goma.yaml:9:80", parts: &[Part::Text("c.pem")], }, Value { key: "gateway.routes[0].security.tls.clientKey", source: "goma.yaml:9:98", parts: &[Part::Env { name: "KEY", default: None, }], }, )),
    &BackendTls { insecure: true, roots: None, client: None,
    "#);
}
