//! A backend whose every byte the test decides.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use super::client::fields;
use super::{PATIENCE, wait_until};

/// A listening backend. Each connection runs the script in a thread of its own.
pub struct Backend {
    port: u16,
    requests: Arc<Mutex<Vec<Recorded>>>,
    script: Script,
}

/// What a backend does on each connection.
type Script = Arc<dyn Fn(&mut Connection) + Send + Sync>;

/// A request as the backend received it.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Request line and fields, without the empty line.
    pub head: String,
    /// The body's bytes, chunk framing included.
    pub body: Vec<u8>,
    /// Which connection it came on, counted from 0.
    pub connection: usize,
}

/// One connection to a backend.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    received: Vec<u8>,
    requests: Arc<Mutex<Vec<Recorded>>>,
    /// Counted from 0.
    pub index: usize,
}

impl Backend {
    /// Runs `script` on every connection.
    #[must_use]
    pub fn script(script: impl Fn(&mut Connection) + Send + Sync + 'static) -> Self {
        Self::run(Self::listener(), Arc::new(script))
    }

    /// Runs `script` on every connection to an address; `None`: somebody else has it.
    #[must_use]
    pub fn at(
        address: (&str, u16),
        script: impl Fn(&mut Connection) + Send + Sync + 'static,
    ) -> Option<Self> {
        let listener = TcpListener::bind(address).ok()?;
        Some(Self::run(listener, Arc::new(script)))
    }

    /// Another one that runs the same script.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self::run(Self::listener(), Arc::clone(&self.script))
    }

    fn listener() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    fn run(listener: TcpListener, script: Script) -> Self {
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let recorded = Arc::clone(&requests);
        let every = Arc::clone(&script);
        std::thread::spawn(move || {
            for (index, stream) in listener.incoming().enumerate() {
                let Ok(stream) = stream else { return };
                stream.set_read_timeout(Some(PATIENCE)).unwrap();
                stream.set_nodelay(true).unwrap();
                let script = Arc::clone(&every);
                let mut connection = Connection {
                    stream,
                    received: Vec::new(),
                    requests: Arc::clone(&recorded),
                    index,
                };
                std::thread::spawn(move || script(&mut connection));
            }
        });
        Self {
            port,
            requests,
            script,
        }
    }

    /// Answers every request with the same bytes and keeps the connection.
    #[must_use]
    pub fn answering(response: &'static str) -> Self {
        Self::script(move |connection| {
            while connection.request().is_some() {
                connection.send(response);
            }
        })
    }

    /// Answers every request with `200` and the body `ok`.
    #[must_use]
    pub fn ok() -> Self {
        Self::answering("HTTP/1.1 200 OK\r\nContent-Length: 2\r\nServer: backend\r\n\r\nok")
    }

    /// The port it listens on.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// The requests so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Recorded> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits for the request with this index.
    #[must_use]
    pub fn request(&self, index: usize) -> Recorded {
        wait_until("the backend gets a request", || {
            self.requests().len() > index
        });
        self.requests()[index].clone()
    }
}

impl std::fmt::Debug for Backend {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Backend")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

impl Recorded {
    /// All values of a field.
    #[must_use]
    pub fn fields(&self, name: &str) -> Vec<String> {
        fields(&self.head, name)
    }

    /// The request target.
    #[must_use]
    pub fn target(&self) -> &str {
        self.head.split(' ').nth(1).unwrap()
    }
}

impl Connection {
    /// Reads a whole request and records it; `None` once the gateway has closed.
    pub fn request(&mut self) -> Option<Recorded> {
        let head = self.read_head()?;
        let mut body = Vec::new();
        if let Some(length) = fields(&head, "content-length").first() {
            let length: usize = length.parse().unwrap();
            while self.received.len() < length {
                self.read()?;
            }
            body = self.take(length);
        } else if fields(&head, "transfer-encoding") == ["chunked"] {
            let end = loop {
                if let Some(end) = end_of_chunks(&self.received) {
                    break end;
                }
                self.read()?;
            };
            body = self.take(end);
        }
        let recorded = Recorded {
            head,
            body,
            connection: self.index,
        };
        self.requests.lock().unwrap().push(recorded.clone());
        Some(recorded)
    }

    /// Reads a request head only.
    pub fn read_head(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self
                .received
                .windows(4)
                .position(|part| part == b"\r\n\r\n")
            {
                let head = self.take(end + 4);
                return Some(String::from_utf8_lossy(&head[..end]).into_owned());
            }
            self.read()?;
        }
    }

    /// Reads up to and including these bytes; `None` if the gateway closes before.
    pub fn until(&mut self, end: &[u8]) -> Option<Vec<u8>> {
        loop {
            let found = self
                .received
                .windows(end.len())
                .position(|part| part == end);
            if let Some(found) = found {
                return Some(self.take(found + end.len()));
            }
            self.read()?;
        }
    }

    /// Reads at least one byte; `None` once the gateway has closed.
    pub fn read(&mut self) -> Option<()> {
        let mut part = [0; 16 * 1024];
        match self.stream.read(&mut part) {
            Ok(count) if count > 0 => {
                self.received.extend_from_slice(&part[..count]);
                Some(())
            }
            Ok(_) | Err(_) => None,
        }
    }

    /// Waits for any byte behind what has been taken; `None` if the gateway closes instead.
    pub fn peek(&mut self) -> Option<()> {
        if self.received.is_empty() {
            return self.read();
        }
        Some(())
    }

    /// Records a request of which only the head has been read.
    pub fn record(&mut self, head: String) {
        let recorded = Recorded {
            head,
            body: Vec::new(),
            connection: self.index,
        };
        self.requests.lock().unwrap().push(recorded);
    }

    /// What has been read and not been taken yet.
    pub fn taken(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.received)
    }

    /// Sends bytes.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let _ = self.stream.write_all(bytes.as_ref());
    }

    /// Closes the connection.
    pub fn close(&mut self) {
        let _ = self.stream.shutdown(Shutdown::Both);
    }

    /// Lets the end of the script reset the connection instead of ending it.
    pub fn reset_at_end(&self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let rest = self.received.split_off(count);
        std::mem::replace(&mut self.received, rest)
    }
}

/// Where a chunked body ends, its trailers included.
fn end_of_chunks(body: &[u8]) -> Option<usize> {
    let find = |from: usize, text: &[u8]| {
        let rest = body.get(from..)?;
        let found = rest.windows(text.len()).position(|part| part == text);
        found.map(|at| from + at)
    };
    let last = match body.starts_with(b"0\r\n") {
        true => 0,
        false => find(0, b"\r\n0\r\n")? + 2,
    };
    find(last, b"\r\n\r\n").map(|end| end + 4)
}
