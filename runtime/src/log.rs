//! Log lines (RT-LOG): made on the core that has something to say, written by one thread of its own.
//!
//! A core appends lines to a buffer and hands the buffer over when its clock ticks or when it is
//! large. If the writer cannot keep up, because standard output or a disk is slow, whole buffers are
//! dropped and counted; requests never wait.

use std::cell::{Cell, RefCell};
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::sync::mpsc::TrySendError;
use std::time::Duration;

use crate::answer::escaped_json;
use crate::chain::Exchange;
use crate::error::{Refusal, UpstreamFault};
use crate::head::{Span, Version};
use crate::values::scalar::{Format, Level};

pub(crate) mod extra;
mod file;
#[cfg(feature = "log-hash")]
mod hash;
mod health;
mod line;
mod passing;
mod writer;

pub use file::{LogFile, Rotation};
use line::Line;
pub use writer::Writer;

/// A buffer of lines is handed over when it has grown to this.
const BATCH_BYTES: usize = 32 * 1024;

/// One core's end of the log.
#[derive(Debug)]
pub struct AccessLog {
    level: Level,
    format: Format,
    lines: RefCell<Vec<u8>>,
    time: RefCell<line::TimeStamp>,
    writer: RefCell<Option<Writer>>,
    /// Lines in `lines`, and lines lost since the last report.
    pending: Cell<u64>,
    lost: Cell<u64>,
}

/// What a request's line says besides the exchange itself.
#[derive(Debug)]
pub struct Record<'a> {
    /// The path as the client sent it.
    pub received_path: Span,
    /// The client's address as text.
    pub address: &'a str,
    /// The status sent.
    pub status: u16,
    /// Body bytes sent.
    pub bytes_out: u64,
    /// Bytes that a tunnel took from the client; `None`: there was none (RT-WS-4).
    pub bytes_in: Option<u64>,
    /// The backend's URL; empty if none was asked.
    pub backend: &'a str,
    /// Whether the response broke off (RT-ERR-18).
    pub aborted: bool,
    /// Whether the gateway's own endpoint was asked (RT-OBS-7).
    pub own: bool,
    /// From the end of the request head to the end of the response.
    pub elapsed: Duration,
}

impl AccessLog {
    /// A core's end of `writer`.
    #[must_use]
    pub fn new(level: Level, format: Format, writer: Writer) -> Self {
        Self {
            level,
            format,
            lines: RefCell::default(),
            time: RefCell::default(),
            writer: RefCell::new(Some(writer)),
            pending: Cell::new(0),
            lost: Cell::new(0),
        }
    }

