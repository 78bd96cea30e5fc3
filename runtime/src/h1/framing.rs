//! How a message's body is delimited (RFC 9112 §6, RT-SMUG-1 to -3).

use crate::error::{Refusal, RefusalReason};

/// The delimitation of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// `Transfer-Encoding: chunked`
    Chunked,
    /// Ends with the connection (responses only).
    Close,
    /// Exactly this many bytes; 0 also stands for "no body".
    Length(u64),
}

/// What the framing fields of a head say, collected while it is parsed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fields {
    length: Option<u64>,
    lengths: u32,
    chunked: bool,
    encodings: u32,
}

impl Framing {
    /// Whether there is no body to read.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self == Self::Length(0)
    }

    /// The length, if it is known beforehand.
    #[must_use]
    pub fn length(self) -> Option<u64> {
        match self {
            Self::Chunked | Self::Close => None,
            Self::Length(length) => Some(length),
        }
    }
}

impl Fields {
    /// Takes in a `Content-Length` field.
    pub(crate) fn content_length(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.lengths += 1;
        if self.lengths > 1 {
            return Err(Refusal::framing("repeated Content-Length"));
        }
        self.length = Some(parse_length(value)?);
        Ok(())
    }

    /// Takes in a `Transfer-Encoding` field.
    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) -> Result<(), Refusal> {
        self.encodings += 1;
        if self.encodings > 1 {
            return Err(Refusal::framing("repeated Transfer-Encoding"));
        }
        // Empty members are legal, but readers differ in what they make of `chunked,`.
        let mut codings = value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        let mut codings = codings.by_ref().peekable();
        let mut known = true;
        while let Some(coding) = codings.next() {
            let is_chunked = coding.eq_ignore_ascii_case(b"chunked");
            if is_chunked && codings.peek().is_some() {
                return Err(Refusal::framing("chunked is not the last transfer coding"));
            }
            known &= is_chunked;
            self.chunked = is_chunked;
        }
        if !self.chunked {
            return Err(Refusal::framing(
                "Transfer-Encoding does not end in chunked",
            ));
        }
        if !known {
            return Err(Refusal::new(
                501,
                RefusalReason::Framing,
                "unknown transfer coding",
            ));
        }
        Ok(())
    }

    /// The value of `Content-Length`, if there is one.
    pub(super) fn length(self) -> Option<u64> {
        self.length
    }

    /// Whether there was any framing field.
    pub(super) fn any(self) -> bool {
        self.lengths + self.encodings > 0
    }

    /// The framing, or `otherwise` if no field says.
    pub(crate) fn decide(self, otherwise: Framing) -> Result<Framing, Refusal> {
        match (self.chunked, self.length) {
            (true, Some(_)) => Err(Refusal::framing(
                "both Transfer-Encoding and Content-Length",
            )),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(otherwise),
        }
    }
}

/// Only digits, at most 2^63-1 (RT-SMUG-2).
fn parse_length(value: &[u8]) -> Result<u64, Refusal> {
    let malformed = Refusal::framing("malformed Content-Length");
    if value.is_empty() {
        return Err(malformed);
    }
    let mut length = 0_u64;
    for byte in value {
        let digit = byte.wrapping_sub(b'0');
        if digit > 9 {
            return Err(malformed);
        }
        length = length
            .checked_mul(10)
            .and_then(|length| length.checked_add(u64::from(digit)))
            .filter(|length| i64::try_from(*length).is_ok())
            .ok_or(malformed)?;
    }
    Ok(length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(fields: &[(bool, &str)]) -> Result<Framing, u16> {
        let mut seen = Fields::default();
        for (is_length, value) in fields {
            let taken = if *is_length {
                seen.content_length(value.as_bytes())
            } else {
                seen.transfer_encoding(value.as_bytes())
            };
            taken.map_err(|refusal| refusal.status)?;
        }
        seen.decide(Framing::Length(0))
            .map_err(|refusal| refusal.status)
    }

    /// RT-SMUG-1, -2, -3
    #[test]
    fn rules() {
        assert_eq!(check(&[]), Ok(Framing::Length(0)));
        assert_eq!(check(&[(true, "5")]), Ok(Framing::Length(5)));
        assert_eq!(check(&[(false, "Chunked")]), Ok(Framing::Chunked));
        assert_eq!(check(&[(true, "5"), (true, "5")]), Err(400));
        assert_eq!(check(&[(false, "chunked"), (true, "5")]), Err(400));
        for length in [
            "",
            "+5",
            "-5",
            "5,5",
            " 5",
            "0x5",
            "9223372036854775808",
            "5 5",
        ] {
            assert_eq!(check(&[(true, length)]), Err(400), "{length}");
        }
        assert_eq!(
            check(&[(true, "9223372036854775807")]),
            Ok(Framing::Length(i64::MAX as u64))
        );
        assert_eq!(check(&[(false, "chunked, chunked")]), Err(400));
        assert_eq!(check(&[(false, "chunked, gzip")]), Err(400));
        assert_eq!(check(&[(false, "gzip, chunked")]), Err(501));
        assert_eq!(check(&[(false, "identity")]), Err(400));
        for odd in [
            "chunked,",
            "chunked, ",
            ",",
            ", chunked",
            "",
            "chunked;q=1",
            "chunkedx",
        ] {
            assert!(check(&[(false, odd)]).is_err(), "{odd:?}");
        }
        assert_eq!(check(&[(false, "chunked"), (false, "chunked")]), Err(400));
    }
}
