//! A stream of an HTTP/2 session that looks to the engine like a connection of its own that speaks HTTP/1.1:
//! everything that holds of such a connection (bodies, trailers, interim responses, what is repeated) holds of
//! a stream. Dropping it before its end resets it (RT-UP-7).

use std::io::{self, IoSlice};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes};
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, RecvStream, SendStream};

use super::session::Place;
use crate::h1::Limits;
use crate::h1::chunk::Decoder;
use crate::h1::framing::Framing;
use crate::h1::write;
use crate::h2::connect::Handshake;
use crate::h2::translate::Following;
use crate::h2::{head, translate};
use crate::head::Buffer;
use crate::io::Socket;

/// Largest head of a request; the engine's own are far smaller.
const HEAD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Most bytes of a request that are taken at once, and of a body that wait for room.
const TAKEN_BYTES_MAX: usize = 64 * 1024;
/// Trailers have been judged where they came from.
const TRAILERS_JUDGED: Limits = Limits {
    target_bytes_max: 0,
    header_bytes_max: HEAD_BYTES_MAX,
    fields_max: HEAD_BYTES_MAX,
};

/// A stream.
pub struct Stream {
    /// Counts it among those of its session.
    place: Place,
    secure: bool,
    outgoing: Outgoing,
    sending: Option<SendStream<Bytes>>,
    /// Data of the body for which the backend, or the session, has had no room yet.
    unsent: Bytes,
    incoming: Incoming,
    bodiless: bool,
    /// Whether trailers reach the client behind a body of known length too (RT-SEM-4).
    passes_trailers: bool,
    /// That length, if the engine sees chunks all the same.
    length: Option<u64>,
    /// What a client is told if the stream becomes a WebSocket; `None`: it is not to.
    handshake: Option<Handshake>,
    /// Bytes of HTTP/1.1 that are to be read next.
    staged: Buffer,
    read: usize,
    /// Data that is to be read behind them.
    data: Bytes,
}

/// How far the request has come.
enum Outgoing {
    /// Bytes of its head.
    Head(SendRequest<Bytes>, Vec<u8>),
    Body(Body),
    /// Behind `unsent` come the end and these trailers.
    Last(Vec<u8>),
    Done,
}

enum Body {
    Chunked(Decoder),
    Length(u64),
    /// Bytes as they come, until the client ends.
    Tunnel,
}

/// How far the response has come.
enum Incoming {
    /// The request has not been sent.
    Nothing,
    Head(ResponseFuture),
    Body {
        body: RecvStream,
        chunked: bool,
    },
    Ended,
}

/// The backend has not looked at the request (RT-UP-8): RST_STREAM with REFUSED_STREAM, or a GOAWAY that
/// names an earlier stream as the last.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unprocessed(h2::Error);

/// Whether an error says that the backend has not looked at the request.
#[must_use]
pub(super) fn is_unprocessed(error: &io::Error) -> bool {
    error
        .get_ref()
        .is_some_and(|inner| inner.is::<Unprocessed>())
}

/// An error of a stream as one of a connection.
pub(super) fn io_error(error: h2::Error) -> io::Error {
    let refused = error.is_reset() && error.reason() == Some(Reason::REFUSED_STREAM);
    if error.is_remote() && (refused || error.is_go_away()) {
        return io::Error::new(io::ErrorKind::ConnectionReset, Unprocessed(error));
    }
    if error.is_io() {
        return error
            .into_io()
            .unwrap_or_else(|| io::ErrorKind::ConnectionReset.into());
    }
    io::Error::new(io::ErrorKind::ConnectionReset, error)
}

/// The request is none that HTTP/2 has: nothing of it has been sent, and the backend has no part in it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Unsayable(&'static str);

/// Why a request cannot be said in HTTP/2, if that is what an error says.
pub(super) fn unsayable(error: &io::Error) -> Option<&'static str> {
    let inner = error.get_ref()?.downcast_ref::<Unsayable>();
    inner.map(|unsayable| unsayable.0)
}

