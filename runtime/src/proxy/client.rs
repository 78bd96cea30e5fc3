//! The client's side of an HTTP/1.1 connection: request heads and bodies in, answers out.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll, ready};

use super::buffers::{Buffers, SCRATCH_BYTES};
use super::downstream::{Announced, BodyFault, Downstream, Peer, Persistence, Piece, Tail, Terms};
use super::ended::{Ended, unfinished};
use super::forward::Body;
use super::frame::{Delimiting, Frame, write_fields, write_head};
use super::incoming::Incoming;
use super::{Core, exchange, grace::Grace, http2};
use crate::answer::Answer;
use crate::clock::Watch;
use crate::error::Refusal;
use crate::h1::request::{self, Parsed, RequestHead, method_of};
use crate::h2::{self, Beginning};
use crate::head::{Fields, Response, Span, Version};
use crate::io::Socket;
use crate::lifecycle::Phase;

/// Bytes read and thrown away after an answer that ends the connection, so that closing it does not
/// destroy the answer on its way.
const LINGER_BYTES_MAX: usize = 256 * 1024;
/// How long that may take.
const LINGER: std::time::Duration = std::time::Duration::from_secs(2);

/// One client connection.
struct Client<S> {
    socket: S,
    watch: Watch,
    peer: Peer,
    /// The body of the request under way.
    incoming: Incoming,
    /// What is being sent.
    outgoing: Option<Frame>,
    /// How the body of the response under way is delimited.
    delimiting: Delimiting,
    /// Bytes of the next request that came with the last one.
    following: Option<Box<Fields>>,
    /// Whether the client has sent bytes that nobody has read yet.
    has_more: bool,
    /// Whether the client has ended its sending half, or all of its connection.
    has_finished: bool,
    /// Whether the response under way has begun.
    begun: bool,
    /// The version of the request under way.
    version: Version,
}

/// Serves one connection until it ends. `core` lives as long as the process.
#[expect(clippy::manual_async_fn, reason = "as for exchange::run")]
pub fn serve<S: Socket + 'static>(
    core: &'static Core,
    socket: S,
    peer: SocketAddr,
) -> impl Future<Output = ()> {
    async move {
        let mut client = Client {
            socket,
            watch: core.clock.watch(),
            peer: Peer::new(core, peer.ip(), false),
            incoming: Incoming::Done,
            outgoing: None,
            delimiting: Delimiting::Plain,
            following: None,
            has_more: false,
            has_finished: false,
            begun: false,
            version: Version::Http11,
        };
        let mut first = true;
        let mut request = None;
        let mut requests_left = core.requests_per_connection_max;
        loop {
            let persistence = match client.next_request(core, first, &mut request).await {
                Ok(body) => {
                    // RT-LIM-8
                    requests_left = requests_left.saturating_sub(1);
                    if let Some(head) = &mut request {
                        head.keep_alive &= requests_left > 0;
                    }
                    exchange::run(core, &mut client, &mut request, body).await
                }
                Err(Ended::Refused(fields, refusal)) => {
                    core.log.refused(&client.peer.text, refusal);
                    let answer = Answer::of(refusal.status);
                    let kind = method_of(fields.buffer.filled());
                    exchange::answer_unrouted(core, &mut client, fields, kind, answer).await
                }
                Err(Ended::Http2(received)) => {
                    let Client {
                        socket,
                        watch,
                        peer,
                        ..
                    } = client;
                    // Boxed: the task of an HTTP/1.1 connection is not to hold room for it.
                    return Box::pin(http2::serve(core, socket, watch, peer, received)).await;
                }
                Err(Ended::Closed) => Persistence::Abort,
            };
            first = false;
            match persistence {
                Persistence::Keep => {}
                Persistence::Close => return linger(core, &mut client.socket, &client.watch).await,
                Persistence::Abort => return,
            }
        }
    }
}

