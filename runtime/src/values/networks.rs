//! Sets of IP addresses, made from lists of networks.

use std::net::IpAddr;

use super::scalar::network;
use super::{Environment, StartError, Value};

/// A set of addresses. IPv4 in IPv6 counts as IPv4 (MW-CLI-7).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks {
    /// First and last address of each range; sorted, disjoint, IPv4 before IPv6.
    ranges: Vec<(IpAddr, IpAddr)>,
}

impl Networks {
    /// The union of ranges from a first to a last address.
    #[must_use]
    pub fn of(mut ranges: Vec<(IpAddr, IpAddr)>) -> Self {
        ranges.sort_unstable();
        let mut merged: Vec<(IpAddr, IpAddr)> = Vec::with_capacity(ranges.len());
        for (first, last) in ranges {
            match merged.last_mut() {
                Some((_, end)) if first <= *end => *end = last.max(*end),
                Some(_) | None => merged.push((first, last)),
            }
        }
        Self { ranges: merged }
    }

    /// Reads a class-V list. An item may hold several networks, separated by commas (C-ENV-4).
    ///
    /// # Errors
    /// `bad-cidr`, and those of [`Value::resolve`].
    pub fn read(values: &[Value], environment: &Environment) -> Result<Self, StartError> {
        let mut ranges = Vec::new();
        for value in values {
            let text = value.resolve(environment)?;
            let items = text.split(',').map(str::trim);
            for item in items.filter(|item| !item.is_empty()) {
                let range = network(item);
                ranges
                    .push(range.map_err(|malformed| value.fault(malformed.code, malformed.text))?);
            }
        }
        Ok(Self::of(ranges))
    }

    /// Whether no address is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether an address is in it: the last range that begins at or below it holds it, or none does.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let behind = self.ranges.partition_point(|(first, _)| *first <= address);
        let candidate = behind.checked_sub(1).and_then(|at| self.ranges.get(at));
        candidate.is_some_and(|(_, last)| address <= *last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Part;

    /// MW-CLI-7, C-ENV-4
    #[test]
    fn a_list_with_a_reference() {
        const LIST: [Value; 2] = [
            Value {
                key: "gateway.proxy.trustedProxies[0]",
                source: "goma.yaml:4:9",
                parts: &[Part::Text("10.0.0.0/8")],
            },
            Value {
                key: "gateway.proxy.trustedProxies[1]",
                source: "goma.yaml:4:9",
                parts: &[Part::Env {
                    name: "MORE",
                    default: None,
                }],
            },
        ];
        let environment = Environment::of([("MORE", "10.9.0.0/16, ::1,192.0.2.1")]);
        let networks = Networks::read(&LIST, &environment).unwrap();
        for (address, expected) in [
            ("10.255.255.255", true),
            ("11.0.0.0", false),
            ("::ffff:10.1.2.3", true),
            ("::1", true),
            ("::2", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
        ] {
            let found = networks.contains(address.parse().unwrap());
            assert_eq!(found, expected, "{address}");
        }
        let wrong = Environment::of([("MORE", "10.0.0.0/33")]);
        let error = Networks::read(&LIST, &wrong).unwrap_err().to_string();
        assert!(error.contains("error[bad-cidr]: gateway.proxy.trustedProxies[1]"));
        let nothing = Environment::of([("MORE", "")]);
        assert!(Networks::read(&LIST[1..], &nothing).unwrap().is_empty());
    }
}
