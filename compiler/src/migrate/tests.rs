//! The file that `migrate` writes says what the compiler made of the old one.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test fails by panicking"
)]

use super::*;
use crate::spec;
use crate::spec::node::{Kind, Node};

/// A tree as text, without places and without the order of keys.
fn canonical(node: &Node) -> String {
    match &node.kind {
        Kind::Map(entries) => {
            let mut members: Vec<_> = entries
                .iter()
                .filter(|entry| !matches!(&entry.value.kind, Kind::Map(empty) if empty.is_empty()))
                .map(|entry| format!("{}: {}", entry.key.value, canonical(&entry.value)))
                .collect();
            members.sort();
            format!("{{{}}}", members.join(", "))
        }
        Kind::Scalar { text, .. } => format!("{:?}", text.trim_end()),
        Kind::Seq(items) => {
            let mut items: Vec<_> = items.iter().map(canonical).collect();
            // Definitions are found by name.
            if items.iter().all(|item| item.contains("type: ")) {
                items.sort();
            }
            // Policies of two types: which comes first has no effect (MW-GEN-7).
            let policy = |item: &String| item.ends_with("-cors\"") || item.ends_with("-errors\"");
            let first = items.iter().take_while(|item| policy(item)).count();
            items[..first].sort();
            format!("[{}]", items.join(", "))
        }
    }
}

fn tree(text: &str) -> Node {
    let mut sources = SourceMap::new();
    let id = sources.add("goma.yml", text);
    let mut diags = Diagnostics::new();
    let tree = spec::parse(&sources, id, &mut diags);
    tree.unwrap_or_else(|| {
        panic!(
            "{}\n{text}",
            crate::diag::render::human(&diags, &sources, false)
        )
    })
}

/// Migrates a main file.
fn one(text: &str) -> Migrated {
    several(&[text]).remove(0)
}

/// Migrates a main file and others.
fn several(texts: &[&str]) -> Vec<Migrated> {
    let mut sources = SourceMap::new();
    for (at, text) in texts.iter().enumerate() {
        sources.add(format!("{at}.yml"), *text);
    }
    migrate(&sources, &Options::default())
}

/// Migrates, and holds the result against what the compiler itself makes of the old file.
#[track_caller]
fn migrated(old: &str) -> String {
    let mut modern = tree(old);
    let mut diags = Diagnostics::new();
    spec::modernise(&mut modern, old, &mut [], &mut diags);
    let result = one(old);
    assert_eq!(
        canonical(&tree(&result.text)),
        canonical(&modern),
        "{}",
        result.text
    );
    let left = |item: &&crate::diag::Diagnostic| item.code == Code::DeprecatedKey;
    assert_eq!(
        result.diagnostics.iter().find(left),
        None,
        "{}",
        result.text
    );
    let again = one(&result.text);
    assert_eq!(again.text, result.text);
    result.text
}

/// Rows 2-5, 8, 27 and 1 of config.md 12 A.
#[test]
fn keys_of_the_gateway() {
    let old = "\
version: 2
# Ours.
gateway:
  readTimeout: 30 # seconds
  writeTimeout: 15

  idleTimeout: 60s
  enableMetrics: true
  enableStrictSlash: false
  tls:
    keys: # by name
      - cert: a.pem
        key: ${KEY}
  log: {level: info}
certificateManager:
  acme: {email: ops@example.com}
";
    insta::assert_snapshot!(migrated(old));
    migrated("version: 2\ngateway: {readTimeout: 30, writeTimeout: 15, log: {level: info}}\n");
    migrated("version: 2\ngateway: {log: {level: info}, readTimeout: 30}\n");
    migrated("version: 2\ngateway:\n  timeouts:\n  readTimeout: 30\n");
    migrated("version: 2\ngateway:\n  timeouts: {idle: 5}\n  readTimeout: 30\n");
    migrated(
        "version: 2\ngateway:\n  readTimeout: 30\n  timeouts:\n    idle: 5\n    # why\n    header: 4\n",
    );
    migrated("version: 2\ngateway:\n  readTimeout: 30");
    migrated(
        "version: 2\ngateway:\n  certificateManager:\n    acme:\n      email: a@b.c\n  log:\n    level: info\n",
    );
    migrated("version: 2\ngateway:\n  timeouts:\n    read: 30\n  readTimeout: 30\n");
}

