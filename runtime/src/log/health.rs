//! Lines about backends: what checks found, ejections and circuits (RT-HEALTH-6, RT-HEALTH-7, RT-CB-1), and
//! which ones there are (RT-OVER-2); their names, and other files (RT-DNS, C-FILE-9).

use std::time::Duration;

use super::{AccessLog, duration_text};
use crate::values::scalar::Level;

impl AccessLog {
    /// RT-HEALTH-6: its check fails; `outages`: how often that has begun.
    pub fn backend_down(&self, route: &str, endpoint: &str, cause: &str, outages: u64) {
        self.line(Level::Error, "Backend is down", |line| {
            line.text("route", route);
            line.text("endpoint", endpoint);
            line.text("error", cause);
            line.number("outages", outages);
        });
    }

    /// RT-HEALTH-6: its check succeeds again.
    pub fn backend_up(&self, route: &str, endpoint: &str) {
        self.line(Level::Info, "Backend is up again", |line| {
            line.text("route", route);
            line.text("endpoint", endpoint);
        });
    }

    /// RT-DNS: DNS has no address for it, or no answer at all; in that case the last good one stays.
    #[cfg(feature = "dns")]
    pub fn name_lost(&self, host: &str, error: &str) {
        self.line(Level::Warn, "Name look-up failed", |line| {
            line.text("host", host);
            line.text("error", error);
        });
    }

    /// RT-DNS: it has again.
    #[cfg(feature = "dns")]
    pub fn name_found(&self, host: &str) {
        self.line(Level::Info, "Name look-up works again", |line| {
            line.text("host", host);
        });
    }

    /// RT-OVER-2
    pub fn overlay_applied(&self, hash: &str) {
        self.line(Level::Info, "Overlay applied", |line| {
            line.text("overlay", hash)
        });
    }

    /// RT-OVER-2: what was there before stays.
    pub fn overlay_refused(&self, error: &str) {
        self.line(Level::Error, "Overlay refused", |line| {
            line.text("error", error)
        });
    }

    /// C-FILE-9: it has changed, and what it holds is in use now.
    pub fn file_read(&self, file: &str) {
        self.line(Level::Info, "File read again", |line| {
            line.text("file", file)
        });
    }

    /// C-FILE-10: what it held before stays in use.
    pub fn file_refused(&self, error: &str) {
        self.line(Level::Error, "File not taken over", |line| {
            line.text("error", error)
        });
    }

    /// RT-HEALTH-7: for how long, and how often it has been.
    pub fn backend_ejected(&self, route: &str, endpoint: &str, (time, times): (Duration, u64)) {
        let message = "Backend ejected after repeated connection failures";
        self.line(Level::Warn, message, |line| {
            line.text("route", route);
            line.text("endpoint", endpoint);
            line.text("eject_for", &duration_text(time));
            line.number("ejections", times);
        });
    }

    /// RT-CB-1: too many of its requests have failed.
    pub fn circuit_opened(&self, route: &str, endpoint: &str, time: Duration) {
        self.line(Level::Warn, "Circuit opened", |line| {
            line.text("route", route);
            line.text("endpoint", endpoint);
            line.text("open_for", &duration_text(time));
        });
    }

    /// RT-CB-1: its trials were good.
    pub fn circuit_closed(&self, route: &str, endpoint: &str) {
        self.line(Level::Info, "Circuit closed", |line| {
            line.text("route", route);
            line.text("endpoint", endpoint);
        });
    }
}
