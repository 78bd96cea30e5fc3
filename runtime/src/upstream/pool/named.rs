//! Connections of a backend that has a name, and whether the name still has their addresses (RT-DNS-1): what a
//! new answer leaves out gets no more requests.

use std::cell::Cell;
use std::rc::Rc;

use super::{Connection, Pool};
use crate::upstream::names::Local;

/// The name of a backend.
#[derive(Debug)]
pub(super) struct Named {
    name: Rc<Local>,
    /// Which of its lists of addresses idle connections have been held against.
    list: Cell<u64>,
    /// Whether there has been a request since the last sweep.
    used: Cell<bool>,
}

impl Named {
    pub(super) fn new(name: Rc<Local>) -> Self {
        Self {
            name,
            list: Cell::new(0),
            used: Cell::new(false),
        }
    }

    /// Whether a connection goes to an address that the name has.
    fn has(&self, connection: &mut Connection) -> bool {
        let list = self.list.get();
        if connection.list != list {
            connection.list = list;
            let address = connection.socket.address();
            return address.is_none_or(|address| self.name.has(address));
        }
        true
    }
}

impl Pool {
    /// Whether a connection that is done with may be used again.
    #[inline]
    pub(super) fn stays(&self, connection: &mut Connection) -> bool {
        match &self.named {
            None => true,
            Some(named) => {
                named.used.set(true);
                named.has(connection)
            }
        }
    }

    /// Says that the name is in use, and lets go what goes to addresses that it has no longer.
    pub(super) fn sweep_name(&self) {
        let Some(named) = &self.named else { return };
        if named.used.take() {
            named.name.touch();
        }
        let list = named.name.list();
        if named.list.replace(list) == list {
            return;
        }
        let mut idle = self.idle.borrow_mut();
        let before = idle.len();
        idle.retain_mut(|entry| named.has(&mut entry.connection));
        let gone = before - idle.len();
        self.shared.idle.set(self.shared.idle.get() - gone);
        drop(idle);
        #[cfg(feature = "http2-backends")]
        for session in self.sessions.borrow().iter() {
            session.leave(|address| !named.name.has(address));
        }
    }

    /// There has been a request.
    #[cfg(feature = "http2-backends")]
    pub(super) fn name_used(&self) {
        if let Some(named) = &self.named {
            named.used.set(true);
        }
    }
}
