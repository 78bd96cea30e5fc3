//! [`Code::DuplicateBackend`]

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::endpoint::split_socket;
use crate::model::{Model, Part};
use crate::source::Span;

pub(super) fn check(model: &Model, diags: &mut Diagnostics) {
    for route in &model.routes {
        let mut seen: Vec<(&[Part], Span)> = Vec::new();
        for backend in &route.backends {
            let value = &backend.endpoint;
            match seen.iter().find(|(parts, _)| same(parts, &value.parts)) {
                Some(&(_, first)) => {
                    let message = "this endpoint is listed twice";
                    let warning = Diagnostic::new(
                        Code::DuplicateBackend,
                        value.key.as_str(),
                        value.span,
                        message,
                    );
                    diags.push(
                        warning
                            .label(first, "first listed here")
                            .help("it gets a double share of the requests"),
                    );
                }
                None => seen.push((&value.parts, value.span)),
            }
        }
    }
}

fn same(left: &[Part], right: &[Part]) -> bool {
    match (left, right) {
        // Names of files differ by case.
        ([Part::Text(left)], [Part::Text(right)]) if split_socket(left).is_some() => left == right,
        ([Part::Text(left)], [Part::Text(right)]) => left
            .trim_end_matches('/')
            .eq_ignore_ascii_case(right.trim_end_matches('/')),
        (left, right) => left == right,
    }
}
