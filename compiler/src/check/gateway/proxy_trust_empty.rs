//! [`Code::ProxyTrustEmpty`] (config.md 6.6, MW-CLI-3)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let enabled = outline.file.given("gateway.proxy.enabled");
    let Some(given) = enabled.filter(|given| given.is_bool(true)) else {
        return;
    };
    if !outline.file.has("gateway.proxy.trustedProxies") {
        let message = "`proxy` is on, but no proxy is trusted";
        let fault = Diagnostic::new(Code::ProxyTrustEmpty, &*given.key, given.span, message);
        diags.push(fault.help("list your proxies: `trustedProxies: [10.0.0.0/8]`"));
    }
}
