//! How an HTTP/1.1 connection comes to have no next request.

use std::io;

use super::Core;
use crate::error::{Refusal, RefusalReason};
use crate::h1::request::{self, Parsed};
use crate::head::Fields;

/// Why there is no next request.
pub(super) enum Ended {
    Refused(Box<Fields>, Refusal),
    /// The client speaks HTTP/2; the preface and what came with it.
    Http2(Box<Fields>),
    Closed,
}

/// What a head comes to that is not complete. That it was malformed already may not have been noticed
/// while its last line was not complete.
pub(super) fn unfinished(core: &Core, received: Box<Fields>, read: &io::Result<usize>) -> Ended {
    let late = matches!(read, Err(error) if error.kind() == io::ErrorKind::TimedOut);
    if received.buffer.is_empty() {
        core.buffers.put_head(received);
        return Ended::Closed;
    }
    match request::parse(received, &core.limits) {
        Parsed::Refused(fields, refusal) => Ended::Refused(fields, refusal),
        Parsed::Partial(fields) if late => {
            let detail = "the request head took too long";
            Ended::Refused(fields, Refusal::new(408, RefusalReason::Timeout, detail))
        }
        Parsed::Partial(fields) => {
            core.buffers.put_head(fields);
            Ended::Closed
        }
        Parsed::Complete(request) => {
            core.buffers.put_head(request.head.fields);
            Ended::Closed
        }
    }
}
