//! The load of `ci/bench`: a closed loop over keep-alive connections, each with one request under
//! way, for a time or for a number of requests; or over WebSockets, each with one message under way. One
//! thread, edge-triggered epoll.
//!
//! It also reads the measured process's clock and memory, because only here the edges of the
//! window are known exactly. What the numbers mean is for `ci/bench` to say; this prints them.
#![allow(
    clippy::print_stdout,
    reason = "the result is one line of JSON on stdout"
)]

use std::error::Error;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use goma_bench::usage::Usage;
use goma_bench::websocket;
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

const USAGE: &str = "usage: bench-load --target ADDRESS:PORT --path PATH --body BYTES [--connections N] \
                     (--seconds S [--warmup S] | --requests N) [--rate PER_SECOND] \
                     [--spread HOSTS,PATHS] [--pid PID] [--protocol websocket]";
/// Requests that are due are looked for at least this often.
const PACE: Duration = Duration::from_millis(1);
/// Bytes one read takes at most: the largest answer and its head in one go.
const READ_BYTES: usize = 256 * 1024;
/// Longest response head that is collected over several reads.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// After this many errors the run is worthless.
const ERRORS_MAX: u64 = 1_000;
/// Fields of a response head; more is an error.
const FIELDS_MAX: usize = 64;

fn main() -> Result<(), Box<dyn Error>> {
    let options = Options::parse(std::env::args().skip(1))?;
    println!("{}", Load::connect(options)?.run()?);
    Ok(())
}

/// When the run ends.
#[derive(Clone, Copy)]
enum Until {
    /// So many answers, none of them discarded.
    Requests(u64),
    /// So much time, after a warm-up that is not counted.
    Time { warmup: Duration, window: Duration },
}

struct Options {
    target: SocketAddr,
    path: String,
    body_bytes: usize,
    connections: usize,
    until: Until,
    pid: Option<u32>,
    /// Requests per second, sent when they are due; as fast as answers come if there is none.
    rate: Option<f64>,
    /// Requests go round over so many hosts `hN.test` and so many first segments `/rN` of each.
    spread: Option<(usize, usize)>,
    /// Whether each connection becomes a WebSocket first.
    websocket: bool,
}

impl Options {
    fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut target, mut path, mut body_bytes, mut pid) = (None, None, None, None);
        let (mut rate, mut spread, mut websocket) = (None, None, false);
        let (mut connections, mut requests, mut seconds, mut warmup) = (64, None, None, 0.0);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match name.as_str() {
                "--target" => target = Some(value.parse()?),
                "--path" => path = Some(value),
                "--body" => body_bytes = Some(value.parse()?),
                "--connections" => connections = value.parse()?,
                "--seconds" => seconds = Some(value.parse()?),
                "--warmup" => warmup = value.parse()?,
                "--requests" => requests = Some(value.parse()?),
                "--pid" => pid = Some(value.parse()?),
                "--rate" => rate = Some(value.parse()?),
                "--spread" => {
                    let (hosts, paths) = value.split_once(',').ok_or(USAGE)?;
                    spread = Some((hosts.parse()?, paths.parse()?));
                }
                "--protocol" if value == "websocket" => websocket = true,
                _ => return Err(USAGE.into()),
            }
        }
        let until = match (requests, seconds) {
            (Some(requests), None) => Until::Requests(requests),
            (None, Some(seconds)) => Until::Time {
                warmup: Duration::try_from_secs_f64(warmup)?,
                window: Duration::try_from_secs_f64(seconds)?,
            },
            _ => return Err(USAGE.into()),
        };
        Ok(Self {
            target: target.ok_or(USAGE)?,
            path: path.ok_or(USAGE)?,
            body_bytes: body_bytes.ok_or(USAGE)?,
            connections,
            until,
            pid,
            rate,
            spread,
            websocket,
        })
    }
}

/// One connection with one request under way.
struct Connection {
    stream: TcpStream,
    sent_at: Instant,
    /// A head that came in pieces; empty nearly always.
    partial: Vec<u8>,
    /// Body bytes still to come; `None` while the head is awaited.
    body_left: Option<usize>,
}