/// Rows 9-14 and 28.
#[test]
fn keys_of_routes() {
    let old = "\
version: 2
gateway:
  routes:
    - destination: http://10.0.0.1 # the old one
      name: a
      path: /a
      disabled: true
      blockCommonExploits: true
      disableHostForwarding: yes
      insecureSkipVerify: false
      maintenance:
        status: 503
        body: |
          Back
          soon.
    - name: b
      destination: http://10.0.0.1
      backends:
        - endpoint: http://10.0.0.2
      path: /b
      security:
        tls:
          SkipVerification: true
      insecureSkipVerify: true
    - {name: c, path: /c, destination: 'http://10.0.0.3', disabled: false}
";
    insta::assert_snapshot!(migrated(old));
}

/// Rows 17-26.
#[test]
fn keys_of_rules() {
    let old = "\
version: 2
middlewares:
  - name: jwt
    type: jwt
    rule:
      secret: ${S}
      alg: HS256
      forwardHeaders:
        X-User: sub # who
        # which
        X-Role: role
  - name: merged
    type: jwtAuth
    rule:
      secret: ${S}
      forwardHeaders: {X-User: sub, X-Role: role}
      forward:
        headers: {X-User: email}
  - name: sso
    type: OAuth
    rule:
      clientId: a
      clientSecret: ${S}
      redirectUrl: https://app.test/cb?x=1
      redirectPath: /home
      cookiePath: /app
      state: abc
  - name: ask
    type: forwardAuth
    rule:
      authUrl: http://auth
      enableHostForwarding: true
      skipInsecureVerify: false
  - name: errors
    type: errorInterceptor
    rule:
      errors:
        - code: 404
          body: gone
        - {status: 500, body: broken}
";
    insta::assert_snapshot!(migrated(old));
}

