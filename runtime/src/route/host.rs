//! Host patterns (C-HOST) and the order in which they are tried (RT-ROUTE-5).

use rustc_hash::FxHashMap;

/// A parsed host pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) kind: Kind,
    /// The host, or the suffix after the wildcard label.
    pub(super) name: String,
    pub(super) port: Option<u16>,
}

/// Kinds in rank order, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `a.example.com`
    Exact,
    /// `{label}.example.com`: exactly one label.
    OneLabel,
    /// `*.example.com`: one or more labels (RT-ROUTE-8).
    Wildcard,
    /// `*`
    Any,
}

/// Something per host pattern; `T` is the table's trie.
#[derive(Debug)]
pub(super) struct Hosts<T> {
    exact: FxHashMap<Vec<u8>, Ports<T>>,
    one_label: FxHashMap<Vec<u8>, Ports<T>>,
    wildcard: FxHashMap<Vec<u8>, Ports<T>>,
    any: Ports<T>,
}

#[derive(Debug)]
struct Ports<T> {
    by_port: Vec<(u16, T)>,
    every: Option<T>,
}

impl<T> Default for Ports<T> {
    fn default() -> Self {
        Self {
            by_port: Vec::new(),
            every: None,
        }
    }
}

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        Self {
            exact: FxHashMap::default(),
            one_label: FxHashMap::default(),
            wildcard: FxHashMap::default(),
            any: Ports::default(),
        }
    }
}

impl Pattern {
    /// Reads a pattern that the compiler has checked.
    pub(super) fn parse(text: &str) -> Self {
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => match port.parse() {
                Ok(port) => (host, Some(port)),
                Err(_) => (text, None),
            },
            _ => (text, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let (kind, name) = if host == "*" {
            (Kind::Any, "")
        } else if let Some(suffix) = host.strip_prefix("*.") {
            (Kind::Wildcard, suffix)
        } else if let Some((label, suffix)) = host.split_once("}.") {
            if label.ends_with("...") {
                (Kind::Wildcard, suffix)
            } else {
                (Kind::OneLabel, suffix)
            }
        } else {
            (Kind::Exact, host)
        };
        Self {
            kind,
            name: name.to_ascii_lowercase(),
            port,
        }
    }
}

impl<T: Default> Hosts<T> {
    /// The entry of a pattern, made if absent.
    pub(super) fn entry(&mut self, pattern: Pattern) -> &mut T {
        let ports = match pattern.kind {
            Kind::Exact => self.exact.entry(pattern.name.into()).or_default(),
            Kind::OneLabel => self.one_label.entry(pattern.name.into()).or_default(),
            Kind::Wildcard => self.wildcard.entry(pattern.name.into()).or_default(),
            Kind::Any => &mut self.any,
        };
        let Some(port) = pattern.port else {
            return ports.every.get_or_insert_default();
        };
        let found = ports.by_port.iter().position(|(known, _)| *known == port);
        let place = found.unwrap_or_else(|| {
            ports.by_port.push((port, T::default()));
            ports.by_port.len() - 1
        });
        match ports.by_port.get_mut(place) {
            Some((_, entry)) => entry,
            // Not reached: `place` was found or has just been pushed.
            None => ports.every.get_or_insert_default(),
        }
    }
}

impl<T> Hosts<T> {
    /// Entries whose pattern fits, best host rank first.
    pub(super) fn matching<'a>(
        &'a self,
        host: &'a [u8],
        port: u16,
    ) -> impl Iterator<Item = &'a T> + 'a {
        let one_label = (!self.one_label.is_empty())
            .then(|| after_label(host))
            .flatten()
            .and_then(|suffix| self.one_label.get(suffix));
        let wildcards = suffixes(if self.wildcard.is_empty() { b"" } else { host })
            .filter_map(|suffix| self.wildcard.get(suffix));
        let exact = (!self.exact.is_empty())
            .then(|| self.exact.get(host))
            .flatten();
        exact
            .into_iter()
            .chain(one_label)
            .chain(wildcards)
            .chain(std::iter::once(&self.any))
            .flat_map(move |ports| ports.matching(port))
    }
}

impl<T> Ports<T> {
    fn matching(&self, port: u16) -> impl Iterator<Item = &T> {
        self.by_port
            .iter()
            .filter(move |(known, _)| *known == port)
            .map(|(_, entry)| entry)
            .chain(self.every.as_ref())
    }
}

/// Suffixes after each label, longest first: `b.c`, `c` for `a.b.c`.
fn suffixes(host: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(after_label(host), |suffix| after_label(suffix))
}

fn after_label(host: &[u8]) -> Option<&[u8]> {
    let dot = memchr::memchr(b'.', host)?;
    host.get(dot + 1..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[&str], host: &str, port: u16) -> Vec<String> {
        let mut hosts = Hosts::<String>::default();
        for pattern in patterns {
            *hosts.entry(Pattern::parse(pattern)) = (*pattern).to_owned();
        }
        hosts.matching(host.as_bytes(), port).cloned().collect()
    }

    /// RT-ROUTE-5: exact with port, exact, one label, wildcard with the longer suffix, any.
    #[test]
    fn patterns_are_tried_by_rank() {
        let patterns = [
            "*",
            "*.com",
            "*.example.com",
            "{tenant}.example.com",
            "a.example.com",
            "a.example.com:8080",
            "b.example.com",
        ];
        let mut expected = patterns[..6].to_vec();
        expected.reverse();
        assert_eq!(found(&patterns, "a.example.com", 8080), expected);
    }

    /// RT-ROUTE-8
    #[test]
    fn wildcards_take_several_labels_but_never_the_apex() {
        assert_eq!(found(&["*.example.com"], "a.b.example.com", 80).len(), 1);
        assert_eq!(found(&["*.example.com"], "example.com", 80).len(), 0);
        assert_eq!(found(&["{x}.example.com"], "a.b.example.com", 80).len(), 0);
        assert_eq!(
            found(&["{x...}.example.com"], "a.b.example.com", 80).len(),
            1
        );
        assert_eq!(found(&["[::1]:80"], "::1", 80).len(), 1);
        assert_eq!(found(&["[::1]"], "::1", 8080).len(), 1);
    }
}
