//! The backend that `ci/bench` puts behind every proxy: one thread, edge-triggered epoll, answers
//! formatted once. One read and one write per request, so that it is never what is measured.
//!
//! It speaks just enough HTTP/1.1 for proxies that behave: `GET`, keep-alive, no bodies, no
//! pipelining; and WebSocket, whose messages it echoes. Whatever else arrives ends the connection; that shows as errors of the load.

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

use goma_bench::websocket;
use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};

/// The listener's token; connections use their place in [`Backend::connections`].
const LISTENER: Token = Token(usize::MAX);
/// Bytes one read takes at most; a request head of a proxy is far smaller.
const READ_BYTES: usize = 16 * 1024;
/// Longest request head that is collected over several reads.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Body of `/1k`.
const SMALL_BODY_BYTES: usize = 1_024;
/// Body of `/100k`.
const LARGE_BODY_BYTES: usize = 102_400;

fn main() -> Result<(), Box<dyn Error>> {
    let address: SocketAddr = std::env::args()
        .nth(1)
        .ok_or("usage: bench-backend ADDRESS:PORT")?
        .parse()?;
    Backend::bind(address)?.run()?;
    Ok(())
}

/// Every answer, head and body in one buffer.
struct Answers {
    small: Vec<u8>,
    large: Vec<u8>,
    missing: Vec<u8>,
}

/// Which of the [`Answers`] a connection is writing.
#[derive(Clone, Copy)]
enum Answer {
    Large,
    Missing,
    Small,
    Switched,
}

impl Answers {
    fn new() -> Self {
        Self {
            small: answer("200 OK", SMALL_BODY_BYTES),
            large: answer("200 OK", LARGE_BODY_BYTES),
            missing: answer("404 Not Found", 0),
        }
    }

    fn bytes(&self, which: Answer) -> &[u8] {
        match which {
            Answer::Large => &self.large,
            Answer::Missing => &self.missing,
            Answer::Small => &self.small,
            Answer::Switched => websocket::SWITCHED,
        }
    }
}

/// The answer, with the few fields a real backend sends.
fn answer(status: &str, body_bytes: usize) -> Vec<u8> {
    let mut bytes = format!(
        "HTTP/1.1 {status}\r\nServer: bench\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\
         Content-Type: text/plain\r\nContent-Length: {body_bytes}\r\n\r\n"
    )
    .into_bytes();
    bytes.resize(bytes.len() + body_bytes, b'x');
    bytes
}

/// One proxy's connection.
struct Connection {
    stream: TcpStream,
    /// The beginning of a head or message that came in pieces; empty nearly always.
    partial: Vec<u8>,
    /// The answer on its way out, and how much of it is written.
    writing: Option<(Answer, usize)>,
    /// Messages on their way back; `None`: it is no WebSocket.
    echoes: Option<Vec<u8>>,
}

struct Backend {
    poll: Poll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    free: Vec<usize>,
    answers: Answers,
    scratch: Vec<u8>,
}

impl Backend {
    fn bind(address: SocketAddr) -> io::Result<Self> {
        let poll = Poll::new()?;
        let mut listener = TcpListener::bind(address)?;
        poll.registry()
            .register(&mut listener, LISTENER, Interest::READABLE)?;
        Ok(Self {
            poll,
            listener,
            connections: Vec::new(),
            free: Vec::new(),
            answers: Answers::new(),
            scratch: vec![0; READ_BYTES],
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1024);
        loop {
            match self.poll.poll(&mut events, None) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                result => result?,
            }
            for event in &events {
                if event.token() == LISTENER {
                    self.accept()?;
                } else {
                    self.advance(event.token().0);
                }
            }
        }
    }