    /// Whether anything can be logged at all.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.level < Level::Off
    }

    /// RT-LOG-1, RT-LOG-2: the line of one request.
    pub fn request(&self, exchange: &Exchange, record: &Record<'_>) {
        let level = match record.status {
            _ if record.own => Level::Debug,
            500.. => Level::Error,
            400.. => Level::Warn,
            _ => Level::Info,
        };
        if level < self.level {
            return;
        }
        let request = &exchange.request;
        let said = exchange.received().first_of(["referer", "user-agent"]);
        let [referer, user_agent] = said.map(String::from_utf8_lossy);
        self.line(level, "Proxied request", |line| {
            line.text("request_id", exchange.id());
            line.text("method", request.method());
            line.text("url", request.text(record.received_path));
            line.text(
                "http_version",
                match request.version() {
                    Version::Http10 => "HTTP/1.0",
                    Version::Http11 => "HTTP/1.1",
                    Version::Http2 => "HTTP/2.0",
                },
            );
            line.text("host", request.authority());
            line.text("client_ip", record.address);
            line.text("referer", &referer);
            line.number("status", u64::from(record.status));
            line.duration("duration", record.elapsed);
            line.text("route", exchange.route.name);
            line.text("user_agent", &user_agent);
            line.text("backend", record.backend);
            line.number("bytes_out", record.bytes_out);
            line.milliseconds("duration_ms", record.elapsed);
            if let Some(bytes) = record.bytes_in {
                line.number("bytes_in", bytes);
            }
            if record.aborted {
                line.truth("aborted");
            }
            extra::write(exchange, line);
        });
    }

    /// RT-LIM-7: a request that was refused before it had a route.
    pub fn refused(&self, address: &str, refusal: Refusal) {
        self.line(Level::Warn, "Request refused", |line| {
            line.text("client_ip", address);
            line.number("status", u64::from(refusal.status));
            line.text("reason", refusal.reason.as_str());
            line.text("detail", refusal.detail);
        });
    }

    /// RT-H2-3 to -5: a connection that was closed because of what its client did.
    pub fn expelled(&self, address: &str, detail: &str) {
        self.line(Level::Warn, "Connection closed", |line| {
            line.text("client_ip", address);
            line.text("detail", detail);
        });
    }

    /// RT-LOG-8: a proxy try that failed.
    pub fn fault(&self, exchange: &Exchange, fault: &UpstreamFault) {
        self.line(Level::Error, "Proxy error", |line| {
            line.text("request_id", exchange.id());
            line.text("route", exchange.route.name);
            line.text("error", &fault.to_string());
        });
    }

    /// RT-ERR-19
    pub fn panicked(&self, address: &str) {
        self.line(Level::Error, "Panic while serving a request", |line| {
            line.text("client_ip", address);
        });
    }

    /// RT-START-5
    pub fn started(&self, revision: &str, routes: usize, web: Option<SocketAddr>) {
        self.line(Level::Info, "Gateway started", |line| {
            line.text("version", crate::VERSION);
            line.text("revision", revision);
            line.number("routes", routes as u64);
            match web {
                Some(web) => line.text("web", &web.to_string()),
                None => line.text("web", "off"),
            }
            line.text("web_secure", "off");
        });
    }

    /// RT-TAKE-4: another gateway does not take over; this one goes on.
    pub fn takeover_failed(&self, pid: u32, error: &str) {
        self.line(Level::Error, "Takeover failed", |line| {
            line.number("pid", u64::from(pid));
            line.text("error", error);
        });
    }

    /// RT-TAKE-2: another gateway serves, with this id of its process; or this one does instead of it.
    pub fn taken_over(&self, message: &str, pid: u32) {
        self.line(Level::Info, message, |line| {
            line.number("pid", u64::from(pid))
        });
    }

    /// A message about the gateway itself, which may name files.
    pub fn message(&self, level: Level, message: &str) {
        self.line(level, &escaped_json(message), |_| {});
    }

    /// Hands the lines over.
    pub fn flush(&self) {
        let mut lines = self.lines.borrow_mut();
        if lines.is_empty() {
            return;
        }
        let batch = std::mem::replace(&mut *lines, Vec::with_capacity(BATCH_BYTES));
        let pending = self.pending.replace(0);
        let writer = self.writer.borrow();
        match writer.as_ref().map(|writer| writer.try_send(batch)) {
            Some(Ok(())) | None => {}
            Some(Err(TrySendError::Full(mut batch) | TrySendError::Disconnected(mut batch))) => {
                self.lost.set(self.lost.get() + pending);
                batch.clear();
                *lines = batch;
            }
        }
    }

    /// Hands the last lines over; the writing thread ends when every core has done so.
    pub fn close(&self) {
        self.flush();
        self.writer.take();
    }

    fn line(&self, level: Level, message: &str, fill: impl FnOnce(&mut Line<'_>)) {
        if level < self.level {
            return;
        }
        self.report_lost();
        self.append(level, message, fill);
        if self.lines.borrow().len() >= BATCH_BYTES {
            self.flush();
        }
    }

    fn report_lost(&self) {
        let lost = self.lost.replace(0);
        if lost > 0 {
            self.append(Level::Warn, "Log lines dropped", |line| {
                line.number("lines", lost)
            });
        }
    }

    fn append(&self, level: Level, message: &str, fill: impl FnOnce(&mut Line<'_>)) {
        let mut lines = self.lines.borrow_mut();
        let mut time = self.time.borrow_mut();
        let mut line = Line::begin(&mut lines, self.format, &mut time, level, message);
        fill(&mut line);
        line.end();
        self.pending.set(self.pending.get() + 1);
    }
}

/// RT-LOG-3: `<n>ns` below 1 ms, else two decimals with `ms`, `s`, `m` or `h`.
fn duration_text(duration: Duration) -> String {
    let seconds = duration.as_secs_f64();
    let mut text = String::new();
    let _ = match duration.as_secs() {
        0 if duration < Duration::from_millis(1) => write!(text, "{}ns", duration.as_nanos()),
        0 => write!(text, "{:.2}ms", seconds * 1e3),
        1..60 => write!(text, "{seconds:.2}s"),
        60..3600 => write!(text, "{:.2}m", seconds / 60.0),
        3600.. => write!(text, "{:.2}h", seconds / 3600.0),
    };
    text
}

#[cfg(test)]
pub(crate) mod tests;