impl<S: Socket> Client<S> {
    /// Waits for a complete request head (RT-LISTEN-3) and puts it into `request`.
    async fn next_request(
        &mut self,
        core: &Core,
        first: bool,
        request: &mut Option<RequestHead>,
    ) -> Result<Body, Ended> {
        let settings = &core.settings;
        let mut fields = self.following.take();
        self.has_more = false;
        self.begun = false;
        let mut parsed = 0;
        let mut begun = first || fields.is_some();
        let mut grace = Grace::of(first);
        self.watch.limit(if begun {
            Some(settings.header_timeout)
        } else {
            settings.idle_timeout
        });
        loop {
            if let Some(received) = fields.take() {
                let before = std::mem::replace(&mut parsed, received.buffer.len());
                if before == 0 {
                    self.watch.begin();
                }
                let beginning = if first {
                    Beginning::of(received.buffer.filled())
                } else {
                    Beginning::Other
                };
                let outcome = match beginning {
                    // RT-LISTEN-1
                    Beginning::Http2 => return Err(Ended::Http2(received)),
                    Beginning::Undecided => Parsed::Partial(received),
                    Beginning::Other => {
                        // Where it could still be the preface, nobody has parsed it.
                        let unparsed = first && before < h2::PREFACE.len();
                        let before = if unparsed { 0 } else { before };
                        request::parse_more(received, &core.limits, before)
                    }
                };
                match outcome {
                    Parsed::Complete(mut head) => {
                        return match self.take_in(core, &mut head) {
                            Ok(body) => {
                                *request = Some(head);
                                Ok(body)
                            }
                            Err(refusal) => Err(Ended::Refused(head.head.fields, refusal)),
                        };
                    }
                    Parsed::Refused(fields, refusal) => {
                        return Err(Ended::Refused(fields, refusal));
                    }
                    Parsed::Partial(received) => {
                        // Once: a byte now and then must not put the deadline off (RT-LIM-4).
                        if !std::mem::replace(&mut begun, true) {
                            self.watch.limit(Some(settings.header_timeout));
                        }
                        if let Some(limit) = settings.read_timeout.filter(|_| before == 0) {
                            self.watch.limit_since_begun(limit);
                        }
                        fields = Some(received);
                    }
                }
            }
            let mut looked = false;
            let read = poll_fn(|cx| self.poll_head(cx, core, &mut fields, &mut looked, &mut grace));
            let read = read.await;
            match (read, fields.take()) {
                (Ok(count), Some(received)) if count > 0 => fields = Some(received),
                (ended, Some(received)) => return Err(unfinished(core, received, &ended)),
                (_, None) => return Err(Ended::Closed),
            }
        }
    }