    fn accept(&mut self) -> io::Result<()> {
        loop {
            let mut stream = match self.listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(_) => continue,
            };
            stream.set_nodelay(true)?;
            let place = self.free.pop().unwrap_or_else(|| {
                self.connections.push(None);
                self.connections.len() - 1
            });
            let both = Interest::READABLE | Interest::WRITABLE;
            self.poll
                .registry()
                .register(&mut stream, Token(place), both)?;
            if let Some(entry) = self.connections.get_mut(place) {
                *entry = Some(Connection {
                    stream,
                    partial: Vec::new(),
                    writing: None,
                    echoes: None,
                });
            }
        }
    }

    /// Does what the connection's socket allows; closes it when the peer did or misbehaved.
    fn advance(&mut self, place: usize) {
        let Some(entry) = self.connections.get_mut(place) else {
            return;
        };
        let Some(connection) = entry.as_mut() else {
            return;
        };
        if connection
            .advance(&self.answers, &mut self.scratch)
            .is_err()
        {
            // Dropping the stream also takes it out of epoll.
            *entry = None;
            self.free.push(place);
        }
    }
}

impl Connection {
    fn advance(&mut self, answers: &Answers, scratch: &mut [u8]) -> io::Result<()> {
        self.write(answers)?;
        loop {
            let read = match self.stream.read(scratch) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            };
            let bytes = scratch.get(..read).unwrap_or_default();
            if let Some(echoes) = &mut self.echoes {
                self.partial.extend_from_slice(bytes);
                websocket::echo(&mut self.partial, echoes).ok_or(ErrorKind::InvalidData)?;
                self.write_echoes()?;
            } else if self.partial.is_empty() && bytes.ends_with(b"\r\n\r\n") {
                self.answer(bytes_to_answer(bytes), answers)?;
            } else {
                self.partial.extend_from_slice(bytes);
                if self.partial.ends_with(b"\r\n\r\n") {
                    let head = std::mem::take(&mut self.partial);
                    self.answer(bytes_to_answer(&head), answers)?;
                } else if self.partial.len() > HEAD_BYTES_MAX {
                    return Err(ErrorKind::InvalidData.into());
                }
            }
            // A short read emptied the socket; the next byte is a new edge.
            if read < scratch.len() {
                return Ok(());
            }
        }
    }

    fn answer(&mut self, answer: Answer, answers: &Answers) -> io::Result<()> {
        if self.writing.is_some() {
            return Err(ErrorKind::InvalidData.into());
        }
        if matches!(answer, Answer::Switched) {
            self.echoes = Some(Vec::new());
        }
        self.writing = Some((answer, 0));
        self.write(answers)
    }

    fn write(&mut self, answers: &Answers) -> io::Result<()> {
        while let Some((answer, written)) = self.writing {
            let left = answers.bytes(answer).get(written..).unwrap_or_default();
            match self.stream.write(left) {
                Ok(count) if count == left.len() => self.writing = None,
                Ok(count) => self.writing = Some((answer, written + count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        self.write_echoes()
    }

    fn write_echoes(&mut self) -> io::Result<()> {
        let Some(echoes) = self.echoes.as_mut().filter(|_| self.writing.is_none()) else {
            return Ok(());
        };
        while !echoes.is_empty() {
            match self.stream.write(echoes) {
                Ok(count) => drop(echoes.drain(..count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

/// The last segment of the path decides, so that a prefix or a rewrite changes nothing.
fn bytes_to_answer(head: &[u8]) -> Answer {
    let path = head.split(|byte| *byte == b' ').nth(1).unwrap_or_default();
    if !head.starts_with(b"GET ") {
        Answer::Missing
    } else if path.ends_with(b"/echo") && websocket::is_handshake(head) {
        Answer::Switched
    } else if path.ends_with(b"/1k") {
        Answer::Small
    } else if path.ends_with(b"/100k") {
        Answer::Large
    } else {
        Answer::Missing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_segment_decides() {
        assert!(matches!(
            bytes_to_answer(b"GET /two/1k HTTP/1.1\r\n\r\n"),
            Answer::Small
        ));
        assert!(matches!(
            bytes_to_answer(b"GET /100k HTTP/1.1\r\n\r\n"),
            Answer::Large
        ));
        assert!(matches!(
            bytes_to_answer(b"POST /1k HTTP/1.1\r\n\r\n"),
            Answer::Missing
        ));
    }

    #[test]
    fn answers_have_the_promised_length() {
        let answers = Answers::new();
        let head = memchr::memmem::find(&answers.large, b"\r\n\r\n").unwrap();
        assert_eq!(answers.large.len() - head - 4, LARGE_BODY_BYTES);
    }
}
