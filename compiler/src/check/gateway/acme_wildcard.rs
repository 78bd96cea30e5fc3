//! [`Code::AcmeWildcard`] (RT-ACME-3)

use super::{Provider, providers};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::{Outline, Route};

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let providers = providers(&outline.file);
    if providers.is_empty() {
        return;
    }
    for route in &outline.routes {
        let Some(provider) = chosen(route, outline, &providers) else {
            continue;
        };
        let Some(acme) = provider.acme().filter(|acme| acme.has("email")) else {
            continue;
        };
        if acme
            .text("challengeType")
            .is_none_or(|kind| kind == "dns-01")
        {
            continue;
        }
        for host in route
            .hosts
            .iter()
            .filter(|host| host.known().starts_with("*."))
        {
            let (shown, name) = (host.known().escape_debug(), provider.name);
            let message =
                format!("`{name}` gets no certificate for `{shown}`: wildcards need `dns-01`");
            let warning = Diagnostic::new(Code::AcmeWildcard, &*host.key, host.span, message);
            diags.push(warning.help("use `challengeType: dns-01`, or name the hosts"));
        }
    }
}

/// The provider of a route: its own, the default, or the only one.
fn chosen<'p>(
    route: &Route,
    outline: &Outline,
    providers: &'p [Provider<'p>],
) -> Option<&'p Provider<'p>> {
    let default = outline.file.text("certManager.defaultProvider");
    let own = route.settings.text("tls.provider").or(default);
    match (own, providers) {
        (None, [only]) => Some(only),
        (None, _) => None,
        (Some(name), all) => all.iter().find(|provider| provider.name == name),
    }
}