    /// Reads once. Takes a buffer only when there is something to read; `looked`: it has been seen to
    /// once whether there is, which after a response is not so.
    fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        fields: &mut Option<Box<Fields>>,
        looked: &mut bool,
        grace: &mut Grace,
    ) -> Poll<io::Result<usize>> {
        let first = !std::mem::replace(looked, true) && fields.is_none();
        if first && self.socket.poll_readable(cx).is_pending() {
            return self.poll_ended(cx, core, true, grace);
        }
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
                self.poll_ended(cx, core, idle, grace)
            }
        }
    }

    /// While nothing comes: whether the wait is over, because it has taken too long or, where nothing of
    /// a request has come, because the gateway is stopping.
    fn poll_ended(
        &mut self,
        cx: &mut Context<'_>,
        core: &Core,
        idle: bool,
        grace: &mut Grace,
    ) -> Poll<io::Result<usize>> {
        let draining = idle && core.lifecycle.phase() >= Phase::Draining;
        if draining && !grace.lasts(|limit| self.watch.limit(Some(limit))) {
            return Poll::Ready(Ok(0));
        }
        self.watch
            .poll_expired(cx)
            .map(|()| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Separates what was received with the head: body, and the beginning of the next request.
    fn take_in(&mut self, core: &Core, request: &mut RequestHead) -> Result<Body, Refusal> {
        self.incoming = Incoming::new(request.framing, &core.limits);
        self.version = request.head.version();
        let head_length = request.head_length;
        let received = request.received;
        let mut prefix = Span::default();
        let mut trailers = Vec::new();
        if received > head_length {
            let buffer = &mut request.head.fields.buffer;
            let rest = buffer.filled_mut().get_mut(head_length..received);
            let rest = rest.unwrap_or_default();
            let taken = self.incoming.take(rest)?;
            let following = rest.get(taken.consumed..).unwrap_or_default();
            self.keep_following(&core.buffers, following);
            prefix = Span::new(head_length, head_length + taken.data);
            trailers = taken.trailers;
        }
        Ok(Body {
            framing: request.framing,
            content_length: request.content_length,
            prefix,
            expects_continue: request.expects_continue,
            trailers,
        })
    }

    /// Finds out whether a client that has ended its sending half still listens: if it has closed all
    /// of its connection, its system answers any byte with a reset. What is sent means nothing: an
    /// interim response before the head, a leading zero of the next chunk's size in a chunked body.
    fn probe(&mut self, cx: &mut Context<'_>) -> io::Result<()> {
        let probe: &[u8] = match (self.begun, self.delimiting, self.version) {
            (false, _, Version::Http11) => b"HTTP/1.1 100 Continue\r\n\r\n",
            (true, Delimiting::Chunks, _) => b"0",
            (false, _, Version::Http10 | Version::Http2) | (true, Delimiting::Plain, _) => {
                return Ok(());
            }
        };
        match self.socket.poll_write(cx, &[io::IoSlice::new(probe)]) {
            Poll::Ready(Ok(written)) if written == probe.len() => Ok(()),
            Poll::Ready(Ok(_)) => Err(io::ErrorKind::WriteZero.into()),
            Poll::Ready(Err(error)) => Err(error),
            // It has not read what was sent before: there is something on its way already.
            Poll::Pending => Ok(()),
        }
    }

    /// In a tunnel: the bytes that came with the request that opened it.
    fn early(&mut self) -> Option<Piece> {
        let fields = self
            .following
            .take_if(|_| matches!(self.incoming, Incoming::Close))?;
        Some(Piece {
            data: Span::new(0, fields.buffer.len()),
            fields,
            tail: Tail::More,
        })
    }

    /// Keeps bytes that belong to the next request.
    fn keep_following(&mut self, buffers: &Buffers, bytes: &[u8]) {
        if !bytes.is_empty() {
            let mut fields = self.following.take().unwrap_or_else(|| buffers.head());
            fields.buffer.push(bytes);
            self.following = Some(fields);
        }
    }
}

impl<S: Socket> Downstream for Client<S> {
    fn peer(&self) -> &Peer {
        &self.peer
    }

    fn watch(&self) -> &Watch {
        &self.watch
    }

    fn is_received(&self) -> bool {
        self.incoming.is_done()
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Result<Piece, BodyFault>> {
        if let Some(fields) = self.early() {
            return Poll::Ready(Ok(fields));
        }
        let mut fields = buffers.scratch();
        let count = match self
            .socket
            .poll_read(cx, fields.buffer.space(SCRATCH_BYTES))
        {
            Poll::Pending => {
                buffers.put_scratch(fields);
                return Poll::Pending;
            }
            Poll::Ready(Ok(0)) if self.incoming.end().is_ok() => 0,
            Poll::Ready(Err(_) | Ok(0)) => return Poll::Ready(Err(BodyFault::Gone)),
            Poll::Ready(Ok(count)) => count,
        };
        fields.buffer.advance(count);
        let taken = self
            .incoming
            .take(fields.buffer.filled_mut())
            .map_err(BodyFault::Malformed)?;
        let following = fields.buffer.filled().get(taken.consumed..);
        self.keep_following(buffers, following.unwrap_or_default());
        Poll::Ready(Ok(Piece {
            fields,
            data: Span::new(0, taken.data),
            tail: Tail::of(self.incoming.is_done(), taken.trailers),
        }))
    }

    /// Bytes the client sends early are left for later. Looked at only from the next tick on, which
    /// is soon enough for RT-UP-7. A client that has only ended its sending half is not gone
    /// (RFC 9112 §9.6).
    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if !self.watch.lingers() {
            return Poll::Pending;
        }
        // While its body is outstanding, reading that tells, unless nobody reads because the backend does not.
        if self.has_finished || !self.incoming.is_done() {
            self.watch.linger_again();
            return if self.socket.has_failed() {
                Poll::Ready(())
            } else {
                Poll::Pending
            };
        }
        // Behind bytes that are left for later only the system sees the end.
        let looked = match self.has_more {
            true => Poll::Ready(Ok(usize::from(!self.socket.has_ended()))),
            false => self.socket.poll_peek(cx),
        };
        match looked {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Err(_)) => Poll::Ready(()),
            Poll::Ready(Ok(0)) => {
                self.has_finished = true;
                if self.probe(cx).is_err() {
                    return Poll::Ready(());
                }
                self.watch.linger_again();
                Poll::Pending
            }
            Poll::Ready(Ok(_)) => {
                self.has_more = true;
                self.watch.linger_again();
                Poll::Pending
            }
        }
    }

    /// HTTP/1.1 has no way to say so but to close.
    fn is_cancelled(&mut self) -> bool {
        false
    }

    fn push_continue(&mut self, buffers: &Buffers) {
        let mut lead = buffers.wire();
        lead.push(b"HTTP/1.1 100 Continue\r\n\r\n");
        self.outgoing = Some(Frame::head(lead));
    }

    fn push_interim(&mut self, buffers: &Buffers, response: &Response) {
        let mut lead = buffers.wire();
        write_fields(&mut lead, response);
        lead.push(b"\r\n");
        self.outgoing = Some(Frame::head(lead));
    }

    fn push_answer(&mut self, buffers: &Buffers, response: &Response, terms: Terms, body: &[u8]) {
        self.begun = true;
        let mut lead = buffers.wire();
        write_head(&mut lead, response, terms);
        lead.push(body);
        self.outgoing = Some(Frame::head(lead));
    }

    fn push_response(
        &mut self,
        buffers: &Buffers,
        response: Response,
        terms: Terms,
        data: Span,
        tail: Tail,
    ) {
        self.begun = true;
        let mut lead = buffers.wire();
        write_head(&mut lead, &response, terms);
        self.delimiting = match terms.announced {
            Announced::Framed => Delimiting::Chunks,
            Announced::Close | Announced::Length(_) | Announced::Nothing | Announced::Tunnel => {
                Delimiting::Plain
            }
        };
        let fields = response.fields;
        let piece = Piece { fields, data, tail };
        self.outgoing = Some(Frame::with_piece(lead, piece, self.delimiting, buffers));
    }

    fn become_tunnel(&mut self) {
        self.incoming = Incoming::Close;
    }

    fn has_begun(&self) -> bool {
        self.begun
    }

    fn push_piece(&mut self, buffers: &Buffers, piece: Piece) {
        let lead = buffers.wire();
        self.outgoing = Some(Frame::with_piece(lead, piece, self.delimiting, buffers));
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>, buffers: &Buffers) -> Poll<io::Result<()>> {
        if let Some(frame) = &mut self.outgoing {
            ready!(frame.poll_write(cx, &mut self.socket))?;
        }
        if let Some(written) = self.outgoing.take() {
            written.recycle(buffers);
        }
        Poll::Ready(Ok(()))
    }
}

/// Ends the sending half and reads what the client still sends, within bounds.
pub(super) async fn linger<S: Socket>(core: &Core, socket: &mut S, watch: &Watch) {
    watch.limit(Some(LINGER));
    let mut left = LINGER_BYTES_MAX;
    let mut ended = false;
    poll_fn(|cx| {
        if !ended {
            ended = socket.poll_shutdown(cx).is_ready();
        }
        loop {
            let mut scratch = core.buffers.scratch();
            let read = socket.poll_read(cx, scratch.buffer.space(usize::MAX));
            core.buffers.put_scratch(scratch);
            match read {
                Poll::Ready(Ok(count)) if count > 0 && count < left => left -= count,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return watch.poll_expired(cx),
            }
        }
    })
    .await;
}
