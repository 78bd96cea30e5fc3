//! Datagrams: a session for each client, with a socket of its own towards the target (RT-PT-4, RT-PT-5).

use std::cell::{Cell, OnceCell, RefCell};
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::ReadBuf;
use tokio::net::UdpSocket;
use tokio::task::AbortHandle;

use super::sessions::Sessions;
use super::{Home, Open, Rule, Space};
use crate::clock::{Moment, Watch};

/// Datagrams of a client that wait until the address of the target is known; more are lost.
const EARLY_MAX: usize = 8;

/// How long the replies to what was sent before the gateway stops are waited for.
const LAST_REPLIES: Duration = Duration::from_secs(1);

/// How long receiving pauses when the system has no memory for it.
const RECEIVE_PAUSE: Duration = Duration::from_millis(100);

/// All sessions of a rule, on one core.
#[derive(Debug)]
pub(super) struct Conversations {
    home: Home,
    rule: Arc<Rule>,
    socket: UdpSocket,
    space: Rc<Space>,
    sessions: RefCell<Sessions<Entry>>,
    /// Whether nothing new is taken.
    closing: Cell<bool>,
}

#[derive(Debug)]
struct Entry {
    session: Rc<Session>,
    task: AbortHandle,
}

/// What a client and the target have to say to each other.
#[derive(Debug)]
struct Session {
    client: SocketAddr,
    /// Once the target's address is known.
    target: OnceCell<UdpSocket>,
    early: RefCell<Vec<Vec<u8>>>,
    begun: Moment,
    watch: Watch,
    /// Whether the last datagram came from the client.
    waits: Cell<bool>,
    /// Bytes from and to the client.
    up: Cell<u64>,
    down: Cell<u64>,
    /// While the gateway drains.
    open: RefCell<Option<Open>>,
}

impl Conversations {
    pub(super) fn new(
        home: Home,
        rule: Arc<Rule>,
        socket: UdpSocket,
        space: Rc<Space>,
    ) -> Rc<Self> {
        Rc::new(Self {
            home,
            rule,
            socket,
            space,
            sessions: RefCell::default(),
            closing: Cell::new(false),
        })
    }

    /// Receives for ever what clients send.
    pub(super) async fn receive(self: Rc<Self>) {
        loop {
            if poll_fn(|cx| self.poll_receive(cx)).await.is_err() {
                tokio::time::sleep(RECEIVE_PAUSE).await;
            }
        }
    }

    fn poll_receive(self: &Rc<Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut scratch = self.space.scratch.borrow_mut();
        let mut space = ReadBuf::new(&mut scratch);
        let client = ready!(self.socket.poll_recv_from(cx, &mut space))?;
        self.take(client, space.filled());
        Poll::Ready(Ok(()))
    }

    /// A datagram of a client, which may be its first.
    fn take(self: &Rc<Self>, client: SocketAddr, datagram: &[u8]) {
        let now_ms = self.home.clock.now_ms();
        if let Some(entry) = self.sessions.borrow().touch(client, now_ms) {
            return self.send(&entry.session, datagram);
        }
        if !self.rule.enter() && !self.evict() {
            // All sessions are those of other cores: they, not this core, know which is the oldest.
            return;
        }
        let session = Rc::new(Session {
            client,
            target: OnceCell::new(),
            early: RefCell::default(),
            begun: Moment::now(),
            watch: self.home.clock.watch(),
            waits: Cell::new(true),
            up: Cell::new(0),
            down: Cell::new(0),
            open: RefCell::default(),
        });
        self.home.log.passing(&self.rule.to, client);
        self.send(&session, datagram);
        let (all, own) = (Rc::clone(self), Rc::clone(&session));
        let task = tokio::task::spawn_local(async move {
            let cause = all.converse(&own).await;
            let mut sessions = all.sessions.borrow_mut();
            let current = sessions.peek(own.client);
            if current.is_some_and(|entry| Rc::ptr_eq(&entry.session, &own)) {
                sessions.remove(own.client);
                all.rule.leave();
                all.end(&own, &cause);
            }
        });
        let task = task.abort_handle();
        let mut sessions = self.sessions.borrow_mut();
        sessions.insert(client, now_ms, Entry { session, task });
    }

