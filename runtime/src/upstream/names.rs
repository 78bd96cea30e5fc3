//! What DNS says of the hosts of backends: one cache for the process, which a task of its own keeps fresh
//! (RT-DNS). How DNS is asked is for [`super::servers`].
//!
//! A core has a copy of each answer that it uses; whether there is another one costs it an atomic load, and
//! only where it connects.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
#[expect(clippy::disallowed_types, reason = "taken once for each name and core")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Notify, watch};

use super::race;
use super::servers::{Servers, few};
use crate::clock::Moment;

/// How long `dnsCache.ttl` is where no key says.
const TTL: Duration = Duration::from_mins(5);
/// DNS that does not answer is asked again after this long; until then the last good answer stays.
const RETRY: Duration = Duration::from_secs(5);
/// A request with an old answer at hand waits this long for a new one.
const PATIENCE: Duration = Duration::from_millis(500);
/// A request without any answer waits this long.
const WAIT: Duration = Duration::from_secs(11);
/// An answer that is younger than this is not asked for anew because no address takes connections.
const YOUNG: Duration = Duration::from_secs(1);

/// Who hears of names: the host, and what is wrong if something is.
pub type Tell = dyn Fn(&str, Option<&str>);

/// What has come of a look-up.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// DNS does not answer, or says that it cannot.
    Failed(String),
    /// Never none.
    Found(Vec<IpAddr>),
    /// Those of one family, never none. What the other has is not known: DNS did not answer, or could not.
    Half(Vec<IpAddr>),
    /// There is no such name, or it has no address.
    Nothing,
}

/// All names that are asked for. There are as many as endpoints and targets name; one that no core has any
/// more is forgotten once it has not been asked for in [`Names::new`]'s `ttl`.
#[derive(Debug)]
pub struct Names {
    ttl: Duration,
    servers: Vec<SocketAddr>,
    #[expect(clippy::disallowed_types, reason = "taken once for each name and core")]
    known: Mutex<BTreeMap<String, Arc<Name>>>,
    arrived: Notify,
}

/// A name, for all cores.
#[derive(Debug)]
struct Name {
    host: String,
    answer: watch::Sender<Arc<Answer>>,
    /// Whether a task keeps it.
    kept: AtomicBool,
    /// Whether it is to be asked for now, and what says so.
    wanted: AtomicBool,
    asked: Notify,
    /// Whether it has been used since it was asked for.
    used: AtomicBool,
}

/// What is known of a name.
#[derive(Clone, Debug)]
struct Answer {
    /// How often it has been asked for.
    round: u64,
    /// How often its addresses have changed.
    list: u64,
    addresses: Vec<IpAddr>,
    /// Whether they may be used without asking.
    good: bool,
    /// Why the last look-up gave no address.
    fault: Option<String>,
    taken: Moment,
}

/// A name as one core has it.
#[derive(Debug)]
pub(super) struct Local {
    name: Arc<Name>,
    news: RefCell<watch::Receiver<Arc<Answer>>>,
    answer: RefCell<Arc<Answer>>,
    /// Where the next connection begins among the addresses.
    turn: Cell<usize>,
    /// Whether IPv4 was faster, as far as is known.
    v4_first: Cell<bool>,
}

impl Default for Names {
    fn default() -> Self {
        Self::new(TTL, Vec::new())
    }
}

impl Names {
    /// Answers are good for `ttl`; without servers those of the system are asked.
    #[must_use]
    pub fn new(ttl: Duration, servers: Vec<SocketAddr>) -> Self {
        Self {
            ttl,
            servers,
            known: BTreeMap::new().into(),
            arrived: Notify::new(),
        }
    }

    /// Asks DNS for all names that are asked for, and again when answers are old, on the runtime that it is
    /// called from. `tell` hears of a name that DNS has no address for, and why; and once it has. Never ends.
    pub async fn keep(self: Arc<Self>, tell: Rc<Tell>) {
        let servers = Rc::new(Servers::new(self.servers.clone()));
        loop {
            for name in self
                .all()
                .into_iter()
                .filter(|name| !name.kept.swap(true, Ordering::Relaxed))
            {
                let (names, servers) = (Arc::clone(&self), Rc::clone(&servers));
                let tell = Rc::clone(&tell);
                tokio::task::spawn_local(async move {
                    names.keep_one(&name, &servers, &*tell).await;
                });
            }
            self.arrived.notified().await;
        }
    }

