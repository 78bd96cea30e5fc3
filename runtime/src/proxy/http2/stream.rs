//! One HTTP/2 stream as the client's side of an exchange.

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};

use super::payload::{Gauge, Payload};
use super::{Connected, OpenStream};
use crate::answer::Answer;
use crate::clock::Watch;
use crate::h2::{connect, head};
use crate::head::{Method, Response, Span};
use crate::proxy::buffers::{Buffers, SCRATCH_BYTES};
use crate::proxy::downstream::{
    Announced, BodyFault, Downstream, Peer, Persistence, Piece, Tail, Terms, sent,
};
use crate::proxy::forward::Body;
use crate::proxy::{Core, exchange};

/// Bytes of a response that may wait in the `h2` crate while the next piece is read (RT-LIM-6).
const WAITING_BYTES_MAX: usize = 64 * 1024;

/// A stream as the connection's task accepts it.
pub(super) struct Accepted {
    pub(super) connected: Rc<Connected>,
    pub(super) request: http::Request<RecvStream>,
    pub(super) respond: SendResponse<Payload>,
    /// Counts it.
    pub(super) open: OpenStream,
}

/// A stream.
struct Stream<'a> {
    core: &'static Core,
    connected: Rc<Connected>,
    watch: &'a Watch,
    body: RecvStream,
    /// Whether all of the body has been received.
    received: bool,
    respond: SendResponse<Payload>,
    /// Once the response has begun.
    sending: Option<SendStream<Payload>>,
    gauge: Rc<Gauge>,
    /// Whether the response could not be handed over.
    failed: bool,
}

/// Takes one stream from its request to its end, with a watch and a gauge that served others before.
pub(super) async fn run(
    core: &'static Core,
    watch: &Watch,
    gauge: &mut Rc<Gauge>,
    accepted: Accepted,
) {
    let Accepted {
        connected,
        request,
        respond,
        open,
    } = accepted;
    let (parts, body) = request.into_parts();
    watch.limit(None);
    watch.begin();
    let ended = body.is_end_stream();
    let mut stream = Stream {
        core,
        watch,
        connected,
        body,
        received: ended,
        respond,
        sending: None,
        gauge: Gauge::renewed(gauge),
        failed: false,
    };
    let fields = core.buffers.head();
    let persistence = match head::request(&parts, ended, fields, &core.limits) {
        Ok(mut request) => {
            stream.received |= request.framing.is_empty();
            if !request.upgrade.is_empty() {
                let random = core.random.borrow_mut().u128(..);
                connect::add_key(&mut request.head.fields, random);
            }
            let body = Body {
                framing: request.framing,
                content_length: request.content_length,
                prefix: Span::default(),
                expects_continue: request.expects_continue,
                trailers: Vec::new(),
            };
            exchange::run(core, &mut stream, &mut Some(request), body).await
        }
        Err((fields, refusal)) => {
            core.log.refused(&stream.connected.peer.text, refusal);
            let answer = Answer::of(refusal.status);
            let kind = Method::of(parts.method.as_str().as_bytes());
            exchange::answer_unrouted(core, &mut stream, fields, kind, answer).await
        }
    };
    match persistence {
        // RT-ERR-18
        Persistence::Abort => stream.abort().await,
        // A body that nobody reads ends with RST_STREAM(NO_ERROR) when the stream is dropped.
        Persistence::Close | Persistence::Keep => {}
    }
    drop(open);
}

impl Stream<'_> {
    /// Ready once the client has cancelled the stream or its connection is gone.
    fn poll_reset(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let reset = match &mut self.sending {
            Some(sending) => sending.poll_reset(cx),
            None => self.respond.poll_reset(cx),
        };
        reset.map(|_| ())
    }

    /// Resets the stream behind what it has to send, if there is time. Nothing happens if the client
    /// has reset it.
    async fn abort(mut self) {
        if self.sending.is_some() {
            self.gauge.unsent_max.set(0);
            // A head without a piece of body is sent in the connection's next turn.
            tokio::task::yield_now().await;
            let _ = sent(self.core, &mut self).await;
        }
        self.respond.send_reset(Reason::INTERNAL_ERROR);
    }

    fn begin(&mut self, buffers: &Buffers, response: &Response, terms: Terms, bodiless: bool) {
        let length = match terms.announced {
            Announced::Length(length) => Some(length),
            Announced::Close | Announced::Framed | Announced::Nothing | Announced::Tunnel => None,
        };
        let head = head::response(response, length, &mut buffers.values()).map(|mut head| {
            if terms.announced == Announced::Tunnel {
                connect::open(&mut head);
            }
            head
        });
        let sending = head.and_then(|head| self.respond.send_response(head, bodiless).ok());
        self.failed = sending.is_none();
        self.sending = sending;
    }

    fn send(&mut self, payload: Payload, tail: Tail) {
        let Some(sending) = &mut self.sending else {
            return;
        };
        let length = bytes::Buf::remaining(&payload);
        let mut unsent_max = WAITING_BYTES_MAX;
        if !matches!(tail, Tail::More) {
            sending.reserve_capacity(length);
            // What fits into the window goes out with the connection's next turn. What does not
            // is waited for, so that the deadline of the exchange covers it (RT-LISTEN-3).
            unsent_max = match length > 0 && sending.capacity() >= length {
                true => usize::MAX,
                false => 0,
            };
        }
        self.gauge.unsent_max.set(unsent_max);
        let sent = match tail {
            Tail::More => sending.send_data(payload, false).is_ok(),
            Tail::End => sending.send_data(payload, true).is_ok(),
            Tail::Trailers(lines) => {
                let data = length == 0 || sending.send_data(payload, false).is_ok();
                let trailers = head::response_trailers(&lines);
                data && trailers.is_some_and(|trailers| sending.send_trailers(trailers).is_ok())
            }
        };
        self.failed |= !sent;
    }

    fn take_in(&mut self, data: &Bytes, fields: &mut crate::head::Fields) {
        fields.buffer.push(data);
        // The window opens again for what the backend's connection is about to take.
        let _ = self.body.flow_control().release_capacity(data.len());
    }
}

