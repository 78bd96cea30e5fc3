//! Cases against the model: what each request comes to, and where that is not what was expected.

use std::collections::BTreeSet;

use super::{Case, Coverage, Report, State, Suite, Verdict, Wanted};
use crate::diag::{Code, Diagnostic};
use crate::explain::{Explanation, Outcome, explain};
use crate::model::recorder::is_sensitive_header;
use crate::model::{Model, RouteId};
use crate::source::{Span, Spanned};

/// Runs the cases whose name has this text in it, or all.
#[must_use]
pub fn run(model: &Model, suite: &Suite, filter: Option<&str>) -> Report {
    run_with(model, suite, filter, judge)
}

/// Likewise, with another judge.
pub(super) fn run_with(
    model: &Model,
    suite: &Suite,
    filter: Option<&str>,
    mut judge: impl FnMut(&Case, &Outcome<'_>, &Explanation) -> State,
) -> Report {
    let wanted = |case: &&Case| filter.is_none_or(|text| case.name.contains(text));
    let mut answering = BTreeSet::new();
    let mut results = Vec::new();
    for case in suite.cases.iter().filter(wanted) {
        let explanation = explain(model, &case.request);
        let outcome = explanation.outcome();
        answering.extend(outcome.route.map(|route| route.id));
        results.push(Verdict {
            name: case.name.clone(),
            span: case.span,
            state: judge(case, &outcome, &explanation),
        });
    }
    Report {
        results,
        coverage: coverage(model, &answering),
    }
}

fn coverage(model: &Model, answering: &BTreeSet<RouteId>) -> Coverage {
    let served = || model.routes().filter(|(_, route)| route.enabled);
    let uncovered = served().filter(|(id, _)| !answering.contains(id));
    Coverage {
        routes: served().count(),
        uncovered: uncovered
            .map(|(id, route)| (id, route.name.to_string(), route.span))
            .collect(),
    }
}

/// By the model alone.
pub(super) fn judge(case: &Case, outcome: &Outcome<'_>, explanation: &Explanation) -> State {
    let mut judge = Judge::new(case, outcome, explanation);
    judge.live.clone_from(&case.live);
    judge.route();
    if judge.is_known() {
        judge.status();
        judge.chain();
        judge.upstream();
        judge.location();
    }
    judge.state()
}

/// What is found about a case.
pub(super) struct Judge<'a> {
    /// The case.
    pub(super) case: &'a Case,
    /// What becomes of its request.
    pub(super) outcome: &'a Outcome<'a>,
    explanation: &'a Explanation,
    failures: Vec<Diagnostic>,
    /// What cannot be told.
    pub(super) live: Vec<String>,
}

impl<'a> Judge<'a> {
    /// Nothing yet.
    pub(super) const fn new(
        case: &'a Case,
        outcome: &'a Outcome<'a>,
        explanation: &'a Explanation,
    ) -> Self {
        Self {
            case,
            outcome,
            explanation,
            failures: Vec::new(),
            live: Vec::new(),
        }
    }

    /// What came of it.
    pub(super) fn state(self) -> State {
        if !self.failures.is_empty() {
            State::Failed(self.failures)
        } else if self.live.is_empty() {
            State::Passed
        } else {
            State::Skipped(self.live)
        }
    }

    /// Adds a failure.
    pub(super) fn fail(&mut self, key: &str, span: Span, message: String) {
        let message = format!("{}: {message}", self.case.name);
        let mut finding = Diagnostic::new(Code::TestFailed, key, span, message);
        if let Some(route) = self.outcome.route {
            let text = format!("`{}` answers: {}", route.name, route.reason);
            finding = finding.label(route.span, text);
        }
        self.failures.push(finding);
    }