struct Load {
    options: Options,
    poll: Poll,
    connections: Vec<Connection>,
    /// Connections without a request under way, when requests are paced.
    idle: Vec<usize>,
    /// Paced requests sent so far, and since when.
    paced: (u64, Instant),
    requests: Requests,
    scratch: Vec<u8>,
    /// Nanoseconds of every answer since the window began.
    latencies: Vec<u64>,
    errors: u64,
    /// What the last few errors were, for the message that gives up.
    last_error: String,
}

impl Load {
    fn connect(options: Options) -> Result<Self, Box<dyn Error>> {
        let poll = Poll::new()?;
        let requests = Requests::new(&options);
        let connections = (0..options.connections)
            .map(|place| Connection::open(&options, &poll, place))
            .collect::<io::Result<Vec<_>>>()?;
        Ok(Self {
            options,
            poll,
            connections,
            idle: Vec::new(),
            paced: (0, Instant::now()),
            requests,
            scratch: vec![0; READ_BYTES],
            latencies: Vec::with_capacity(1 << 20),
            errors: 0,
            last_error: String::new(),
        })
    }

    /// Runs to the end and returns the line to print.
    fn run(mut self) -> Result<String, Box<dyn Error>> {
        let (warmup, window, requests_max) = match self.options.until {
            Until::Requests(count) => (Duration::ZERO, Duration::MAX, count),
            Until::Time { warmup, window } => (warmup, window, u64::MAX),
        };
        if self.options.rate.is_some() {
            self.idle = (0..self.connections.len()).collect();
            self.paced = (0, Instant::now());
        } else {
            for connection in &mut self.connections {
                connection.send(self.requests.next(), Instant::now())?;
            }
        }
        if !warmup.is_zero() {
            self.drive(warmup, u64::MAX)?;
            self.latencies.clear();
            self.errors = 0;
        }
        let begin = Usage::of(self.options.pid)?;
        let elapsed = self.drive(window, requests_max)?;
        let end = Usage::of(self.options.pid)?;
        Ok(self.summary(elapsed, end.ticks.saturating_sub(begin.ticks), end.rss_kib))
    }

    /// Keeps every connection busy until `window` is over or `requests_max` answers are in.
    fn drive(&mut self, window: Duration, requests_max: u64) -> Result<Duration, Box<dyn Error>> {
        let mut events = Events::with_capacity(1024);
        let begin = Instant::now();
        loop {
            self.send_due()?;
            let pause = self
                .options
                .rate
                .map_or(Duration::from_millis(50), |_| PACE);
            match self.poll.poll(&mut events, Some(pause)) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => result?,
            }
            for event in &events {
                self.advance(event.token().0, requests_max)?;
            }
            let elapsed = begin.elapsed();
            if elapsed >= window || self.answers() >= requests_max {
                return Ok(elapsed);
            }
            if self.errors > ERRORS_MAX {
                return Err(format!(
                    "more than {ERRORS_MAX} errors; the last: {}",
                    self.last_error
                )
                .into());
            }
        }
    }

    /// Sends the paced requests that are due, as far as there are idle connections. What waits for one
    /// counts from when it was due.
    fn send_due(&mut self) -> io::Result<()> {
        let Some(rate) = self.options.rate else {
            return Ok(());
        };
        while let Some(place) = self.idle.last().copied() {
            let (sent, begin) = self.paced;
            let due = begin + Duration::from_secs_f64(sent as f64 / rate);
            if due > Instant::now() {
                break;
            }
            self.idle.pop();
            self.paced.0 += 1;
            if let Some(connection) = self.connections.get_mut(place) {
                connection.send(self.requests.next(), due)?;
            }
        }
        Ok(())
    }

    fn answers(&self) -> u64 {
        self.latencies.len() as u64
    }

    fn advance(&mut self, place: usize, requests_max: u64) -> io::Result<()> {
        let may_send = self.answers() + (self.connections.len() as u64) <= requests_max;
        let Some(connection) = self.connections.get_mut(place) else {
            return Ok(());
        };
        let outcome = match connection.receive(&mut self.scratch, &self.options) {
            Ok(false) => return Ok(()),
            Ok(true) => {
                let now = Instant::now();
                let nanoseconds = now.duration_since(connection.sent_at).as_nanos();
                self.latencies
                    .push(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
                if self.options.rate.is_some() {
                    self.idle.push(place);
                    Ok(())
                } else if may_send {
                    connection.send(self.requests.next(), now)
                } else {
                    Ok(())
                }
            }
            Err(error) => Err(error),
        };
        if let Err(error) = outcome {
            self.errors += 1;
            self.last_error = error.to_string();
            *connection = Connection::open(&self.options, &self.poll, place)?;
            connection.send(self.requests.next(), Instant::now())?;
        }
        Ok(())
    }

    fn summary(&mut self, elapsed: Duration, ticks: u64, rss_kib: u64) -> String {
        self.latencies.sort_unstable();
        format!(
            "{{\"requests\":{},\"errors\":{},\"seconds\":{:.6},\"p50_us\":{:.1},\"p99_us\":{:.1},\
             \"cpu_ticks\":{ticks},\"rss_kib\":{rss_kib}}}",
            self.answers(),
            self.errors,
            elapsed.as_secs_f64(),
            percentile_us(&self.latencies, 50),
            percentile_us(&self.latencies, 99),
        )
    }
}