impl Downstream for Stream<'_> {
    fn peer(&self) -> &Peer {
        &self.connected.peer
    }

    fn watch(&self) -> &Watch {
        self.watch
    }

    fn is_received(&self) -> bool {
        self.received
    }

    fn poll_body(
        &mut self,
        cx: &mut Context<'_>,
        buffers: &Buffers,
    ) -> Poll<Result<Piece, BodyFault>> {
        let mut fields = buffers.scratch();
        let mut trailers = Vec::new();
        // Several DATA frames make one piece.
        while fields.buffer.len() < SCRATCH_BYTES / 2 && !self.received {
            match self.body.poll_data(cx) {
                Poll::Ready(Some(Ok(data))) => {
                    self.take_in(&data, &mut fields);
                    self.received = self.body.is_end_stream();
                }
                Poll::Ready(Some(Err(_))) => {
                    buffers.put_scratch(fields);
                    return Poll::Ready(Err(BodyFault::Gone));
                }
                Poll::Ready(None) => match self.body.poll_trailers(cx) {
                    Poll::Ready(Ok(found)) => {
                        self.received = true;
                        if let Some(found) = found {
                            trailers = head::request_trailers(&found, &self.core.limits)
                                .map_err(BodyFault::Malformed)?;
                        }
                    }
                    Poll::Ready(Err(_)) => {
                        buffers.put_scratch(fields);
                        return Poll::Ready(Err(BodyFault::Gone));
                    }
                    Poll::Pending => break,
                },
                Poll::Pending => break,
            }
        }
        if fields.buffer.is_empty() && !self.received {
            buffers.put_scratch(fields);
            return Poll::Pending;
        }
        let data = Span::new(0, fields.buffer.len());
        let tail = Tail::of(self.received, trailers);
        Poll::Ready(Ok(Piece { fields, data, tail }))
    }

    fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_reset(cx)
    }

    fn is_cancelled(&mut self) -> bool {
        self.poll_reset(&mut Context::from_waker(Waker::noop()))
            .is_ready()
    }

    fn push_continue(&mut self, _: &Buffers) {
        let mut head = http::Response::new(());
        *head.status_mut() = http::StatusCode::CONTINUE;
        self.failed |= self.respond.send_informational(head).is_err();
    }

    fn push_interim(&mut self, buffers: &Buffers, response: &Response) {
        let sent = head::response(response, None, &mut buffers.values())
            .is_some_and(|head| self.respond.send_informational(head).is_ok());
        self.failed |= !sent;
    }

    fn push_answer(&mut self, buffers: &Buffers, response: &Response, terms: Terms, body: &[u8]) {
        self.begin(buffers, response, terms, body.is_empty());
        if !body.is_empty() {
            self.send(Payload::copied(self.core, &self.gauge, body), Tail::End);
        }
    }

    fn push_response(
        &mut self,
        buffers: &Buffers,
        response: Response,
        terms: Terms,
        data: Span,
        tail: Tail,
    ) {
        let bodiless = data.is_empty() && matches!(tail, Tail::End);
        self.begin(buffers, &response, terms, bodiless);
        let fields = response.fields;
        if bodiless {
            return buffers.put_scratch(fields);
        }
        self.push_piece(buffers, Piece { fields, data, tail });
    }

    fn become_tunnel(&mut self) {
        self.received = false;
    }

    fn has_begun(&self) -> bool {
        self.sending.is_some()
    }

    fn push_piece(&mut self, buffers: &Buffers, piece: Piece) {
        if piece.data.is_empty() && !piece.is_last() {
            return buffers.put_scratch(piece.fields);
        }
        let payload = Payload::new(self.core, &self.gauge, piece.fields, piece.data);
        self.send(payload, piece.tail);
    }

    fn poll_sent(&mut self, cx: &mut Context<'_>, _: &Buffers) -> Poll<io::Result<()>> {
        let reset = || Err(io::ErrorKind::ConnectionReset.into());
        if self.failed || self.gauge.is_lost() {
            return Poll::Ready(reset());
        }
        // Asked last: what a stream holds that is reset is lost.
        match self.gauge.poll_sent(cx) {
            Poll::Ready(()) => Poll::Ready(Ok(())),
            Poll::Pending => self.poll_reset(cx).map(|()| reset()),
        }
    }
}
