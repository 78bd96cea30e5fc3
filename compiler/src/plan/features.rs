//! Which cargo features of the runtime a plan needs (MW-GEN-21).
//!
//! Apart, because it is the one table between what a spec uses and what is linked.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{
    BasicAuth, Canary, Condition, Filter, Forward, Message, Middleware, Part, PathType, Pattern,
    Place, Plan, Route, Transport, Value,
};

/// A cargo feature of `goma-runtime`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Feature {
    /// `$argon2id$`, `$argon2i$`.
    Argon2,
    /// Passwords and their worker pool.
    BasicAuth,
    /// `$2b$` and its relatives.
    Bcrypt,
    /// A resolver for endpoints that are not IP addresses.
    Dns,
    /// Messages that are decrypted at start.
    Encrypted,
    /// HTTP/2 to backends.
    Http2Backends,
    /// Digits in place of secrets in the log.
    LogHash,
    /// `$apr1$`, `$1$`.
    Md5Crypt,
    /// TCP and UDP that are forwarded as they are.
    PassThrough,
    /// Regular expressions.
    Regex,
    /// `$5$`, `$6$`.
    ShaCrypt,
    /// `{SHA}`, `{SSHA}`.
    Sha1,
    /// Cookies that name backends.
    Sticky,
    /// Backends over TLS.
    Tls,
    /// Backends that are sockets of the file system.
    UnixSockets,
}

impl Feature {
    /// Its name in the runtime's `Cargo.toml`; the order of variants is the order of names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Argon2 => "argon2",
            Self::BasicAuth => "basic-auth",
            Self::Bcrypt => "bcrypt",
            Self::Dns => "dns",
            Self::Encrypted => "encrypted",
            Self::Http2Backends => "http2-backends",
            Self::LogHash => "log-hash",
            Self::Md5Crypt => "md5-crypt",
            Self::PassThrough => "pass-through",
            Self::Regex => "regex",
            Self::ShaCrypt => "sha-crypt",
            Self::Sha1 => "sha1",
            Self::Sticky => "sticky",
            Self::Tls => "tls",
            Self::UnixSockets => "unix-sockets",
        }
    }
}

/// What a feature is needed for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Need {
    /// The key, or whose it is.
    pub what: String,
    /// Where it is written.
    pub place: Place,
}

/// Which features a plan needs, and what for.
#[must_use]
pub fn needs(plan: &Plan) -> BTreeMap<Feature, Vec<Need>> {
    let settings = &plan.settings;
    of_parts(
        &plan.routes.rows,
        &plan.middlewares,
        &plan.messages,
        (&settings.transport, &settings.forwards),
    )
}

/// The features in use, sorted.
pub(super) fn select(
    routes: &[Route],
    middlewares: &[Middleware],
    messages: &[Message],
    network: (&Transport, &[Forward]),
) -> Vec<Feature> {
    let needs = of_parts(routes, middlewares, messages, network);
    needs.into_keys().collect()
}

fn of_parts(
    routes: &[Route],
    middlewares: &[Middleware],
    messages: &[Message],
    (transport, forwards): (&Transport, &[Forward]),
) -> BTreeMap<Feature, Vec<Need>> {
    let mut needs: BTreeMap<Feature, Vec<Need>> = BTreeMap::new();
    let mut add = |feature, what: String, place: &Place| {
        let place = place.clone();
        needs.entry(feature).or_default().push(Need { what, place });
    };
    for middleware in middlewares {
        for (feature, key) in of_middleware(middleware) {
            let what = format!("`{key}` of middleware `{}`", middleware.name);
            add(feature, what, &middleware.place);
        }
    }
    for route in routes {
        for endpoint in &route.backends {
            for feature in of_endpoint(endpoint, transport) {
                add(feature, format!("`{}`", endpoint.key), &endpoint.place);
            }
        }
        for (feature, key) in of_route(route) {
            add(
                feature,
                format!("`{key}` of route `{}`", route.name),
                &route.place,
            );
        }
    }
    for Forward { port, target, .. } in forwards {
        add(Feature::PassThrough, format!("`{}`", port.key), &port.place);
        if needs_dns(target) {
            add(Feature::Dns, format!("`{}`", target.key), &target.place);
        }
    }
    for message in messages {
        add(
            Feature::Encrypted,
            format!("`{}`", message.key),
            &message.place,
        );
    }
    needs
}

