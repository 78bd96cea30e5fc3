//! `maintenance` of a route (config.md 7.7).

use super::grammar;
use super::read::Cx;
use crate::dialect::Scalar;
use crate::model::{Maintenance, scalar};
use crate::spec;

/// The longest `retryAfter`, in seconds.
const RETRY_AFTER_MAX: u64 = u32::MAX as u64;

/// The outer `None`: faulty; the inner: the route is not in maintenance.
pub(super) fn resolve(
    spec: Option<&spec::Maintenance>,
    cx: &mut Cx<'_>,
) -> Option<Option<Maintenance>> {
    let Some(spec) = spec else { return Some(None) };
    let enabled = cx.boolean(spec.enabled.as_ref(), false);
    let status = match spec.status_code.as_ref().filter(|leaf| !leaf.null) {
        None => Some(503),
        Some(leaf) => cx
            .int(leaf, 200, 599)
            .and_then(|status| u16::try_from(status).ok()),
    };
    let message = match spec.message.as_ref().filter(|leaf| !leaf.null) {
        None => Some(None),
        Some(leaf) => cx.text(leaf).map(|text| Some(text.text)),
    };
    let retry_after = match spec.retry_after.as_ref().filter(|leaf| !leaf.null) {
        None => Some(None),
        Some(leaf) => cx.text(leaf).and_then(|text| {
            let checked = grammar::check(Scalar::Seconds(0, RETRY_AFTER_MAX), &text.text);
            if let Err((code, invalid)) = checked {
                cx.fault(code, leaf, invalid);
                return None;
            }
            let seconds = scalar::parse_seconds(&text.text).ok()?.as_secs();
            u32::try_from(seconds).ok().map(Some)
        }),
    };
    let status = status?;
    let message = message?.filter(|text| !text.is_empty());
    let usual = || (status == 503).then(|| "503 Service temporarily unavailable".to_owned());
    let maintenance = Maintenance {
        status,
        message: message.or_else(usual),
        retry_after_seconds: retry_after?,
    };
    Some(enabled.then_some(maintenance))
}
