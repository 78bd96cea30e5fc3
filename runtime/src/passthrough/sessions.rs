//! Who talks to a forwarded UDP port, and who has been silent the longest.

use std::cell::Cell;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;

/// What there is of each client, on one core.
#[derive(Debug)]
pub(super) struct Sessions<S> {
    by_client: HashMap<SocketAddr, Entry<S>>,
    /// By when they were last used, as far as that was known when somebody asked for the oldest.
    order: BTreeSet<(u64, SocketAddr)>,
}

#[derive(Debug)]
struct Entry<S> {
    session: S,
    used_ms: Cell<u64>,
    /// Its key in `order`; never later than `used_ms`.
    queued_ms: u64,
}

impl<S> Default for Sessions<S> {
    fn default() -> Self {
        Self {
            by_client: HashMap::new(),
            order: BTreeSet::new(),
        }
    }
}

impl<S> Sessions<S> {
    /// The session of a client, which is used now. Costs no order: that is made when it is asked for.
    pub(super) fn touch(&self, client: SocketAddr, now_ms: u64) -> Option<&S> {
        let entry = self.by_client.get(&client)?;
        entry.used_ms.set(now_ms);
        Some(&entry.session)
    }

    /// A new session.
    pub(super) fn insert(&mut self, client: SocketAddr, now_ms: u64, session: S) {
        self.remove(client);
        self.order.insert((now_ms, client));
        let entry = Entry {
            session,
            used_ms: Cell::new(now_ms),
            queued_ms: now_ms,
        };
        self.by_client.insert(client, entry);
    }

    /// Takes a session out.
    pub(super) fn remove(&mut self, client: SocketAddr) -> Option<S> {
        let entry = self.by_client.remove(&client)?;
        self.order.remove(&(entry.queued_ms, client));
        Some(entry.session)
    }

    /// The session of a client, as it is.
    pub(super) fn peek(&self, client: SocketAddr) -> Option<&S> {
        self.by_client.get(&client).map(|entry| &entry.session)
    }

    /// The client that has been silent the longest (RT-PT-5). Each session is put into order at most once
    /// for each time that it was used.
    pub(super) fn oldest(&mut self) -> Option<SocketAddr> {
        loop {
            let first = *self.order.first()?;
            let (queued_ms, client) = first;
            let entry = self.by_client.get_mut(&client)?;
            let used_ms = entry.used_ms.get();
            if used_ms == queued_ms {
                return Some(client);
            }
            self.order.remove(&first);
            self.order.insert((used_ms, client));
            entry.queued_ms = used_ms;
        }
    }

    /// All sessions, in no order that matters.
    pub(super) fn all(&self) -> impl Iterator<Item = &S> {
        let clients = self.order.iter();
        clients.filter_map(|(_, client)| self.peek(*client))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(port: u16) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], port))
    }

    /// RT-PT-5: whoever has been silent the longest goes, however old its session is.
    #[test]
    fn the_longest_silent_is_the_oldest() {
        let mut sessions = Sessions::default();
        for port in 1..=4 {
            sessions.insert(client(port), u64::from(port), port);
        }
        assert_eq!(sessions.touch(client(1), 10), Some(&1));
        assert_eq!(sessions.touch(client(2), 9), Some(&2));
        assert_eq!(sessions.touch(client(9), 9), None);
        let mut order = Vec::new();
        while let Some(oldest) = sessions.oldest() {
            order.extend(sessions.remove(oldest));
            if order.len() == 1 {
                assert_eq!(sessions.touch(client(4), 20), Some(&4));
                sessions.insert(client(5), 20, 5);
            }
        }
        assert_eq!(order, [3, 2, 1, 4, 5]);
        assert_eq!(sessions.all().count(), 0);
    }

    #[test]
    fn a_client_has_one_session() {
        let mut sessions = Sessions::default();
        sessions.insert(client(1), 1, 'a');
        sessions.insert(client(1), 2, 'b');
        assert_eq!(sessions.all().collect::<Vec<_>>(), [&'b']);
        assert_eq!(sessions.remove(client(1)), Some('b'));
        assert_eq!(sessions.oldest(), None);
    }
}
