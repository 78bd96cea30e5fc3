//! What an explanation comes to for the request as it stands: without credentials it goes no further
//! than the first middleware that asks for some. Tests and `diff` read this.

use super::{Answer, Explanation, Routed, Step, Upstream};

/// What a client that sends the request would see.
#[derive(Clone, Debug)]
pub struct Outcome<'e> {
    /// The route that answers.
    pub route: Option<&'e Routed>,
    /// Decided without the backend.
    pub status: Option<u16>,
    /// Why, if it is.
    pub reason: String,
    /// The middlewares that act, outermost first.
    pub chain: Vec<&'e Step>,
    /// Where the request goes, if no status is decided.
    pub upstream: Option<&'e Upstream>,
    /// Where a redirect leads.
    pub location: Option<&'e str>,
    /// The middleware, and what it would have to know about the request to decide.
    pub open: Option<(&'e Step, &'static str)>,
}

impl Explanation {
    /// What the request comes to.
    #[must_use]
    pub fn outcome(&self) -> Outcome<'_> {
        match &self.answer {
            Answer::Gateway { status, reason } => Outcome {
                route: None,
                status: Some(*status),
                reason: reason.clone(),
                chain: Vec::new(),
                upstream: None,
                location: None,
                open: None,
            },
            Answer::Route(routed) => of_route(routed),
        }
    }
}

fn of_route(routed: &Routed) -> Outcome<'_> {
    let mut outcome = Outcome {
        route: Some(routed),
        status: routed.status,
        reason: routed.ended_by.to_owned(),
        chain: Vec::new(),
        upstream: routed.upstream.as_ref(),
        location: routed.location.as_deref(),
        open: None,
    };
    for step in routed.chain.iter().filter(|step| step.in_scope) {
        outcome.chain.push(step);
        if outcome.open.is_none() {
            outcome.open = step.open.map(|what| (step, what));
        }
        if let Some(status) = step.refuses {
            outcome.status = Some(status);
            outcome.reason = format!("`{}` asks for credentials", step.name);
            outcome.upstream = None;
            outcome.location = None;
            break;
        }
        if step.terminates {
            outcome.reason = format!("`{}` answers", step.name);
        }
    }
    outcome
}