    /// Ends the session that has been silent the longest; its room is the caller's then.
    fn evict(&self) -> bool {
        let mut sessions = self.sessions.borrow_mut();
        let oldest = sessions.oldest();
        let Some(entry) = oldest.and_then(|client| sessions.remove(client)) else {
            return false;
        };
        entry.task.abort();
        self.end(&entry.session, "another one needs its room");
        true
    }

    /// RT-PT-7
    fn end(&self, session: &Session, cause: &str) {
        let (client, elapsed) = (session.client, session.begun.elapsed());
        let bytes = (session.up.get(), session.down.get());
        let log = self.home.log;
        log.passed(&self.rule.to, client, elapsed, bytes, Some(cause));
    }

    /// To the target. What a full socket does not take is lost, as datagrams may be.
    fn send(&self, session: &Session, datagram: &[u8]) {
        session.waits.set(true);
        session.up.set(session.up.get() + datagram.len() as u64);
        session.watch.limit(Some(self.rule.limits.session_idle));
        match session.target.get() {
            Some(target) => send(target, datagram),
            None => {
                let mut early = session.early.borrow_mut();
                if early.len() < EARLY_MAX {
                    early.push(datagram.to_vec());
                }
            }
        }
    }

    /// Passes replies until the session ends; why it does.
    async fn converse(&self, session: &Session) -> String {
        let target = match self.connect().await {
            Ok(target) => session.target.get_or_init(|| target),
            Err(error) => {
                let log = self.home.log;
                log.not_passed(&self.rule.to, session.client, &error);
                return "no connection".to_owned();
            }
        };
        for datagram in session.early.take() {
            // The first send waits until the runtime knows that the socket can take it.
            let _ = target.send(&datagram).await;
        }
        poll_fn(|cx| self.poll_replies(cx, session, target)).await
    }

    async fn connect(&self) -> io::Result<UdpSocket> {
        let to = &self.rule.to;
        let looking = self.home.resolver.addresses(&to.host, to.port);
        let limit = to.connect_timeout.unwrap_or(self.rule.limits.session_idle);
        let found = tokio::time::timeout(limit, looking).await;
        let found = found.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?;
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in found {
            let own: IpAddr = match address {
                SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
                SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
            };
            let socket = UdpSocket::bind((own, 0)).await?;
            match socket.connect(address).await {
                Ok(()) => return Ok(socket),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn poll_replies(
        &self,
        cx: &mut Context<'_>,
        session: &Session,
        target: &UdpSocket,
    ) -> Poll<String> {
        loop {
            if self.home.is_ending.get() || (self.closing.get() && !session.waits.get()) {
                return Poll::Ready("the gateway stops".to_owned());
            }
            let mut scratch = self.space.scratch.borrow_mut();
            let mut space = ReadBuf::new(&mut scratch);
            match target.poll_recv(cx, &mut space) {
                Poll::Ready(Ok(())) => {
                    let reply = space.filled();
                    let _ = self.socket.try_send_to(reply, session.client);
                    session.waits.set(false);
                    session.down.set(session.down.get() + reply.len() as u64);
                    session.watch.limit(Some(self.rule.limits.session_idle));
                    let now_ms = self.home.clock.now_ms();
                    self.sessions.borrow().touch(session.client, now_ms);
                }
                // Nobody was there for an earlier datagram; that may change.
                Poll::Ready(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => {}
                Poll::Ready(Err(error)) => return Poll::Ready(error.to_string()),
                Poll::Pending => {
                    let silent = || "silent".to_owned();
                    return session.watch.poll_expired(cx).map(|()| silent());
                }
            }
        }
    }

    /// Receives nothing more. Sessions that wait for a reply get it, if it comes soon.
    pub(super) fn close(&self) {
        self.closing.set(true);
        for Entry { session, .. } in self.sessions.borrow().all() {
            *session.open.borrow_mut() = Some(Open::new(self.home));
            session.watch.limit(Some(LAST_REPLIES));
        }
    }
}

/// Sends what the socket takes. It may refuse because of an earlier datagram, which nobody was there for.
fn send(target: &UdpSocket, datagram: &[u8]) {
    if let Err(error) = target.try_send(datagram)
        && error.kind() == io::ErrorKind::ConnectionRefused
    {
        let _ = target.try_send(datagram);
    }
}
