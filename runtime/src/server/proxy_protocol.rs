//! The PROXY protocol, versions 1 and 2, as a receiver (RT-PP): bytes to an address. No sockets.
//!
//! Strict where two readers could disagree: single spaces, no leading zeros, no address of another
//! family, a checksum that fits if there is one.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Longest header of version 1, with its CRLF.
const V1_BYTES_MAX: usize = 107;
/// Longest header of version 2.
pub(super) const V2_BYTES_MAX: usize = 4096;
/// Signature, version and command, family, length.
const V2_FIXED_BYTES: usize = 16;

const V1_START: &[u8] = b"PROXY ";
const V2_SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// The TLV with the checksum of the header.
const TLV_CRC32C: u8 = 0x03;

/// What the first bytes of a connection are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Preamble {
    /// No PROXY header.
    Absent,
    /// A header of this many bytes. `source`: who connected to the proxy; `None` for `LOCAL`, `UNKNOWN`
    /// and families other than TCP, which keep the real peer.
    Header {
        source: Option<SocketAddr>,
        length: usize,
    },
    /// The beginning of a header.
    Partial,
    /// Begins like a header, but is none (RT-PP-2).
    Malformed,
}

/// Reads what has been received of a connection so far.
pub(super) fn parse(bytes: &[u8]) -> Preamble {
    if bytes.starts_with(V1_START) {
        return v1(bytes);
    }
    if bytes.starts_with(V2_SIGNATURE) {
        return v2(bytes).unwrap_or(Preamble::Malformed);
    }
    if V1_START.starts_with(bytes) || V2_SIGNATURE.starts_with(bytes) {
        return Preamble::Partial;
    }
    Preamble::Absent
}

fn v1(bytes: &[u8]) -> Preamble {
    let window = bytes.get(..V1_BYTES_MAX).unwrap_or(bytes);
    let Some(end) = window.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < V1_BYTES_MAX {
            Preamble::Partial
        } else {
            Preamble::Malformed
        };
    };
    let line = window.get(V1_START.len()..end).unwrap_or_default();
    let Ok(line) = std::str::from_utf8(line) else {
        return Preamble::Malformed;
    };
    let source = match line.split_once(' ') {
        // What follows UNKNOWN is to be ignored.
        _ if line == "UNKNOWN" || line.starts_with("UNKNOWN ") => Some(None),
        Some(("TCP4", rest)) => v1_source::<Ipv4Addr>(rest).map(Some),
        Some(("TCP6", rest)) => v1_source::<Ipv6Addr>(rest).map(Some),
        Some(_) | None => None,
    };
    match source {
        Some(source) => Preamble::Header {
            source,
            length: end + 2,
        },
        None => Preamble::Malformed,
    }
}

/// `source destination source-port destination-port`
fn v1_source<A: std::str::FromStr + Into<IpAddr>>(text: &str) -> Option<SocketAddr> {
    let mut words = text.split(' ');
    let source: A = words.next()?.parse().ok()?;
    let _: A = words.next()?.parse().ok()?;
    let port = v1_port(words.next()?)?;
    v1_port(words.next()?)?;
    words
        .next()
        .is_none()
        .then(|| SocketAddr::new(source.into(), port))
}

fn v1_port(text: &str) -> Option<u16> {
    let canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|_| canonical)
}

/// `None`: malformed.
fn v2(bytes: &[u8]) -> Option<Preamble> {
    let Some((fixed, _)) = bytes.split_at_checked(V2_FIXED_BYTES) else {
        return Some(Preamble::Partial);
    };
    let [.., command, family, high, low] = *fixed else {
        return None;
    };
    let payload = usize::from(u16::from_be_bytes([high, low]));
    let length = V2_FIXED_BYTES + payload;
    let is_local = match command {
        0x20 => true,
        0x21 => false,
        _ => return None,
    };
    let (addresses, is_tcp) = match family {
        0x00 => (0, false),
        0x11 => (12, true),
        0x21 => (36, true),
        0x12 => (12, false),
        0x22 => (36, false),
        0x31 | 0x32 => (216, false),
        _ => return None,
    };
    // A LOCAL header's addresses are to be skipped, whatever they are.
    let addresses = if is_local {
        payload.min(addresses)
    } else {
        addresses
    };
    if length > V2_BYTES_MAX || payload < addresses {
        return None;
    }
    let Some(header) = bytes.get(..length) else {
        return Some(Preamble::Partial);
    };
    let (addressed, extensions) = header.split_at_checked(V2_FIXED_BYTES + addresses)?;
    if !is_local {
        check_extensions(header, extensions)?;
    }
    let source = addressed
        .get(V2_FIXED_BYTES..)
        .filter(|_| is_tcp && !is_local)
        .and_then(v2_source);
    Some(Preamble::Header { source, length })
}

