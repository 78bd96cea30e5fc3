//! The client's side of a connection: request heads in, answers out.

use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::task::{Context, Poll};

use super::forward::ForwardingFields;
use super::frame::Frame;
use super::{Core, exchange};
use crate::answer::Answer;
use crate::clock::Watch;
use crate::error::{Refusal, RefusalReason};
use crate::h1::request::{self, Parsed, RequestHead};
use crate::head::Fields;
use crate::io::Socket;
use crate::lifecycle::Phase;

/// Bytes read and thrown away after an answer that ends the connection, so that closing it does not
/// destroy the answer on its way.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// How long that may take.
const LINGER: std::time::Duration = std::time::Duration::from_secs(2);

/// One client connection.
pub(super) struct Client<S> {
    pub(super) socket: S,
    pub(super) watch: Watch,
    pub(super) address: IpAddr,
    /// `address` as text, for the log.
    pub(super) address_text: String,
    /// The forwarding fields of every request of this connection.
    pub(super) forwarding: ForwardingFields,
    /// Bytes of the next request that came with the last one.
    following: Option<Box<Fields>>,
    /// Whether the client has sent bytes that nobody has read yet.
    pub(super) has_more: bool,
}

/// What becomes of the connection after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Persistence {
    /// The next request may come.
    Keep,
    /// Closed after an answer that the client should be able to read.
    Close,
    /// Closed at once.
    Abort,
}

/// Why there is no next request.
enum Ended {
    Refused(Box<Fields>, Refusal),
    Closed,
}

/// Serves one connection until it ends. `core` lives as long as the process.
pub async fn serve<S: Socket>(core: &'static Core, socket: S, peer: SocketAddr) {
    let address = peer.ip().to_canonical();
    let mut client = Client {
        socket,
        watch: core.clock.watch(),
        address,
        forwarding: ForwardingFields::new(&address.to_string(), "http"),
        address_text: address.to_string(),
        following: None,
        has_more: false,
    };
    let mut first = true;
    loop {
        let persistence = match client.next_request(core, first).await {
            Ok(request) => exchange::run(core, &mut client, request).await,
            Err(Ended::Refused(fields, refusal)) => {
                core.log.refused(&client.address_text, refusal);
                let answer = Answer::of(refusal.status);
                exchange::answer_unrouted(core, &mut client, fields, answer).await
            }
            Err(Ended::Closed) => Persistence::Abort,
        };
        first = false;
        match persistence {
            Persistence::Keep => {}
            Persistence::Close => return client.linger(core).await,
            Persistence::Abort => return,
        }
    }
}

impl<S: Socket> Client<S> {
    /// Waits for a complete request head (RT-LISTEN-3).
    async fn next_request(&mut self, core: &Core, first: bool) -> Result<RequestHead, Ended> {
        let settings = &core.settings;
        let mut fields = self.following.take();
        self.has_more = false;
        let mut begun = first || fields.is_some();
        self.watch.limit(if begun {
            Some(settings.header_timeout)
        } else {
            settings.idle_timeout
        });
        loop {
            if let Some(received) = fields.take() {
                match request::parse(received, &core.limits) {
                    Parsed::Complete(request) => return Ok(request),
                    Parsed::Refused(fields, refusal) => {
                        return Err(Ended::Refused(fields, refusal));
                    }
                    Parsed::Partial(received) => {
                        // Once: a byte now and then must not put the deadline off (RT-LIM-4).
                        if !std::mem::replace(&mut begun, true) {
                            self.watch.limit(Some(settings.header_timeout));
                        }
                        fields = Some(received);
                    }
                }
            }
            let read = poll_fn(|cx| self.poll_head(cx, core, &mut fields)).await;
            match (read, fields.take()) {
                (Ok(count), Some(received)) if count > 0 => fields = Some(received),
                (Err(error), Some(received)) if error.kind() == io::ErrorKind::TimedOut => {
                    let detail = "the request head took too long";
                    let refusal = Refusal::new(408, RefusalReason::Timeout, detail);
                    return Err(Ended::Refused(received, refusal));
                }
                (_, Some(received)) => {
                    core.buffers.put_head(received);
                    return Err(Ended::Closed);
                }
                (_, None) => return Err(Ended::Closed),
            }
        }
    }

    /// Reads once. Takes a buffer only when there is something to read.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        fields: &mut Option<Box<Fields>>,
    ) -> Poll<io::Result<usize>> {
        let mut buffer = fields.take().unwrap_or_else(|| core.buffers.head());
        if buffer.buffer.space(1).is_empty() {
            // Bounded by Limits: a head that is too large is refused when it is parsed.
            buffer.buffer.reserve(1);
        }
        match self.socket.poll_read(cx, buffer.buffer.space(usize::MAX)) {
            Poll::Ready(read) => {
                buffer.buffer.advance(*read.as_ref().unwrap_or(&0));
                *fields = Some(buffer);
                Poll::Ready(read)
            }
            Poll::Pending => {
                let idle = buffer.buffer.is_empty();
                if idle {
                    core.buffers.put_head(buffer);
                } else {
                    *fields = Some(buffer);
                }
                if idle && core.lifecycle.phase() >= Phase::Draining {
                    return Poll::Ready(Ok(0));
                }
                self.watch
                    .poll_expired(cx)
                    .map(|()| Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }

    /// Keeps bytes that belong to the next request.
    pub(super) fn keep_following(&mut self, core: &Core, bytes: &[u8]) {
        if !bytes.is_empty() {
            let mut fields = self.following.take().unwrap_or_else(|| core.buffers.head());
            fields.buffer.push(bytes);
            self.following = Some(fields);
        }
    }

    /// Writes all of a frame before the deadline.
    pub(super) async fn send(&mut self, frame: &mut Frame) -> io::Result<()> {
        poll_fn(|cx| match frame.poll_write(cx, &mut self.socket) {
            Poll::Pending => self
                .watch
                .poll_expired(cx)
                .map(|()| Err(io::ErrorKind::TimedOut.into())),
            Poll::Ready(written) => Poll::Ready(written),
        })
        .await
    }

    /// Ready once the client has closed its side. Bytes it sends early are left for later.
    ///
    /// Looked at only from the next tick on, which is soon enough for RT-UP-7.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.has_more || !self.watch.lingers() {
            return Poll::Pending;
        }
        match self.socket.poll_peek(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(_)) => {
                self.has_more = true;
                Poll::Pending
            }
        }
    }

    /// Ends the sending half and reads what the client still sends, within bounds.
    async fn linger(mut self, core: &Core) {
        self.watch.limit(Some(LINGER));
        let mut left = LINGER_BYTES_MAX;
        let mut ended = false;
        poll_fn(|cx| {
            if !ended {
                ended = self.socket.poll_shutdown(cx).is_ready();
            }
            loop {
                let mut scratch = core.buffers.scratch();
                let read = self.socket.poll_read(cx, scratch.buffer.space(usize::MAX));
                core.buffers.put_scratch(scratch);
                match read {
                    Poll::Ready(Ok(count)) if count > 0 && count < left => left -= count,
                    Poll::Ready(_) => return Poll::Ready(()),
                    Poll::Pending => return self.watch.poll_expired(cx),
                }
            }
        })
        .await;
    }
}
