//! [`Code::BadAddress`] of `networking.dnsCache.resolver`: `IP` or `IP:port` (config.md 6.3).

use std::net::{IpAddr, SocketAddr};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let Some(cache) = outline.file.inner("gateway.networking.dnsCache") else {
        return;
    };
    for given in cache.list("resolver") {
        let Some(text) = given.text.as_deref() else {
            continue;
        };
        let bare = text.trim_matches(['[', ']']).parse::<IpAddr>().is_ok();
        let whole = text
            .parse::<SocketAddr>()
            .is_ok_and(|address| address.port() > 0);
        if !bare && !whole {
            let message = format!(
                "`{}` is not the address of a DNS server",
                text.escape_debug()
            );
            let fault = Diagnostic::new(Code::BadAddress, &*given.key, given.span, message);
            diags.push(fault.help("write `10.0.0.53` or `10.0.0.53:53`"));
        }
    }
}
