//! `responseHeaders.cors` (middlewares.md 5.19).

use super::read::{Cx, constant};
use crate::diag::{Code, Diagnostic};
use crate::model::address;
use crate::model::rule::Cors;
use crate::model::scalar::{self, Invalid};
use crate::model::{HeaderName, Method, Value};
use crate::spec::fields::{Leaf, Leaves};
use crate::spec::rule as shape;

/// The longest time browsers keep a preflight answer, in seconds.
const MAX_AGE_MAX: u32 = 86_400;

/// `None` when off; everything is checked all the same.
pub(super) fn cors(rule: &shape::Cors, cx: &mut Cx<'_>) -> Option<Cors> {
    let enabled = cx.boolean(rule.enabled.as_ref(), false);
    let allow_credentials = cx.boolean(rule.allow_credentials.as_ref(), false);
    let origins = origins(rule, enabled, cx);
    let mut allow_methods = Vec::new();
    for (leaf, text) in cx.texts(rule.allow_methods.as_ref()).items {
        match Method::new(&text) {
            Ok(method) if method.as_str() == "OPTIONS" => {
                let message = "`OPTIONS` has no effect here: preflights are always answered";
                let warning = Diagnostic::new(
                    Code::CorsOptionsIgnored,
                    leaf.key.as_str(),
                    leaf.span,
                    message,
                );
                cx.diags.push(warning.help("leave it out"));
            }
            Ok(method) => allow_methods.push(method),
            Err(invalid) => cx.fault(Code::BadMethod, leaf, invalid),
        }
    }
    let allowed_headers = names(rule.allowed_headers.as_ref(), cx);
    let expose_headers = names(rule.expose_headers.as_ref(), cx);
    let max_age = rule
        .max_age
        .as_ref()
        .filter(|leaf| !leaf.null)
        .and_then(|leaf| max_age(leaf, cx));
    for origin in origins.iter().filter(|_| allow_credentials) {
        if constant(origin) == Some("*") {
            let message = "credentials cannot be allowed for every origin";
            let fault = Diagnostic::new(
                Code::CorsCredentialsWildcard,
                origin.key.as_str(),
                origin.span,
                message,
            );
            let fault = match &rule.allow_credentials {
                Some(leaf) => fault.label(leaf.span, "credentials are allowed here"),
                None => fault,
            };
            cx.diags
                .push(fault.help("name the origins: `https://app.example.com`"));
        }
    }
    if let Some(any) = expose_headers
        .iter()
        .position(|name| name.as_str() == "*")
        .filter(|_| allow_credentials)
    {
        let leaf = rule
            .expose_headers
            .as_ref()
            .and_then(|leaves| leaves.items.get(any));
        if let Some(leaf) = leaf {
            let fault = Invalid::new("`*` has no meaning together with credentials")
                .help("name the headers");
            cx.fault(Code::CorsCredentialsWildcard, leaf, fault);
        }
    }
    enabled.then_some(Cors {
        origins,
        allow_methods,
        allowed_headers,
        expose_headers,
        max_age,
        allow_credentials,
    })
}

fn origins(rule: &shape::Cors, enabled: bool, cx: &mut Cx<'_>) -> Vec<Value> {
    let list = rule.origins.as_ref();
    if list.is_none_or(|list| list.items.is_empty() && !list.broken) {
        if enabled {
            cx.missing(
                &rule.path_key,
                "origins",
                rule.head,
                "write `origins: [\"https://app.example.com\"]`",
            );
        }
        return Vec::new();
    }
    let mut origins = Vec::new();
    for leaf in list.iter().flat_map(|list| &list.items) {
        if list.is_some_and(|list| list.joined) {
            let fault =
                Invalid::new("`origins` is a list whose items are read when the gateway starts");
            cx.fault(
                Code::TypeMismatch,
                leaf,
                fault.help(format!("write `origins: [\"{}\"]`", leaf.text)),
            );
        }
        let value = cx.value(leaf);
        if let Some(Err(invalid)) = constant(&value).map(check_origin) {
            cx.fault(Code::BadRule, leaf, invalid);
        }
        origins.push(value);
    }
    let many = origins.len() > 1;
    for origin in origins
        .iter()
        .filter(|origin| many && constant(origin) == Some("*"))
    {
        let fault =
            Invalid::new("`*` stands alone in `origins`").help("it already allows every origin");
        cx.fault_at(Code::BadRule, &origin.key, origin.span, fault);
    }
    origins
}

/// `*`, `null`, `http(s)://host[:port]`, `http(s)://*.domain[:port]`, `*.domain`.
fn check_origin(text: &str) -> Result<(), Invalid> {
    let fault = || {
        Invalid::new(format!("`{}` is not an origin", text.escape_debug()))
            .help("an origin is `https://app.example.com`, `https://*.example.com`, `null` or `*`")
    };
    if matches!(text, "*" | "null") {
        return Ok(());
    }
    let (scheme, host) = text
        .split_once("://")
        .map_or((None, text), |(scheme, host)| (Some(scheme), host));
    let bare = host.strip_prefix("*.").unwrap_or(host);
    let scheme_fits = match scheme {
        Some(scheme) => scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"),
        None => bare.len() < host.len(),
    };
    let url = address::parse_url(&format!("http://{bare}")).map_err(|_| fault())?;
    let only_host = url.path.is_empty() && !bare.ends_with('/');
    if scheme_fits && only_host {
        Ok(())
    } else {
        Err(fault())
    }
}

fn max_age(leaf: &Leaf, cx: &mut Cx<'_>) -> Option<u32> {
    let text = cx.text(leaf)?.text;
    let value = match scalar::parse_int(&text) {
        Ok(value) => value,
        Err(invalid) => {
            cx.fault(
                Code::TypeMismatch,
                leaf,
                invalid.help("write seconds: `maxAge: 600`"),
            );
            return None;
        }
    };
    if value < 0 {
        cx.fault(
            Code::OutOfRange,
            leaf,
            Invalid::range("a time is not negative"),
        );
        return None;
    }
    let capped = u32::try_from(value).unwrap_or(u32::MAX).min(MAX_AGE_MAX);
    if i64::from(capped) < value {
        let message =
            format!("browsers keep a preflight answer at most {MAX_AGE_MAX} seconds; that is sent");
        let warning = Diagnostic::new(Code::CorsMaxAge, leaf.key.as_str(), leaf.span, message);
        cx.diags
            .push(warning.fix(leaf.span, MAX_AGE_MAX.to_string()));
    }
    Some(capped)
}

/// A list of header names; `*` is a token.
fn names(leaves: Option<&Leaves>, cx: &mut Cx<'_>) -> Vec<HeaderName> {
    let mut names = Vec::new();
    for (leaf, text) in cx.texts(leaves).items {
        match HeaderName::new(&text) {
            Ok(name) => names.push(name),
            Err(invalid) => cx.fault(Code::BadRule, leaf, invalid),
        }
    }
    names
}
