//! Both forms of the output: for people, and as JSON.

use super::*;

/// Everything that the output shows.
const SHOP: &str = "
version: 2
gateway:
  routes:
    - name: root
      path: /
      target: http://10.0.0.6
    - name: orders
      path: /api
      hosts: [a.com]
      methods: [GET]
      rewrite: /
      backends:
        - endpoint: ${ORDERS:-http://10.0.0.7:8080}
        - endpoint: http://${SECOND}:8080
      middlewares: [headers, staff, small]
    - name: secure
      path: /secure
      target: http://10.0.0.8
      middlewares: [tls, small]
    - name: beta
      path: /beta
      hosts: [beta.com]
      enabled: false
      target: http://10.0.0.9
middlewares:
  - name: headers
    type: responseHeaders
    rule: {setHeaders: {X-A: b}}
  - name: staff
    type: basicAuth
    rule: {users: [{username: u, password: \"${P}\"}]}
  - name: small
    type: bodyLimit
    rule: {limit: 1Ki}
  - name: tls
    type: redirectScheme
    rule: {scheme: https}
";

fn human(request: &str) -> String {
    let explained = explained(SHOP, request);
    explained.explanation.human(&explained.sources)
}

#[test]
fn for_people() {
    insta::assert_snapshot!(human("GET https://a.com/api/x?y=1"), @r#"
    GET https://a.com/api/x?y=1
    route     orders  goma.yaml:8  prefix /api, host a.com
    loses     root    goma.yaml:5  shorter path
    chain     1 headers  goma.yaml:27  responseHeaders  in scope (whole route)
              2 staff    goma.yaml:30  basicAuth        in scope (whole route), 401 without valid credentials
              3 small    goma.yaml:33  bodyLimit        in scope (whole route), 413 above 1024 bytes
    upstream  http://10.0.0.7:8080/x?y=1  (rewrite /api -> /)
              or http://${SECOND}:8080 in turn
    "#);
    insta::assert_snapshot!(human("POST http://a.com/api/x"), @r#"
    POST http://a.com/api/x
    route     orders  goma.yaml:8  prefix /api, host a.com
    loses     root    goma.yaml:5  shorter path
    chain     1 headers  goma.yaml:27  responseHeaders  in scope (whole route)
              2 staff    goma.yaml:30  basicAuth        in scope (whole route), 401 without valid credentials
              3 small    goma.yaml:33  bodyLimit        in scope (whole route), 413 above 1024 bytes
    upstream  none  405, method not in `methods`
    "#);
    insta::assert_snapshot!(human("GET http://b.com/secure"), @r#"
    GET http://b.com/secure
    route     secure  goma.yaml:17  prefix /secure, any host
    loses     root    goma.yaml:5   shorter path
    chain     1 tls    goma.yaml:36  redirectScheme  in scope (whole route), 302 to https://b.com/secure
              2 small  goma.yaml:33  bodyLimit       not reached, an earlier one answers
    upstream  none  302, the chain answers
    "#);
    insta::assert_snapshot!(human("GET http://b.com/a/..%2f"), @r#"
    GET http://b.com/a/..%2f
    route     none  400, the path hides a `..` segment (RT-PATH-6)
    "#);
    insta::assert_snapshot!(human("GET http://b.com/readyz"), @r#"
    GET http://b.com/readyz
    route     none  200, the gateway's own endpoint, see `gateway.monitoring.enableReadiness`
    "#);
}

/// RT-CLI-11
#[test]
fn as_json() {
    let explained = explained(SHOP, "GET https://a.com/api/x");
    insta::assert_snapshot!(explained.explanation.json(&explained.sources), @r#"
    {
      "chain": [
        {
          "inScope": true,
          "name": "headers",
          "place": "goma.yaml:27",
          "reason": "in scope (whole route)",
          "terminates": false,
          "type": "responseHeaders"
        },
        {
          "inScope": true,
          "name": "staff",
          "place": "goma.yaml:30",
          "reason": "in scope (whole route), 401 without valid credentials",
          "terminates": false,
          "type": "basicAuth"
        },
        {
          "inScope": true,
          "name": "small",
          "place": "goma.yaml:33",
          "reason": "in scope (whole route), 413 above 1024 bytes",
          "terminates": false,
          "type": "bodyLimit"
        }
      ],
      "losers": [
        {
          "name": "root",
          "place": "goma.yaml:5",
          "reason": "shorter path"
        }
      ],
      "route": {
        "host": "a.com",
        "name": "orders",
        "path": "/api",
        "place": "goma.yaml:8",
        "reason": "prefix /api, host a.com"
      },
      "status": null,
      "upstream": {
        "backends": [
          "http://10.0.0.7:8080",
          "http://${SECOND}:8080"
        ],
        "host": "a.com",
        "policy": "roundRobin",
        "sticky": null,
        "url": "http://10.0.0.7:8080/x",
        "weights": null
      }
    }
    "#);
}

/// RT-CLI-11: no route.
#[test]
fn no_route() {
    let spec = spec(&["a | /x | a.com", "b | /x | | enabled: false"]);
    let explained = explained(&spec, "GET http://b.com/x");
    assert!(!explained.explanation.has_route());
    insta::assert_snapshot!(explained.explanation.human(&explained.sources), @r#"
    GET http://b.com/x
    route     none  404, no route fits
    near      a  goma.yaml:4  other host
              b  goma.yaml:8  disabled
    "#);
    insta::assert_snapshot!(explained.explanation.json(&explained.sources), @r#"
    {
      "chain": [],
      "losers": [
        {
          "name": "a",
          "place": "goma.yaml:4",
          "reason": "other host"
        },
        {
          "name": "b",
          "place": "goma.yaml:8",
          "reason": "disabled"
        }
      ],
      "route": null,
      "status": 404,
      "upstream": null
    }
    "#);
}
