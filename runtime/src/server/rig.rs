//! A core in memory, for fuzzing and its replay: whole connections through the real request loop, to
//! a real backend on loopback. Compiled with the feature `fuzzing` only.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll};

use tokio::runtime::{Builder, LocalOptions, LocalRuntime};

use super::core::make_core;
use super::prepare_in;
use super::proxy_protocol::{self, Preamble};
use crate::clock::Clock;
use crate::gateway::Gateway;
use crate::h1::Limits;
use crate::h1::chunk::Decoder;
use crate::h1::framing::Framing;
use crate::h1::request::{self, Parsed};
use crate::head::{Buffer, Fields};
use crate::io::Socket;
use crate::proxy::{self, Core};
use crate::upstream::Pools;
use crate::values::Environment;

/// Requests as the backend took them, complete ones only: start line, then body.
type Requests = Rc<RefCell<Vec<(String, Vec<u8>)>>>;

/// What the backend got that no backend must get.
type Faults = Rc<RefCell<Vec<String>>>;

/// One core and its backend.
pub struct Rig {
    runtime: LocalRuntime,
    core: &'static Core,
    requests: Requests,
    faults: Faults,
}

/// What went over both sides of a connection.
#[derive(Debug, PartialEq, Eq)]
pub struct Transcript {
    /// Everything that the client got, without what changes from run to run.
    pub responses: Vec<Response>,
    /// The complete requests that the backend got.
    pub requests: Vec<(String, Vec<u8>)>,
}

/// One response that the client got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// Status line and fields, without `Connection`, `Date` and ids.
    pub head: String,
    /// Whether the gateway said that it would close.
    pub close: bool,
    /// The body's bytes as they came.
    pub body: Vec<u8>,
}

impl Rig {
    /// A rig of a generated gateway whose backend is `${BACKEND}`.
    ///
    /// # Panics
    /// If there is no socket or the gateway does not start: then there is nothing to be fuzzed.
    #[must_use]
    #[expect(clippy::unwrap_used, reason = "a rig of tests")]
    pub fn new(gateway: &'static Gateway) -> Self {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .unwrap();
        let requests = Requests::default();
        let seen = Rc::clone(&requests);
        let faults = Faults::default();
        let found = Rc::clone(&faults);
        let address = runtime.block_on(async move {
            let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await;
            let listener = listener.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::task::spawn_local(backend(listener, seen, found));
            address
        });
        let variables = [
            ("BACKEND", &*format!("http://{address}")),
            ("GOMA_LOG_LEVEL", "off"),
        ];
        let prepared = prepare_in(gateway, Environment::of(variables), None).unwrap();
        let shared = prepared.shared;
        let clock = Clock::new();
        let (transport, resolver) = (&gateway.settings.transport, Rc::default());
        let pools = Pools::new(Rc::clone(&clock), transport, (0, 1), &resolver);
        let core = make_core(&shared, 0, (clock, resolver), &pools).unwrap();
        // The log's thread holds standard output for as long as it has a core.
        core.log.close();
        let core = Box::leak(Box::new(core));
        Self {
            runtime,
            core,
            requests,
            faults,
        }
    }

    /// Sends the pieces, one after the other, and ends when the gateway waits for more in vain.
    ///
    /// # Panics
    /// If the gateway does, or sends what is no response.
    #[must_use]
    pub fn converse(&self, pieces: &[&[u8]]) -> Transcript {
        self.requests.borrow_mut().clear();
        *self.core.random.borrow_mut() = fastrand::Rng::with_seed(1);
        let sent = Rc::new(RefCell::new(Vec::new()));
        let socket = Memory {
            pieces: pieces.iter().map(|piece| piece.to_vec()).collect(),
            fresh: true,
            sent: Rc::clone(&sent),
        };
        let peer = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        self.runtime.block_on(proxy::serve(self.core, socket, peer));
        let faults = self.faults.take();
        assert!(faults.is_empty(), "the backend got {faults:?}");
        let responses = responses(&sent.borrow());
        Transcript {
            responses,
            requests: self.requests.borrow().clone(),
        }
    }
}

impl Transcript {
    /// Whether this is `whole`, or ends earlier after the gateway said that it would close: how much
    /// of a body has arrived may decide whether a connection is kept, never what is answered.
    #[must_use]
    pub fn agrees_with(&self, whole: &Self) -> bool {
        // A refusal of what comes behind a head has gone through the route's chain by then.
        let status = |response: &Response| response.head.lines().next().map(str::to_owned);
        let same = |left: &Response, right: &Response| {
            let refused = left.close && right.close && left.head.starts_with("HTTP/1.1 4");
            left.body == right.body
                && (left.head == right.head || refused && status(left) == status(right))
        };
        let (short, long) = if self.responses.len() <= whole.responses.len() {
            (self, whole)
        } else {
            (whole, self)
        };
        let pairs = short.responses.iter().zip(&long.responses);
        let ended = short.responses.last().is_some_and(|last| last.close);
        pairs.into_iter().all(|(left, right)| same(left, right))
            && (ended || short.responses.len() == long.responses.len())
            && long.requests.starts_with(&short.requests)
            && (ended || short.requests == long.requests)
    }
}

/// The first bytes of a connection as a PROXY header, in words; `None` while more are needed.
#[must_use]
pub fn preamble(bytes: &[u8]) -> Option<String> {
    match proxy_protocol::parse(bytes) {
        Preamble::Partial => None,
        decided => Some(format!("{decided:?}")),
    }
}

