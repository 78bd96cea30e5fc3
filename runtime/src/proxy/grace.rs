//! Connections without a request in a gateway that drains: idle ones end at once, new ones get a moment,
//! because their first request is on the way.

use std::time::Duration;

/// How long the first request of a connection is waited for.
const FIRST_REQUEST: Duration = Duration::from_secs(1);

/// What such a connection still gets.
#[derive(Clone, Copy, Debug)]
pub(super) enum Grace {
    /// A moment, once the gateway drains.
    Due,
    /// It has it.
    Given,
    /// Nothing: it has had a request before.
    None,
}

impl Grace {
    /// Of a connection whose first request is awaited, or a later one.
    pub(super) const fn of(first: bool) -> Self {
        if first { Self::Due } else { Self::None }
    }

    /// Asked whenever there is nothing to read while the gateway drains: whether the connection goes on.
    /// Its new deadline is set by `limit`.
    pub(super) fn lasts(&mut self, limit: impl FnOnce(Duration)) -> bool {
        match self {
            Self::Due => {
                *self = Self::Given;
                limit(FIRST_REQUEST);
                true
            }
            Self::Given => true,
            Self::None => false,
        }
    }
}
