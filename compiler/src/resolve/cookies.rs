//! `responseHeaders.setCookies` (middlewares.md 5.19).

use super::grammar;
use super::read::Cx;
use super::tokens;
use crate::diag::Code;
use crate::dialect::Scalar;
use crate::model::Value;
use crate::model::cookie::{Cookie, SameSite};
use crate::model::scalar::{self, Invalid};
use crate::spec::fields::Leaf;
use crate::spec::rule as shape;

/// Characters that end an attribute.
const ENDS: [char; 2] = [';', ','];

/// All cookies. What browsers and other cookies demand of them is a matter of `check`.
pub(super) fn cookies(rules: &[shape::Cookie], cx: &mut Cx<'_>) -> Vec<Cookie> {
    let mut cookies = Vec::new();
    for rule in rules {
        let help = "write `name: session`";
        let name = cx.required(rule.name.as_ref(), &rule.path_key, "name", rule.head, help);
        // Without a name all else is checked too.
        let name = name.map_or_else(String::new, |text| text.text);
        let mut cookie = Cookie::session(name, value(rule, cx));
        if let Some(attributes) = &rule.attributes {
            fill(attributes, &mut cookie, cx);
        }
        cookies.push(cookie);
    }
    cookies
}

fn value(rule: &shape::Cookie, cx: &mut Cx<'_>) -> Value {
    let Some(leaf) = rule.value.as_ref().filter(|leaf| !leaf.broken) else {
        return Value::literal(format!("{}.value", rule.path_key), rule.head, "");
    };
    let value = cx.value(leaf);
    tokens::check(&value, leaf, cx);
    value
}

/// Fills the attributes in.
fn fill(rule: &shape::CookieAttributes, cookie: &mut Cookie, cx: &mut Cx<'_>) {
    let mut read = |leaf: &Option<Leaf>, fill: &mut dyn FnMut(&str) -> Result<(), Invalid>| {
        let leaf = leaf.as_ref().filter(|leaf| !leaf.null);
        let Some((leaf, text)) = leaf.and_then(|leaf| Some((leaf, cx.text(leaf)?))) else {
            return;
        };
        if let Err(invalid) = fill(&text.text) {
            cx.fault(Code::BadRule, leaf, invalid);
        }
    };
    read(&rule.path, &mut |text| {
        cookie.path = path(text)?;
        Ok(())
    });
    read(&rule.domain, &mut |text| {
        cookie.domain = Some(domain(text)?);
        Ok(())
    });
    read(&rule.max_age, &mut |text| {
        let age = scalar::parse_int(text)?;
        if age < -1 || age > i64::from(u32::MAX) {
            return Err(Invalid::range("the age of a cookie is at least -1"));
        }
        cookie.max_age = age;
        Ok(())
    });
    read(&rule.same_site, &mut |text| {
        cookie.same_site = same_site(text)?;
        Ok(())
    });
    cookie.secure = cx.boolean(rule.secure.as_ref(), false);
    cookie.http_only = cx.boolean(rule.http_only.as_ref(), false);
}

/// `Path` of a cookie.
pub(super) fn path(text: &str) -> Result<String, Invalid> {
    grammar::check(Scalar::Path, text).map_err(|(_, invalid)| invalid)?;
    if text.contains(ENDS) || !text.is_ascii() {
        return Err(Invalid::new("a cookie's path has no `;` and no `,`"));
    }
    Ok(text.to_owned())
}

/// `Domain` of a cookie, without a leading dot.
pub(super) fn domain(text: &str) -> Result<String, Invalid> {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        !label.is_empty() && label.bytes().all(inner)
    };
    let name = text.strip_prefix('.').unwrap_or(text);
    if name.split('.').all(label) {
        return Ok(name.to_ascii_lowercase());
    }
    let fault = Invalid::new(format!("`{}` is not a domain", text.escape_debug()));
    Err(fault.help("write `example.com`"))
}

/// `SameSite` of a cookie.
pub(super) fn same_site(text: &str) -> Result<SameSite, Invalid> {
    let word = scalar::parse_word(text, &["Lax", "Strict", "None"], true)?;
    Ok(match word {
        "Strict" => SameSite::Strict,
        "None" => SameSite::None,
        _ => SameSite::Lax,
    })
}