/// Rows 6, 7, 15 and 16 (MW-LEG-1, MW-LEG-2).
#[test]
fn blocks_become_middlewares() {
    let old = "\
version: 2
gateway:
  cors:
    origins: [https://a.test]
  routes:
    - name: first
      path: /a
      target: http://10.0.0.1
      # For the app.
      cors:
        # Both of them.
        origins:
          - https://a.test # live
          - https://b.test
        allowCredentials: true
        headers:
          X-Frame-Options: DENY
      middlewares:
        - limit
    - name: second
      path: /b
      target: http://10.0.0.1
      errorInterceptor:
        enabled: true
        errors:
          - code: 404
    - name: third
      path: /c
      target: http://10.0.0.1
      middlewares: [limit]
      errorInterceptor:
        errors: []
middlewares:
  - name: limit
    type: bodyLimit
    rule:
      limit: 1Mi # enough
";
    insta::assert_snapshot!(migrated(old));
    migrated(
        "version: 2\ngateway:\n  cors: {origins: ['*']}\n  routes:\n    - name: a\n      path: /\n      target: http://a\n",
    );
    migrated(
        "version: 2\ngateway:\n  errorInterceptor:\n    enabled: true\n    errors:\n      - code: 500\n  routes:\n    - name: a b\n      path: /\n      target: http://a\n      errorInterceptor:\n        enabled: true\n        errors:\n          - status: 404\n    - {name: c, path: /c, target: 'http://a'}\n",
    );
}

/// What an alias brings in is warned of, and left to the user.
#[test]
fn aliases_are_left_alone() {
    let old = "\
version: 2
x-common: &common {destination: http://10.0.0.1, cors: {origins: ['*']}}
gateway:
  routes:
    - <<: *common
      name: a
      path: /
";
    let result = one(old);
    assert_eq!(result.text, old);
    let codes: Vec<_> = result.diagnostics.iter().map(|item| item.code).collect();
    assert_eq!(codes, [Code::DeprecatedKey, Code::DeprecatedKey]);
}

/// Files of `extraConfig` have their routes at the top.
#[test]
fn other_files() {
    let old = "\
routes:
  - name: a
    path: /
    destination: http://10.0.0.1
    cors: {origins: [https://a.test]}
";
    let result = several(&["version: 2\n", old]).remove(1);
    insta::assert_snapshot!(result.text);
    assert_eq!(several(&["version: 2\n", &result.text]).remove(1).fixed, 0);
}

/// MW-LEG-1: the gateway's block reaches routes of other files; one with a block of its own keeps it.
#[test]
fn blocks_of_the_gateway_reach_other_files() {
    let main = "\
version: 2
gateway:
  cors: {origins: [https://all.test]}
  errorInterceptor: {enabled: true, errors: [{statusCode: 502, body: all}]}
  routes:
    - name: a
      path: /a
      target: http://10.0.0.1
";
    let other = "\
routes:
  - name: b
    path: /b
    target: http://10.0.0.1
    cors: {origins: [https://own.test]}
  - name: c
    path: /c
    target: http://10.0.0.1
    errorInterceptor: {enabled: true, errors: [{statusCode: 502, body: own}]}
";
    let result = several(&[main, other]);
    let texts: Vec<_> = result.iter().map(|file| &*file.text).collect();
    insta::assert_snapshot!(texts.join("\n# the other file\n"));
    let again = several(&texts);
    assert!(again.iter().all(|file| file.fixed == 0));
    let left = |item: &crate::diag::Diagnostic| item.code == Code::DeprecatedKey;
    assert!(!again.iter().any(|file| file.diagnostics.iter().any(left)));

    // The compiler itself reads the old files in the same way.
    let mut modern = tree(main);
    let mut others = [spec::Other {
        tree: tree(other),
        text: other,
        bundle: false,
    }];
    spec::modernise(&mut modern, main, &mut others, &mut Diagnostics::new());
    assert_eq!(canonical(&modern), canonical(&tree(texts[0])));
    let meant = canonical(&others[0].tree);
    let place = |name: &str| meant.rfind(name);
    assert!(place("c-errors") > place("b-cors") && meant.matches("gateway-errors").count() == 2);
    assert_eq!(meant.matches("gateway-cors").count(), 1, "{meant}");
}

/// 12 A: old and new together with different values.
#[test]
fn disagreeing_forms_are_left_to_the_user() {
    let old = "version: 2\ngateway:\n  readTimeout: 30\n  timeouts: {read: 10}\n";
    let result = one(old);
    assert_eq!(result.text, old);
    let codes: Vec<_> = result.diagnostics.iter().map(|item| item.code).collect();
    assert!(codes.contains(&Code::KeyConflict), "{codes:?}");
}

/// Old keys in any order, in block or flow style, with comments between them.
#[test]
fn any_old_file() {
    use proptest::prelude::*;
    let gateway = [
        "readTimeout: 30",
        "writeTimeout: 15 # seconds",
        "idleTimeout: 60s",
        "enableMetrics: true",
        "enableStrictSlash: false",
        "log: {level: info}",
        "timeouts: {header: 5}",
        "monitoring:\n  enableLiveness: false",
        "tls:\n  keys:\n    - cert: a.pem\n      key: ${KEY}",
        "cors:\n  origins: ['*']\n  # all\n  maxAge: 60",
        "certificateManager:\n  acme:\n    email: a@b.c",
    ];
    let route = [
        "destination: http://10.0.0.1",
        "disabled: true",
        "blockCommonExploits: true",
        "disableHostForwarding: true",
        "insecureSkipVerify: true",
        "cors: {origins: [https://a.test], headers: {X-A: b}}",
        "errorInterceptor:\n  enabled: true\n  errors:\n    - code: 404",
        "maintenance:\n  status: 503\n  body: gone",
        "security:\n  tls: {SkipVerification: true}",
        "middlewares: [limit]",
        "# a comment",
    ];
    let picks = |items: &'static [&'static str]| {
        proptest::sample::subsequence(items, 0..=items.len()).prop_shuffle()
    };
    let gateway: &'static [&'static str] = Box::leak(Box::new(gateway));
    let route: &'static [&'static str] = Box::leak(Box::new(route));
    let indented = |items: &[&str], by: usize| -> String {
        let lines = items.iter().flat_map(|item| item.lines());
        lines
            .map(|line| format!("{}{line}\n", " ".repeat(by)))
            .collect()
    };
    proptest!(|(gateway in picks(gateway), first in picks(route), second in picks(route), defined: bool)| {
        let mut old = "version: 2\n".to_owned();
        if defined {
            old.push_str("middlewares:\n  - name: limit\n    type: bodyLimit\n    rule: {limit: 1Mi}\n");
        }
        old.push_str("gateway:\n");
        old.push_str(&indented(&gateway, 2));
        old.push_str("  routes:\n    - name: first\n      path: /a\n");
        old.push_str(&indented(&first, 6));
        old.push_str("    - path: /b\n");
        old.push_str(&indented(&second, 6));
        old.push_str("      name: second\n");
        migrated(&old);
    });
}
