//! `requestId` (middlewares.md 6.8): how requests of a route are numbered.

use std::cell::RefCell;

use crate::chain::{Exchange, IdFields, Policy, hex_digits, is_request_id};
use crate::clock::unix_time;
use crate::gateway::{Start, StartError};

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// The field that a client may send the id in and the backend gets it in.
    pub header: &'static str,
    /// The field that the client gets it in.
    pub response_header: &'static str,
    /// Whose ids are kept.
    pub trust: Trust,
    /// What new ids look like.
    pub format: Format,
}

/// Whose ids are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// Everybody's.
    Always,
    /// Nobody's.
    Never,
    /// Those of trusted proxies (MW-CLI-2).
    TrustedProxy,
}

/// What new ids look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// 32 lower-case hex digits.
    Hex,
    /// A random UUID (RFC 9562 version 4).
    Uuid4,
    /// A UUID that begins with the time (RFC 9562 version 7).
    Uuid7,
}

/// The policy, with a source of ids of its core.
#[derive(Debug)]
pub struct RequestId {
    names: IdFields,
    trust: Trust,
    format: Format,
    random: RefCell<fastrand::Rng>,
}

impl RequestId {
    /// # Errors
    /// None: everything is fixed when the gateway is built.
    pub fn new(config: &'static Config, _: &Start<'_>) -> Result<Self, StartError> {
        Ok(Self {
            names: IdFields {
                request: config.header,
                response: config.response_header,
            },
            trust: config.trust,
            format: config.format,
            random: RefCell::new(fastrand::Rng::new()),
        })
    }
}

impl Policy for RequestId {
    fn owned(&self) -> Option<&'static str> {
        Some(self.names.request)
    }

    /// MW-RID-1: in place of MW-CLI-8; the syntax check stays.
    fn admit(&self, exchange: &mut Exchange) {
        let trusted = match self.trust {
            Trust::Always => true,
            Trust::Never => false,
            Trust::TrustedProxy => exchange.trusted,
        };
        let fields = &mut exchange.request.fields;
        let sent = fields.span(self.names.request);
        let kept = sent.filter(|span| trusted && is_request_id(fields.buffer.at(*span)));
        exchange.id = kept.unwrap_or_else(|| {
            let id = self.format.make(self.random.borrow_mut().u128(..));
            fields.buffer.push(id.as_bytes())
        });
        exchange.id_fields = Some(self.names);
    }
}

impl Format {
    /// A new id, of which `random` are the bits that are free.
    fn make(self, random: u128) -> String {
        let mut bytes = random.to_be_bytes();
        match self {
            Self::Hex => return text(bytes),
            Self::Uuid4 => {}
            Self::Uuid7 => {
                let [.., a, b, c, d, e, f] = unix_time().as_millis().to_be_bytes();
                let [time @ .., _, _, _, _, _, _, _, _, _, _] = &mut bytes;
                *time = [a, b, c, d, e, f];
            }
        }
        let [.., version, _, variant, _, _, _, _, _, _, _] = &mut bytes;
        *version = (*version & 0x0f) | if self == Self::Uuid7 { 0x70 } else { 0x40 };
        *variant = (*variant & 0x3f) | 0x80;
        let mut id = text(bytes);
        for dash in [8, 13, 18, 23] {
            id.insert(dash, '-');
        }
        id
    }
}

fn text(bytes: [u8; 16]) -> String {
    let digits = hex_digits(bytes);
    let digits = digits.as_flattened().iter();
    digits.map(|digit| char::from(*digit)).collect()
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;

    fn id(config: &'static Config, trusted: bool, lines: &str) -> String {
        let mut exchange = rig::exchange(&format!("GET / HTTP/1.1\r\nHost: h\r\n{lines}\r\n"));
        exchange.trusted = trusted;
        let policy = rig::start(|start| RequestId::new(config, start)).unwrap();
        policy.admit(&mut exchange);
        exchange.id().to_owned()
    }

    const ALWAYS: Config = Config {
        header: "X-Trace",
        response_header: "X-Trace",
        trust: Trust::Always,
        format: Format::Hex,
    };

    /// MW-RID-1
    #[test]
    fn whose_ids_are_kept() {
        static PROXY: Config = Config {
            trust: Trust::TrustedProxy,
            ..ALWAYS
        };
        static NEVER: Config = Config {
            trust: Trust::Never,
            ..ALWAYS
        };
        static CONFIG: Config = ALWAYS;
        let sent = "X-Request-ID: b\r\nx-trace: a\r\n";
        assert_eq!(id(&CONFIG, false, sent), "a");
        assert_eq!(id(&PROXY, true, sent), "a");
        for (config, trusted, lines) in [
            (&PROXY, false, sent),
            (&NEVER, true, sent),
            (&CONFIG, true, "X-Trace: a b\r\n"),
            (&CONFIG, true, "X-Request-ID: b\r\n"),
        ] {
            let made = id(config, trusted, lines);
            assert!(
                made.len() == 32 && made.bytes().all(|byte| byte.is_ascii_hexdigit()),
                "{made}"
            );
        }
    }

    /// MW-RID-1; RFC 9562 sections 4, 5.4 and 5.7
    #[test]
    fn formats() {
        assert_eq!(
            Format::Hex.make(u128::MAX - 1),
            "fffffffffffffffffffffffffffffffe"
        );
        assert_eq!(
            Format::Uuid4.make(u128::MAX),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_eq!(
            Format::Uuid4.make(0),
            "00000000-0000-4000-8000-000000000000"
        );
        let (first, second) = (Format::Uuid7.make(0), Format::Uuid7.make(u128::MAX));
        assert!(first.ends_with("-7000-8000-000000000000"), "{first}");
        assert!(second.ends_with("-7fff-bfff-ffffffffffff"), "{second}");
        assert!(first < second, "ids of version 7 follow the time");
    }
}
