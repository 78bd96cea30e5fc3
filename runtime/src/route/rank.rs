//! The order in which routes that fit a request are preferred (RT-ROUTE-4 to RT-ROUTE-6). It does not
//! depend on the request, so it is computed once for all pairs of a route and one of its host patterns.

use std::cmp::Reverse;

use super::host::{Kind, Pattern};
use super::pattern::{is_parameter, segments};
use super::{PathType, Route};

/// Smaller is better; equal ranks are in list order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Rank {
    /// Routes with a priority first, ascending (RT-ROUTE-6).
    priority: (bool, i64),
    path: PathRank,
    host: HostRank,
    conditions: Reverse<usize>,
}

/// Element by element, then exact before prefix (RT-ROUTE-4).
type PathRank = (Vec<Element>, bool);

/// Kind; longer suffix first; with port first.
type HostRank = (Kind, Reverse<usize>, bool);

/// An element of a path pattern, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Element {
    Static,
    Parameter,
    Regex,
    /// The end of the pattern.
    End,
}

impl Rank {
    pub(super) fn of(route: &Route, host: &Pattern) -> Self {
        Self {
            priority: (route.priority.is_none(), route.priority.unwrap_or_default()),
            path: path_rank(route),
            host: (host.kind, Reverse(host.name.len()), host.port.is_none()),
            conditions: Reverse(route.conditions.len()),
        }
    }
}

fn path_rank(route: &Route) -> PathRank {
    let of = |path| {
        segments(path).map(|segment| {
            if is_parameter(segment) {
                Element::Parameter
            } else {
                Element::Static
            }
        })
    };
    let mut elements: Vec<Element> = match route.path_type {
        PathType::Exact | PathType::Prefix => of(route.path).collect(),
        // Braces in it are no parameters.
        PathType::Regex { literal } => {
            let literal = segments(literal).map(|_| Element::Static);
            literal.chain([Element::Regex]).collect()
        }
    };
    elements.push(Element::End);
    (elements, route.path_type != PathType::Exact)
}
