//! The codes of the specification (config.md section 13, middlewares.md) against those of this
//! release: what is missing is named here with the reason.

use goma_compiler::diag::Code;

/// Every code that the two documents name.
const SPECIFIED: &str = "access-no-paths acme-no-email bad-address bad-cidr bad-duration bad-host \
    bad-method bad-name bad-path bad-regex bad-rule bad-size bad-url bad-value bad-version \
    bundle-signature cache-before-guard cache-never-hits canary-no-stable client-ca \
    cors-credentials-wildcard cors-max-age country-unknown decrypt-failed deprecated-key \
    duplicate-backend duplicate-key duplicate-name encrypted-unchecked env-in-bundle env-unset \
    exclusive-without-match file-missing file-not-here foreign-object forward-strip-off \
    forwarded-header-set function-in-structural go-plugin health-check-missing \
    health-check-passive-only host-less-shadow identity-header-overwritten insecure-skip-verify \
    jwt-key-source jwt-no-audience jwt-no-issuer key-conflict limiter-key-client-chosen \
    literal-secret lock-mismatch log-unredacted middleware-is-route-key middleware-listed-twice \
    middleware-no-effect middleware-order missing-key missing-target monitoring-open \
    no-entry-point odd-name oidc-path-outside-route out-of-range path-base-not-covered \
    path-matches-nothing path-no-slash path-star-in-regex plugin-build plugin-type-taken \
    port-conflict priority-mixed provider-config provider-failed proxy-trust-all \
    proxy-trust-empty redirect-loop redirect-open redirect-scheme-after-auth redis-flush \
    redis-required reload-token reserved-path rewrite-shadowed route-conflict route-overlap \
    route-shadowed rule-key-case serve-only sign-in-no-append target-ignored timeout-unreachable \
    tls-load tls-pair tls-unpaired token-unknown type-mismatch undefined-name unknown-key \
    unknown-type unreachable-middleware unsigned-provider unused-middleware v1-difference \
    version-missing weak-password-hash weak-secret weak-token weight-zero yaml-syntax";

/// Codes that this release cannot find yet, and why.
const LATER: &[(&str, &str)] = &[
    ("foreign-object", "Kubernetes manifests are no input yet"),
    ("plugin-build", "no crate of a plugin is compiled yet"),
    (
        "tls-unpaired",
        "a line of the gateway that reads `certsDir` when it starts, not of the compiler",
    ),
];

/// Codes of our own, for warnings that the specification asks for without naming them.
const OURS: &[&str] = &[
    "acme-terms-declined",
    "acme-wildcard",
    "cors-options-ignored",
    "name-clash",
    "not-yet-supported",
    "oidc-no-openid",
    "oidc-path-outside-cookie",
    "oidc-same-site-strict",
    "plain-transport",
    "prefix-no-slash",
    "request-id-overwritten",
    "test-failed",
];

#[test]
fn every_code_of_the_specification_is_found_or_has_a_reason() {
    let reason = |code: &&str| LATER.iter().any(|(later, _)| later == code);
    let missing = SPECIFIED
        .split(' ')
        .filter(|code| Code::parse(code).is_none());
    let missing: Vec<_> = missing.filter(|code| !reason(code)).collect();
    assert_eq!(missing, Vec::<&str>::new());
}

#[test]
fn every_other_code_is_named_as_ours() {
    let specified: Vec<&str> = SPECIFIED.split(' ').collect();
    let other = |code: &&str| !specified.contains(code) && !OURS.contains(code);
    let codes = Code::ALL.iter().map(|code| code.as_str());
    assert_eq!(codes.filter(other).collect::<Vec<_>>(), Vec::<&str>::new());
}
