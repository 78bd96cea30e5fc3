//! What `bench-load` sends.

use std::net::SocketAddr;

use crate::options::Options;
use crate::websocket;

/// The requests to send, one after the other and over again.
#[derive(Debug)]
pub struct Requests {
    all: Vec<Vec<u8>>,
    next: usize,
}

impl Requests {
    /// For one of the targets.
    #[must_use]
    pub fn new(options: &Options, target: SocketAddr) -> Self {
        let request = |host: &str, path: &str| {
            format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: goma-bench\r\nAccept: */*\r\n\r\n"
            )
            .into_bytes()
        };
        let path = &options.path;
        let all = match options.spread {
            _ if options.websocket => vec![websocket::message(options.body_bytes)],
            None => vec![request(&target.to_string(), path)],
            // Neighbours differ in both, so that nothing is looked up twice in a row.
            Some((hosts, paths)) => (0..hosts * paths)
                .map(|number| {
                    let (host, first) = (number % hosts, number / hosts);
                    request(&format!("h{host}.test"), &format!("/r{first}{path}"))
                })
                .collect(),
        };
        Self { all, next: 0 }
    }

    /// The one whose turn it is.
    pub fn upcoming(&mut self) -> &[u8] {
        self.next = if self.next + 1 >= self.all.len() {
            0
        } else {
            self.next + 1
        };
        self.all.get(self.next).map_or(&[], Vec::as_slice)
    }
}
