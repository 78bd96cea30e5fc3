//! Requests without a pause, on kept and on new connections: none may fail.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::{PATIENCE, wait_until};

/// From one request of a connection to the next: some hundred requests a second each.
const PAUSE: Duration = Duration::from_millis(2);
/// Connections of each kind of a load that has a rate.
const AT_RATE: u32 = 8;

/// When a connection asks again.
#[derive(Clone, Copy, Debug)]
enum Pace {
    /// A while after it was answered.
    Pause(Duration),
    /// At fixed times so far apart, however long answers take.
    Every(Duration),
}

/// Running until [`Load::end`].
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    answered: Arc<AtomicUsize>,
    slowest_us: Arc<AtomicU64>,
    failed: Arc<Mutex<Vec<String>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    /// `count` connections of each kind ask for a path.
    #[must_use]
    pub fn start(port: u16, path: &'static str, count: usize) -> Self {
        Self::with(port, path, 2 * count, Pace::Pause(PAUSE))
    }

    /// So many requests a second, half of them on new connections.
    #[must_use]
    pub fn at_rate(port: u16, path: &'static str, per_second: u32) -> Self {
        let every = Duration::from_secs(1) * 2 * AT_RATE / per_second;
        Self::with(port, path, 2 * AT_RATE as usize, Pace::Every(every))
    }

    fn with(port: u16, path: &'static str, count: usize, pace: Pace) -> Self {
        let mut load = Self {
            stop: Arc::default(),
            answered: Arc::default(),
            slowest_us: Arc::default(),
            failed: Arc::default(),
            threads: Vec::new(),
        };
        for index in 0..count {
            let (stop, answered) = (Arc::clone(&load.stop), Arc::clone(&load.answered));
            let (failed, slowest) = (Arc::clone(&load.failed), Arc::clone(&load.slowest_us));
            let kept = index % 2 == 0;
            load.threads.push(std::thread::spawn(move || {
                let mut connection = None;
                let mut due = Instant::now();
                while !stop.load(Ordering::Relaxed) {
                    let begun = Instant::now();
                    match ask(port, path, connection.take(), kept) {
                        Ok(stays) => {
                            connection = stays;
                            answered.fetch_add(1, Ordering::Relaxed);
                            let took = u64::try_from(begun.elapsed().as_micros()).unwrap();
                            slowest.fetch_max(took, Ordering::Relaxed);
                        }
                        Err(error) => failed
                            .lock()
                            .unwrap()
                            .push(format!("kept: {kept}: {error}")),
                    }
                    std::thread::sleep(match pace {
                        Pace::Pause(pause) => pause,
                        Pace::Every(every) => {
                            due += every;
                            due.saturating_duration_since(Instant::now())
                        }
                    });
                }
            }));
        }
        load
    }

    /// How long a request has taken at most, connecting included.
    #[must_use]
    pub fn slowest(&self) -> Duration {
        Duration::from_micros(self.slowest_us.load(Ordering::Relaxed))
    }

    /// How many have been answered.
    #[must_use]
    pub fn answered(&self) -> usize {
        self.answered.load(Ordering::Relaxed)
    }

    /// Waits until so many more requests have been answered.
    pub fn go_on(&self, more: usize) {
        let enough = self.answered.load(Ordering::Relaxed) + more;
        wait_until("requests are answered", || {
            self.answered.load(Ordering::Relaxed) >= enough
        });
    }

    /// How many were answered.
    ///
    /// # Panics
    /// If one has failed.
    pub fn end(self) -> usize {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            thread.join().unwrap();
        }
        let (failed, answered) = (
            self.failed.lock().unwrap(),
            self.answered.load(Ordering::Relaxed),
        );
        assert!(failed.is_empty(), "of {answered}: {failed:?}");
        answered
    }
}

/// One request that must get a 200; the connection, if it stays open.
fn ask(
    port: u16,
    path: &str,
    connection: Option<TcpStream>,
    keep: bool,
) -> std::io::Result<Option<TcpStream>> {
    let mut connection = match connection {
        Some(connection) => connection,
        None => TcpStream::connect(("127.0.0.1", port))?,
    };
    connection.set_read_timeout(Some(PATIENCE))?;
    let token = if keep { "keep-alive" } else { "close" };
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: h\r\nConnection: {token}\r\n\r\n"
    )?;
    let mut received = Vec::new();
    let mut space = [0; 4096];
    loop {
        let count = connection.read(&mut space)?;
        received.extend_from_slice(space.get(..count).unwrap_or_default());
        let text = String::from_utf8_lossy(&received).into_owned();
        let length = |head: &str| {
            let length = super::client::fields(head, "content-length");
            length
                .first()
                .and_then(|length| length.parse::<usize>().ok())
        };
        if let Some((head, body)) = text.split_once("\r\n\r\n")
            && length(head).is_some_and(|length| body.len() >= length)
        {
            let closes = super::client::fields(head, "connection").contains(&"close".to_owned());
            return match head.starts_with("HTTP/1.1 200 ") {
                true => Ok(Some(connection).filter(|_| keep && !closes)),
                false => Err(std::io::Error::other(text)),
            };
        }
        if count == 0 {
            return Err(std::io::Error::other(format!("cut short: {text:?}")));
        }
    }
}