fn of_endpoint(endpoint: &Value, transport: &Transport) -> Vec<Feature> {
    let offers_http2 = transport.http2 && may_encrypt(endpoint);
    let may_be_h2c = may_be(endpoint, "h2c") || may_be(endpoint, "unix+h2c");
    let may_be_socket = may_be(endpoint, "unix") || may_be(endpoint, "unix+h2c");
    [
        (Feature::Dns, needs_dns(endpoint)),
        (Feature::Http2Backends, offers_http2 || may_be_h2c),
        (Feature::Tls, may_encrypt(endpoint)),
        (Feature::UnixSockets, may_be_socket),
    ]
    .into_iter()
    .filter_map(|(feature, is_needed)| is_needed.then_some(feature))
    .collect()
}

/// Apart from its endpoints; with the key that needs it.
fn of_route(route: &Route) -> Vec<(Feature, &'static str)> {
    let mut found = Vec::new();
    if matches!(route.path_type, PathType::Regex { .. }) {
        found.push((Feature::Regex, "path"));
    }
    if route.conditions.iter().any(Condition::is_regex) {
        found.push((Feature::Regex, "match"));
    }
    if route.canaries.iter().any(Canary::is_regex) {
        found.push((Feature::Regex, "backends"));
    }
    if route.sticky.is_some() {
        found.push((Feature::Sticky, "sticky"));
    }
    found
}

fn of_middleware(middleware: &Middleware) -> Vec<(Feature, &'static str)> {
    let Middleware { filter, scope, .. } = middleware;
    let mut found: Vec<_> = of_filter(filter)
        .map(|feature| (feature, "type"))
        .into_iter()
        .collect();
    if let Filter::BasicAuth(rule) = filter {
        let forms = of_passwords(rule).into_iter();
        found.extend(forms.map(|feature| (feature, "users")));
    }
    let is_regex = |pattern: &Pattern| matches!(pattern, Pattern::Regex(_));
    let mut patterns = scope.iter().flat_map(|scope| &scope.patterns);
    if patterns.any(is_regex) {
        found.push((Feature::Regex, "paths"));
    }
    found
}

fn of_filter(filter: &Filter) -> Option<Feature> {
    match filter {
        Filter::BasicAuth(_) => Some(Feature::BasicAuth),
        Filter::AccessLog(rule) => rule.hashes().then_some(Feature::LogHash),
        Filter::RedirectRegex(_) | Filter::RewriteRegex(_) => Some(Feature::Regex),
        Filter::StripQuery(rule) => rule.path_pattern.as_ref().map(|_| Feature::Regex),
        Filter::Access(_)
        | Filter::AccessPolicy(_)
        | Filter::AddPrefix(_)
        | Filter::BodyLimit(_)
        | Filter::ErrorInterceptor(_)
        | Filter::Redirect(_)
        | Filter::RedirectScheme(_)
        | Filter::ReplacePath(_)
        | Filter::RequestHeaders(_)
        | Filter::RequestId(_)
        | Filter::ResponseHeaders(_)
        | Filter::SecurityHeaders(_)
        | Filter::StripPrefix(_) => None,
    }
}

/// The algorithms that stored passwords need. What is only known at start may be of any form.
fn of_passwords(rule: &BasicAuth) -> BTreeSet<Feature> {
    let passwords = rule.users.iter().map(|user| user.password.parts.as_slice());
    let mut features = BTreeSet::new();
    for parts in passwords {
        match parts {
            [Part::Text(text)] => {
                let mut forms = PASSWORD_FORMS.iter();
                let form = forms.find(|(prefix, _)| text.starts_with(prefix));
                features.extend(form.map(|(_, feature)| *feature));
            }
            _ => features.extend(PASSWORD_FORMS.iter().map(|(_, feature)| *feature)),
        }
    }
    if rule.users_file.is_some() {
        features.extend(PASSWORD_FORMS.iter().map(|(_, feature)| *feature));
    }
    features
}

