//! Names of middlewares and what they stand for.

use std::collections::BTreeMap;

use super::read::Cx;
use crate::diag::nearest::nearest;
use crate::diag::{Code, Diagnostic};
use crate::model::MiddlewareId;
use crate::source::Span;
use crate::spec::fields::Leaf;

/// All names of middlewares, those of faulty ones included: a reference to a faulty middleware is
/// not a second fault.
pub(super) struct Names {
    by_name: BTreeMap<String, (Option<MiddlewareId>, Span)>,
    /// False: some middleware has no readable name, so nothing is known to be undefined.
    complete: bool,
}

/// What a name stands for.
pub(super) enum Found {
    Middleware(MiddlewareId),
    /// Defined with a fault, or perhaps defined: already reported.
    Faulty,
    Undefined,
}

impl Names {
    pub(super) const fn new(complete: bool) -> Self {
        Self {
            by_name: BTreeMap::new(),
            complete,
        }
    }

    /// Some definition has no readable name.
    pub(super) const fn incomplete(&mut self) {
        self.complete = false;
    }

    /// Adds a name; if it is taken, gives the place of the first.
    pub(super) fn add(&mut self, name: &str, span: Span) -> Option<Span> {
        if let Some(&(_, first)) = self.by_name.get(name) {
            return Some(first);
        }
        self.by_name.insert(name.to_owned(), (None, span));
        None
    }

    /// The named middleware is without fault.
    pub(super) fn set(&mut self, name: &str, id: MiddlewareId) {
        if let Some((slot, _)) = self.by_name.get_mut(name) {
            *slot = Some(id);
        }
    }

    pub(super) fn find(&self, name: &str) -> Found {
        match self.by_name.get(name) {
            Some((Some(id), _)) => Found::Middleware(*id),
            Some((None, _)) => Found::Faulty,
            None if self.complete => Found::Undefined,
            None => Found::Faulty,
        }
    }

    /// "did you mean"
    pub(super) fn nearest(&self, name: &str) -> Option<&str> {
        nearest(name, self.by_name.keys().map(String::as_str))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    /// Reports a reference to a name that nothing has.
    pub(super) fn report_undefined(&self, leaf: &Leaf, name: &str, cx: &mut Cx<'_>) {
        let message = format!("middleware `{}` is not defined", name.escape_debug());
        let fault = Diagnostic::new(Code::UndefinedName, leaf.key.as_str(), leaf.span, message);
        cx.diags.push(match self.nearest(name) {
            Some(known) => fault
                .help(format!("did you mean `{known}`?"))
                .fix(leaf.span, known),
            None if self.is_empty() => {
                fault.help("define it in the list `middlewares` at the top level")
            }
            None => fault,
        });
    }
}
