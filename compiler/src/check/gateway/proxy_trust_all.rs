//! [`Code::ProxyTrustAll`] (config.md 6.6)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

/// Where peers are named whose word about the client counts.
const LISTS: &[&str] = &[
    "proxy.trustedProxies",
    "entryPoints.web.proxyProtocol.trustedProxies",
    "entryPoints.webSecure.proxyProtocol.trustedProxies",
];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let Some(gateway) = outline.file.section("gateway") else {
        return;
    };
    for list in LISTS {
        for given in gateway.list(list) {
            if given.known().ends_with("/0") {
                let message = format!(
                    "`{}` trusts everybody: clients can say who they are",
                    given.known()
                );
                let warning =
                    Diagnostic::new(Code::ProxyTrustAll, &*given.key, given.span, message);
                diags.push(warning.help("list the addresses of your proxies"));
            }
        }
    }
}
