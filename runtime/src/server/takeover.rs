//! Replacing a running gateway without losing a connection (RT-TAKE).
//!
//! The next gateway connects to the Unix socket of the running one, and they talk in lines:
//!
//! ```text
//! next                                running
//! goma-takeover 1 take        →
//!                             ←   listener tcp 0.0.0.0:80 0.0.0.0:80 2   asked for, bound, sockets; one each
//!                             ←   sockets       with descriptors: the Unix socket itself, then those of listeners
//!                             ←   note …        what checks have found
//!                             ←   end
//! ready                       →                 it has checked its backends and could serve
//!                             ←   note …        what requests have left behind
//!                             ←   granted
//! serving                     →                 both accept
//! ```
//!
//! Then the running one hangs up and stops accepting. Whatever goes wrong before `serving` leaves it as it was; whoever of
//! them gives up says `refused` and why, or ends. `goma-takeover 1 ask` is answered with `serving` and the id of
//! the process. Lines that begin with another word are passed over.

use std::io;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use socket2::Socket;
use tokio::net::{UnixListener, UnixStream};

use super::listen::Listener;
use crate::gateway::Protocol;
use crate::handover::Note;
use crate::log::AccessLog;
use crate::overlay;
use crate::upstream;
use crate::values::StartError;

mod link;
mod place;
#[cfg(test)]
mod tests;

use link::{DESCRIPTORS_AT_ONCE, DESCRIPTORS_MAX, LINE_BYTES_MAX, Link};
pub(super) use place::Claim;

/// How long a takeover may take (RT-TAKE-4).
const TAKEOVER_MAX: Duration = Duration::from_secs(60);
/// How long the first round of checks is waited for (RT-TAKE-2).
pub(super) const CHECKS_MAX: Duration = Duration::from_secs(5);
/// From one try to the next to find out who listens at the socket.
const PAUSE: Duration = Duration::from_millis(20);
/// All notes that are handed over; more are forgotten.
const NOTES_BYTES_MAX: usize = 32 * 1024 * 1024;

const GREETING: &str = "goma-takeover";
const VERSION: &str = "1";

/// Why a takeover does not come about.
#[derive(Debug, thiserror::Error)]
pub(super) enum Trouble {
    #[error("the other gateway has ended before it was done")]
    Ended,
    #[error("it was not done within {:?}", TAKEOVER_MAX)]
    Late,
    #[error("the other gateway says: {0}")]
    Refused(String),
    #[error("user {0} is another one")]
    Stranger(u32),
    #[error("`{0}` is not understood")]
    Unknown(String),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The place where the next gateway will ask.
#[derive(Debug)]
pub(super) struct Station(UnixListener);

/// Who is there when a gateway starts.
#[derive(Debug)]
pub(super) enum Begun {
    /// Nobody.
    First(Claim),
    /// Another gateway, until this one serves.
    Next(Box<Predecessor>),
}

/// The gateway that runs, for one that takes over from it.
#[derive(Debug)]
pub(super) struct Predecessor {
    link: Link,
    /// The id of its process.
    pub(super) pid: u32,
    pub(super) listeners: Vec<Listener>,
    /// What its checks have found.
    pub(super) notes: Vec<Note>,
    station: Station,
}

/// What a gateway hands over.
#[derive(Debug)]
pub(super) struct Estate<'a> {
    pub(super) station: Station,
    pub(super) listeners: Vec<Listener>,
    pub(super) live: &'a overlay::Shared,
}

impl Station {
    /// Where nobody listens, and nobody else is about to.
    ///
    /// # Errors
    /// `bind-failed`
    pub(super) fn new(claim: Claim) -> Result<Self, StartError> {
        let listener = claim.listen().map_err(|error| {
            let text = format!("cannot listen on {}: {error}", claim.path.display());
            StartError::without_place("bind-failed", text)
        });
        Ok(Self(listener?))
    }

    /// Whoever connects sees the process that has listened last.
    fn is_ours(&self) {
        let Self(listener) = self;
        // A socket that listens may do so again; and if not, only a number in the log is wrong.
        let _ = socket2::SockRef::from(listener).listen(place::BACKLOG);
    }
}

