//! Chunked bodies (RFC 9112 §7.1): decoded in place, so that only data remains (RT-SMUG-7).

use super::{Limits, trailers};
use crate::error::{Refusal, RefusalReason};

/// Longest chunk line, its extension included.
const LINE_BYTES_MAX: usize = 256;
/// All extensions of one body together.
const EXTENSION_BYTES_MAX: usize = 16 * 1024;
/// The state between two pieces of a chunked body.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// Bytes of the current line.
    line: usize,
    extensions: usize,
    /// The trailer section as received, so far.
    trailers: Vec<u8>,
    trailer_bytes_max: usize,
    trailers_max: usize,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Digits of a chunk size; `digits` of them so far.
    #[default]
    SizeStart,
    Size {
        size: u64,
        digits: u8,
    },
    Extension {
        size: u64,
    },
    SizeLf {
        size: u64,
    },
    Data {
        left: u64,
    },
    DataCr,
    DataLf,
    /// At the start of a trailer line.
    TrailerStart,
    Trailer,
    TrailerLf,
    EndLf,
    End,
}

/// What one piece of input came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// Data bytes, now at the front of the input.
    pub data: usize,
    /// Input bytes taken; less than all only at the end of the body.
    pub consumed: usize,
    /// Whether the body is complete.
    pub done: bool,
    /// At the end of the body, the trailer fields that may pass, each ended by CRLF (RT-SEM-4).
    pub trailers: Vec<u8>,
}

impl Decoder {
    /// A decoder of a body whose trailers are held to the limits of a header section (RT-LIM-2).
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        Self {
            state: State::default(),
            line: 0,
            extensions: 0,
            trailers: Vec::new(),
            trailer_bytes_max: limits.header_bytes_max,
            trailers_max: limits.fields_max,
        }
    }

    /// Decodes a piece in place.
    ///
    /// # Errors
    /// 400 for anything that another reader could frame differently (RT-SMUG-7), 431 for trailers
    /// over their limit.
    pub fn decode(&mut self, bytes: &mut [u8]) -> Result<Decoded, Refusal> {
        let mut data = 0;
        let mut at = 0;
        while at < bytes.len() && self.state != State::End {
            if let State::Data { left } = self.state {
                let available = bytes.len() - at;
                let taken = usize::try_from(left).map_or(available, |left| left.min(available));
                if data != at {
                    bytes.copy_within(at..at + taken, data);
                }
                data += taken;
                at += taken;
                let left = left - taken as u64;
                self.state = if left == 0 {
                    State::DataCr
                } else {
                    State::Data { left }
                };
                continue;
            }
            let byte = bytes.get(at).copied().unwrap_or_default();
            self.state = self.step(byte)?;
            at += 1;
        }
        let done = self.state == State::End;
        Ok(Decoded {
            data,
            consumed: at,
            done,
            trailers: if done && !self.trailers.is_empty() {
                trailers::pass(&std::mem::take(&mut self.trailers), self.trailers_max)?
            } else {
                Vec::new()
            },
        })
    }

    fn step(&mut self, byte: u8) -> Result<State, Refusal> {
        let malformed = Refusal::framing("malformed chunk");
        Ok(match (self.state, byte) {
            (State::SizeStart, byte) => {
                self.line = 1;
                let size = hex_value(byte).ok_or(malformed)?;
                State::Size { size, digits: 1 }
            }
            (State::Size { size, .. }, b'\r') => State::SizeLf { size },
            (State::Size { size, .. }, b';') => self.extension(size)?,
            (State::Size { digits: 16, .. }, _) => return Err(malformed),
            (State::Size { size, digits }, byte) => State::Size {
                size: (size << 4) | hex_value(byte).ok_or(malformed)?,
                digits: digits + 1,
            },
            (State::Extension { size }, b'\r') => State::SizeLf { size },
            (State::Extension { size }, b'\t' | b' '..=0x7e | 0x80..) => self.extension(size)?,
            (State::SizeLf { size: 0 }, b'\n') => State::TrailerStart,
            (State::SizeLf { size }, b'\n') => State::Data { left: size },
            (State::DataCr, b'\r') => State::DataLf,
            (State::DataLf, b'\n') => State::SizeStart,
            (State::TrailerStart, b'\r') => State::EndLf,
            (State::TrailerStart, byte) if byte > b' ' && byte < 0x7f => {
                self.trailer(byte, State::Trailer)?
            }
            (State::Trailer, b'\r') => self.trailer(byte, State::TrailerLf)?,
            (State::Trailer, b'\t' | b' '..=0x7e | 0x80..) => self.trailer(byte, State::Trailer)?,
            (State::TrailerLf, b'\n') => self.trailer(byte, State::TrailerStart)?,
            (State::EndLf, b'\n') => State::End,
            _ => return Err(malformed),
        })
    }

    fn extension(&mut self, size: u64) -> Result<State, Refusal> {
        self.line += 1;
        self.extensions += 1;
        if self.line > LINE_BYTES_MAX || self.extensions > EXTENSION_BYTES_MAX {
            return Err(Refusal::framing("chunk extensions too long"));
        }
        Ok(State::Extension { size })
    }

    fn trailer(&mut self, byte: u8, next: State) -> Result<State, Refusal> {
        if self.trailers.len() >= self.trailer_bytes_max {
            let detail = "trailer section too large";
            return Err(Refusal::new(431, RefusalReason::Limit, detail));
        }
        self.trailers.push(byte);
        Ok(next)
    }
}