/// The requests to send, one after the other and over again.
struct Requests {
    all: Vec<Vec<u8>>,
    next: usize,
}

impl Requests {
    fn new(options: &Options) -> Self {
        let request = |host: &str, path: &str| {
            format!(
                "GET {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: goma-bench\r\nAccept: */*\r\n\r\n"
            )
            .into_bytes()
        };
        let path = &options.path;
        let all = match options.spread {
            _ if options.websocket => vec![websocket::message(options.body_bytes)],
            None => vec![request(&options.target.to_string(), path)],
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

    fn next(&mut self) -> &[u8] {
        self.next = if self.next + 1 >= self.all.len() {
            0
        } else {
            self.next + 1
        };
        self.all.get(self.next).map_or(&[], Vec::as_slice)
    }
}

/// The `percent`-th percentile of sorted nanoseconds, in microseconds.
fn percentile_us(sorted: &[u64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).copied().unwrap_or_default() as f64 / 1e3
}

impl Connection {
    fn open(options: &Options, poll: &Poll, place: usize) -> io::Result<Self> {
        let mut stream = std::net::TcpStream::connect(options.target)?;
        stream.set_nodelay(true)?;
        if options.websocket {
            switch(&mut stream, options)?;
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

    fn send(&mut self, request: &[u8], counted_from: Instant) -> io::Result<()> {
        self.sent_at = counted_from;
        // A request is far smaller than an empty socket buffer.
        if self.stream.write(request)? == request.len() {
            Ok(())
        } else {
            Err(ErrorKind::WriteZero.into())
        }
    }

    /// Takes what has arrived; true when it completes the answer.
    fn receive(&mut self, scratch: &mut [u8], options: &Options) -> io::Result<bool> {
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
fn switch(stream: &mut std::net::TcpStream, options: &Options) -> io::Result<()> {
    let host = options.target.to_string();
    stream.write_all(&websocket::handshake(&host, &options.path))?;
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
    fn percentiles_are_nearest_rank() {
        let sorted: Vec<u64> = (1..=100).map(|value| value * 1000).collect();
        assert_eq!(percentile_us(&sorted, 50), 50.0);
        assert_eq!(percentile_us(&sorted, 99), 99.0);
        assert_eq!(percentile_us(&[], 99), 0.0);
    }

    #[test]
    fn only_the_expected_answer_counts() {
        assert_eq!(body_after_head(b"HTTP/1.1 200 OK\r\n", 2).unwrap(), None);
        let whole = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nxx";
        assert_eq!(body_after_head(whole, 2).unwrap(), Some(2));
        assert!(body_after_head(whole, 3).is_err());
        assert!(body_after_head(b"HTTP/1.1 502 Bad Gateway\r\n\r\n", 2).is_err());
    }
}
