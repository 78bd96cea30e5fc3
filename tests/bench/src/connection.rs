//! One connection of `bench-load`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use mio::net::TcpStream;
use mio::{Interest, Poll, Token};

use crate::options::Options;
use crate::websocket;

/// Longest response head that is collected over several reads.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Fields of a response head; more is an error.
const FIELDS_MAX: usize = 64;

/// One connection with one request under way, or none.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// From when on what is under way counts.
    pub sent_at: Instant,
    /// A head that came in pieces; empty nearly always.
    partial: Vec<u8>,
    /// Body bytes still to come; `None` while the head is awaited.
    body_left: Option<usize>,
}

impl Connection {
    /// To a target; events come with `place`.
    ///
    /// # Errors
    /// The target does not take it.
    pub fn open(
        options: &Options,
        target: SocketAddr,
        poll: &Poll,
        place: usize,
    ) -> io::Result<Self> {
        let mut stream = std::net::TcpStream::connect(target)?;
        stream.set_nodelay(true)?;
        if options.websocket {
            switch(&mut stream, target, options)?;
        }
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        poll.registry()
            .register(&mut stream, Token(place), Interest::READABLE)?;
        Ok(Self {
            stream,
            sent_at: Instant::now(),
            partial: Vec::new(),
            body_left: None,
        })
    }

    /// Sends a request that counts from then on.
    ///
    /// # Errors
    /// The target is gone, or takes nothing.
    pub fn send(&mut self, request: &[u8], counted_from: Instant) -> io::Result<()> {
        self.sent_at = counted_from;
        // A request is far smaller than an empty socket buffer.
        if self.stream.write(request)? == request.len() {
            Ok(())
        } else {
            Err(ErrorKind::WriteZero.into())
        }
    }

    /// Takes what has arrived; true when it completes the answer.
    ///
    /// # Errors
    /// It is no right answer, or the target is gone.
    pub fn receive(&mut self, scratch: &mut [u8], options: &Options) -> io::Result<bool> {
        loop {
            let read = match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            };
            if self.take(scratch.get(..read).unwrap_or_default(), options)? {
                return Ok(true);
            }
            // A short read emptied the socket; the next byte is a new edge.
            if read < scratch.len() {
                return Ok(false);
            }
        }
    }

    fn take(&mut self, bytes: &[u8], options: &Options) -> io::Result<bool> {
        let body_bytes = options.body_bytes;
        let body = match self.body_left {
            Some(left) => left.checked_sub(bytes.len()),
            None if options.websocket && !bytes.starts_with(&[websocket::BINARY]) => {
                return Err(io::Error::other("no message"));
            }
            None if options.websocket => {
                websocket::echoed_bytes(body_bytes).checked_sub(bytes.len())
            }
            None if self.partial.is_empty() => match body_after_head(bytes, body_bytes)? {
                Some(body) => body_bytes.checked_sub(body),
                None => {
                    self.partial.extend_from_slice(bytes);
                    return Ok(false);
                }
            },
            None => {
                self.partial.extend_from_slice(bytes);
                let Some(body) = body_after_head(&self.partial, body_bytes)? else {
                    return Ok(false);
                };
                self.partial.clear();
                body_bytes.checked_sub(body)
            }
        };
        match body.ok_or_else(|| io::Error::other("more bytes than the body has"))? {
            0 => {
                self.body_left = None;
                Ok(true)
            }
            left => {
                self.body_left = Some(left);
                Ok(false)
            }
        }
    }
}

/// Makes a connection a WebSocket.
fn switch(
    stream: &mut std::net::TcpStream,
    target: SocketAddr,
    options: &Options,
) -> io::Result<()> {
    stream.write_all(&websocket::handshake(&target.to_string(), &options.path))?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    match head.starts_with(b"HTTP/1.1 101 ") {
        true => Ok(()),
        false => Err(io::Error::other("no WebSocket")),
    }
}

/// How many body bytes follow the head in `bytes`; `None` while the head is incomplete.
///
/// # Errors
/// Anything but a 200 with a `Content-Length` of `body_bytes`.
fn body_after_head(bytes: &[u8], body_bytes: usize) -> io::Result<Option<usize>> {
    if memchr::memmem::find(bytes, b"\r\n\r\n").is_none() {
        let too_long = bytes.len() > HEAD_BYTES_MAX;
        return if too_long {
            Err(io::Error::other("endless response head"))
        } else {
            Ok(None)
        };
    }
    let mut fields = [httparse::EMPTY_HEADER; FIELDS_MAX];
    let mut head = httparse::Response::new(&mut fields);
    let status = head.parse(bytes).map_err(io::Error::other)?;
    let httparse::Status::Complete(head_bytes) = status else {
        return Ok(None);
    };
    if head.code != Some(200) {
        return Err(io::Error::other(format!(
            "status {}",
            head.code.unwrap_or_default()
        )));
    }
    let length = head
        .headers
        .iter()
        .find(|field| field.name.eq_ignore_ascii_case("content-length"));
    let length =
        length.and_then(|field| std::str::from_utf8(field.value).ok()?.parse::<usize>().ok());
    if length != Some(body_bytes) {
        return Err(io::Error::other(format!("Content-Length {length:?}")));
    }
    Ok(Some(bytes.len() - head_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_expected_answer_counts() {
        assert_eq!(body_after_head(b"HTTP/1.1 200 OK\r\n", 2).unwrap(), None);
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nxx";
        assert_eq!(body_after_head(whole, 2).unwrap(), Some(2));
        assert!(body_after_head(whole, 3).is_err());
        assert!(body_after_head(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", 2).is_err());
    }
}