/// Asks the gateway that listens there for all that it has. One that is about to listen there is waited for.
///
/// # Errors
/// `takeover-failed`
pub(super) async fn begin(path: &Path) -> Result<Begun, StartError> {
    let begun = tokio::time::timeout(TAKEOVER_MAX, ask(path)).await;
    begun.unwrap_or(Err(Trouble::Late)).map_err(|trouble| {
        let text = format!("{}: {trouble}", path.display());
        StartError::without_place("takeover-failed", text)
    })
}

async fn ask(path: &Path) -> Result<Begun, Trouble> {
    let mut claim = None;
    loop {
        let stream = match place::connect(path).await {
            Ok(Some(stream)) => stream,
            Ok(None) => match claim {
                Some(claim) => return Ok(Begun::First(claim)),
                // Somebody may have begun to listen before it was claimed: that is looked at once more.
                None => {
                    claim = Claim::new(path)?;
                    if claim.is_none() {
                        tokio::time::sleep(PAUSE).await;
                    }
                    continue;
                }
            },
            // Too many ask at once.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                tokio::time::sleep(PAUSE).await;
                continue;
            }
            Err(error) => return Err(error.into()),
        };
        let own = rustix::process::geteuid();
        let peer = stream.peer_cred()?;
        // Who is root may trust whom it likes: it was told to.
        if !own.is_root() && ![0, own.as_raw()].contains(&peer.uid()) {
            return Err(Trouble::Stranger(peer.uid()));
        }
        match take(stream).await {
            // It has just ended, or another one takes over.
            Err(Trouble::Ended) => tokio::time::sleep(PAUSE).await,
            taken => return taken.map(|it| Begun::Next(Box::new(it))),
        }
    }
}

/// Takes what is handed over; [`Trouble::Ended`] if that ends before its end.
async fn take(stream: UnixStream) -> Result<Predecessor, Trouble> {
    let pid = pid_of(&stream);
    let mut link = Link::taking(stream);
    let greeting = format!("{GREETING} {VERSION} take\n");
    link.send(&greeting, &[]).await.map_err(ended)?;
    let (mut heads, mut notes) = (Vec::new(), Vec::new());
    loop {
        let line = link.line().await.map_err(ended)?.ok_or(Trouble::Ended)?;
        match line.split_once(' ').unwrap_or((&line, "")) {
            ("listener", rest) => {
                let head = Head::parse(rest);
                heads.push(head.ok_or_else(|| Trouble::Unknown(line.clone()))?);
            }
            ("note", rest) => notes.push(Note::parse(rest)),
            ("refused", why) => return Err(Trouble::Refused(why.to_owned())),
            ("end", _) => break,
            _ => {}
        }
    }
    let mut descriptors = std::mem::take(&mut link.descriptors).into_iter();
    let lost = || Trouble::Io(io::Error::other("a socket is missing"));
    let station = descriptors.next().ok_or_else(lost)?;
    let listeners = heads.into_iter().map(|head| head.with(&mut descriptors));
    Ok(Predecessor {
        pid,
        listeners: listeners.collect::<Result<_, _>>()?,
        notes,
        station: Station(place::listener(station)?),
        link,
    })
}

/// A connection that breaks has ended.
fn ended(error: io::Error) -> Trouble {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Trouble::Ended,
        _ => Trouble::Io(error),
    }
}

fn failed(trouble: &Trouble) -> StartError {
    StartError::without_place("takeover-failed", trouble.to_string())
}

fn pid_of(stream: &UnixStream) -> u32 {
    let pid = stream.peer_cred().ok().and_then(|peer| peer.pid());
    pid.and_then(|pid| u32::try_from(pid).ok()).unwrap_or(0)
}

impl Predecessor {
    /// Confirms. What requests have left behind at the running gateway; nothing if that one has ended meanwhile:
    /// then nobody serves but this one.
    ///
    /// # Errors
    /// The running gateway goes on.
    pub(super) async fn confirm(&mut self) -> Result<Vec<Note>, StartError> {
        let granted = tokio::time::timeout(TAKEOVER_MAX, self.ready()).await;
        match granted.unwrap_or(Err(Trouble::Late)) {
            Err(Trouble::Ended) => Ok(Vec::new()),
            granted => granted.map_err(|trouble| failed(&trouble)),
        }
    }

