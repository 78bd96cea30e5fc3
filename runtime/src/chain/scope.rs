//! `paths` of a middleware (middlewares.md section 2): where on a route it acts. Whole-route scopes
//! are no type here, so they cost nothing.

mod readings;

use std::borrow::Cow;

use super::{Exchange, Filter, Filters, Flow, Policies, Policy};
use crate::gateway::StartError;
use crate::head::{Response, Span};
#[cfg(feature = "regex")]
use crate::values::pattern;

/// Where a middleware acts.
#[derive(Debug)]
pub struct Scope {
    /// One that fits is enough; never none.
    pub patterns: &'static [Pattern],
    /// It guards something: what a backend may make of the path counts too (MW-PATH-10).
    pub guard: bool,
}

/// One entry of `paths`.
#[derive(Debug)]
pub enum Pattern {
    /// Segments; `*` stands for one of them, or for a run of characters in one (MW-PATH-5).
    Literal(&'static str),
    /// Anchored at the start, letter case ignored (MW-PATH-3, -4, -12).
    #[cfg(feature = "regex")]
    Regex(&'static str),
}

/// A middleware that acts on part of its route.
#[derive(Debug)]
pub struct Scoped<T> {
    scope: Matcher,
    inner: T,
}

#[derive(Debug)]
struct Matcher {
    /// Those of a guard also with their escapes opened.
    literals: Vec<Cow<'static, str>>,
    /// With whether it begins with `^`: then it is tried on the whole path only.
    #[cfg(feature = "regex")]
    regexes: Vec<(regex::bytes::Regex, bool)>,
    guard: bool,
}

impl<T> Scoped<T> {
    /// A middleware within a scope.
    ///
    /// # Errors
    /// A pattern that the compiler should have refused.
    pub fn new(scope: &'static Scope, inner: T) -> Result<Self, StartError> {
        let scope = Matcher::new(scope)?;
        Ok(Self { scope, inner })
    }
}

impl<T: Filter> Filters for Scoped<T> {
    const COUNT: usize = 1;

    /// What only this filter may set is removed in scope or not (MW-GEN-12).
    fn owned(&self, names: &mut Vec<&'static str>) {
        names.extend(self.inner.owned());
    }

    /// By the path as it is at this position (MW-PATH-8).
    fn request(&self, exchange: &mut Exchange, base: usize, from: usize) -> Flow {
        if base < from {
            return Flow::Next;
        }
        exchange.passed = base + 1;
        let path = exchange.request.canonical_path();
        if self.scope.covers(path, |path| exchange.below_route(path)) {
            return self.inner.request(exchange);
        }
        exchange.skipped |= bit(base);
        Flow::Next
    }

    fn response(&self, exchange: &Exchange, base: usize, response: &mut Response) {
        if base < exchange.passed && exchange.skipped & bit(base) == 0 {
            self.inner.response(exchange, response);
        }
    }
}

/// Policies are part of the recorder: the client's path decides (MW-PATH-8).
impl<T: Policy> Policies for Scoped<T> {
    /// In scope or not, as for filters.
    fn owned(&self, names: &mut Vec<&'static str>) {
        names.extend(self.inner.owned());
    }

    fn admit(&self, exchange: &mut Exchange) {
        if self.is_in_scope(exchange) {
            self.inner.admit(exchange);
        }
    }

    fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool {
        self.is_in_scope(exchange) && self.inner.preflight(exchange, response)
    }

    fn intercept(&self, exchange: &Exchange, response: &mut Response) -> Option<Vec<u8>> {
        if self.is_in_scope(exchange) {
            return self.inner.intercept(exchange, response);
        }
        None
    }

    fn apply(&self, exchange: &Exchange, response: &mut Response) {
        if self.is_in_scope(exchange) {
            self.inner.apply(exchange, response);
        }
    }

    fn record(&self, exchange: &Exchange, response: &Response) {
        if self.is_in_scope(exchange) {
            self.inner.record(exchange, response);
        }
    }
}

impl<T> Scoped<T> {
    fn is_in_scope(&self, exchange: &Exchange) -> bool {
        let path: Span = exchange.client_path;
        let path = exchange.request.text(path);
        self.scope.covers(path, |path| exchange.below_route(path))
    }
}

/// The place of a filter in [`Exchange::skipped`]; the compiler refuses longer chains.
const fn bit(index: usize) -> u128 {
    if index < 128 { 1 << index } else { 0 }
}

impl Matcher {
    fn new(scope: &'static Scope) -> Result<Self, StartError> {
        let mut matcher = Self {
            literals: Vec::new(),
            #[cfg(feature = "regex")]
            regexes: Vec::new(),
            guard: scope.guard,
        };
        for pattern in scope.patterns {
            match pattern {
                Pattern::Literal(literal) => {
                    matcher.literals.push(Cow::Borrowed(literal));
                    if scope.guard && literal.contains('%') {
                        let opened = readings::opened(literal, &['/', '\\']);
                        matcher.literals.push(Cow::Owned(opened));
                    }
                }
                #[cfg(feature = "regex")]
                Pattern::Regex(text) => {
                    let built = pattern::compile(&format!("^(?:{text})"), true)?;
                    matcher.regexes.push((built, text.starts_with('^')));
                }
            }
        }
        Ok(matcher)
    }

    /// Tries the path, and the path below the route's (MW-PATH-1).
    fn covers(&self, path: &str, below: impl Fn(&str) -> &str) -> bool {
        if self.fits(path, below(path)) {
            return true;
        }
        self.guard && path.contains(['%', ';']) && {
            let rest = readings::of(below(path));
            let mut both = readings::of(path).zip(rest);
            // What the route takes may end elsewhere then.
            both.any(|(whole, rest)| self.fits(&whole, below(&whole)) || self.fits(&whole, &rest))
        }
    }

    fn fits(&self, path: &str, below: &str) -> bool {
        let mut literals = self.literals.iter().map(AsRef::as_ref);
        if literals.any(|literal: &str| covers(literal, path) || covers(literal, below)) {
            return true;
        }
        #[cfg(feature = "regex")]
        for (regex, whole) in &self.regexes {
            if regex.is_match(path.as_bytes()) || (!whole && regex.is_match(below.as_bytes())) {
                return true;
            }
        }
        false
    }
}

/// Whether a literal covers a path: segment by segment, the path may go on (MW-PATH-5).
fn covers(pattern: &str, path: &str) -> bool {
    let mut segments = path.split('/').filter(|segment| !segment.is_empty());
    let mut wanted = pattern.split('/').filter(|segment| !segment.is_empty());
    wanted.all(|wanted| {
        segments
            .next()
            .is_some_and(|segment| globs(wanted, segment))
    })
}

/// Whether a segment fits: letter case ignored, `*` any run of characters. Linear but for the search
/// of each piece: the leftmost place of a piece leaves the most for the rest.
fn globs(pattern: &str, segment: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else {
        return pattern.eq_ignore_ascii_case(segment);
    };
    let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
    let Some(mut left) = strip_start(segment, head).and_then(|left| strip_end(left, tail)) else {
        return false;
    };
    for piece in middle.split('*').filter(|piece| !piece.is_empty()) {
        let places = 0..=left.len();
        let found = places
            .filter_map(|at| left.get(at..))
            .find_map(|from| strip_start(from, piece));
        let Some(behind) = found else { return false };
        left = behind;
    }
    true
}

fn strip_start<'t>(text: &'t str, start: &str) -> Option<&'t str> {
    let (head, rest) = text.split_at_checked(start.len())?;
    head.eq_ignore_ascii_case(start).then_some(rest)
}

fn strip_end<'t>(text: &'t str, end: &str) -> Option<&'t str> {
    let (rest, tail) = text.split_at_checked(text.len().checked_sub(end.len())?)?;
    tail.eq_ignore_ascii_case(end).then_some(rest)
}

#[cfg(test)]
mod tests;
