//! [`Code::MissingKey`], [`Code::BadRule`], [`Code::OidcNoOpenid`] and [`Code::OidcSameSiteStrict`]:
//! where the endpoints come from, and what the cookie can do (5.13).

use super::at;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    for (_, rule) in outline.rules_of("oidc") {
        endpoints(rule, diags);
        let scopes = rule.list("scopes");
        let known = scopes.iter().all(|given| given.text.is_some());
        let openid = scopes.iter().any(|given| given.known() == "openid");
        if let (true, true, false) = (rule.has("issuer"), known, openid) {
            let span = rule
                .place("scopes")
                .or(rule.place("issuer"))
                .unwrap_or(rule.head);
            let message = "without the scope `openid` there is no ID token";
            let warning = Diagnostic::new(Code::OidcNoOpenid, rule.path("scopes"), span, message);
            diags.push(warning.help("write `scopes: [openid, profile, email]`"));
        }
        cookie(rule, diags);
    }
}

fn endpoints(rule: &Settings, diags: &mut Diagnostics) {
    let custom = rule.is("provider", "custom");
    let known = !custom && rule.has("provider");
    let explicit = rule.has("endpoint.authUrl") && rule.has("endpoint.tokenUrl");
    let mut missing = |message: &str, help: &str| {
        let fault = Diagnostic::new(Code::MissingKey, &*rule.key, rule.head, message);
        diags.push(fault.help(help));
    };
    if !known && !rule.has("issuer") && !explicit {
        let help = "give `issuer`, `provider`, or `endpoint.authUrl` and `endpoint.tokenUrl`";
        missing("nothing says where to log in", help);
    } else if !known
        && !rule.has("issuer")
        && !rule.has("endpoint.jwksUrl")
        && !rule.has("endpoint.userInfoUrl")
    {
        // MW-OAUTH-4
        let help = "give `issuer`, `endpoint.jwksUrl` or `endpoint.userInfoUrl`";
        missing("nothing can verify a token", help);
    }
}

fn cookie(rule: &Settings, diags: &mut Diagnostics) {
    let Some(given) = rule.given("session.cookie.sameSite") else {
        return;
    };
    if given.known().eq_ignore_ascii_case("strict") {
        let message = "the browser does not send a `strict` cookie with the callback";
        let warning = at(given, Code::OidcSameSiteStrict, message);
        diags.push(warning.help("use `lax`").fix(given.span, "lax"));
    }
    let secure = rule.given("session.cookie.secure");
    let open = secure.is_none_or(|secure| secure.is_bool(false));
    if given.known().eq_ignore_ascii_case("none") && open {
        let fault = at(
            given,
            Code::BadRule,
            "`sameSite: none` needs `secure: true`",
        );
        diags.push(fault.help("browsers refuse the cookie otherwise"));
    }
}
