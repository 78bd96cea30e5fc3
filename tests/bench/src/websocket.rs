//! WebSocket (RFC 6455) as far as an echo of binary messages needs it: one handshake, always with the same key, and
//! frames that are whole messages.

/// The key of every handshake, which is the example of RFC 6455 §1.3, and so is the answer.
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
/// What a backend says to a handshake.
pub const SWITCHED: &[u8] =
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
/// FIN, binary.
pub const BINARY: u8 = 0x82;
/// The bit of the second byte that says that a mask follows the length.
const MASKED: u8 = 0x80;
const MASK_BYTES: usize = 4;
/// From here on the length has two bytes of its own.
const LONG: u8 = 126;
/// The longest message that both ends speak of.
const MESSAGE_BYTES_MAX: usize = u16::MAX as usize;

/// The head that asks for a WebSocket.
#[must_use]
pub fn handshake(host: &str, path: &str) -> Vec<u8> {
    format!(
        "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
    )
    .into_bytes()
}

/// Whether a head asks for a WebSocket with the key that [`SWITCHED`] answers.
#[must_use]
pub fn is_handshake(head: &[u8]) -> bool {
    memchr::memmem::find(head, KEY.as_bytes()).is_some()
}

/// A client's message of so many bytes, at most 65,535. Its mask is 0, which changes nothing.
#[must_use]
pub fn message(bytes: usize) -> Vec<u8> {
    let mut frame = head_of(bytes, MASKED);
    frame.resize(frame.len() + MASK_BYTES + bytes, 0);
    frame
}

/// How long the server's frame of the same message is.
#[must_use]
pub fn echoed_bytes(bytes: usize) -> usize {
    head_of(bytes, 0).len() + bytes
}

fn head_of(bytes: usize, masked: u8) -> Vec<u8> {
    let length = u16::try_from(bytes.min(MESSAGE_BYTES_MAX)).unwrap_or(u16::MAX);
    match u8::try_from(length) {
        Ok(short) if short < LONG => vec![BINARY, masked | short],
        Ok(_) | Err(_) => {
            let [high, low] = length.to_be_bytes();
            vec![BINARY, masked | LONG, high, low]
        }
    }
}

/// Takes whole frames of a client's from the front of `received` and appends the answers to `out`; `None`: it is
/// something else.
pub fn echo(received: &mut Vec<u8>, out: &mut Vec<u8>) -> Option<()> {
    let mut rest = received.as_slice();
    while let Some((data, behind)) = first(rest)? {
        out.extend_from_slice(&head_of(data.len(), 0));
        out.extend_from_slice(data);
        rest = behind;
    }
    let taken = received.len() - rest.len();
    received.drain(..taken);
    Some(())
}

/// A message and what follows it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// The first message. `Some(None)`: it is not whole.
fn first(bytes: &[u8]) -> Option<Option<Split<'_>>> {
    let (length, rest) = match bytes {
        [BINARY, short, rest @ ..] if short & !MASKED < LONG && short & MASKED != 0 => {
            (usize::from(short & !MASKED), rest)
        }
        [BINARY, long, high, low, rest @ ..] if *long == MASKED | LONG => {
            (usize::from(u16::from_be_bytes([*high, *low])), rest)
        }
        [] | [BINARY] => return Some(None),
        [BINARY, long, ..] if *long == MASKED | LONG => return Some(None),
        _ => return None,
    };
    let Some((mask, rest)) = rest.split_at_checked(MASK_BYTES) else {
        return Some(None);
    };
    let is_plain = mask.iter().all(|byte| *byte == 0);
    is_plain.then(|| rest.split_at_checked(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_come_back_however_they_are_cut() {
        for bytes in [0, 1, 125, 126, 1024, 65_535] {
            let sent = [message(bytes), message(bytes)].concat();
            for cut in [1, 3, 7, bytes + 5] {
                let (mut received, mut out) = (Vec::new(), Vec::new());
                for piece in sent.chunks(cut) {
                    received.extend_from_slice(piece);
                    echo(&mut received, &mut out).unwrap();
                }
                assert!(received.is_empty());
                assert_eq!(out.len(), 2 * echoed_bytes(bytes));
                assert_eq!(out.first(), Some(&BINARY));
            }
        }
    }

    #[test]
    fn nothing_else_is_echoed() {
        for wrong in [
            &b"GET /"[..],
            &[BINARY, 5],
            &[0x81, 0x80, 0, 0, 0, 0],
            &[BINARY, 0x80, 1, 2, 3, 4],
        ] {
            let mut received = wrong.to_vec();
            assert!(echo(&mut received, &mut Vec::new()).is_none(), "{wrong:?}");
        }
    }
}