    async fn keep_one(&self, name: &Arc<Name>, servers: &Servers, tell: &Tell) {
        loop {
            name.renew(servers, tell).await;
            while !name.rest(self.ttl).await {
                if self.forget(name) {
                    return;
                }
            }
        }
    }

    /// Whether only its keeper had it; it may end then.
    fn forget(&self, name: &Arc<Name>) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        // That one, and the list's own. Others come from the list only, which is locked.
        let is_alone = Arc::strong_count(name) == 2;
        if is_alone {
            known.remove(&name.host);
        }
        is_alone
    }

    /// Forgets all answers (RT-DNS-4); what DNS does not answer again stays.
    pub fn clear(&self) {
        for name in self.all() {
            name.expire();
            name.ask();
        }
    }

    /// A name, for a core.
    pub(super) fn local(&self, host: &str) -> Local {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let name = known.entry(host.to_owned()).or_insert_with(|| {
            self.arrived.notify_one();
            Arc::new(Name::new(host))
        });
        Local::new(Arc::clone(name))
    }

    fn all(&self) -> Vec<Arc<Name>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.values().cloned().collect()
    }
}

impl Name {
    fn new(host: &str) -> Self {
        let unknown = Answer {
            round: 0,
            list: 0,
            addresses: Vec::new(),
            good: false,
            fault: None,
            taken: Moment::now(),
        };
        Self {
            host: host.to_owned(),
            answer: watch::Sender::new(Arc::new(unknown)),
            kept: AtomicBool::new(false),
            wanted: AtomicBool::new(false),
            asked: Notify::new(),
            used: AtomicBool::new(true),
        }
    }

    async fn renew(&self, servers: &Servers, tell: &Tell) {
        let outcome = servers.look_up(&self.host).await;
        let failing = self.answer.borrow().fault.is_some();
        match &outcome {
            Outcome::Failed(error) if !failing => tell(&self.host, Some(error)),
            Outcome::Nothing if !failing => tell(&self.host, Some(NO_ADDRESS)),
            Outcome::Found(_) | Outcome::Half(_) if failing => tell(&self.host, None),
            Outcome::Failed(_) | Outcome::Found(_) | Outcome::Half(_) | Outcome::Nothing => {}
        }
        self.learn(outcome);
    }

    fn learn(&self, outcome: Outcome) {
        // Whoever has asked so far gets this.
        self.wanted.store(false, Ordering::Release);
        let before = Arc::clone(&self.answer.borrow());
        let mut answer = Answer::clone(&before);
        answer.round += 1;
        answer.taken = Moment::now();
        answer.fault = None;
        match outcome {
            Outcome::Found(addresses) => answer.take(addresses),
            Outcome::Half(addresses) => {
                let is_found = |old: &IpAddr| {
                    let mut found = addresses.iter();
                    found.any(|new| new.is_ipv4() == old.is_ipv4())
                };
                let stay = before.addresses.iter().filter(|old| !is_found(old));
                let all = few(addresses.iter().chain(stay).copied());
                answer.take(all);
            }
            Outcome::Nothing => {
                answer.good = false;
                answer.fault = Some(NO_ADDRESS.to_owned());
                answer.addresses.clear();
            }
            Outcome::Failed(error) => {
                answer.good = !answer.addresses.is_empty();
                answer.fault = Some(error);
            }
        }
        self.answer.send_replace(Arc::new(answer));
    }

    /// Until it is to be asked for again: because somebody needs it now, or because it is in use and old.
    /// `false`: nobody has used it for a while, nor is its answer used without asking any more.
    async fn rest(&self, ttl: Duration) -> bool {
        let answer = Arc::clone(&self.answer.borrow());
        let time = match &answer.fault {
            None => ttl,
            Some(_) => RETRY.min(ttl),
        };
        let time = if answer.good { time } else { ttl };
        if tokio::time::timeout(time, self.is_wanted()).await.is_ok() {
            return true;
        }
        if self.used.swap(false, Ordering::Relaxed) && answer.good {
            return true;
        }
        self.expire();
        false
    }