fn hex_value(byte: u8) -> Option<u64> {
    char::from(byte).to_digit(16).map(u64::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decoded(pieces: &[&[u8]]) -> Result<(Vec<u8>, Vec<u8>, bool), u16> {
        let mut decoder = Decoder::new(&Limits::default());
        let (mut data, mut rest, mut done) = (Vec::new(), Vec::new(), false);
        for piece in pieces {
            let mut piece = piece.to_vec();
            if done {
                rest.extend(piece);
                continue;
            }
            let found = decoder
                .decode(&mut piece)
                .map_err(|refusal| refusal.status)?;
            data.extend_from_slice(&piece[..found.data]);
            rest.extend_from_slice(&piece[found.consumed..]);
            done = found.done;
        }
        Ok((data, rest, done))
    }

    #[test]
    fn data_extensions_and_trailers() {
        let body = b"5;a=b\r\nhello\r\n1\r\n!\r\n0\r\nX-A: b\r\n\r\nGET /";
        let expected = (b"hello!".to_vec(), b"GET /".to_vec(), true);
        assert_eq!(decoded(&[body]), Ok(expected));
    }

    /// RT-SMUG-7
    #[test]
    fn refused() {
        let long = format!("1;{}\r\n", "a".repeat(300));
        for body in [
            "\r\n",
            "g\r\n",
            "+1\r\n",
            " 1\r\n",
            "1 \r\n",
            "1\n",
            "0x1\r\n",
            "1\r\nab\r\n",
            "1\r\na\n",
            "11111111111111111\r\n",
            "0\r\n x\r\n\r\n",
            "0\r\nX-A : b\r\n\r\n",
            "0\r\nX-A\r\n\r\n",
            "0\r\n: b\r\n\r\n",
            "0\r\nX-A: b\r\n c\r\n\r\n",
            "0\r\nX(A: b\r\n\r\n",
            "0\r\n\n",
            "1;a\0\r\n",
            &long,
        ] {
            assert_eq!(decoded(&[body.as_bytes()]), Err(400), "{body:?}");
        }
    }

    /// RT-LIM-2: trailers have the limits of a header section.
    #[test]
    fn trailer_limits() {
        let limits = Limits {
            header_bytes_max: 64,
            fields_max: 2,
            ..Limits::default()
        };
        for (section, expected) in [
            ("A: 1\r\nB: 2\r\n".to_owned(), Ok("A: 1\r\nB: 2\r\n")),
            ("A: 1\r\nB: 2\r\nC: 3\r\n".to_owned(), Err(431)),
            (format!("A: {}\r\n", "b".repeat(60)), Err(431)),
        ] {
            let mut bytes = format!("0\r\n{section}\r\n").into_bytes();
            let decoded = Decoder::new(&limits).decode(&mut bytes);
            let found = decoded.map(|decoded| String::from_utf8(decoded.trailers).unwrap());
            let found = found.as_deref().map_err(|refusal| refusal.status);
            assert_eq!(found, expected, "{section:?}");
        }
    }

    proptest! {
        /// Any split of the byte stream gives the same result.
        #[test]
        fn splits_do_not_matter(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..40), 0..6),
            cuts in proptest::collection::vec(1_usize..9, 0..200),
        ) {
            let mut body = Vec::new();
            for chunk in &chunks {
                body.extend(format!("{:x}\r\n", chunk.len()).bytes());
                body.extend(chunk);
                body.extend(b"\r\n");
            }
            body.extend(b"0\r\n\r\nnext");
            let mut pieces = Vec::new();
            let mut rest = body.as_slice();
            for cut in cuts {
                let (piece, after) = rest.split_at(cut.min(rest.len()));
                pieces.push(piece);
                rest = after;
            }
            pieces.push(rest);
            let expected = (chunks.concat(), b"next".to_vec(), true);
            prop_assert_eq!(decoded(&pieces), Ok(expected));
        }

        #[test]
        fn never_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Decoder::new(&Limits::default()).decode(&mut bytes);
        }
    }
}