    /// Held against the model.
    pub(super) fn route(&mut self) {
        let Some(wanted) = &self.case.expect.route else {
            return;
        };
        let found = self.outcome.route.map(|route| route.name.as_str());
        if found == wanted.value.as_deref() {
            return;
        }
        let message = match (found, &wanted.value) {
            (Some(found), Some(wanted)) => format!("route `{found}` answers, not `{wanted}`"),
            (Some(found), None) => format!("route `{found}` answers, not the gateway itself"),
            (None, _) => format!("no route answers: {}", self.outcome.reason),
        };
        self.fail("expect.route", wanted.span, message);
        let mut losers = self.explanation.losers.iter();
        let loser = losers.find(|loser| Some(&loser.name) == wanted.value.as_ref());
        if let (Some(loser), Some(finding)) = (loser, self.failures.last_mut()) {
            let text = format!("`{}` does not answer: {}", loser.name, loser.reason);
            *finding = finding.clone().label(loser.span, text);
        }
    }

    /// Whether what the request says decides what becomes of it.
    fn is_known(&mut self) -> bool {
        let expect = &self.case.expect;
        let asked = expect.status.as_ref().map(|item| item.span);
        let asked = asked.or(expect.chain.as_ref().map(|item| item.span));
        let asked = asked.or(expect.no_upstream);
        let asked = asked.or(expect.url.as_ref().map(|item| item.span));
        let asked = asked.or(expect.host.as_ref().map(|item| item.span));
        let asked = asked.or(expect.fields.first().map(|(_, item)| item.span));
        let asked = asked.or(expect.location.as_ref().map(|item| item.span));
        let (Some((step, what)), Some(span)) = (self.outcome.open, asked) else {
            return true;
        };
        if step.type_name == "responseHeaders" {
            self.live.push(format!("`{}` and {what}", step.name));
        } else {
            let message = format!(
                "`{}` decides by {what}, which the request does not say",
                step.name
            );
            self.fail("request.ip", span, message);
            if let Some(finding) = self.failures.last_mut() {
                *finding = finding.clone().help("write `request: {…, ip: 192.0.2.1}`");
            }
        }
        false
    }

    fn status(&mut self) {
        let Some(wanted) = &self.case.expect.status else {
            return;
        };
        let (first, last) = wanted.value;
        let shown = match wanted.value {
            (first, last) if first == last => first.to_string(),
            (first, last) => format!("{first}-{last}"),
        };
        match (self.outcome.status, self.outcome.upstream) {
            (Some(status), _) if (first..=last).contains(&status) => {}
            (Some(status), _) => {
                let message = format!(
                    "the answer is {status}, not {shown}: {}",
                    self.outcome.reason
                );
                self.fail("expect.status", wanted.span, message);
            }
            // The backend says, which is not there.
            (None, _) if first < 400 || self.case.live.iter().any(is_backend) => {
                self.live.push("`expect.status` of the backend".to_owned());
            }
            (None, _) => {
                let message =
                    format!("the request goes to the backend, and is not answered with {shown}");
                self.fail("expect.status", wanted.span, message);
            }
        }
    }

    /// Held against the model.
    pub(super) fn chain(&mut self) {
        let Some(wanted) = &self.case.expect.chain else {
            return;
        };
        let steps = self.outcome.chain.iter();
        let found: Vec<&str> = steps.map(|step| step.name.as_str()).collect();
        let names: Vec<&str> = wanted
            .value
            .iter()
            .map(|name| name.value.as_str())
            .collect();
        if found == names {
            return;
        }
        let listed = match found.as_slice() {
            [] => "nothing acts".to_owned(),
            found => format!("what acts is {}", quoted(found)),
        };
        let differs = wanted
            .value
            .iter()
            .zip(found.iter().map(Some).chain(std::iter::repeat(None)));
        let mut differs = differs.filter(|(name, found)| Some(&name.value.as_str()) != *found);
        let span = differs.next().map_or(wanted.span, |(name, _)| name.span);
        self.fail("expect.chain", span, listed);
        let notes: Vec<String> = self.notes(&names);
        if let Some(finding) = self.failures.last_mut() {
            for note in notes {
                *finding = finding.clone().help(note);
            }
        }
    }

    /// Why middlewares that are wanted do not act.
    fn notes(&self, wanted: &[&str]) -> Vec<String> {
        let Some(route) = self.outcome.route else {
            return Vec::new();
        };
        let idle = |name: &&&str| !self.outcome.chain.iter().any(|step| step.name == **name);
        let idle = wanted.iter().filter(idle);
        idle.map(|name| {
            let step = route.chain.iter().find(|step| step.name == **name);
            match step {
                Some(step) if step.in_scope => {
                    format!("`{name}` is not reached: {}", self.outcome.reason)
                }
                Some(step) => format!("`{name}`: {}", step.reason),
                None => format!("`{name}` is not on route `{}`", route.name),
            }
        })
        .collect()
    }

