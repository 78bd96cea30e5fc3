//! Routes as rows of static data, and the table that finds one for a request.
//!
//! Lookup does not grow with the number of routes: hosts by hash, paths by a matchit trie per host.

use crate::values::Value;

mod host;
pub mod rewrite;
mod table;

pub use table::{RouteId, Table, TableError};

/// One entry of `gateway.routes`.
#[derive(Debug)]
pub struct Route {
    /// Unique name.
    pub name: &'static str,
    /// `file:line` of the route.
    pub source: &'static str,
    /// Disabled routes are as if absent (RT-ROUTE-2).
    pub enabled: bool,
    /// Path prefix without trailing `/`, except `/` itself.
    pub path: &'static str,
    /// Host patterns (C-HOST) in lower case; none = any host.
    pub hosts: &'static [&'static str],
    /// Allowed methods in upper case; none = all (RT-METHOD-1).
    pub methods: &'static [&'static str],
    /// Replacement of `path` in the forwarded path (RT-REWRITE).
    pub rewrite: Option<&'static str>,
    /// Where requests go; one or more.
    pub backends: &'static [Backend],
    /// The chain that requests pass.
    pub chain: ChainId,
}

/// One entry of `backends`, or `target`.
#[derive(Debug)]
pub struct Backend {
    /// The backend's URL.
    pub endpoint: Value,
}

/// Index of a chain in [`crate::gateway::Gateway::chains`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChainId(pub u32);

impl ChainId {
    /// As an index.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}
