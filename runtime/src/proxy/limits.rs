//! `timeouts` of a route: until the head of the response, until its last byte, between two pieces.
//!
//! Apart from the exchange's own deadline ([`crate::clock::Watch`] of the client's side), which is
//! `gateway.timeouts`. Routes without such keys have none of it.

use std::task::{Context, Poll};
use std::time::Duration;

use super::Core;
use crate::clock::Watch;
use crate::error::{REQUEST, RESPONSE_HEADER, UpstreamFault};
use crate::route::Timeouts;

/// No limit.
const NEVER: u64 = u64::MAX;

/// The limits of one request.
#[derive(Debug)]
pub(super) struct Limits {
    watch: Watch,
    response_header: Option<Duration>,
    idle: Option<Duration>,
    /// Until when it may take, as [`Watch::deadline_of`] has it.
    until_ms: u64,
    /// Until when the head of the response may take; `None`: the request is not sent yet.
    head_until_ms: Option<u64>,
}

impl Limits {
    /// From now on; `None`: there is nothing to be watched.
    pub(super) fn begin(core: &Core, timeouts: &Timeouts) -> Option<Box<Self>> {
        let Timeouts {
            connect_ms: _,
            response_header_ms,
            request_ms,
            idle_ms,
        } = *timeouts;
        if response_header_ms.is_none() && request_ms.is_none() && idle_ms.is_none() {
            return None;
        }
        let watch = core.clock.watch();
        let until = request_ms.map(Duration::from_millis);
        let until_ms = until.map_or(NEVER, |limit| watch.deadline_of(limit));
        watch.limit_until(until_ms);
        Some(Box::new(Self {
            watch,
            response_header: response_header_ms.map(Duration::from_millis),
            idle: idle_ms.map(Duration::from_millis),
            until_ms,
            head_until_ms: None,
        }))
    }

    /// Another try: the head of its response has all of its time.
    pub(super) fn again(&mut self) {
        self.head_until_ms = None;
        self.watch.limit_until(self.until_ms);
    }

    /// Asked while there is no head of a response; `sent`: the whole request is on its way.
    pub(super) fn poll_head(&mut self, cx: &Context<'_>, sent: bool) -> Poll<UpstreamFault> {
        if sent && self.head_until_ms.is_none() {
            let limit = self.response_header;
            let until = limit.map_or(NEVER, |limit| self.watch.deadline_of(limit));
            self.head_until_ms = Some(until);
            self.watch.limit_until(until.min(self.until_ms));
        }
        self.watch
            .poll_expired(cx)
            .map(|()| UpstreamFault::Timeout {
                what: match self
                    .head_until_ms
                    .is_some_and(|until| until < self.until_ms)
                {
                    true => RESPONSE_HEADER,
                    false => REQUEST,
                },
            })
    }

    /// Whether a pause of this length ends in time.
    pub(super) fn leave(&self, pause: Duration) -> bool {
        self.watch.deadline_of(pause) < self.until_ms
    }

    /// A piece is on its way to the client: whether it takes it in time is the exchange's affair.
    pub(super) fn send_piece(&self) {
        self.watch.limit_until(self.until_ms);
    }

    /// The next piece is waited for.
    pub(super) fn await_piece(&self) {
        let idle = self.idle.map_or(NEVER, |idle| self.watch.deadline_of(idle));
        self.watch.limit_until(idle.min(self.until_ms));
    }

    /// Ready once time is up.
    pub(super) fn poll_expired(&self, cx: &Context<'_>) -> Poll<()> {
        self.watch.poll_expired(cx)
    }

    /// `timeouts.idle`
    pub(super) fn idle(&self) -> Option<Duration> {
        self.idle
    }
}
