//! `goma test` (RT-TEST-1): requests and what must become of them, held against the model by the same
//! code as `goma explain`. Nothing is built or started; what only a running gateway could tell is
//! skipped and said, or held against the answers of one.

mod judge;
mod live;
mod read;
mod render;
#[cfg(test)]
mod tests;

use crate::diag::Diagnostic;
use crate::explain::Request;
use crate::model::RouteId;
use crate::source::{Span, Spanned};

pub use judge::run;
pub use live::{Answer, run_live};
pub use read::read;

/// The cases of one or more files, in order.
#[derive(Debug, Default)]
pub struct Suite {
    cases: Vec<Case>,
}

/// A request and what must become of it.
#[derive(Debug)]
struct Case {
    name: String,
    /// Of the name, or of the URL.
    span: Span,
    request: Request,
    /// Its body.
    body: String,
    expect: Expect,
    /// What of it needs a running gateway.
    live: Vec<String>,
    /// What of it a gateway that runs for others cannot be told.
    steered: Vec<String>,
}

/// What must become of a request.
#[derive(Debug, Default)]
struct Expect {
    status: Option<Spanned<(u16, u16)>>,
    /// `None` inside: no route.
    route: Option<Spanned<Option<String>>>,
    /// Of the key, and the names.
    chain: Option<Spanned<Vec<Spanned<String>>>>,
    /// No backend is asked.
    no_upstream: Option<Span>,
    url: Option<Spanned<Wanted>>,
    host: Option<Spanned<Wanted>>,
    /// Of the request that the backend gets.
    fields: Vec<(String, Spanned<Wanted>)>,
    location: Option<Spanned<Wanted>>,
    /// Of the answer, `Location` among them.
    headers: Vec<(String, Spanned<Wanted>)>,
    /// Of the answer.
    body: Option<Spanned<Wanted>>,
}

/// What a text must be.
#[derive(Debug)]
enum Wanted {
    Exactly(String),
    /// Written `~regex`; a match of the whole text.
    Matching(String, regex::Regex),
}

/// What came of all cases.
#[derive(Debug)]
pub struct Report {
    results: Vec<Verdict>,
    coverage: Coverage,
}

/// What came of a case.
#[derive(Debug)]
struct Verdict {
    name: String,
    span: Span,
    state: State,
}

#[derive(Debug)]
enum State {
    /// At least one finding.
    Failed(Vec<Diagnostic>),
    Passed,
    /// What can be told offline is right; the rest needs a running gateway.
    Skipped(Vec<String>),
}

/// Which routes answer a request of some case.
#[derive(Debug)]
struct Coverage {
    /// Enabled routes.
    routes: usize,
    uncovered: Vec<(RouteId, String, Span)>,
}

impl Wanted {
    fn fits(&self, text: &str) -> bool {
        match self {
            Self::Exactly(wanted) => wanted == text,
            Self::Matching(_, regex) => regex.is_match(text),
        }
    }

    /// `` `x` `` or `` a match of `x` ``
    fn described(&self) -> String {
        match self {
            Self::Exactly(wanted) => format!("`{}`", wanted.escape_debug()),
            // Its backslashes are shown as they are meant.
            Self::Matching(pattern, _) => {
                let visible = |c: char| if c.is_control() { '\u{fffd}' } else { c };
                let pattern: String = pattern.chars().map(visible).collect();
                format!("a match of `{pattern}`")
            }
        }
    }
}

impl Report {
    /// How many cases failed.
    #[must_use]
    pub fn failed(&self) -> usize {
        let failed = |verdict: &&Verdict| matches!(verdict.state, State::Failed(_));
        self.results.iter().filter(failed).count()
    }

    /// How many cases there are.
    #[must_use]
    pub fn cases(&self) -> usize {
        self.results.len()
    }

    /// The share of enabled routes that answer a request of some case, in percent, rounded down. Of no
    /// route all are covered.
    #[must_use]
    pub fn percent(&self) -> usize {
        self.coverage.percent()
    }
}

impl Coverage {
    fn covered(&self) -> usize {
        self.routes - self.uncovered.len()
    }

    fn percent(&self) -> usize {
        (self.covered() * 100)
            .checked_div(self.routes)
            .unwrap_or(100)
    }
}
