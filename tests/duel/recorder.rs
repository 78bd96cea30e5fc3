//! A backend that records every byte it gets, and answers what it can make of them: by the strict
//! reader, else by the first lenient one that finds a request.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use super::readers::{Message, READERS, Read};
use crate::wait_until;

/// The field that tells the client what the backend took its request for.
pub const SAW: &str = "X-Saw";

/// A recording backend.
#[derive(Debug)]
pub struct Recorder {
    /// The port it listens on.
    pub port: u16,
    connections: Arc<Mutex<Vec<Arc<Mutex<Recording>>>>>,
}

/// What came on one connection.
#[derive(Debug)]
struct Recording {
    stream: TcpStream,
    bytes: Vec<u8>,
    /// How many of them belong to requests that were answered.
    answered: usize,
    ended: bool,
}

impl Recorder {
    /// Begins to listen.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let connections = Arc::new(Mutex::new(Vec::new()));
        let all = Arc::clone(&connections);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let stream = stream.unwrap();
                stream.set_nodelay(true).unwrap();
                let recording = Arc::new(Mutex::new(Recording {
                    stream: stream.try_clone().unwrap(),
                    bytes: Vec::new(),
                    answered: 0,
                    ended: false,
                }));
                all.lock().unwrap().push(Arc::clone(&recording));
                std::thread::spawn(move || serve(stream, &recording));
            }
        });
        Self { port, connections }
    }

    /// Waits until every connection with half a request on it has been closed by the proxy.
    pub fn settle(&self) {
        wait_until("the proxy closes a connection that it cut", || {
            self.connections.lock().unwrap().iter().all(|recording| {
                let recording = recording.lock().unwrap();
                recording.ended || recording.answered == recording.bytes.len()
            })
        });
    }

    /// What has come since the last time, connection by connection; ends them all. `patience`: how long
    /// a proxy has to close its side, before it might use one of them for the next case.
    #[must_use]
    pub fn take(&self, patience: Duration) -> Vec<Vec<u8>> {
        let connections = std::mem::take(&mut *self.connections.lock().unwrap());
        for recording in &connections {
            let _ = recording.lock().unwrap().stream.shutdown(Shutdown::Write);
        }
        let begun = Instant::now();
        let open = |recording: &Arc<Mutex<Recording>>| !recording.lock().unwrap().ended;
        while begun.elapsed() < patience && connections.iter().any(open) {
            std::thread::sleep(Duration::from_millis(1));
        }
        connections
            .iter()
            .map(|recording| {
                let recording = recording.lock().unwrap();
                let _ = recording.stream.shutdown(Shutdown::Both);
                recording.bytes.clone()
            })
            .filter(|bytes| !bytes.is_empty())
            .collect()
    }
}

fn serve(mut stream: TcpStream, recording: &Mutex<Recording>) {
    let mut part = [0; 16 * 1024];
    let mut continued = false;
    loop {
        let count = stream.read(&mut part).unwrap_or(0);
        let mut recording = recording.lock().unwrap();
        if count == 0 {
            recording.ended = true;
            return;
        }
        recording.bytes.extend_from_slice(&part[..count]);
        let mut answers = Vec::new();
        loop {
            let pending = &recording.bytes[recording.answered..];
            match understood(pending) {
                Read::Complete(message) => {
                    answers.extend(answer(&message));
                    recording.answered += message.length;
                    continued = false;
                }
                Read::Incomplete => {
                    if !std::mem::replace(&mut continued, waits_for_100(pending)) && continued {
                        answers.extend(b"HTTP/1.1 100 Continue\r\n\r\n");
                    }
                    break;
                }
                Read::Refused(_) => {
                    let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
                    let _ = stream.shutdown(Shutdown::Both);
                    recording.ended = true;
                    return;
                }
            }
        }
        let _ = stream.write_all(&answers);
    }
}

/// The first reader's view that is not a refusal.
fn understood(pending: &[u8]) -> Read {
    if pending.is_empty() {
        return Read::Incomplete;
    }
    let views = READERS.iter().map(|reader| reader.read(pending));
    let accepted = views.clone().find(|view| !matches!(view, Read::Refused(_)));
    accepted.unwrap_or(Read::Refused("by all"))
}

fn waits_for_100(pending: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pending).to_ascii_lowercase();
    text.contains("\nexpect: 100-continue") && text.contains("\r\n\r\n")
}

fn answer(message: &Message) -> Vec<u8> {
    let printable = |c: char| {
        if c.is_ascii_graphic() || c == ' ' {
            c
        } else {
            '?'
        }
    };
    let saw: String = message.request.chars().map(printable).take(200).collect();
    let body = if saw.starts_with("HEAD ") { "" } else { "ok" };
    format!("HTTP/1.1 200 OK\r\n{SAW}: {saw}\r\nContent-Length: 2\r\n\r\n{body}").into_bytes()
}
