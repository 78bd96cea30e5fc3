//! How long an exchange may take (RT-LISTEN-3): `gateway.timeouts`, which are of the whole of a request or response, or
//! of each piece of a stream. Those of a route are in [`super::limits`].

use std::time::Duration;

use super::Core;
use super::downstream::Downstream;
use super::open::Open;
use super::upload::Upload;
use crate::head::{Fields, Known};

/// One deadline for the response; while the body is outstanding, also one that counts from the start of the head.
pub(super) fn begin<D: Downstream>(core: &Core, downstream: &D) {
    let settings = &core.settings;
    downstream.watch().limit(settings.write_timeout);
    if let Some(limit) = settings.read_timeout.filter(|_| !downstream.is_received()) {
        downstream.watch().limit_since_begun(limit);
    }
}

/// Until when the response may take, counted from the request's head.
pub(super) fn of_response<D: Downstream>(core: &Core, downstream: &D) -> u64 {
    let limit = core.settings.write_timeout;
    limit.map_or(u64::MAX, |limit| downstream.watch().deadline_of(limit))
}

/// For a request whose body is outstanding: if that is a stream, each of its pieces has a deadline, and the response
/// has its own after the last.
pub(super) fn of_pieces<D: Downstream>(
    core: &Core,
    downstream: &D,
    request: &Fields,
    upload: &mut Upload,
) {
    if is_stream(request) {
        let settings = &core.settings;
        let piece = settings.read_timeout.or(settings.write_timeout);
        downstream.watch().limit(piece);
        upload.renew_deadline(piece, settings.write_timeout);
    }
}

/// How long each piece may take of a response, and of what is left of its request; `None`: there is one deadline for
/// all of them.
#[inline]
pub(super) fn between_pieces(core: &Core, response: &Fields, open: &mut Open) -> Option<Duration> {
    if !is_stream(response) && !open.upload.renews_deadline() {
        return None;
    }
    let limit = open.idle().or(core.settings.write_timeout)?;
    open.upload.renew_deadline(Some(limit), Some(limit));
    Some(limit)
}

/// Event streams and gRPC.
fn is_stream(fields: &Fields) -> bool {
    let media_type = fields.known(Known::ContentType).unwrap_or_default();
    let begins = |kind: &[u8]| {
        let start = media_type.get(..kind.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(kind))
    };
    begins(b"text/event-stream") || begins(b"application/grpc")
}