    /// Held against the model.
    pub(super) fn upstream(&mut self) {
        let expect = &self.case.expect;
        let Some(upstream) = self.outcome.upstream else {
            let spans = [&expect.url, &expect.host].map(|item| item.as_ref().map(|item| item.span));
            let first = expect.fields.first().map(|(_, item)| item.span);
            if let Some(span) = spans.into_iter().flatten().next().or(first) {
                let status = self
                    .outcome
                    .status
                    .map_or_else(String::new, |status| status.to_string());
                let message = format!("no backend is asked: {status}, {}", self.outcome.reason);
                self.fail("expect.upstream", span, message);
            }
            return;
        };
        if let Some(span) = expect.no_upstream {
            let message = format!("the request goes to `{}`", upstream.url);
            self.fail("expect.upstream", span, message);
        }
        self.text(
            "expect.upstream.url",
            expect.url.as_ref(),
            "the backend gets",
            &upstream.url,
        );
        self.text(
            "expect.upstream.host",
            expect.host.as_ref(),
            "`Host` is",
            &upstream.host,
        );
        for (name, wanted) in &expect.fields {
            self.field(name, wanted);
        }
    }

    /// A header that the backend gets.
    fn field(&mut self, name: &str, wanted: &Spanned<Wanted>) {
        let Some(upstream) = self.outcome.upstream else {
            return;
        };
        let mut fields = upstream.fields.iter();
        let set = fields.find(|field| field.name.eq_ignore_ascii_case(name));
        let key = format!("expect.upstream.headers.{name}");
        let values = match set {
            Some(field) => field.values.clone(),
            // What the client sends may be changed on its way.
            None => None,
        };
        let Some(values) = values else {
            self.live.push(format!("`{key}`"));
            return;
        };
        let absent = matches!(&wanted.value, Wanted::Exactly(text) if text.is_empty());
        match values.as_slice() {
            [] if absent => {}
            [] => {
                let message = format!("`{name}` is removed, not {}", wanted.value.described());
                self.fail(&key, wanted.span, message);
            }
            values if values.iter().any(|value| wanted.value.fits(value)) => {}
            _ if is_sensitive_header(name) => {
                self.fail(&key, wanted.span, format!("`{name}` is something else"));
            }
            values => {
                let values: Vec<&str> = values.iter().map(String::as_str).collect();
                let is_not = if absent {
                    "absent".to_owned()
                } else {
                    wanted.value.described()
                };
                let message = format!("`{name}` is {}, not {is_not}", quoted(&values));
                self.fail(&key, wanted.span, message);
            }
        }
    }

    fn location(&mut self) {
        let wanted = self.case.expect.location.as_ref();
        match (wanted, self.outcome.location) {
            (None, _) => {}
            (Some(_), Some(found)) => {
                self.text("expect.headers.Location", wanted, "`Location` is", found)
            }
            (Some(wanted), None) if self.outcome.upstream.is_none() => {
                let message = format!("no redirect: {}", self.outcome.reason);
                self.fail("expect.headers.Location", wanted.span, message);
            }
            (Some(_), None) => self
                .live
                .push("`expect.headers.Location` of the backend".to_owned()),
        }
    }

    fn text(&mut self, key: &str, wanted: Option<&Spanned<Wanted>>, what: &str, found: &str) {
        if let Some(wanted) = wanted.filter(|wanted| !wanted.value.fits(found)) {
            let described = wanted.value.described();
            let message = format!("{what} `{}`, not {described}", found.escape_debug());
            self.fail(key, wanted.span, message);
        }
    }
}

fn is_backend(what: &String) -> bool {
    what == "`backend`"
}

/// `` `a`, `b` ``
fn quoted(names: &[&str]) -> String {
    let names: Vec<_> = names
        .iter()
        .map(|name| format!("`{}`", name.escape_debug()))
        .collect();
    names.join(", ")
}