    async fn ready(&mut self) -> Result<Vec<Note>, Trouble> {
        // One that does not listen any more may have said before that it goes on.
        let _ = self.link.send("ready\n", &[]).await;
        let mut notes = Vec::new();
        loop {
            let line = self.link.line().await.map_err(ended)?;
            let line = line.ok_or(Trouble::Ended)?;
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("note", rest) => notes.push(Note::parse(rest)),
                ("refused", why) => return Err(Trouble::Refused(why.to_owned())),
                ("granted", _) => return Ok(notes),
                _ => {}
            }
        }
    }

    /// Says that this gateway serves. If the other one has ended, there is nobody who must know.
    ///
    /// # Errors
    /// The other one had given up before, and goes on.
    pub(super) async fn leave(mut self) -> Result<Station, StartError> {
        match tokio::time::timeout(TAKEOVER_MAX, self.serving()).await {
            Ok(Err(trouble @ Trouble::Refused(_))) => Err(failed(&trouble)),
            // One that says nothing has been told, and finds it as soon as it goes on.
            Ok(Ok(()) | Err(_)) | Err(_) => {
                self.station.is_ours();
                Ok(self.station)
            }
        }
    }

    /// To the end of the conversation, which says whether it was heard in time.
    async fn serving(&mut self) -> Result<(), Trouble> {
        let _ = self.link.send("serving\n", &[]).await;
        while let Some(line) = self.link.line().await.map_err(ended)? {
            if let Some(why) = line.strip_prefix("refused ") {
                return Err(Trouble::Refused(why.to_owned()));
            }
        }
        Ok(())
    }
}

/// Whether there are more sockets than another gateway would take.
///
/// # Errors
/// `bind-failed`
pub(super) fn check(listeners: &[Listener]) -> Result<(), StartError> {
    let count: usize = listeners.iter().map(|one| one.sockets.len()).sum();
    match count < DESCRIPTORS_MAX {
        true => Ok(()),
        false => {
            let text = format!("{count} sockets are too many to be handed over");
            Err(StartError::without_place("bind-failed", text))
        }
    }
}

impl Estate<'_> {
    /// Hands over to whoever asks, one after the other, until one has taken over: the id of its process.
    pub(super) async fn offer(self, log: &AccessLog) -> u32 {
        let Station(listener) = &self.station;
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            let pid = pid_of(&stream);
            let mut link = Link::new(stream);
            let taken = tokio::time::timeout(TAKEOVER_MAX, self.hand_over(&mut link)).await;
            match taken.unwrap_or(Err(Trouble::Late)) {
                Ok(true) => return pid,
                Ok(false) => {}
                Err(trouble) => {
                    link.say_last(&format!("refused {trouble}\n"));
                    log.takeover_failed(pid, &trouble.to_string());
                }
            }
            log.flush();
        }
    }

    /// Whether the other gateway serves now; not if it has only asked who does.
    async fn hand_over(&self, link: &mut Link) -> Result<bool, Trouble> {
        let peer = link.stream.peer_cred()?.uid();
        if ![0, rustix::process::geteuid().as_raw()].contains(&peer) {
            return Err(Trouble::Stranger(peer));
        }
        let greeting = said(link).await?;
        let words: Vec<&str> = greeting.split(' ').collect();
        match words.as_slice() {
            [GREETING, VERSION, "ask", ..] => {
                let own = std::process::id();
                // Who has stopped listening need not know.
                let _ = link.send(&format!("serving {own}\n"), &[]).await;
                return Ok(false);
            }
            [GREETING, VERSION, "take", ..] => {}
            _ => return Err(Trouble::Unknown(greeting)),
        }
        self.send_listeners(link).await?;
        let live = self.live.live();
        send_notes(link, upstream::notes_of_checks(&live.backends)).await?;
        link.send("end\n", &[]).await?;
        self.expect(link, "ready").await?;
        let live = self.live.live();
        send_notes(link, upstream::notes_of_requests(&live.backends)).await?;
        link.send("granted\n", &[]).await?;
        self.expect(link, "serving").await?;
        Ok(true)
    }

    async fn expect(&self, link: &mut Link, wanted: &str) -> Result<(), Trouble> {
        loop {
            let line = said(link).await?;
            match line.split_once(' ').unwrap_or((&line, "")) {
                ("refused", why) => return Err(Trouble::Refused(why.to_owned())),
                (word, _) if word == wanted => return Ok(()),
                _ => {}
            }
        }
    }

    async fn send_listeners(&self, link: &Link) -> Result<(), Trouble> {
        let lines = self
            .listeners
            .iter()
            .map(|listener| Head::of(listener).line());
        link.send(&lines.collect::<String>(), &[]).await?;
        let Station(station) = &self.station;
        let sockets = self.listeners.iter().flat_map(|listener| &listener.sockets);
        let all: Vec<BorrowedFd<'_>> = std::iter::once(station.as_fd())
            .chain(sockets.map(|socket| socket.as_fd()))
            .collect();
        for some in all.chunks(DESCRIPTORS_AT_ONCE) {
            link.send("sockets\n", some).await?;
        }
        Ok(())
    }
}

