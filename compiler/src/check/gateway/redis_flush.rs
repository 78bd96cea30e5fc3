//! [`Code::RedisFlush`] (config.md 6.7)

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::resolve::outline::Outline;

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let flush = outline.file.given("gateway.redis.flushOnStartup");
    if let Some(given) = flush.filter(|given| given.is_bool(true)) {
        let message = "every start empties the whole Redis database";
        let warning = Diagnostic::new(Code::RedisFlush, &*given.key, given.span, message);
        diags.push(warning.help("leave it out: entries expire by themselves"));
    }
}
