//! One case against one proxy: the bytes, a request behind them, and all that comes back.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use super::Case;
use super::recorder::{Recorder, SAW};
use crate::client::fields;

/// Follows every case: its answer shows that the proxy took the case to end where it does, and it
/// ends the connection.
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: duel.test\r\nConnection: close\r\n\r\n";
/// How long a connection may stay open; proxies are set to give up after a second.
const OPEN_MAX: Duration = Duration::from_secs(8);

/// A proxy in front of a recording backend.
pub trait Proxy {
    /// Where it listens.
    fn port(&self) -> u16;
    /// Its backend.
    fn recorder(&self) -> &Recorder;
    /// How long it may take to close connections that its backend has closed.
    fn patience(&self) -> Duration;
    /// Waits for what must follow the end of a client's connection.
    fn settle(&self) {}
}

/// What became of a case.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// Every answer that the client got: what the backend saw, or a status of the proxy's own.
    pub answers: Vec<Answer>,
    /// How it ended, if not by a close after the last answer.
    pub end: &'static str,
    /// The bytes that the backend got, connection by connection.
    pub forwarded: Vec<Vec<u8>>,
}

/// One answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The backend answered this request.
    Backend(String),
    /// The proxy answered by itself.
    Own(u16),
}

impl Outcome {
    /// In one line: `POST /, next`, `400`.
    #[must_use]
    pub fn line(&self) -> String {
        let mut parts: Vec<String> = self.answers.iter().map(Answer::to_string).collect();
        if !self.end.is_empty() {
            parts.push(self.end.to_owned());
        }
        parts.join(", ")
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Backend(request) if request == "GET /next" => formatter.write_str("next"),
            Self::Backend(request) => formatter.write_str(request),
            Self::Own(status) => write!(formatter, "{status}"),
        }
    }
}

/// Sends a case and waits for the proxy to end the connection.
pub fn contest(proxy: &impl Proxy, case: &Case) -> Outcome {
    let mut stream = TcpStream::connect(("127.0.0.1", proxy.port())).unwrap();
    stream.set_nodelay(true).unwrap();
    let mut bytes = case.request.clone();
    bytes.extend(NEXT.bytes());
    // A proxy that has refused the case may have closed already.
    let _ = stream.write_all(&bytes);
    let (received, open) = to_end(&mut stream);
    let (answers, rest) = answers(&received);
    let end = match (answers.as_slice(), open) {
        (_, true) => "open",
        _ if !rest.is_empty() => "garbage",
        ([], _) => "closed",
        _ => "",
    };
    proxy.settle();
    Outcome {
        answers,
        end,
        forwarded: proxy.recorder().take(proxy.patience()),
    }
}

fn to_end(stream: &mut TcpStream) -> (Vec<u8>, bool) {
    let begun = Instant::now();
    let mut received = Vec::new();
    let mut part = [0; 16 * 1024];
    loop {
        let left = OPEN_MAX.saturating_sub(begun.elapsed());
        if left.is_zero() {
            return (received, true);
        }
        stream.set_read_timeout(Some(left)).unwrap();
        match stream.read(&mut part) {
            Ok(count) if count > 0 => received.extend_from_slice(&part[..count]),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            // A reset counts as a close.
            Ok(_) | Err(_) => return (received, false),
        }
    }
}

/// Takes the answers apart; what is left is none.
fn answers(mut received: &[u8]) -> (Vec<Answer>, &[u8]) {
    let mut answers = Vec::new();
    loop {
        let end = received.windows(4).position(|part| part == b"\r\n\r\n");
        let Some(end) = end.filter(|_| received.starts_with(b"HTTP/1.")) else {
            return (answers, received);
        };
        let head = String::from_utf8_lossy(&received[..end]).into_owned();
        let body = &received[end + 4..];
        let status = head.get(9..12).and_then(|digits| digits.parse().ok());
        let status: u16 = status.unwrap_or_default();
        let saw = fields(&head, SAW).into_iter().next();
        if (100..200).contains(&status) && status != 101 {
            received = body;
            continue;
        }
        let to_head = saw.as_ref().is_some_and(|saw| saw.starts_with("HEAD "));
        let length = if to_head || matches!(status, 204 | 304) {
            0
        } else if fields(&head, "transfer-encoding") == ["chunked"] {
            let last = body.windows(5).position(|part| part == b"0\r\n\r\n");
            last.map_or(body.len(), |last| last + 5)
        } else {
            let length = fields(&head, "content-length").first().cloned();
            let length = length.and_then(|length| length.parse().ok());
            length.unwrap_or(body.len()).min(body.len())
        };
        // The proxy's answer to a HEAD announces a body that does not come.
        let follows = body.starts_with(b"HTTP/1.");
        received = if follows { body } else { &body[length..] };
        answers.push(saw.map_or(Answer::Own(status), Answer::Backend));
    }
}
