//! Packets: a tag, a length in one of four encodings, a body (RFC 9580, 4).

use crate::DecryptError;

/// The most packets on one level of a message.
const PACKETS_MAX: usize = 16;

/// What a packet is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Tag {
    Compressed,
    Literal,
    Marker,
    /// Encrypted and protected, as only GnuPG does it.
    Ocb,
    Padding,
    Protected,
    PublicKeySession,
    SessionKey,
    Signature,
    Unknown,
    /// Encrypted, but not protected against changes.
    Unprotected,
}

/// One packet.
#[derive(Debug)]
pub(crate) struct Packet {
    pub(crate) tag: Tag,
    pub(crate) body: Vec<u8>,
}

impl Tag {
    const fn new(number: u8) -> Self {
        match number {
            1 => Self::PublicKeySession,
            2 | 4 => Self::Signature,
            3 => Self::SessionKey,
            8 => Self::Compressed,
            9 => Self::Unprotected,
            10 => Self::Marker,
            11 => Self::Literal,
            18 => Self::Protected,
            20 => Self::Ocb,
            21 => Self::Padding,
            _ => Self::Unknown,
        }
    }

    /// Whether it says nothing.
    pub(crate) const fn is_filler(self) -> bool {
        matches!(self, Self::Marker | Self::Padding)
    }
}

/// How long a body is.
enum Length {
    /// So long.
    Exact(usize),
    /// So long, and another length follows.
    Partial(usize),
    /// All that is left.
    Rest,
}

/// All packets of one level.
pub(crate) fn read(mut bytes: &[u8]) -> Result<Vec<Packet>, DecryptError> {
    let mut packets = Vec::new();
    while let Some((&head, rest)) = bytes.split_first() {
        if packets.len() == PACKETS_MAX {
            return Err(DecryptError::Malformed);
        }
        bytes = rest;
        let (tag, old) = match head {
            0xc0.. => (head & 0x3f, None),
            0x80.. => ((head >> 2) & 0x0f, Some(head & 3)),
            0.. => return Err(DecryptError::Malformed),
        };
        let mut body = Vec::new();
        loop {
            let length = match old {
                Some(kind) => old_length(kind, &mut bytes)?,
                None => new_length(&mut bytes)?,
            };
            let count = match length {
                Length::Exact(count) | Length::Partial(count) => count,
                Length::Rest => bytes.len(),
            };
            body.extend_from_slice(take(&mut bytes, count)?);
            if matches!(length, Length::Exact(_) | Length::Rest) {
                break;
            }
        }
        packets.push(Packet {
            tag: Tag::new(tag),
            body,
        });
    }
    Ok(packets)
}

/// The next bytes.
pub(crate) fn take<'b>(bytes: &mut &'b [u8], count: usize) -> Result<&'b [u8], DecryptError> {
    let (taken, rest) = bytes
        .split_at_checked(count)
        .ok_or(DecryptError::Malformed)?;
    *bytes = rest;
    Ok(taken)
}

/// The next byte.
pub(crate) fn octet(bytes: &mut &[u8]) -> Result<u8, DecryptError> {
    let (&first, rest) = bytes.split_first().ok_or(DecryptError::Malformed)?;
    *bytes = rest;
    Ok(first)
}

fn old_length(kind: u8, bytes: &mut &[u8]) -> Result<Length, DecryptError> {
    Ok(match kind {
        0 => Length::Exact(number(bytes, 1)?),
        1 => Length::Exact(number(bytes, 2)?),
        2 => Length::Exact(number(bytes, 4)?),
        _ => Length::Rest,
    })
}

fn new_length(bytes: &mut &[u8]) -> Result<Length, DecryptError> {
    let first = octet(bytes)?;
    Ok(match first {
        0..=191 => Length::Exact(usize::from(first)),
        192..=223 => {
            let second = octet(bytes)?;
            Length::Exact((usize::from(first) - 192) * 256 + usize::from(second) + 192)
        }
        224..=254 => Length::Partial(1 << (first & 31)),
        255 => Length::Exact(number(bytes, 4)?),
    })
}

fn number(bytes: &mut &[u8], count: usize) -> Result<usize, DecryptError> {
    let octets = take(bytes, count)?;
    Ok(octets
        .iter()
        .fold(0, |number, octet| (number << 8) | usize::from(*octet)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(bytes: &[u8], expected: Option<&[(Tag, &[u8])]>) {
        let found = read(bytes).ok();
        let found = found.as_ref().map(|packets| {
            let pair = |packet: &'_ Packet| (packet.tag, packet.body.clone());
            packets.iter().map(pair).collect::<Vec<_>>()
        });
        let expected = expected.map(|packets| {
            let pair = |(tag, body): &(Tag, &[u8])| (*tag, body.to_vec());
            packets.iter().map(pair).collect::<Vec<_>>()
        });
        assert_eq!(found, expected, "{bytes:?}");
    }

    #[test]
    fn lengths() {
        check(&[0xcb, 2, 1, 2], Some(&[(Tag::Literal, &[1, 2])]));
        check(
            &[0xd2, 0xe1, 1, 2, 0xe0, 3, 1, 4],
            Some(&[(Tag::Protected, &[1, 2, 3, 4])]),
        );
        check(&[0xd5, 255, 0, 0, 0, 1, 9], Some(&[(Tag::Padding, &[9])]));
        check(
            &[0x8c, 1, 7, 0xa3, 8, 9],
            Some(&[(Tag::SessionKey, &[7]), (Tag::Compressed, &[8, 9])]),
        );
        check(&[0xad, 0, 1, 5], Some(&[(Tag::Literal, &[5])]));
        check(&[0xcb, 3, 1, 2], None);
        check(&[0xd2, 0xe1, 1, 2], None);
        check(&[0xd5, 255, 255, 255, 255, 255], None);
        check(&[0x12], None);
        check(&[0xca, 0].repeat(PACKETS_MAX + 1), None);
    }
}
