//! Bodies of HTTP/1.1 messages as they come in: where they end, and what of the bytes is data.

use crate::error::Refusal;
use crate::h1::Limits;
use crate::h1::chunk::Decoder;
use crate::h1::framing::Framing;

/// A body that is being received.
#[derive(Debug)]
pub(super) enum Incoming {
    Chunked(Decoder),
    Close,
    Done,
    Length(u64),
}

/// What a piece of input came to.
#[derive(Debug)]
pub(super) struct Taken {
    /// Data bytes, now at the front of the piece.
    pub(super) data: usize,
    /// Bytes of the piece that belong to the body.
    pub(super) consumed: usize,
    /// With the end of the body: its trailer fields, each ended by CRLF.
    pub(super) trailers: Vec<u8>,
}

impl Incoming {
    /// A body of which nothing has been received; its trailers are held to `limits`.
    pub(super) fn new(framing: Framing, limits: &Limits) -> Self {
        match framing {
            Framing::Chunked => Self::Chunked(Decoder::new(limits)),
            Framing::Close => Self::Close,
            Framing::Length(0) => Self::Done,
            Framing::Length(length) => Self::Length(length),
        }
    }

    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Decodes a piece in place.
    pub(super) fn take(&mut self, bytes: &mut [u8]) -> Result<Taken, Refusal> {
        let all = bytes.len();
        let (taken, done) = match self {
            Self::Done => (0, true),
            Self::Close => (all, false),
            Self::Length(left) => {
                let taken = usize::try_from(*left).map_or(all, |left| left.min(all));
                *left -= taken as u64;
                (taken, *left == 0)
            }
            Self::Chunked(decoder) => {
                let decoded = decoder.decode(bytes)?;
                if decoded.done {
                    *self = Self::Done;
                }
                return Ok(Taken {
                    data: decoded.data,
                    consumed: decoded.consumed,
                    trailers: decoded.trailers,
                });
            }
        };
        if done {
            *self = Self::Done;
        }
        Ok(Taken {
            data: taken,
            consumed: taken,
            trailers: Vec::new(),
        })
    }

    /// The backend has closed: the end of a close-delimited body, else a fault.
    pub(super) fn end(&mut self) -> Result<(), ()> {
        match self {
            Self::Close => {
                *self = Self::Done;
                Ok(())
            }
            Self::Chunked(_) | Self::Done | Self::Length(_) => Err(()),
        }
    }
}