/// The client's end: pieces out, everything in. Its close shows only to a reader: then it comes at
/// the same place of the conversation however the bytes are split.
struct Memory {
    pieces: VecDeque<Vec<u8>>,
    /// Whether the next piece has just become the next: it then arrives a moment later.
    fresh: bool,
    sent: Rc<RefCell<Vec<u8>>>,
}

impl Socket for Memory {
    fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        if std::mem::take(&mut self.fresh) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let Some(piece) = self.pieces.front_mut() else {
            return Poll::Ready(Ok(0));
        };
        let count = piece.len().min(space.len());
        for (to, from) in space.iter_mut().zip(piece.drain(..count)) {
            *to = from;
        }
        if piece.is_empty() {
            self.pieces.pop_front();
            self.fresh = true;
        }
        Poll::Ready(Ok(count))
    }

    fn poll_peek(&mut self, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
        match self.pieces.front() {
            Some(_) => Poll::Ready(Ok(1)),
            None => Poll::Pending,
        }
    }

    fn is_quiet(&mut self) -> bool {
        self.pieces.is_empty()
    }

    fn has_failed(&self) -> bool {
        false
    }

    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut sent = self.sent.borrow_mut();
        let before = sent.len();
        for slice in slices {
            sent.extend_from_slice(slice);
        }
        Poll::Ready(Ok(sent.len() - before))
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

async fn backend(listener: tokio::net::TcpListener, requests: Requests, faults: Faults) {
    while let Ok((mut stream, _)) = listener.accept().await {
        let (requests, faults) = (Rc::clone(&requests), Rc::clone(&faults));
        tokio::task::spawn_local(async move {
            let _ = stream.set_nodelay(true);
            let mut received = Vec::new();
            let mut part = [0; 4096];
            while let Ok(count @ 1..) =
                poll_fn(|cx| Socket::poll_read(&mut stream, cx, &mut part)).await
            {
                received.extend(part.iter().take(count));
                while let Some((line, body, length)) = take_request(&received, &faults) {
                    received.drain(..length);
                    let mut answer = format!("{line} {}", body.len());
                    let head = format!(
                        "HTTP/1.1 200 OK\r\nDate: x\r\nContent-Length: {}\r\n\r\n",
                        answer.len()
                    );
                    if line.starts_with("HEAD ") {
                        answer.clear();
                    }
                    requests.borrow_mut().push((line, body));
                    // Far smaller than an empty socket buffer, so that one write takes it.
                    let whole = [
                        IoSlice::new(head.as_bytes()),
                        IoSlice::new(answer.as_bytes()),
                    ];
                    let written = poll_fn(|cx| Socket::poll_write(&mut stream, cx, &whole)).await;
                    if written.is_err() {
                        return;
                    }
                }
            }
        });
    }
}

/// The first request of a stream, if it is complete: start line, body, length of all. What the
/// gateway would not take itself it must not have forwarded.
fn take_request(received: &[u8], faults: &Faults) -> Option<(String, Vec<u8>, usize)> {
    let mut fields = Fields::new(Buffer::default());
    fields.buffer.push(received);
    let head = match request::parse(fields, &Limits::default()) {
        Parsed::Complete(head) => head,
        Parsed::Partial(_) => return None,
        Parsed::Refused(_, refusal) => {
            let shown = String::from_utf8_lossy(received);
            faults.borrow_mut().push(format!("{refusal}: {shown:?}"));
            return None;
        }
    };
    let rest = received.get(head.head_length..)?;
    let line_end = received.iter().position(|byte| *byte == b'\r')?;
    let line = String::from_utf8_lossy(received.get(..line_end)?).into_owned();
    let (body, length) = match head.framing {
        Framing::Chunked => {
            let mut data = rest.to_vec();
            let decoded = Decoder::new(&Limits::default()).decode(&mut data).ok()?;
            if !decoded.done {
                return None;
            }
            data.truncate(decoded.data);
            (data, decoded.consumed)
        }
        Framing::Close => return None,
        Framing::Length(length) => {
            let length = usize::try_from(length).ok()?;
            (rest.get(..length)?.to_vec(), length)
        }
    };
    Some((line, body, head.head_length + length))
}

/// Takes the responses apart; interim ones depend on how much of a body had arrived and are left out.
fn responses(mut sent: &[u8]) -> Vec<Response> {
    let mut responses = Vec::new();
    while let Some(end) = sent.windows(4).position(|part| part == b"\r\n\r\n") {
        let (head, rest) = sent.split_at(end + 4);
        let text = String::from_utf8_lossy(head);
        let of = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(": "));
            let found = lines.find(|(found, _)| found.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_owned())
        };
        if text.starts_with("HTTP/1.1 1") {
            sent = rest;
            continue;
        }
        let length = of("content-length").and_then(|length| length.parse().ok());
        let follows = rest.starts_with(b"HTTP/1.1 ");
        let length = if follows { 0 } else { length.unwrap_or(0) };
        let (body, after) = rest.split_at(usize::min(length, rest.len()));
        let changing = ["connection: ", "date: ", "x-goma-request-id: "];
        let kept = text.lines().filter(|line| {
            let line = line.to_ascii_lowercase();
            !changing.iter().any(|name| line.starts_with(name))
        });
        responses.push(Response {
            head: kept.collect::<Vec<_>>().join("\n"),
            close: of("connection").is_some_and(|value| value == "close"),
            body: body.to_vec(),
        });
        sent = after;
    }
    responses
}
