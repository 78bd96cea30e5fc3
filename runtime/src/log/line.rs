//! One log line, as text or as JSON (RT-LOG-4).

use std::fmt::Write as _;
use std::io::Write as _;
use std::time::Duration;

use super::duration_text;
use crate::answer::escaped_json;
use crate::clock::unix_time;
use crate::values::scalar::{Format, Level};

/// The present second in both forms, made once a second.
#[derive(Debug, Default)]
pub(super) struct TimeStamp {
    second: u64,
    text: String,
    json: String,
}

/// A line that is being written.
pub(crate) struct Line<'a> {
    out: &'a mut Vec<u8>,
    format: Format,
}

impl TimeStamp {
    fn refresh(&mut self) -> Duration {
        let now = unix_time();
        if self.second != now.as_secs() || self.text.is_empty() {
            self.second = now.as_secs();
            let (year, month, day) = civil_date(now.as_secs() / 86_400);
            let second = now.as_secs() % 86_400;
            let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
            self.text.clear();
            self.json.clear();
            let _ = write!(
                self.text,
                "{year:04}/{month:02}/{day:02} {hour:02}:{minute:02}:{second:02} "
            );
            let _ = write!(
                self.json,
                "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}"
            );
        }
        now
    }
}

impl<'a> Line<'a> {
    pub(super) fn begin(
        out: &'a mut Vec<u8>,
        format: Format,
        time: &mut TimeStamp,
        level: Level,
        message: &str,
    ) -> Self {
        let now = time.refresh();
        let level = match level {
            Level::Trace => "TRACE",
            Level::Debug => "DEBUG",
            Level::Info => "INFO",
            Level::Warn => "WARN",
            Level::Error | Level::Off => "ERROR",
        };
        match format {
            Format::Text => {
                out.extend_from_slice(time.text.as_bytes());
                out.extend_from_slice(level.as_bytes());
                out.push(b' ');
                out.extend_from_slice(message.as_bytes());
            }
            Format::Json => {
                out.extend_from_slice(b"{\"time\":\"");
                out.extend_from_slice(time.json.as_bytes());
                let _ = write!(out, ".{:03}Z\",\"level\":\"", now.subsec_millis());
                out.extend_from_slice(level.as_bytes());
                out.extend_from_slice(b"\",\"msg\":\"");
                out.extend_from_slice(message.as_bytes());
                out.push(b'"');
            }
        }
        Self { out, format }
    }

    pub(super) fn end(self) {
        let end: &[u8] = match self.format {
            Format::Json => b"}\n",
            Format::Text => b"\n",
        };
        self.out.extend_from_slice(end);
    }

    pub(super) fn text(&mut self, key: &str, value: &str) {
        self.key(key);
        match self.format {
            Format::Json => {
                self.out.push(b'"');
                self.out.extend_from_slice(escaped_json(value).as_bytes());
                self.out.push(b'"');
            }
            Format::Text if is_plain(value) => self.out.extend_from_slice(value.as_bytes()),
            Format::Text => {
                self.out.push(b'"');
                self.out.extend_from_slice(escaped_json(value).as_bytes());
                self.out.push(b'"');
            }
        }
    }

    pub(super) fn number(&mut self, key: &str, value: u64) {
        self.key(key);
        let mut digits = itoa::Buffer::new();
        self.out.extend_from_slice(digits.format(value).as_bytes());
    }

    pub(super) fn milliseconds(&mut self, key: &str, value: Duration) {
        self.key(key);
        let micros = value.as_micros();
        let _ = write!(self.out, "{}.{:03}", micros / 1000, micros % 1000);
    }

    pub(super) fn duration(&mut self, key: &str, value: Duration) {
        self.text(key, &duration_text(value));
    }

    pub(super) fn truth(&mut self, key: &str) {
        self.key(key);
        self.out.extend_from_slice(b"true");
    }

    /// A field whose key was not made here.
    pub(super) fn extra(&mut self, key: &str, value: &str) {
        match self.format {
            Format::Text if is_plain(key) => self.text(key, value),
            Format::Text => self.text(&format!("\"{}\"", escaped_json(key)), value),
            Format::Json => self.text(&escaped_json(key), value),
        }
    }

    /// That there is nothing, which only JSON has a word for.
    pub(super) fn missing(&mut self, key: &str) {
        if self.format == Format::Json {
            self.key(&escaped_json(key));
            self.out.extend_from_slice(b"null");
        }
    }

    fn key(&mut self, key: &str) {
        match self.format {
            Format::Json => {
                self.out.extend_from_slice(b",\"");
                self.out.extend_from_slice(key.as_bytes());
                self.out.extend_from_slice(b"\":");
            }
            Format::Text => {
                self.out.push(b' ');
                self.out.extend_from_slice(key.as_bytes());
                self.out.push(b'=');
            }
        }
    }
}

/// Whether a value needs no quotes: not empty, no space, quote, `=` or control.
fn is_plain(value: &str) -> bool {
    let harmless = |byte: u8| byte > b' ' && byte != b'"' && byte != b'=' && byte != 0x7f;
    !value.is_empty()
        && value.bytes().all(harmless)
        && (value.is_ascii() || !value.contains(char::is_control))
}

/// Year, month and day of a day count since 1970-01-01 (Howard Hinnant's civil_from_days).
pub(super) fn civil_date(days: u64) -> (u64, u64, u64) {
    let shifted = days + 719_468;
    let era = shifted / 146_097;
    let day_of_era = shifted % 146_097;
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 {
        month_from_march + 3
    } else {
        month_from_march - 9
    };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}