/// How stored passwords begin.
const PASSWORD_FORMS: &[(&str, Feature)] = &[
    ("$1$", Feature::Md5Crypt),
    ("$2", Feature::Bcrypt),
    ("$5$", Feature::ShaCrypt),
    ("$6$", Feature::ShaCrypt),
    ("$apr1$", Feature::Md5Crypt),
    ("$argon2", Feature::Argon2),
    ("{SHA}", Feature::Sha1),
    ("{SSHA}", Feature::Sha1),
];

/// A host that is only known at start may be a name; an IP literal and `localhost` need no resolver.
fn needs_dns(endpoint: &Value) -> bool {
    if !may_name_a_host(endpoint) {
        return false;
    }
    let mut url = String::new();
    for part in &endpoint.parts {
        match part {
            Part::Encrypted { .. } | Part::Env { .. } => return true,
            Part::Text(text) => url.push_str(text),
        }
    }
    let authority = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
    !is_address(authority)
}

fn may_name_a_host(endpoint: &Value) -> bool {
    let schemes = ["http", "https", "h2c"];
    let without_scheme = |part: Option<&Part>| match part {
        Some(Part::Text(text)) => !text.contains("://"),
        Some(Part::Encrypted { .. } | Part::Env { .. }) | None => true,
    };
    without_scheme(endpoint.parts.first()) || schemes.iter().any(|scheme| may_be(endpoint, scheme))
}

/// Whether its scheme is, or may be, `https`.
pub(super) fn may_encrypt(endpoint: &Value) -> bool {
    may_be(endpoint, "https")
}

/// A scheme that is only known at start may be any.
fn may_be(endpoint: &Value, wanted: &str) -> bool {
    let scheme = match endpoint.parts.first() {
        Some(Part::Text(text)) => text.split_once("://").map(|(scheme, _)| scheme),
        Some(Part::Encrypted { .. } | Part::Env { .. }) | None => None,
    };
    scheme.is_none_or(|scheme| scheme.eq_ignore_ascii_case(wanted))
}

fn is_address(authority: &str) -> bool {
    if authority.starts_with('[') {
        return true;
    }
    let host = authority
        .rsplit_once(':')
        .map_or(authority, |(host, _)| host);
    host.eq_ignore_ascii_case("localhost") || host.parse::<std::net::Ipv4Addr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Place;

    fn endpoint(parts: Vec<Part>) -> Value {
        let place = Place {
            file: "goma.yaml".to_owned(),
            line: 1,
            column: 1,
        };
        Value {
            key: "target".to_owned(),
            place,
            parts,
        }
    }

    fn check(parts: Vec<Part>, expected: bool) {
        let endpoint = endpoint(parts);
        assert_eq!(needs_dns(&endpoint), expected, "{:?}", endpoint.parts);
    }

    #[test]
    fn only_names_and_references_need_a_resolver() {
        check(vec![Part::Text("http://127.0.0.1:80".into())], false);
        check(vec![Part::Text("http://127.0.0.1/a:b".into())], false);
        check(vec![Part::Text("http://[::1]:80/x".into())], false);
        check(vec![Part::Text("http://LocalHost".into())], false);
        check(vec![Part::Text("unix:///run/app.sock".into())], false);
        check(vec![Part::Text("http://orders.internal:80".into())], true);
        check(
            vec![
                Part::Text("http://127.0.0.1:".into()),
                Part::Env {
                    name: "PORT".into(),
                    default: None,
                },
            ],
            true,
        );
    }

    #[test]
    fn a_scheme_that_may_be_https_needs_tls() {
        let env = || Part::Env {
            name: "A".into(),
            default: Some("http://10.0.0.7".into()),
        };
        let text = |text: &str| Part::Text(text.into());
        let may = |parts: Vec<Part>| may_encrypt(&endpoint(parts));
        assert!(may(vec![text("https://10.0.0.7")]) && may(vec![text("HTTPS://"), env()]));
        assert!(may(vec![env()]) && may(vec![text("http"), env(), text("://a")]));
        assert!(!may(vec![text("http://"), env()]) && !may(vec![text("http://a/https://b")]));
    }

    #[test]
    fn names_follow_the_order_of_variants() {
        assert!(Feature::BasicAuth < Feature::Dns);
        assert!(Feature::BasicAuth.name() < Feature::Dns.name());
    }
}
