//! Heads and chunk frames on their way out, written into a reused buffer in one pass.

use crate::answer::reason;
use crate::head::Buffer;

/// Appends one field.
pub fn field(out: &mut Buffer, name: &[u8], value: &[u8]) {
    out.push_line(name, value);
}

/// Appends `Content-Length`.
pub fn content_length(out: &mut Buffer, length: u64) {
    let mut digits = itoa::Buffer::new();
    field(out, b"Content-Length", digits.format(length).as_bytes());
}

/// Appends a status line; an empty `phrase` stands for the registered one.
pub fn status_line(out: &mut Buffer, status: u16, phrase: &[u8]) {
    if status == 200 && (phrase.is_empty() || phrase == b"OK") {
        out.push(b"HTTP/1.1 200 OK\r\n");
        return;
    }
    let mut digits = itoa::Buffer::new();
    out.push(b"HTTP/1.1 ");
    out.push(digits.format(status).as_bytes());
    out.push(b" ");
    out.push(if phrase.is_empty() {
        reason(status).as_bytes()
    } else {
        phrase
    });
    out.push(b"\r\n");
}

/// Appends the line that opens a chunk.
pub fn chunk_line(out: &mut Buffer, length: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut line = [0_u8; 18];
    let mut start = 16;
    let mut rest = length;
    loop {
        start -= 1;
        if let (Some(slot), Some(digit)) = (line.get_mut(start), DIGITS.get(rest & 15)) {
            *slot = *digit;
        }
        rest >>= 4;
        if rest == 0 || start == 0 {
            break;
        }
    }
    if let Some(end) = line.get_mut(16..) {
        end.copy_from_slice(b"\r\n");
    }
    out.push(line.get(start..).unwrap_or_default());
}

/// What ends a chunked body without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunk_lines() {
        for (length, expected) in [(1, "1\r\n"), (255, "ff\r\n"), (131_072, "20000\r\n")] {
            let mut out = Buffer::default();
            chunk_line(&mut out, length);
            assert_eq!(out.filled(), expected.as_bytes());
        }
    }

    #[test]
    fn status_lines() {
        let line = |status, phrase: &str| {
            let mut out = Buffer::default();
            status_line(&mut out, status, phrase.as_bytes());
            String::from_utf8(out.filled().to_vec()).unwrap()
        };
        assert_eq!(line(200, ""), "HTTP/1.1 200 OK\r\n");
        assert_eq!(line(404, ""), "HTTP/1.1 404 Not Found\r\n");
        assert_eq!(line(404, "Nope"), "HTTP/1.1 404 Nope\r\n");
    }
}
