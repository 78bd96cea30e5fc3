//! `loadBalancer.sticky` (config.md 7.6).

use super::read::Cx;
use super::{cookies, grammar};
use crate::diag::{Code, Diagnostic};
use crate::dialect::Scalar;
use crate::model::cookie::SameSite;
use crate::model::scalar::{self, Invalid};
use crate::model::{HeaderName, Sticky, Value};
use crate::spec;
use crate::spec::fields::Leaf;

/// The outer `None`: faulty; the inner: it is not switched on.
pub(super) fn resolve(
    spec: Option<&spec::upstream::LoadBalancer>,
    cx: &mut Cx<'_>,
) -> Option<Option<Sticky>> {
    let Some(spec) = spec.and_then(|spec| spec.sticky.as_ref()) else {
        return Some(None);
    };
    let cookie = text(spec.cookie.as_ref(), "goma_lb", cx, |text| {
        // A cookie's name is a token, as a header's is.
        HeaderName::new(text)
            .map(|_| text.to_owned())
            .map_err(|_| Invalid::new(format!("`{}` is not a cookie's name", text.escape_debug())))
    });
    let path = text(spec.path.as_ref(), "/", cx, cookies::path);
    let domain = match spec
        .domain
        .as_ref()
        .filter(|leaf| !leaf.null && !leaf.text.is_empty())
    {
        None => Some(None),
        Some(_) => text(spec.domain.as_ref(), "", cx, cookies::domain).map(Some),
    };
    let same_site = text(spec.same_site.as_ref(), "lax", cx, cookies::same_site);
    let secure = spec.secure.as_ref().filter(|leaf| !leaf.null);
    let secure = secure.map(|leaf| cx.flag(leaf));
    let ttl = ttl(spec.ttl.as_ref(), cx);
    let secret = secret(spec, cx);
    let sticky = Sticky {
        cookie: cookie?,
        ttl_seconds: ttl?,
        path: path?,
        domain: domain?,
        same_site: same_site?,
        secure: match secure {
            None => None,
            Some(secure) => Some(secure?),
        },
        secret,
    };
    if sticky.same_site == SameSite::None && sticky.secure == Some(false) {
        let leaf = spec.same_site.as_ref()?;
        let message = "browsers refuse `sameSite: none` of a cookie that is not `secure`";
        let fault = Diagnostic::new(Code::KeyConflict, leaf.key.as_str(), leaf.span, message);
        cx.diags.push(fault.help("remove `secure: false`"));
    }
    Some(Some(sticky))
}

/// A class S text of some form. `None`: faulty.
fn text<T>(
    leaf: Option<&Leaf>,
    default: &str,
    cx: &mut Cx<'_>,
    parse: impl Fn(&str) -> Result<T, Invalid>,
) -> Option<T> {
    let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
        return parse(default).ok();
    };
    let text = cx.text(leaf)?.text;
    parse(&text)
        .map_err(|invalid| cx.fault(Code::BadValue, leaf, invalid))
        .ok()
}

/// Whole seconds, at least one. The outer `None`: faulty.
fn ttl(leaf: Option<&Leaf>, cx: &mut Cx<'_>) -> Option<Option<u64>> {
    let Some(leaf) = leaf.filter(|leaf| !leaf.null) else {
        return Some(None);
    };
    let text = cx.text(leaf)?.text;
    if let Err((code, invalid)) = grammar::check(Scalar::Duration(1), &text) {
        cx.fault(code, leaf, invalid);
        return None;
    }
    let ttl = scalar::parse_duration(&text).ok()?;
    Some(Some(ttl.as_secs().max(1)))
}

fn secret(spec: &spec::upstream::Sticky, cx: &mut Cx<'_>) -> Value {
    let Some(leaf) = spec
        .secret
        .as_ref()
        .filter(|leaf| !leaf.null && !leaf.broken)
    else {
        return Value::literal(format!("{}.secret", spec.path_key), spec.head, "");
    };
    cx.secret_value(leaf)
}
