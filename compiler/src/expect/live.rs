//! Cases against a gateway that runs: what its answer shows is held against that, route, chain and upstream
//! against the model. Who asks is not here: this is pure.

use super::judge::{Judge, judge, run_with};
use super::{Case, Report, Suite, Wanted};
use crate::explain::Request;
use crate::model::Model;
use crate::model::recorder::is_sensitive_header;

/// Characters of a body that are shown.
const BODY_CHARS_MAX: usize = 80;

/// What a gateway answered.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// Of its first line.
    pub status: u16,
    /// Names and values, in order.
    pub headers: Vec<(String, String)>,
    /// As text.
    pub body: String,
}

/// Runs the cases whose name has this text in it, or all. `ask` sends a request with its body to the
/// gateway; its error is one line.
#[must_use]
pub fn run_live(
    model: &Model,
    suite: &Suite,
    filter: Option<&str>,
    mut ask: impl FnMut(&Request, &str) -> Result<Answer, String>,
) -> Report {
    run_with(model, suite, filter, |case, outcome, explanation| {
        if !case.steered.is_empty() {
            return judge(case, outcome, explanation);
        }
        let mut judge = Judge::new(case, outcome, explanation);
        judge.route();
        match outcome.open {
            None => {
                judge.chain();
                judge.upstream();
            }
            Some((step, what)) if asks_the_model(case) => {
                judge.live.push(format!("`{}` and {what}", step.name));
            }
            Some(_) => {}
        }
        match ask(&case.request, &case.body) {
            Ok(answer) => judge.answer(&answer),
            Err(why) => judge.fail("request", case.span, why),
        }
        judge.state()
    })
}

/// Whether it expects what no answer shows.
fn asks_the_model(case: &Case) -> bool {
    let expect = &case.expect;
    let upstream = [&expect.url, &expect.host];
    expect.chain.is_some()
        || expect.no_upstream.is_some()
        || upstream.iter().any(|item| item.is_some())
        || !expect.fields.is_empty()
}

impl Judge<'_> {
    fn answer(&mut self, answer: &Answer) {
        let expect = &self.case.expect;
        if let Some(wanted) = &expect.status {
            let (first, last) = wanted.value;
            if !(first..=last).contains(&answer.status) {
                let message = format!("the gateway answers {}", answer.status);
                self.fail("expect.status", wanted.span, message);
            }
        }
        for (name, wanted) in &expect.headers {
            let fits = |name: &str| {
                let named = answer.headers.iter();
                let named = named.filter(move |(own, _)| own.eq_ignore_ascii_case(name));
                named.map(|(_, value)| value.as_str()).collect::<Vec<_>>()
            };
            let values = fits(name);
            let absent = matches!(&wanted.value, Wanted::Exactly(text) if text.is_empty());
            let fine = match absent {
                true => values.is_empty(),
                false => values.iter().any(|value| wanted.value.fits(value)),
            };
            if !fine {
                let key = format!("expect.headers.{name}");
                self.fail(&key, wanted.span, described(name, &values, &wanted.value));
            }
        }
        if let Some(wanted) = &expect.body
            && !wanted.value.fits(&answer.body)
        {
            let shown: String = answer.body.chars().take(BODY_CHARS_MAX).collect();
            let more = if shown.len() < answer.body.len() {
                "…"
            } else {
                ""
            };
            let message = format!(
                "the body is `{}`{more}, not {}",
                shown.escape_debug(),
                wanted.value.described()
            );
            self.fail("expect.body", wanted.span, message);
        }
    }
}

fn described(name: &str, values: &[&str], wanted: &Wanted) -> String {
    match values {
        [] => format!("the answer has no `{name}`"),
        _ if is_sensitive_header(name) => format!("`{name}` is something else"),
        values => {
            let values = values.join("`, `");
            format!(
                "`{name}` is `{}`, not {}",
                values.escape_debug(),
                wanted.described()
            )
        }
    }
}
