//! The route table: of all routes whose host, path and conditions fit, the best (RT-ROUTE-5).

use std::cell::Cell;
use std::sync::Arc;

use super::condition::Conditions;
use super::host::{Hosts, Pattern};
use super::rank::Rank;
use super::trie::{End, Entry, Trie};
use super::{PathType, Regex, Route};
use crate::head::Request;

/// Index of a route in the generated rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct RouteId(pub u32);

/// All routes, and which of them are enabled. Built once; each core has a clone, which shares all but that and
/// scratch space of regular expressions.
#[derive(Clone, Debug)]
pub struct Table {
    shared: Arc<Shared>,
    /// Compiled paths.
    regexes: Vec<Regex>,
    /// Of routes that have some.
    conditions: Vec<Conditions>,
    /// By route.
    enabled: Vec<Cell<bool>>,
}

/// What no search changes.
#[derive(Debug)]
struct Shared {
    /// In spec order.
    routes: Vec<&'static Route>,
    hosts: Hosts<Trie>,
    /// By route: the index of its compiled path.
    regex_of: Vec<Option<u32>>,
}

/// A request that looks for its route.
pub(super) struct Search<'a> {
    table: &'a Table,
    request: &'a Request,
    path: &'a [u8],
    /// Order of the best that has been found.
    best: u32,
    found: Option<RouteId>,
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
    /// A row with a regular expression that cannot be compiled.
    pub fn build(blocks: &'static [&'static [Route]]) -> Result<Self, TableError> {
        let routes: Vec<_> = blocks.iter().copied().flatten().collect();
        let mut table = Parts {
            regexes: Vec::new(),
            conditions: Vec::new(),
            regex_of: vec![None; routes.len()],
        };
        let mut pairs = Vec::new();
        for (&route, index) in routes.iter().zip(0_u32..) {
            let entry = table.entry(route, index).map_err(|text| TableError {
                route: route.name,
                source_place: route.source,
                text,
            })?;
            let patterns: &[&str] = if route.hosts.is_empty() {
                &["*"]
            } else {
                route.hosts
            };
            for pattern in patterns {
                let pattern = Pattern::parse(pattern);
                pairs.push((Rank::of(route, &pattern), pattern, route, entry));
            }
        }
        // Stable: what is equal stays in list order.
        pairs.sort_by(|(left, ..), (right, ..)| left.cmp(right));
        let mut hosts = Hosts::<Trie>::default();
        for ((_, pattern, route, entry), order) in pairs.into_iter().zip(0_u32..) {
            let trie = hosts.entry(&pattern);
            trie.insert(route, Entry { order, ..entry });
        }
        let enabled = routes.iter().map(|route| Cell::new(route.enabled));
        Ok(Self {
            enabled: enabled.collect(),
            shared: Arc::new(Shared {
                routes,
                hosts,
                regex_of: table.regex_of,
            }),
            regexes: table.regexes,
            conditions: table.conditions,
        })
    }

    /// The route of a request that came in on a port unless its authority names one.
    #[must_use]
    pub fn find(&self, request: &Request, default_port: u16) -> Option<RouteId> {
        let mut search = Search {
            table: self,
            request,
            path: request.bytes(request.canonical),
            best: u32::MAX,
            found: None,
        };
        let host = request.bytes(request.host);
        let port = request.port().unwrap_or(default_port);
        let hosts = &self.shared.hosts;
        hosts.visit(host, port, |trie| trie.search(&mut search));
        search.found
    }

    /// A row.
    #[must_use]
    pub fn route(&self, id: RouteId) -> Option<&'static Route> {
        self.shared.routes.get(id.index()).copied()
    }

    /// Serves a route, or as if it were absent (RT-ROUTE-2), from the next search on.
    pub fn enable(&self, id: RouteId, enabled: bool) {
        if let Some(place) = self.enabled.get(id.index()) {
            place.set(enabled);
        }
    }

    /// The compiled path of a route, if it is a regular expression.
    #[must_use]
    pub fn regex(&self, id: RouteId) -> Option<&Regex> {
        let index = (*self.shared.regex_of.get(id.index())?)?;
        self.regexes.get(index as usize)
    }
}

/// What is collected while a table is built.
struct Parts {
    regexes: Vec<Regex>,
    conditions: Vec<Conditions>,
    regex_of: Vec<Option<u32>>,
}

impl Parts {
    /// The entry of a route, whose order is not known yet.
    fn entry(&mut self, route: &'static Route, index: u32) -> Result<Entry, String> {
        let end = match route.path_type {
            PathType::Exact => End::Exact,
            PathType::Prefix => End::Prefix,
            PathType::Regex { .. } => {
                let regex = pushed(&mut self.regexes, Regex::path(route.path)?);
                if let Some(slot) = self.regex_of.get_mut(index as usize) {
                    *slot = Some(regex);
                }
                End::Regex(regex)
            }
        };
        let conditions = if route.conditions.is_empty() {
            None
        } else {
            let prepared = Conditions::prepare(route.conditions)?;
            Some(pushed(&mut self.conditions, prepared))
        };
        Ok(Entry {
            order: 0,
            route: RouteId(index),
            end,
            conditions,
        })
    }
}

/// Appends an item; its index. Rows are counted in 32 bits, so their parts are.
fn pushed<T>(list: &mut Vec<T>, item: T) -> u32 {
    list.push(item);
    u32::try_from(list.len() - 1).unwrap_or(u32::MAX)
}

impl<'a> Search<'a> {
    pub(super) fn path(&self) -> &'a [u8] {
        self.path
    }

    pub(super) fn best(&self) -> u32 {
        self.best
    }

    pub(super) fn is_enabled(&self, entry: &Entry) -> bool {
        let enabled = self.table.enabled.get(entry.route.index());
        enabled.is_some_and(Cell::get)
    }

    pub(super) fn fits_regex(&self, index: u32) -> bool {
        let regex = self.table.regexes.get(index as usize);
        regex.is_some_and(|regex| regex.is_match(self.path))
    }

    pub(super) fn holds(&self, conditions: Option<u32>) -> bool {
        let Some(index) = conditions else { return true };
        let conditions = self.table.conditions.get(index as usize);
        conditions.is_some_and(|conditions| conditions.hold(self.request))
    }

    pub(super) fn take(&mut self, entry: &Entry) {
        self.best = entry.order;
        self.found = Some(entry.route);
    }
}

#[cfg(test)]
#[cfg(feature = "regex")]
mod tests;
