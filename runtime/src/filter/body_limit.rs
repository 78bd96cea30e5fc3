//! `bodyLimit` (middlewares.md 5.6): refuses request bodies over a size.
//!
//! The filter refuses what announces its size; the engine counts the rest, while it streams or
//! before the chain goes on.

use crate::answer::Answer;
use crate::chain::{Exchange, Filter, Flow, Hold};
use crate::gateway::{Start, StartError};

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Bytes; more than 0.
    pub limit: u64,
    /// Whether the whole body is read before the next filter.
    pub buffer: bool,
}

/// The filter.
#[derive(Debug)]
pub struct BodyLimit {
    limit: u64,
    buffer: bool,
}

impl BodyLimit {
    /// # Errors
    /// None; the signature is that of every filter.
    pub fn new(config: &'static Config, _start: &Start<'_>) -> Result<Self, StartError> {
        Ok(Self {
            limit: config.limit,
            buffer: config.buffer,
        })
    }
}

impl Filter for BodyLimit {
    /// MW-BODY-1, MW-BODY-2. The smallest limit of a chain counts (MW-INT-5).
    fn request(&self, exchange: &mut Exchange) -> Flow {
        let held = exchange.held_body().map(|body| body.len() as u64);
        if held
            .or(exchange.content_length)
            .is_some_and(|length| length > self.limit)
        {
            return Flow::Answer(too_large(self.limit));
        }
        let limit = exchange
            .body_limit
            .map_or(self.limit, |other| other.min(self.limit));
        exchange.body_limit = Some(limit);
        if self.buffer {
            return Flow::Hold(Hold {
                bytes_max: limit,
                then: Box::new(|_| Flow::Next),
            });
        }
        Flow::Next
    }
}

/// The 413 of MW-BODY-1, also sent when a body turns out too large while streaming.
#[must_use]
pub fn too_large(limit: u64) -> Answer {
    Answer::message(413, format!("Request body too large (limit {limit} bytes)"))
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;

    fn answered(length: &str) -> bool {
        static CONFIG: Config = Config {
            limit: 1024,
            buffer: false,
        };
        let mut exchange = rig::exchange(&format!(
            "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: {length}\r\n\r\n"
        ));
        let filter = rig::start(|start| BodyLimit::new(&CONFIG, start)).unwrap();
        matches!(filter.request(&mut exchange), Flow::Answer(answer) if answer.status() == 413)
    }

    /// MW-BODY-1, MW-BODY-2
    #[test]
    fn announced_sizes() {
        assert!(!answered("1024"));
        assert!(answered("1025"));
    }
}
