//! Chains, and what they name.

use serde::Serialize;

use super::{Ident, Place};

/// One distinct ordered list of middlewares, shared by every route that has this list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Chain {
    /// Position in the table of chains.
    pub id: u32,
    /// Name of its `ChainId` constant.
    pub constant: Ident,
    /// Name of the function that builds it.
    pub function: Ident,
    /// The recorder's middlewares, outermost first (MW-GEN-7).
    pub policies: Vec<Member>,
    /// All other middlewares in list order.
    pub filters: Vec<Member>,
    /// The first route in spec order that uses it, which gives it its name.
    pub first_route: RouteName,
    /// How many more routes use it.
    pub more_routes: usize,
}

/// A middleware as a chain names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Name in the spec.
    pub name: String,
    /// Its function in `middlewares`.
    pub function: Ident,
}

/// A route as a comment names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RouteName {
    /// Name in the spec.
    pub name: String,
    /// The entry in the list.
    pub place: Place,
}
