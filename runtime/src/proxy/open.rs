//! What a request has open while it lasts: its body on the way, the backend's connection, the response.

use std::rc::Rc;
use std::time::Duration;

use super::forward::Body;
use super::limits::Limits;
use super::upload::Upload;
use crate::chain::Held;
use crate::h1::response::ResponseHead;
use crate::head::Response;
use crate::upstream::{Connection, InFlight, Place};

/// What goes on between both sides of a request. Stays in one place while the request does.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) upload: Upload,
    /// The connection that the response came on.
    pub(super) connection: Option<Connection>,
    /// The response's head. It is handed on in this place because it is too large to be moved often.
    pub(super) response: Option<ResponseHead>,
    /// Whether an interim response has been passed on: then there is no other try (RT-RETRY-1).
    pub(super) answered: bool,
    /// What the backend that is tried counts, until the response ends.
    pub(super) in_flight: InFlight,
    /// The backend that the client has had before (RT-LB-9).
    pub(super) stuck: Option<Place>,
    /// `Set-Cookie` for the client.
    pub(super) cookie: Option<String>,
    /// `timeouts` of the route.
    pub(super) limits: Option<Box<Limits>>,
}

impl Open {
    /// See [`Upload::new`].
    // Not inlined: it is made where it stays, instead of being moved there.
    #[inline(never)]
    pub(super) fn new(
        body: &Body,
        held: Option<Held>,
        hidden: Option<Rc<[&'static str]>>,
        complete: bool,
        limit: Option<u64>,
        deadline_ms: u64,
    ) -> Self {
        Self {
            upload: Upload::new(body, held, hidden, complete, limit, deadline_ms),
            connection: None,
            response: None,
            answered: false,
            in_flight: InFlight::default(),
            stuck: None,
            cookie: None,
            limits: None,
        }
    }

    /// The status of the response; 0: there is none.
    pub(super) fn status(&self) -> u16 {
        let response = self.response.as_ref();
        response.map_or(0, |response| response.head.status())
    }

    /// Whether the response is `101` (RT-WS-1).
    pub(super) fn switches_protocols(&self) -> bool {
        self.status() == 101
    }

    /// `timeouts.idle` of the route.
    pub(super) fn idle(&self) -> Option<Duration> {
        self.limits.as_ref().and_then(|limits| limits.idle())
    }

    /// Puts the cookie of the balancer among the response's fields.
    pub(super) fn stick(&mut self, response: &mut Response) {
        if let Some(cookie) = self.cookie.take() {
            response.fields.append("Set-Cookie", cookie.as_bytes());
        }
    }
}
