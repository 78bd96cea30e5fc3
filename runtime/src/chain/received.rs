//! What the client sent of the fields by which it is answered and logged, whatever filters have made of
//! them for the backend.

use super::Exchange;
use crate::head::List;

/// The fields that say how to answer (MW-CORS-4, MW-EI-5, MW-ERR-3), and those of the line of a request
/// (RT-LOG-2).
pub(crate) const RECEIVED: [&str; 5] =
    ["Accept", "Content-Type", "Origin", "Referer", "User-Agent"];

impl Exchange {
    /// `Accept`, `Content-Type`, `Origin`, `Referer` and `User-Agent` as the client sent them; other
    /// fields may be there or not.
    #[inline]
    #[must_use]
    pub fn received(&self) -> List<'_> {
        match &self.received {
            None => self.request.fields.all(),
            Some(fields) => self.request.fields.over(fields),
        }
    }

    /// Takes note of them, before a filter changes the first.
    #[cold]
    pub(crate) fn note_received(&mut self) {
        if self.received.is_none() {
            self.received = Some(self.request.fields.noted(&RECEIVED));
        }
    }
}