fn broken(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, text)
}

fn cannot_say(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, Unsayable(text))
}

impl std::fmt::Debug for Stream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Stream")
    }
}

impl Stream {
    /// One that has not been opened yet.
    pub(super) fn new(send: SendRequest<Bytes>, place: Place, secure: bool) -> Self {
        Self {
            place,
            secure,
            outgoing: Outgoing::Head(send, Vec::new()),
            sending: None,
            unsent: Bytes::new(),
            incoming: Incoming::Nothing,
            bodiless: false,
            passes_trailers: false,
            length: None,
            handshake: None,
            staged: Buffer::default(),
            read: 0,
            data: Bytes::new(),
        }
    }

    /// Its session takes no more streams.
    pub(super) fn retire(&self) {
        self.place.retire();
    }

    /// The client takes trailers whatever the length of the body before them.
    pub(super) fn pass_trailers(&mut self) {
        self.passes_trailers = true;
    }

    /// The length of the response's body, if it is known and the body comes in chunks.
    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    /// Whether the backend lets it become a WebSocket, once that is known. A broken session is one of those that
    /// do: it will say itself what is wrong with it.
    pub(super) async fn takes_websocket(&self) -> bool {
        let Outgoing::Head(send, _) = &self.outgoing else {
            return false;
        };
        self.place.settings().come().await;
        let cx = &mut Context::from_waker(Waker::noop());
        let is_broken = matches!(send.clone().poll_ready(cx), Poll::Ready(Err(_)));
        is_broken || send.is_extended_connect_protocol_enabled()
    }

    /// Opens the stream once the head is complete; what is behind it is body.
    fn open(&mut self) -> io::Result<()> {
        let Outgoing::Head(send, received) = &mut self.outgoing else {
            return Ok(());
        };
        let Some(end) = memchr::memmem::find(received, b"\r\n\r\n").map(|at| at + 4) else {
            return match received.len() > HEAD_BYTES_MAX {
                true => Err(cannot_say("its head is too large")),
                false => Ok(()),
            };
        };
        let head = received.get(..end).unwrap_or_default();
        let outgoing = translate::request(head, self.secure)
            .ok_or_else(|| cannot_say("its head has what HTTP/2 has not"))?;
        let empty = outgoing.framing.is_empty() && outgoing.handshake.is_none();
        let (response, sending) = send
            .send_request(outgoing.request, empty)
            .map_err(io_error)?;
        let rest = received.split_off(end);
        self.bodiless = outgoing.bodiless;
        self.handshake = outgoing.handshake;
        self.incoming = Incoming::Head(response);
        self.sending = Some(sending);
        self.outgoing = match outgoing.framing {
            _ if self.handshake.is_some() => Outgoing::Body(Body::Tunnel),
            _ if empty => Outgoing::Done,
            Framing::Chunked => Outgoing::Body(Body::Chunked(Decoder::new(&TRAILERS_JUDGED))),
            Framing::Length(length) => Outgoing::Body(Body::Length(length)),
            Framing::Close => return Err(broken("a request without length")),
        };
        match rest.is_empty() {
            true => Ok(()),
            false => self.accept(rest),
        }
    }

    /// Takes a piece of body as it is on HTTP/1.1.
    fn accept(&mut self, mut bytes: Vec<u8>) -> io::Result<()> {
        let Outgoing::Body(body) = &mut self.outgoing else {
            return Err(broken("more than the request's body"));
        };
        let (data, done, trailers) = match body {
            Body::Length(left) => {
                *left = left
                    .checked_sub(bytes.len() as u64)
                    .ok_or_else(|| broken("more than the request's body"))?;
                (bytes.len(), *left == 0, Vec::new())
            }
            Body::Chunked(decoder) => {
                let decoded = decoder.decode(&mut bytes);
                let decoded = decoded.map_err(|_| broken("the request's chunks are malformed"))?;
                (decoded.data, decoded.done, decoded.trailers)
            }
            Body::Tunnel => (bytes.len(), false, Vec::new()),
        };
        bytes.truncate(data);
        self.unsent = Bytes::from(bytes);
        if done {
            self.outgoing = Outgoing::Last(trailers);
        }
        Ok(())
    }