async fn said(link: &mut Link) -> Result<String, Trouble> {
    link.line().await.map_err(ended)?.ok_or(Trouble::Ended)
}

/// Sends notes as long as there is room for them: what is forgotten is found out again.
async fn send_notes(link: &Link, notes: impl Iterator<Item = Note>) -> Result<(), Trouble> {
    let mut left = NOTES_BYTES_MAX;
    let mut lines = String::new();
    for note in notes {
        let line = format!("note {}\n", note.line());
        if line.len() > LINE_BYTES_MAX || line.len() > left {
            continue;
        }
        left -= line.len();
        lines.push_str(&line);
        if lines.len() >= LINE_BYTES_MAX {
            link.send(&std::mem::take(&mut lines), &[]).await?;
        }
    }
    Ok(link.send(&lines, &[]).await?)
}

/// What is said of a listener; its sockets come apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Head {
    protocol: Protocol,
    asked: std::net::SocketAddr,
    address: std::net::SocketAddr,
    count: usize,
}

impl Head {
    fn of(listener: &Listener) -> Self {
        Self {
            protocol: listener.protocol,
            asked: listener.asked,
            address: listener.address,
            count: listener.sockets.len(),
        }
    }

    fn line(self) -> String {
        let protocol = match self.protocol {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        };
        let (asked, address, count) = (self.asked, self.address, self.count);
        format!("listener {protocol} {asked} {address} {count}\n")
    }

    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        Some(Self {
            protocol: match words.next()? {
                "tcp" => Protocol::Tcp,
                "udp" => Protocol::Udp,
                _ => return None,
            },
            asked: words.next()?.parse().ok()?,
            address: words.next()?.parse().ok()?,
            count: words.next()?.parse().ok()?,
        })
    }

    /// With its sockets, which must be what is said of them.
    fn with(self, descriptors: &mut impl Iterator<Item = OwnedFd>) -> Result<Listener, Trouble> {
        let wrong = || Trouble::Io(io::Error::other(format!("no socket of {}", self.address)));
        let kind = match self.protocol {
            Protocol::Tcp => socket2::Type::STREAM,
            Protocol::Udp => socket2::Type::DGRAM,
        };
        let sockets: Vec<Socket> = descriptors.take(self.count).map(Socket::from).collect();
        let fits = |socket: &Socket| {
            let bound = socket.local_addr().ok().and_then(|bound| bound.as_socket());
            bound == Some(self.address) && socket.r#type().is_ok_and(|its| its == kind)
        };
        if self.count == 0 || sockets.len() != self.count || !sockets.iter().all(fits) {
            return Err(wrong());
        }
        Ok(Listener {
            protocol: self.protocol,
            asked: self.asked,
            address: self.address,
            sockets,
        })
    }
}
