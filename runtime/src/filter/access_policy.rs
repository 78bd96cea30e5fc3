//! `accessPolicy`, `ipAllowList` and `ipDenyList` (middlewares.md 5.2): lets addresses in or keeps
//! them out.

use std::net::IpAddr;

use crate::answer::Answer;
use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};
use crate::values::Networks;

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Whether the ranges are let in; otherwise they are kept out.
    pub allow: bool,
    /// First and last address of each range; sorted, not touching, IPv4 before IPv6.
    pub ranges: &'static [(&'static str, &'static str)],
    /// 400 to 599.
    pub status: u16,
    /// In place of `<status> <reason>`.
    pub message: Option<&'static str>,
}

/// The filter.
#[derive(Debug)]
pub struct AccessPolicy {
    allow: bool,
    ranges: Networks,
    status: u16,
    message: Option<&'static str>,
}

impl AccessPolicy {
    /// # Errors
    /// A range that the compiler should have refused.
    pub fn new(config: &'static Config, _start: &Start<'_>) -> Result<Self, StartError> {
        let parse = |text: &str| {
            text.parse::<IpAddr>().map_err(|error| StartError {
                source_place: String::new(),
                code: "bad-cidr",
                key: String::new(),
                text: format!("internal error: {error}"),
            })
        };
        let range = |(first, last): &(&str, &str)| Ok((parse(first)?, parse(last)?));
        Ok(Self {
            allow: config.allow,
            ranges: Networks::of(config.ranges.iter().map(range).collect::<Result<_, _>>()?),
            status: config.status,
            message: config.message,
        })
    }
}

impl Filter for AccessPolicy {
    /// MW-POLICY-1, MW-POLICY-5, MW-CLI-7
    fn request(&self, exchange: &mut Exchange) -> Flow {
        if self.ranges.contains(exchange.client) == self.allow {
            return Flow::Next;
        }
        Flow::Answer(match self.message {
            Some(message) => Answer::message(self.status, message),
            None => Answer::of(self.status),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;

    /// The table of middlewares.md 5.2, merged as the compiler does.
    #[test]
    fn vectors() {
        static DENY: Config = Config {
            allow: false,
            ranges: &[("198.18.4.0", "198.18.7.255"), ("198.19.0.7", "198.19.0.9")],
            status: 403,
            message: None,
        };
        static ALLOW: Config = Config {
            allow: true,
            ranges: &[
                ("10.0.0.1", "10.0.1.50"),
                ("::1", "::5"),
                ("2001:db8::", "2001:db8::ffff:ffff:ffff:ffff"),
            ],
            status: 404,
            message: Some("Not here"),
        };
        for (config, client, status) in [
            (&DENY, "198.18.7.255", Some(403)),
            (&DENY, "198.18.8.0", None),
            (&DENY, "198.19.0.9", Some(403)),
            (&DENY, "198.19.0.10", None),
            (&DENY, "::ffff:198.19.0.8", Some(403)),
            (&DENY, "::1", None),
            (&ALLOW, "10.0.0.200", None),
            (&ALLOW, "10.0.1.51", Some(404)),
            (&ALLOW, "10.0.0.0", Some(404)),
            (&ALLOW, "::3", None),
            (&ALLOW, "2001:db8::1", None),
            (&ALLOW, "2001:db9::1", Some(404)),
        ] {
            let mut exchange = rig::exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
            exchange.client = client.parse().unwrap();
            let filter = rig::start(|start| AccessPolicy::new(config, start)).unwrap();
            let answered = match filter.request(&mut exchange) {
                Flow::Answer(answer) => Some(answer.status()),
                Flow::Next | Flow::Hold(_) | Flow::Wait(_) => None,
            };
            assert_eq!(answered, status, "{client}");
        }
    }
}
