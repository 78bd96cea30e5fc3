//! Lowering of cookies: what is the same for every answer becomes text.

use super::{Cx, lower_value};
use crate::model::cookie::{self, SameSite};
use crate::plan::{Age, Cookie};

pub(super) fn cookie(cx: &Cx<'_>, cookie: &cookie::Cookie) -> Cookie {
    let cookie::Cookie {
        name,
        value,
        path,
        domain,
        max_age,
        secure,
        http_only,
        same_site,
    } = cookie;
    let domain = domain.as_ref().map(|domain| format!("; Domain={domain}"));
    let same_site = match same_site {
        SameSite::Lax => "Lax",
        SameSite::None => "None",
        SameSite::Strict => "Strict",
    };
    let http_only = if *http_only { "HttpOnly; " } else { "" };
    let secure = if *secure { "Secure; " } else { "" };
    Cookie {
        name: name.clone(),
        value: lower_value(cx, value),
        place: format!("Path={path}{}", domain.unwrap_or_default()),
        age: match u32::try_from(*max_age) {
            Ok(0) => Age::Session,
            Ok(seconds) => Age::Seconds(seconds),
            Err(_) => Age::Over,
        },
        flags: format!("{http_only}{secure}SameSite={same_site}"),
    }
}