    /// Sends what has been taken. Room is asked for data alone, and none is kept: it is the session's, and
    /// others wait for it.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Some(sending) = &mut self.sending else {
            return Poll::Ready(Ok(()));
        };
        let ends = matches!(&self.outgoing, Outgoing::Last(trailers) if trailers.is_empty());
        let mut has_ended = false;
        while !self.unsent.is_empty() {
            sending.reserve_capacity(self.unsent.len());
            let room = sending.capacity().min(self.unsent.len());
            if room == 0 {
                match ready!(sending.poll_capacity(cx)) {
                    Some(Ok(_)) => continue,
                    Some(Err(error)) => return Poll::Ready(Err(io_error(error))),
                    None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
                }
            }
            let data = self.unsent.split_to(room);
            has_ended = ends && self.unsent.is_empty();
            sending.send_data(data, has_ended).map_err(io_error)?;
            sending.reserve_capacity(0);
        }
        let Outgoing::Last(trailers) = &self.outgoing else {
            return Poll::Ready(Ok(()));
        };
        if !trailers.is_empty() {
            let trailers = head::response_trailers(trailers);
            let trailers = trailers.ok_or_else(|| broken("a trailer that cannot be sent"))?;
            sending.send_trailers(trailers).map_err(io_error)?;
        } else if !has_ended {
            sending.send_data(Bytes::new(), true).map_err(io_error)?;
        }
        self.outgoing = Outgoing::Done;
        Poll::Ready(Ok(()))
    }

    /// Stages what comes next of the response. Ready without an error: there is something, or the end.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.incoming {
            Incoming::Nothing => Poll::Pending,
            Incoming::Ended => Poll::Ready(Ok(())),
            Incoming::Head(response) => {
                if let Poll::Ready(Some(found)) = response.poll_informational(cx) {
                    let (parts, ()) = found.map_err(io_error)?.into_parts();
                    translate::interim(&mut self.staged, &parts);
                    return Poll::Ready(Ok(()));
                }
                let found = ready!(std::pin::Pin::new(response).poll(cx));
                let (parts, body) = found.map_err(io_error)?.into_parts();
                self.begin_response(&parts, body);
                Poll::Ready(Ok(()))
            }
            Incoming::Body { body, chunked } => {
                if let Some(data) = ready!(body.poll_data(cx)) {
                    let data = data.map_err(io_error)?;
                    if *chunked && !data.is_empty() {
                        write::chunk_line(&mut self.staged, data.len());
                    }
                    self.data = data;
                    return Poll::Ready(Ok(()));
                }
                let trailers = ready!(body.poll_trailers(cx)).map_err(io_error)?;
                if *chunked {
                    translate::end(&mut self.staged, trailers.as_ref());
                }
                self.incoming = Incoming::Ended;
                Poll::Ready(Ok(()))
            }
        }
    }

    /// Stages the head of the final response.
    fn begin_response(&mut self, parts: &http::response::Parts, body: RecvStream) {
        let (staged, ended) = (&mut self.staged, body.is_end_stream());
        let following = match ended {
            _ if self.bodiless => Following::Nothing,
            true => Following::End,
            false if self.passes_trailers => Following::BodyAndTrailers,
            false => Following::Body,
        };
        let chunked = match &self.handshake {
            Some(handshake) if parts.status.is_success() => {
                translate::switched(staged, parts, handshake);
                false
            }
            Some(_) => {
                // No tunnel: the request ends where it is. What is wrong with that, the response says.
                let _ = self
                    .sending
                    .as_mut()
                    .map(|it| it.send_data(Bytes::new(), true));
                self.outgoing = Outgoing::Done;
                translate::response(staged, parts, following)
            }
            None => translate::response(staged, parts, following),
        };
        self.length = translate::length(parts).filter(|_| chunked);
        self.incoming = match ended {
            true => Incoming::Ended,
            false => Incoming::Body { body, chunked },
        };
    }

    /// Moves what is staged into `space`; how much.
    fn take(&mut self, space: &mut [u8]) -> usize {
        let staged = self.staged.filled().get(self.read..).unwrap_or_default();
        let mut count = copy(space, staged);
        self.read += count;
        if self.read < self.staged.len() {
            return count;
        }
        self.staged.clear();
        self.read = 0;
        let taken = copy(space.get_mut(count..).unwrap_or_default(), &self.data);
        if taken == 0 {
            return count;
        }
        count += taken;
        self.data.advance(taken);
        if let Incoming::Body { body, chunked } = &mut self.incoming {
            // The window opens again for what the engine has taken.
            let _ = body.flow_control().release_capacity(taken);
            if *chunked && self.data.is_empty() {
                self.staged.push(b"\r\n");
            }
        }
        count
    }
}

