//! Bodies that are held back: read whole, within a bound, before the chain goes on (MW-GEN-14).
//!
//! A body that came with its head stays where it is. Any other grows in a buffer of its own, which
//! is written to the backend from where it lies and given back once that has answered.

use std::future::poll_fn;
use std::task::Poll;

use super::downstream::{Downstream, Piece, Tail, sent};
use super::forward::{Body, Failure, slow_body};
use super::{Core, deadlines};
use crate::chain::{Exchange, Held};
use crate::h1::framing::Framing;
use crate::head::{Fields, Span};

/// Reads the body of a request of which at most `bytes_max` bytes are allowed. One that is held
/// already is only measured (MW-INT-5).
pub(super) async fn hold<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &mut Exchange,
    body: &mut Body,
    bytes_max: u64,
) -> Result<(), Failure> {
    let fits = |length: usize| match length as u64 > bytes_max {
        true => Err(Failure::TooLarge(bytes_max)),
        false => Ok(()),
    };
    if let Some(held) = exchange.held_body() {
        return fits(held.len());
    }
    if downstream.is_received() {
        fits(body.prefix.len())?;
        exchange.held = Some(Held::Arena(body.prefix));
        settle(body, body.prefix.len());
        return Ok(());
    }
    if exchange
        .content_length
        .is_some_and(|length| length > bytes_max)
    {
        return Err(Failure::TooLarge(bytes_max));
    }
    let deadline = deadlines::of_response(core, downstream);
    if body.expects_continue {
        // RT-SEM-1: the chain reads the body now.
        downstream.push_continue(&core.buffers);
        let sent = sent(core, downstream).await;
        sent.map_err(|_| Failure::ClientGone)?;
    }
    let mut fields = core.buffers.head();
    let prefix = exchange.request.bytes(body.prefix);
    let read = match append(&mut fields, prefix, bytes_max) {
        Ok(()) => read(core, downstream, &mut fields, bytes_max).await,
        Err(failure) => Err(failure),
    };
    match read {
        Ok(trailers) => {
            downstream.watch().limit_until(deadline);
            body.prefix = Span::default();
            body.trailers = trailers;
            settle(body, fields.buffer.len());
            exchange.held = Some(Held::Own(fields));
            Ok(())
        }
        Err(failure) => {
            core.buffers.put_head(fields);
            Err(failure)
        }
    }
}

/// Reads to the end of the body; gives its trailers.
async fn read<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    held: &mut Fields,
    bytes_max: u64,
) -> Result<Vec<u8>, Failure> {
    loop {
        let Piece { fields, data, tail } = next_piece(core, downstream).await?;
        let appended = append(held, fields.buffer.at(data), bytes_max);
        core.buffers.put_scratch(fields);
        appended?;
        match tail {
            Tail::More => {}
            Tail::End => return Ok(Vec::new()),
            Tail::Trailers(trailers) => return Ok(trailers),
        }
    }
}

async fn next_piece<D: Downstream>(core: &Core, downstream: &mut D) -> Result<Piece, Failure> {
    poll_fn(|cx| match downstream.poll_body(cx, &core.buffers) {
        Poll::Ready(piece) => Poll::Ready(piece.map_err(Failure::from)),
        Poll::Pending => {
            let expired = downstream.watch().poll_expired(cx);
            expired.map(|()| Err(Failure::Refused(slow_body())))
        }
    })
    .await
}

/// Appends within the bound; the memory is never more than that, or what every buffer has.
fn append(held: &mut Fields, bytes: &[u8], bytes_max: u64) -> Result<(), Failure> {
    let length = held.buffer.len() + bytes.len();
    if length as u64 > bytes_max {
        return Err(Failure::TooLarge(bytes_max));
    }
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    held.buffer.reserve_within(bytes.len(), bytes_max);
    held.buffer.push(bytes);
    Ok(())
}

/// Now that the length is known, the backend is told it; trailers need chunks.
fn settle(body: &mut Body, length: usize) {
    if body.framing == Framing::Chunked && body.trailers.is_empty() {
        body.framing = Framing::Length(length as u64);
        body.content_length = Some(length as u64);
    }
}
