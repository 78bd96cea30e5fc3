//! A client that sends bytes and reads bytes.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};

use super::PATIENCE;

/// A raw connection.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    received: Vec<u8>,
}

/// A response as it came.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// Status line and fields, without the empty line.
    pub head: String,
    /// The body, decoded if it came in chunks.
    pub body: Vec<u8>,
}

impl Client {
    /// Connects to a port of this machine.
    #[must_use]
    pub fn connect(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            received: Vec::new(),
        }
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> &mut Self {
        // The gateway may have closed already, which the next read will show.
        let _ = self.stream.write_all(bytes.as_ref());
        self
    }

    /// Ends the sending half.
    pub fn finish(&mut self) -> &mut Self {
        self.stream.shutdown(Shutdown::Write).unwrap();
        self
    }

    /// Reads a response to a method other than HEAD.
    pub fn response(&mut self) -> Response {
        self.response_to("GET")
    }

    /// Reads a response to a method.
    pub fn response_to(&mut self, method: &str) -> Response {
        let head = self.head();
        let status = head[9..12].parse().unwrap();
        let mut response = Response {
            status,
            head,
            body: Vec::new(),
        };
        let chunked = response.field("transfer-encoding").as_deref() == Some("chunked");
        let length = response.field("content-length");
        response.body = if method == "HEAD" || status < 200 || matches!(status, 204 | 304) {
            Vec::new()
        } else if chunked {
            self.chunks()
        } else if let Some(length) = length {
            self.exactly(length.parse().unwrap())
        } else {
            self.to_end()
        };
        response
    }

    /// Reads up to and including an empty line; returns what is before it.
    pub fn head(&mut self) -> String {
        loop {
            let end = self
                .received
                .windows(4)
                .position(|part| part == b"\r\n\r\n");
            if let Some(end) = end {
                let rest = self.received.split_off(end + 4);
                let head = std::mem::replace(&mut self.received, rest);
                return String::from_utf8_lossy(&head[..end]).into_owned();
            }
            assert!(
                self.read() > 0,
                "connection closed within a head: {:?}",
                self.shown()
            );
        }
    }

    /// Reads exactly this many bytes.
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        while self.received.len() < count {
            assert!(
                self.read() > 0,
                "connection closed within a body: {:?}",
                self.shown()
            );
        }
        let rest = self.received.split_off(count);
        std::mem::replace(&mut self.received, rest)
    }

    /// Reads up to and including these bytes.
    pub fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let found = self
                .received
                .windows(end.len())
                .position(|part| part == end);
            if let Some(found) = found {
                return self.exactly(found + end.len());
            }
            assert!(self.read() > 0, "connection closed: {:?}", self.shown());
        }
    }

    /// Reads until the gateway closes.
    pub fn to_end(&mut self) -> Vec<u8> {
        while self.read() > 0 {}
        std::mem::take(&mut self.received)
    }

    /// Whether the gateway closes without sending anything else.
    pub fn is_closed(&mut self) -> bool {
        self.to_end().is_empty()
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = self.line();
            let size = usize::from_str_radix(&line, 16).unwrap();
            body.extend(self.exactly(size));
            assert_eq!(self.line(), "");
            if size == 0 {
                return body;
            }
        }
    }

    fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.received.windows(2).position(|part| part == b"\r\n") {
                let rest = self.received.split_off(end + 2);
                let line = std::mem::replace(&mut self.received, rest);
                return String::from_utf8_lossy(&line[..end]).into_owned();
            }
            assert!(self.read() > 0, "connection closed within a line");
        }
    }

    fn read(&mut self) -> usize {
        let mut part = [0; 16 * 1024];
        // A reset counts as a close.
        let count = self.stream.read(&mut part).unwrap_or_else(|error| {
            assert_ne!(
                error.kind(),
                std::io::ErrorKind::WouldBlock,
                "waited in vain for bytes"
            );
            0
        });
        self.received.extend_from_slice(&part[..count]);
        count
    }

    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.received).into_owned()
    }
}

impl Response {
    /// The first value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<String> {
        self.fields(name).into_iter().next()
    }

    /// All values of a field.
    #[must_use]
    pub fn fields(&self, name: &str) -> Vec<String> {
        fields(&self.head, name)
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// All values of a field of a head.
#[must_use]
pub fn fields(head: &str, name: &str) -> Vec<String> {
    head.lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "))
        .filter(|(known, _)| known.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.to_owned())
        .collect()
}