    async fn is_wanted(&self) {
        while !self.wanted.load(Ordering::Acquire) {
            self.asked.notified().await;
        }
    }

    fn ask(&self) {
        self.wanted.store(true, Ordering::Release);
        self.asked.notify_one();
    }

    /// Nobody uses the answer any more without asking.
    fn expire(&self) {
        self.answer.send_if_modified(|answer| {
            let was_good = answer.good;
            if was_good {
                Arc::make_mut(answer).good = false;
            }
            was_good
        });
    }
}

impl Answer {
    fn take(&mut self, addresses: Vec<IpAddr>) {
        self.good = true;
        // DNS changes their order at will.
        if sorted(&addresses) != sorted(&self.addresses) {
            self.list += 1;
            self.addresses = addresses;
        }
    }
}

/// What is said of a name that DNS has an answer for, but no address.
const NO_ADDRESS: &str = "the name has no address";

fn sorted(addresses: &[IpAddr]) -> Vec<IpAddr> {
    let mut addresses = addresses.to_vec();
    addresses.sort_unstable();
    addresses
}

impl Local {
    fn new(name: Arc<Name>) -> Self {
        let mut news = name.answer.subscribe();
        let answer = Arc::clone(&news.borrow_and_update());
        Self {
            name,
            news: news.into(),
            answer: answer.into(),
            // Cores begin at different addresses.
            turn: Cell::new(fastrand::usize(..)),
            v4_first: Cell::new(false),
        }
    }

    /// All addresses in the order in which a new connection tries them; each is first in its turn.
    ///
    /// # Errors
    /// There is none, and why.
    pub(super) async fn addresses(&self) -> io::Result<Vec<IpAddr>> {
        self.touch();
        let mut known = self.known();
        if !known.good {
            let limit = match known.addresses.is_empty() {
                true => WAIT,
                false => PATIENCE,
            };
            let mut news = self.name.answer.subscribe();
            self.name.ask();
            let newer = news.wait_for(|answer| answer.round > known.round);
            // Without news the old answer has to do.
            let _ = tokio::time::timeout(limit, newer).await;
            known = self.known();
        }
        if known.addresses.is_empty() {
            let fault = known.fault.as_deref().unwrap_or("DNS does not answer");
            let text = format!("look-up of {}: {fault}", self.name.host);
            return Err(io::Error::other(text));
        }
        let turn = self.turn.get();
        self.turn.set(turn.wrapping_add(1));
        Ok(race::in_order(&known.addresses, turn, self.v4_first.get()))
    }

    /// One of its addresses has taken a connection: the next begins with its family.
    pub(super) fn reached(&self, address: IpAddr) {
        self.v4_first.set(address.is_ipv4());
    }

    /// None of its addresses takes a connection: the answer is dropped (RT-DNS-2), unless it has just come or
    /// could not be renewed.
    pub(super) fn unreachable(&self) {
        let known = self.known();
        if known.fault.is_none() && known.taken.elapsed() >= YOUNG {
            self.name.expire();
        }
    }

    /// It is in use.
    pub(super) fn touch(&self) {
        let used = &self.name.used;
        if !used.load(Ordering::Relaxed) {
            used.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it has been used of late.
    pub(super) fn is_in_use(&self) -> bool {
        self.name.used.load(Ordering::Relaxed) || self.name.answer.borrow().good
    }

    /// Changes with the addresses.
    pub(super) fn list(&self) -> u64 {
        self.known().list
    }

    /// Whether an address is still one of its own. While there is none at all, connections prove themselves.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        let addresses = &self.known().addresses;
        addresses.is_empty() || addresses.contains(&address.to_canonical())
    }

    fn known(&self) -> Arc<Answer> {
        let mut news = self.news.borrow_mut();
        if news.has_changed().unwrap_or(false) {
            let answer = Arc::clone(&news.borrow_and_update());
            if answer.round > self.answer.borrow().round {
                // Which family is faster is found out anew.
                self.v4_first.set(false);
            }
            *self.answer.borrow_mut() = answer;
        }
        Arc::clone(&self.answer.borrow())
    }
}

#[cfg(test)]
mod tests;
