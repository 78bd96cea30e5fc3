//! The route table: host, then path, then rank (RT-ROUTE-5).

use super::Route;
use super::host::{Hosts, Pattern};
use crate::head::path;

/// Index of a route in the generated rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RouteId(pub u32);

/// All enabled routes. Built once, read by every core.
#[derive(Debug)]
pub struct Table {
    /// In spec order.
    routes: Vec<&'static Route>,
    hosts: Hosts<Trie>,
}

/// Path prefixes of one host pattern.
///
/// The trie holds the prefixes themselves, not what is below them: a request's path is looked up,
/// then its parents. Catch-alls would make matchit keep a list of where to turn back, which is an
/// allocation per request.
#[derive(Debug, Default)]
struct Trie {
    router: matchit::Router<Entry>,
    /// The route of `/`, which is below nothing.
    root: Option<Entry>,
    /// Segments of the longest prefix: the bound on lookups per request.
    segments_max: u32,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    route: RouteId,
    /// Number of segments of the route's path: longer prefixes win (RT-ROUTE-4).
    rank: u32,
}

/// A row that the table cannot hold; the compiler refuses such specs, so this is a defect of goma.
#[derive(Debug, thiserror::Error)]
#[error("route `{route}` ({source_place}): {text}")]
pub struct TableError {
    route: &'static str,
    source_place: &'static str,
    text: String,
}

impl RouteId {
    /// As an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

impl Table {
    /// Builds the table from the blocks of rows.
    ///
    /// # Errors
    /// A row whose path matchit refuses or that equals another one's.
    pub fn build(blocks: &'static [&'static [Route]]) -> Result<Self, TableError> {
        let routes: Vec<_> = blocks.iter().copied().flatten().collect();
        let mut hosts = Hosts::<Trie>::default();
        for (&route, index) in routes.iter().zip(0_u32..) {
            if !route.enabled {
                continue;
            }
            let patterns = if route.hosts.is_empty() {
                &["*"]
            } else {
                route.hosts
            };
            for pattern in patterns {
                let trie = hosts.entry(Pattern::parse(pattern));
                trie.insert(route.path, RouteId(index))
                    .map_err(|text| TableError {
                        route: route.name,
                        source_place: route.source,
                        text,
                    })?;
            }
        }
        Ok(Self { routes, hosts })
    }

    /// The route for a host (lower case, no port), the request's port and a canonical path.
    #[must_use]
    pub fn find(&self, host: &[u8], port: u16, canonical_path: &str) -> Option<RouteId> {
        let mut best: Option<Entry> = None;
        for trie in self.hosts.matching(host, port) {
            let Some(found) = trie.find(canonical_path) else {
                continue;
            };
            // Host patterns come best first, so only a longer path displaces an earlier one.
            if best.is_none_or(|best| found.rank > best.rank) {
                best = Some(found);
            }
        }
        best.map(|entry| entry.route)
    }

    /// A row.
    #[must_use]
    pub fn route(&self, id: RouteId) -> Option<&'static Route> {
        self.routes.get(id.index()).copied()
    }
}

impl Trie {
    fn insert(&mut self, prefix: &str, route: RouteId) -> Result<(), String> {
        let canonical = match path::canonicalize(prefix.as_bytes()) {
            Ok(Some(canonical)) => canonical.matched,
            Ok(None) | Err(_) => prefix.to_owned(),
        };
        let base = canonical.trim_end_matches('/');
        let rank = base.split('/').filter(|part| !part.is_empty()).count();
        let rank = u32::try_from(rank).unwrap_or(u32::MAX);
        let entry = Entry { route, rank };
        if base.is_empty() {
            return match self.root.replace(entry) {
                Some(_) => Err("a second route for `/`".to_owned()),
                None => Ok(()),
            };
        }
        self.segments_max = self.segments_max.max(rank);
        let literal = base.replace('{', "{{").replace('}', "}}");
        let inserted = self.router.insert(literal, entry);
        inserted.map_err(|error| error.to_string())
    }

    /// The longest prefix of a path, on the boundary of a segment.
    fn find(&self, path: &str) -> Option<Entry> {
        let mut prefix = first_segments(path, self.segments_max);
        while !prefix.is_empty() {
            if let Ok(found) = self.router.at(prefix) {
                return Some(*found.value);
            }
            prefix = parent(prefix);
        }
        self.root
    }
}

/// The path up to the slash behind its first `count` segments.
fn first_segments(path: &str, count: u32) -> &str {
    let mut slashes = 0;
    for (at, byte) in path.bytes().enumerate() {
        if byte == b'/' {
            if slashes == count {
                return path.get(..at).unwrap_or_default();
            }
            slashes += 1;
        }
    }
    path
}

/// The path without its last segment; the parent of `/a` is empty.
fn parent(path: &str) -> &str {
    path.rfind('/')
        .and_then(|at| path.get(..at))
        .unwrap_or_default()
}

#[cfg(test)]
mod tests;