/// Source address and port of two addresses and two ports.
fn v2_source(block: &[u8]) -> Option<SocketAddr> {
    if let Some(address) = block.first_chunk::<4>().filter(|_| block.len() == 12) {
        let port = block.get(8..10)?.try_into().ok()?;
        let address = Ipv4Addr::from(*address);
        return Some(SocketAddr::new(address.into(), u16::from_be_bytes(port)));
    }
    let address = block.first_chunk::<16>()?;
    let port = block.get(32..34)?.try_into().ok()?;
    let address = Ipv6Addr::from(*address);
    Some(SocketAddr::new(address.into(), u16::from_be_bytes(port)))
}

/// Type, length, value, to the end; and the checksum, if there is one.
fn check_extensions(header: &[u8], mut extensions: &[u8]) -> Option<()> {
    while let Some((kind, rest)) = extensions.split_first() {
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (value, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))?;
        if *kind == TLV_CRC32C {
            let sum: [u8; 4] = value.try_into().ok()?;
            let start = header.len() - rest.len() - sum.len();
            if crc32c_without(header, start) != u32::from_be_bytes(sum) {
                return None;
            }
        }
        extensions = rest;
    }
    Some(())
}

/// CRC-32C of the header with the four bytes at `start` as zeros.
fn crc32c_without(header: &[u8], start: usize) -> u32 {
    const POLYNOMIAL: u32 = 0x82f6_3b78;
    let summed = header.iter().enumerate().fold(u32::MAX, |sum, (at, byte)| {
        let byte = if (start..start + 4).contains(&at) {
            0
        } else {
            *byte
        };
        (0..8).fold(sum ^ u32::from(byte), |sum, _| {
            (sum >> 1) ^ (POLYNOMIAL & (sum & 1).wrapping_neg())
        })
    });
    !summed
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn header(source: Option<&str>, length: usize) -> Preamble {
        let source = source.map(|source| source.parse().unwrap());
        Preamble::Header { source, length }
    }

    fn v2_of(command: u8, family: u8, payload: &[u8]) -> Vec<u8> {
        let length = u16::try_from(payload.len()).unwrap().to_be_bytes();
        let mut bytes = V2_SIGNATURE.to_vec();
        bytes.extend([command, family]);
        bytes.extend(length);
        bytes.extend(payload);
        bytes
    }

    const TCP4: [u8; 12] = [192, 0, 2, 1, 192, 0, 2, 2, 0x12, 0x34, 0, 80];

    /// RT-PP-1, RT-PP-2
    #[test]
    fn version_1() {
        let good = "PROXY TCP4 192.0.2.1 192.0.2.2 4660 80\r\n";
        let with_more = format!("{good}GET /");
        assert_eq!(
            parse(with_more.as_bytes()),
            header(Some("192.0.2.1:4660"), good.len())
        );
        let v6 = "PROXY TCP6 2001:db8::1 ::1 65535 0\r\n";
        assert_eq!(
            parse(v6.as_bytes()),
            header(Some("[2001:db8::1]:65535"), v6.len())
        );
        for unknown in ["PROXY UNKNOWN\r\n", "PROXY UNKNOWN a b c d\r\n"] {
            assert_eq!(parse(unknown.as_bytes()), header(None, unknown.len()));
        }
        let longest = format!("PROXY UNKNOWN {}\r\n", "f".repeat(V1_BYTES_MAX - 16));
        assert_eq!(parse(longest.as_bytes()), header(None, V1_BYTES_MAX));
        let too_long = format!("PROXY UNKNOWN {}\r\n", "f".repeat(V1_BYTES_MAX - 15));
        assert_eq!(parse(too_long.as_bytes()), Preamble::Malformed);
        for malformed in [
            "PROXY TCP4 192.0.2.1 192.0.2.2 4660\r\n",
            "PROXY TCP4 192.0.2.1  192.0.2.2 4660 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 04660 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 65536 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 +80 80\r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 80 80 \r\n",
            "PROXY TCP4 192.0.2.1 192.0.2.2 80 80\n\r\n",
            "PROXY TCP4 2001:db8::1 ::1 80 80\r\n",
            "PROXY TCP6 192.0.2.1 192.0.2.2 80 80\r\n",
            "PROXY TCP5 192.0.2.1 192.0.2.2 80 80\r\n",
            "PROXY UNKNOWNx\r\n",
            "PROXY \r\n",
        ] {
            assert_eq!(
                parse(malformed.as_bytes()),
                Preamble::Malformed,
                "{malformed:?}"
            );
        }
    }

    /// RT-PP-1, RT-PP-2
    #[test]
    fn version_2() {
        let tcp4 = v2_of(0x21, 0x11, &TCP4);
        assert_eq!(parse(&tcp4), header(Some("192.0.2.1:4660"), 28));
        let mut tcp6 = [0_u8; 36];
        tcp6[15] = 1;
        tcp6[33] = 9;
        let tcp6 = v2_of(0x21, 0x21, &tcp6);
        assert_eq!(parse(&tcp6), header(Some("[::1]:9"), 52));
        assert_eq!(parse(&v2_of(0x20, 0x00, b"")), header(None, 16));
        assert_eq!(parse(&v2_of(0x20, 0x11, &TCP4)), header(None, 28));
        assert_eq!(parse(&v2_of(0x21, 0x00, b"")), header(None, 16));
        assert_eq!(parse(&v2_of(0x21, 0x31, &[0; 216])), header(None, 232));
        let padding = [&TCP4[..], &[0x04, 0x0f, 0xe1], &[0; 4065]].concat();
        assert_eq!(
            parse(&v2_of(0x21, 0x11, &padding)),
            Preamble::Header {
                source: Some("192.0.2.1:4660".parse().unwrap()),
                length: V2_BYTES_MAX,
            }
        );
        for (command, family, payload) in [
            (0x11, 0x11, &TCP4[..]),
            (0x22, 0x11, &TCP4),
            (0x21, 0x13, &TCP4),
            (0x21, 0x41, &TCP4),
            (0x21, 0x11, &TCP4[..11]),
            (0x21, 0x21, &TCP4),
            (0x21, 0x11, &[&TCP4[..], &[0x04, 0, 2, 0]].concat()),
            (0x21, 0x11, &[&TCP4[..], &[0x04, 0]].concat()),
            (0x21, 0x11, &[&TCP4[..], &[0; 4069]].concat()),
        ] {
            let bytes = v2_of(command, family, payload);
            assert_eq!(parse(&bytes), Preamble::Malformed, "{command:x} {family:x}");
        }
    }

    /// RT-PP-2: a checksum that does not fit. The value is that of RFC 3720's CRC-32C.
    #[test]
    fn checksums() {
        let header = b"123456789";
        assert_eq!(crc32c_without(header, 100), 0xe306_9283);
        let mut bytes = v2_of(
            0x21,
            0x11,
            &[&TCP4[..], &[TLV_CRC32C, 0, 4, 0, 0, 0, 0]].concat(),
        );
        assert_eq!(parse(&bytes), Preamble::Malformed);
        let sum = crc32c_without(&bytes, 31).to_be_bytes();
        bytes[31..].copy_from_slice(&sum);
        assert!(matches!(parse(&bytes), Preamble::Header { length: 35, .. }));
    }

    #[test]
    fn other_protocols() {
        for other in [
            &b"GET / HTTP/1.1\r\n"[..],
            b"\x16\x03\x01",
            b"\r\nGET",
            b"PROXYGET",
        ] {
            assert_eq!(parse(other), Preamble::Absent, "{other:?}");
        }
    }

    proptest! {
        /// However the bytes arrive, the answer is the same, and no prefix is taken for anything else.
        #[test]
        fn prefixes_are_partial(payload in proptest::collection::vec(any::<u8>(), 0..64)) {
            let mut tlv = vec![0x04];
            tlv.extend(u16::try_from(payload.len()).unwrap().to_be_bytes());
            tlv.extend(payload);
            let whole = v2_of(0x21, 0x11, &[&TCP4[..], &tlv].concat());
            for end in 0..whole.len() {
                prop_assert_eq!(parse(&whole[..end]), Preamble::Partial);
            }
            let v1 = b"PROXY TCP4 192.0.2.1 192.0.2.2 4660 80\r\n";
            for end in 0..v1.len() {
                prop_assert_eq!(parse(&v1[..end]), Preamble::Partial);
            }
        }

        #[test]
        fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = parse(&bytes);
            let _ = parse(&[V2_SIGNATURE, &bytes].concat());
            let _ = parse(&[V1_START, &bytes].concat());
        }
    }
}