fn copy(space: &mut [u8], bytes: &[u8]) -> usize {
    let count = space.len().min(bytes.len());
    if let (Some(to), Some(from)) = (space.get_mut(..count), bytes.get(..count)) {
        to.copy_from_slice(from);
    }
    count
}

impl Socket for Stream {
    fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut count = 0;
        loop {
            count += self.take(space.get_mut(count..).unwrap_or_default());
            let waiting = self.staged.len() > self.read || !self.data.is_empty();
            if waiting && count < space.len() {
                continue;
            }
            let ended = matches!(self.incoming, Incoming::Ended) && !waiting;
            if count == space.len() || ended {
                return Poll::Ready(Ok(count));
            }
            match self.poll_next(cx) {
                Poll::Ready(Ok(())) => {}
                // What was read before the fault comes before it.
                Poll::Pending | Poll::Ready(Err(_)) if count > 0 => return Poll::Ready(Ok(count)),
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Nobody looks ahead at a backend.
    fn poll_peek(&mut self, _: &mut Context<'_>) -> Poll<io::Result<usize>> {
        Poll::Pending
    }

    /// A stream is used once.
    fn is_quiet(&mut self) -> bool {
        false
    }

    fn has_failed(&self) -> bool {
        false
    }

    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        let wanted = slices.iter().map(|slice| slice.len()).sum::<usize>();
        let wanted = wanted.min(TAKEN_BYTES_MAX);
        let mut own = Vec::new();
        let into = match &mut self.outgoing {
            Outgoing::Head(_, received) => received,
            Outgoing::Body(_) | Outgoing::Done | Outgoing::Last(_) => &mut own,
        };
        into.reserve(wanted);
        let mut left = wanted;
        for slice in slices {
            let part = slice.get(..left.min(slice.len())).unwrap_or_default();
            into.extend_from_slice(part);
            left -= part.len();
        }
        match self.outgoing {
            Outgoing::Head(..) => self.open()?,
            Outgoing::Body(_) | Outgoing::Done | Outgoing::Last(_) => self.accept(own)?,
        }
        // What has no room yet waits until the next piece, or until all is to be sent.
        if let Poll::Ready(sent) = self.poll_send(cx) {
            sent?;
        }
        Poll::Ready(Ok(wanted))
    }

    /// What the `h2` crate has, the session's task sends.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_send(cx)
    }

    /// Only a tunnel has an end that its request does not say.
    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if matches!(self.outgoing, Outgoing::Body(Body::Tunnel)) {
            self.outgoing = Outgoing::Last(Vec::new());
        }
        self.poll_send(cx)
    }
}
