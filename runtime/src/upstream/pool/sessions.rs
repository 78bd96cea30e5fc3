//! Sessions of HTTP/2 in a pool: who makes one, and who gets their streams (RT-UP-3).

use std::cell::Cell;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use super::{Connection, Place, Pool, Turn, Waiter};
use crate::error::UpstreamFault;
use crate::upstream::limit::Limit;
use crate::upstream::link::Link;
use crate::upstream::need::Need;
use crate::upstream::session::Session;
use crate::upstream::stream::Stream;

/// Sessions per endpoint and core, whatever `maxConnsPerHost` says.
const SESSIONS_MAX: usize = 64;

/// What is known of sessions to come.
#[derive(Debug, Default)]
pub(super) struct Beginning {
    /// Whether the backend speaks HTTP/2, as far as is known.
    pub(super) expected: Cell<bool>,
    /// Whether a session is being made: others wait for it.
    under_way: Cell<bool>,
    /// Whether sessions that there were took no WebSockets.
    refuses_websockets: Cell<bool>,
    over: tokio::sync::Notify,
}

/// Who makes a session; the others go on when it is dropped.
#[derive(Debug)]
pub(super) struct Beginner(Rc<Pool>);

impl Drop for Beginner {
    fn drop(&mut self) {
        self.0.beginning.under_way.set(false);
        self.0.beginning.over.notify_waiters();
    }
}

impl Pool {
    /// One request makes a session, the others wait for it; where it has no room for them, they go on as with
    /// any connection.
    pub(super) async fn turn_of_session(&self) -> Result<Turn, UpstreamFault> {
        let beginning = &self.beginning;
        let limit = self.shared.wait_limit;
        if beginning.under_way.get() {
            let since = tokio::time::Instant::now();
            let over = tokio::time::timeout(limit, beginning.over.notified());
            over.await.map_err(|_| UpstreamFault::Crowded)?;
            if let Some(connection) = self.take(Need::Response) {
                return Ok(Turn::Kept(connection));
            }
            let left = limit.saturating_sub(since.elapsed());
            return self.turn_of_connection(false, left).await;
        }
        let beginner = self.me.upgrade().map(|pool| {
            beginning.under_way.set(true);
            Beginner(pool)
        });
        Ok(match self.turn_of_connection(false, limit).await? {
            Turn::New(place) => Turn::New(Place {
                _beginner: beginner,
                ..place
            }),
            kept @ Turn::Kept(_) => kept,
        })
    }

    /// What a backend has chosen, it will choose again: HTTP/2 or not.
    pub(in crate::upstream) fn expect_sessions(&self, expected: bool) {
        self.beginning.expected.set(expected);
    }

    /// A stream of the session that has been there longest, of those that are of use.
    pub(super) fn stream(&self, need: Need) -> Option<Connection> {
        let mut sessions = self.sessions.borrow_mut();
        if sessions.is_empty() {
            return None;
        }
        sessions.retain_mut(|session| !session.is_over());
        let mut useful = sessions.iter().filter(|session| match need {
            Need::Response => true,
            Need::Switch => false,
            Need::WebSocket => session.takes_websockets(),
        });
        let stream = useful.find_map(Session::stream)?;
        Some(Connection {
            reused: true,
            ..Connection::new(Link::Stream(Box::new(stream)), None)
        })
    }

    /// Whether streams of the sessions that there are may become WebSockets, once that is known; `None`: there
    /// is no session.
    pub(in crate::upstream) async fn takes_websockets(&self) -> Option<bool> {
        loop {
            let awaited = {
                let mut sessions = self.sessions.borrow_mut();
                sessions.retain_mut(|session| !session.is_over());
                if sessions.iter().any(Session::takes_websockets) {
                    return Some(true);
                }
                sessions.iter().find_map(Session::unknown_settings)
            };
            match awaited {
                Some(awaited) => awaited.come().await,
                None if self.sessions.borrow().is_empty() => return None,
                None => return Some(false),
            }
        }
    }

    pub(in crate::upstream) fn refuses_websockets(&self) -> bool {
        self.beginning.refuses_websockets.get()
    }

    pub(in crate::upstream) fn refuse_websockets(&self) {
        self.beginning.refuses_websockets.set(true);
    }

    pub(super) fn sweep_sessions(&self, expired: impl Fn(u64) -> bool) {
        let mut sessions = self.sessions.borrow_mut();
        sessions.retain_mut(|session| {
            let idle = session.is_idle() && expired(session.idle_since_ms());
            !idle && !session.is_over()
        });
        // Somebody waits to whom streams of this core are of no use: one of its connections comes free with its
        // last stream.
        let waiting = self.waiting.borrow();
        let own = waiting.iter().filter(|waiter| !waiter.http1).count();
        let is_wanted = |limit: &Arc<Limit>| limit.waiting() > own;
        if self.limit.as_ref().is_some_and(is_wanted) {
            let open = |(_, session): &(usize, &Session)| session.open();
            let fewest = sessions.iter().enumerate().min_by_key(open);
            if let Some((at, _)) = fewest {
                sessions.remove(at);
            }
        }
    }

    /// Takes a new session in; its first stream.
    pub(in crate::upstream) fn begin(&self, session: Session) -> Option<Connection> {
        let stream = session.stream()?;
        let mut sessions = self.sessions.borrow_mut();
        if sessions.len() < SESSIONS_MAX {
            sessions.push(session);
        }
        drop(sessions);
        self.stream_ended();
        Some(Connection::new(Link::Stream(Box::new(stream)), None))
    }

    /// There may be room for a request that waits, and to which a stream is of use.
    pub(in crate::upstream) fn stream_ended(&self) {
        #[cfg(feature = "dns")]
        self.name_used();
        loop {
            let fits = |waiter: &Waiter| !waiter.http1 && !waiter.is_gone();
            let first = self.waiting.borrow().iter().position(fits);
            let (Some(first), Some(connection)) =
                (first, first.and_then(|_| self.stream(Need::Response)))
            else {
                return;
            };
            let waiter = self.waiting.borrow_mut().remove(first);
            // Nobody has given up meanwhile: a core does one thing at a time.
            let _ = waiter.map(|waiter| waiter.sender.send(connection));
        }
    }

    /// A stream whose session belongs to no pool.
    pub(in crate::upstream) fn apart(stream: Stream) -> Connection {
        Connection::new(Link::Stream(Box::new(stream)), None)
    }

    pub(in crate::upstream) fn now_ms(&self) -> u64 {
        self.shared.clock.now_ms()
    }

    pub(in crate::upstream) fn me(&self) -> Weak<Self> {
        Weak::clone(&self.me)
    }
}
