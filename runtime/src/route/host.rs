//! Host patterns (C-HOST): exact ones by hash, wildcards by a trie of labels from the right.

use rustc_hash::FxHashMap;

/// A parsed host pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) kind: Kind,
    /// The host, or the suffix after the wildcard label.
    pub(super) name: String,
    pub(super) port: Option<u16>,
}

/// Kinds in rank order, best first (RT-ROUTE-5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
#[derive(Clone, Debug)]
pub(super) struct Hosts<T> {
    exact: FxHashMap<Box<[u8]>, Ports<T>>,
    /// `None`: no wildcards at all.
    suffixes: Option<Box<Suffix<T>>>,
    any: Ports<T>,
}

/// A suffix of hosts, label by label from the right.
#[derive(Clone, Debug)]
struct Suffix<T> {
    /// By the label before.
    longer: FxHashMap<Box<[u8]>, Suffix<T>>,
    one_label: Ports<T>,
    wildcard: Ports<T>,
}

#[derive(Clone, Debug)]
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

impl<T> Default for Suffix<T> {
    fn default() -> Self {
        Self {
            longer: FxHashMap::default(),
            one_label: Ports::default(),
            wildcard: Ports::default(),
        }
    }
}

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        Self {
            exact: FxHashMap::default(),
            suffixes: None,
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
    pub(super) fn entry(&mut self, pattern: &Pattern) -> &mut T {
        let name = pattern.name.as_bytes();
        let ports = match pattern.kind {
            Kind::Exact => self.exact.entry(name.into()).or_default(),
            Kind::OneLabel => &mut self.suffix(name).one_label,
            Kind::Wildcard => &mut self.suffix(name).wildcard,
            Kind::Any => &mut self.any,
        };
        ports.entry(pattern.port)
    }

    fn suffix(&mut self, name: &[u8]) -> &mut Suffix<T> {
        let mut suffix: &mut Suffix<T> = self.suffixes.get_or_insert_default();
        for label in name.rsplit(|byte| *byte == b'.') {
            suffix = suffix.longer.entry(label.into()).or_default();
        }
        suffix
    }
}

impl<T: Default> Ports<T> {
    fn entry(&mut self, port: Option<u16>) -> &mut T {
        let Some(port) = port else {
            return self.every.get_or_insert_default();
        };
        let found = self.by_port.iter().position(|(known, _)| *known == port);
        let place = found.unwrap_or_else(|| {
            self.by_port.push((port, T::default()));
            self.by_port.len() - 1
        });
        match self.by_port.get_mut(place) {
            Some((_, entry)) => entry,
            // Not reached: `place` was found or has just been pushed.
            None => self.every.get_or_insert_default(),
        }
    }
}

impl<T> Hosts<T> {
    /// Visits the entries of all patterns that fit.
    pub(super) fn visit<'a>(&'a self, host: &[u8], port: u16, mut visit: impl FnMut(&'a T)) {
        if !self.exact.is_empty()
            && let Some(ports) = self.exact.get(host)
        {
            ports.visit(port, &mut visit);
        }
        if let Some(suffixes) = &self.suffixes {
            suffixes.visit(host, port, &mut visit);
        }
        self.any.visit(port, &mut visit);
    }
}

impl<T> Suffix<T> {
    fn visit<'a>(&'a self, host: &[u8], port: u16, visit: &mut impl FnMut(&'a T)) {
        let (mut suffix, mut rest) = (self, host);
        while let Some(dot) = memchr::memrchr(b'.', rest) {
            let (before, label) = rest.split_at(dot);
            let label = label.get(1..).unwrap_or_default();
            let Some(longer) = suffix.longer.get(label) else {
                return;
            };
            (suffix, rest) = (longer, before);
            if !rest.is_empty() {
                suffix.wildcard.visit(port, visit);
                if memchr::memchr(b'.', rest).is_none() {
                    suffix.one_label.visit(port, visit);
                }
            }
        }
    }
}

/// One pattern that hosts are held against, outside the route table.
#[derive(Clone, Debug)]
pub struct HostFilter(Hosts<()>);

impl HostFilter {
    /// A filter of a pattern that the compiler has checked.
    #[must_use]
    pub fn new(pattern: &str) -> Self {
        let mut hosts = Hosts::default();
        hosts.entry(&Pattern::parse(pattern));
        Self(hosts)
    }

    /// Whether a host, in lower case, fits.
    #[must_use]
    pub fn fits(&self, host: &[u8], port: u16) -> bool {
        let mut fits = false;
        self.0.visit(host, port, |()| fits = true);
        fits
    }
}

impl<T> Ports<T> {
    fn visit<'a>(&'a self, port: u16, visit: &mut impl FnMut(&'a T)) {
        for (known, entry) in &self.by_port {
            if *known == port {
                visit(entry);
            }
        }
        if let Some(entry) = &self.every {
            visit(entry);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(patterns: &[&str], host: &str, port: u16) -> Vec<String> {
        let mut hosts = Hosts::<String>::default();
        for pattern in patterns {
            *hosts.entry(&Pattern::parse(pattern)) = (*pattern).to_owned();
        }
        let mut found = Vec::new();
        hosts.visit(host.as_bytes(), port, |pattern| found.push(pattern.clone()));
        found.sort();
        found
    }

    #[test]
    fn every_pattern_that_fits_is_visited() {
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
        expected.sort_unstable();
        assert_eq!(found(&patterns, "a.example.com", 8080), expected);
    }

    /// RT-ROUTE-8
    #[test]
    fn wildcards_take_several_labels_but_never_the_apex() {
        assert_eq!(found(&["*.example.com"], "a.b.example.com", 80).len(), 1);
        assert_eq!(found(&["*.example.com"], "example.com", 80).len(), 0);
        assert_eq!(found(&["*.example.com"], ".example.com", 80).len(), 0);
        assert_eq!(found(&["*.example.com"], "aexample.com", 80).len(), 0);
        assert_eq!(found(&["{x}.example.com"], "a.b.example.com", 80).len(), 0);
        assert_eq!(
            found(&["{x...}.example.com"], "a.b.example.com", 80).len(),
            1
        );
        assert_eq!(found(&["[::1]:80"], "::1", 80).len(), 1);
        assert_eq!(found(&["[::1]"], "::1", 8080).len(), 1);
    }
}
