//! `requestHeaders` (middlewares.md 5.18): removes, sets and adds request fields.

use super::HeaderTemplate;
use crate::chain::{Exchange, ExplicitFields, Filter, Flow};
use crate::gateway::{Start, StartError};
use crate::values::Value;

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Replaces all values; an empty one deletes.
    pub set: &'static [(&'static str, Value)],
    /// Names, or `Prefix-*`.
    pub remove: &'static [&'static str],
    /// Adds values.
    pub add: &'static [(&'static str, Value)],
}

/// The filter.
#[derive(Debug)]
pub struct RequestHeaders {
    remove: Vec<Removal>,
    set: Vec<HeaderTemplate>,
    add: Vec<HeaderTemplate>,
    explicit: ExplicitFields,
}

#[derive(Debug)]
enum Removal {
    Name(&'static str),
    Prefix(&'static str),
}

impl RequestHeaders {
    /// # Errors
    /// `env-unset`; `bad-rule` for a value with CR, LF or NUL.
    pub fn new(config: &'static Config, start: &Start<'_>) -> Result<Self, StartError> {
        let removal = |name: &&'static str| match name.strip_suffix('*') {
            Some(prefix) => Removal::Prefix(prefix),
            None => Removal::Name(name),
        };
        let set = HeaderTemplate::all(config.set, start)?;
        let add = HeaderTemplate::all(config.add, start)?;
        let names: Vec<&str> = set.iter().chain(&add).map(|header| header.name).collect();
        let sets = |name: &str| names.iter().any(|known| known.eq_ignore_ascii_case(name));
        Ok(Self {
            explicit: ExplicitFields {
                host: sets("host"),
                forwarded_for: sets("x-forwarded-for"),
                forwarded_host: sets("x-forwarded-host"),
                forwarded_proto: sets("x-forwarded-proto"),
                real_ip: sets("x-real-ip"),
            },
            remove: config.remove.iter().map(removal).collect(),
            set,
            add,
        })
    }
}

impl Filter for RequestHeaders {
    /// MW-REQH-1: remove, set, add, in this order.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        for removal in &self.remove {
            match removal {
                Removal::Name(name) => exchange.request.fields.remove(name),
                Removal::Prefix(prefix) => exchange.request.fields.remove_where(|name| {
                    name.get(..prefix.len())
                        .is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
                }),
            }
        }
        for header in &self.set {
            header.change(exchange, |fields, value| {
                if value.is_empty() {
                    fields.remove(header.name);
                } else {
                    fields.set(header.name, value);
                }
            });
        }
        for header in &self.add {
            header.change(exchange, |fields, value| fields.append(header.name, value));
        }
        exchange.explicit = exchange.explicit.or(self.explicit);
        Flow::Next
    }
}

impl ExplicitFields {
    fn or(self, other: Self) -> Self {
        Self {
            host: self.host || other.host,
            forwarded_for: self.forwarded_for || other.forwarded_for,
            forwarded_host: self.forwarded_host || other.forwarded_host,
            forwarded_proto: self.forwarded_proto || other.forwarded_proto,
            real_ip: self.real_ip || other.real_ip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;

    /// MW-REQH-1
    #[test]
    fn removes_sets_and_adds() {
        static CONFIG: Config = Config {
            set: &[
                ("X-T", rig::literal!("acme")),
                ("X-Old", rig::literal!("")),
                ("X-R", rig::literal!("{route.name}/{request.header.x-t}")),
            ],
            remove: &["Authorization", "X-Int-*"],
            add: &[("Accept", rig::literal!("b"))],
        };
        let mut exchange = rig::exchange(
            "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: s\r\nX-Old: 1\r\nx-int-a: 1\r\n\
             X-In: 1\r\nX-t: 1\r\nx-T: 2\r\nAccept: a\r\n\r\n",
        );
        let filter = rig::start(|start| RequestHeaders::new(&CONFIG, start)).unwrap();
        assert!(matches!(filter.request(&mut exchange), Flow::Next));
        assert_eq!(
            rig::text(&exchange.request.fields),
            "Host: h\nX-In: 1\nX-T: acme\nAccept: a\nX-R: t/acme\nAccept: b\n"
        );
        assert!(!exchange.explicit.host);
    }
}
