//! [`Code::NoEntryPoint`] (config.md 6.2)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let file = &outline.file;
    let web = "gateway.entryPoints.web.address";
    let both = file.is(web, "off") && file.is("gateway.entryPoints.webSecure.address", "off");
    let forwards = file.section("gateway").map_or(&[][..], |gateway| {
        gateway.sections("entryPoints.passThrough.forwards")
    });
    if let (true, true, Some(given)) = (both, forwards.is_empty(), file.given(web)) {
        let message = "the gateway listens nowhere: `web` and `webSecure` are off";
        let fault = Diagnostic::new(Code::NoEntryPoint, &*given.key, given.span, message);
        diags.push(fault.help("give one of them an address"));
    }
}
