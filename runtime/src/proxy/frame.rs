//! Bytes on their way to one socket: a head or chunk line, a piece of body, and what closes it.

use std::borrow::Cow;
use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use super::buffers::Buffers;
use super::downstream::{Announced, Piece, Tail, Terms};
use crate::h1::write;
use crate::head::{Buffer, Fields, Response, Span, Version};
use crate::io::Socket;

/// Bodies up to this size are copied behind their head, so that one plain write sends both.
const COPIED_BYTES_MAX: usize = 4 * 1024;

/// One write, and what is left of it.
#[derive(Debug)]
pub(super) struct Frame {
    /// Head, chunk line, and small bodies.
    lead: Buffer,
    /// A large body piece.
    body: Option<(Box<Fields>, Span)>,
    tail: Cow<'static, [u8]>,
    written: usize,
}

/// How body bytes are delimited on the way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Delimiting {
    /// As chunks.
    Chunks,
    /// By length or by the end of the connection: nothing is added.
    Plain,
}

impl Frame {
    /// Only a head.
    pub(super) fn head(lead: Buffer) -> Self {
        Self {
            lead,
            body: None,
            tail: Cow::Borrowed(b""),
            written: 0,
        }
    }

    /// A head (may be empty), then a piece of body; the last one closes a chunked body.
    pub(super) fn with_piece(
        mut lead: Buffer,
        piece: Piece,
        delimiting: Delimiting,
        buffers: &Buffers,
    ) -> Self {
        let (body, data) = (piece.fields, piece.data);
        let chunked = delimiting == Delimiting::Chunks;
        if chunked && !data.is_empty() {
            write::chunk_line(&mut lead, data.len());
        }
        let tail = match (chunked, piece.tail) {
            (false, _) => Cow::Borrowed(&b""[..]),
            (true, tail) => closing(data.is_empty(), tail),
        };
        if data.len() > COPIED_BYTES_MAX {
            return Self {
                lead,
                body: Some((body, data)),
                tail,
                written: 0,
            };
        }
        for part in [body.buffer.at(data), &tail] {
            if !part.is_empty() {
                lead.push(part);
            }
        }
        buffers.put_scratch(body);
        Self::head(lead)
    }

    /// The same behind a head.
    pub(super) fn behind(self, mut head: Buffer, buffers: &Buffers) -> Self {
        head.push(self.lead.filled());
        buffers.put_wire(self.lead);
        Self { lead: head, ..self }
    }

    /// Writes until nothing is left.
    pub(super) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        socket: &mut impl Socket,
    ) -> Poll<io::Result<()>> {
        while self.body.is_none() {
            // The lead alone, as for all heads and small bodies: one plain write.
            let rest = self.lead.filled().get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                return socket.poll_flush(cx);
            }
            match ready!(socket.poll_write(cx, &[IoSlice::new(rest)]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                written => self.written += written,
            }
        }
        loop {
            let (slices, count) = self.remaining();
            let slices = slices.get(..count).unwrap_or_default();
            if slices.is_empty() {
                return socket.poll_flush(cx);
            }
            let written = ready!(socket.poll_write(cx, slices))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.written += written;
        }
    }

    /// Whether nothing of it has been written.
    pub(super) fn is_unsent(&self) -> bool {
        self.written == 0
    }

    /// How many bytes it is.
    pub(super) fn len(&self) -> usize {
        let body = self.body.as_ref().map_or(0, |(_, span)| span.len());
        self.lead.len() + body + self.tail.len()
    }

    /// Copies all of it.
    pub(super) fn copy_to(&self, out: &mut Buffer) {
        out.push(self.lead.filled());
        if let Some((body, span)) = &self.body {
            out.push(body.buffer.at(*span));
        }
        out.push(&self.tail);
    }

    /// Starts over, for another connection.
    pub(super) fn rewind(&mut self) {
        self.written = 0;
    }

    /// Gives the buffers back.
    pub(super) fn recycle(self, buffers: &Buffers) {
        buffers.put_wire(self.lead);
        if let Some((body, _)) = self.body {
            buffers.put_scratch(body);
        }
    }

    fn remaining(&self) -> ([IoSlice<'_>; 3], usize) {
        let body = self
            .body
            .as_ref()
            .map_or(&b""[..], |(body, span)| body.buffer.at(*span));
        let mut slices = [IoSlice::new(b""); 3];
        let mut count = 0;
        let mut skipped = self.written;
        for part in [self.lead.filled(), body, &self.tail] {
            let rest = part.get(skipped..).unwrap_or_default();
            skipped = skipped.saturating_sub(part.len());
            if let Some(slot) = slices.get_mut(count).filter(|_| !rest.is_empty()) {
                *slot = IoSlice::new(rest);
                count += 1;
            }
        }
        (slices, count)
    }
}

/// What comes after a chunk's data; `empty`: there is none.
fn closing(empty: bool, tail: Tail) -> Cow<'static, [u8]> {
    match (empty, tail) {
        (true, Tail::More) => Cow::Borrowed(b""),
        (false, Tail::More) => Cow::Borrowed(b"\r\n"),
        (true, Tail::End) => Cow::Borrowed(write::LAST_CHUNK),
        (false, Tail::End) => Cow::Borrowed(b"\r\n0\r\n\r\n"),
        (empty, Tail::Trailers(fields)) => {
            let opening: &[u8] = if empty { b"0\r\n" } else { b"\r\n0\r\n" };
            Cow::Owned([opening, &fields, b"\r\n"].concat())
        }
    }
}

/// Status line and fields.
pub(super) fn write_fields(lead: &mut Buffer, response: &Response) {
    let phrase = response.fields.buffer.at(response.reason);
    write::status_line(lead, response.status(), phrase);
    response.fields.write(lead, |_| true);
}

/// The head of a final response, with the fields of this connection.
pub(super) fn write_head(lead: &mut Buffer, response: &Response, terms: Terms) {
    write_fields(lead, response);
    match terms.announced {
        Announced::Framed => write::field(lead, b"Transfer-Encoding", b"chunked"),
        Announced::Length(length) => write::content_length(lead, length),
        Announced::Close | Announced::Nothing => {}
        // RT-WS-1: the connection is no longer one of HTTP; its fields are the response's own.
        Announced::Tunnel => {
            lead.push(b"\r\n");
            return;
        }
    }
    match (terms.keep, terms.version) {
        (false, _) => write::field(lead, b"Connection", b"close"),
        (true, Version::Http10) => write::field(lead, b"Connection", b"keep-alive"),
        (true, Version::Http11 | Version::Http2) => {}
    }
    lead.push(b"\r\n");
}
