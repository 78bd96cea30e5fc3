//! The forms of a difference: for people, for a comment on a pull request, and for programs.

use std::fmt::Write as _;

use serde_json::json;

use super::{Change, Class, Diff, Sample};

/// Names of routes that are listed before they are counted.
const NAMED_MAX: usize = 4;
/// Changes that mean nothing for requests, before they are counted.
const SAME_MAX: usize = 20;
/// Width of the first column.
const WORD_WIDTH: usize = 10;

impl Diff {
    /// The text for people, with a line break at the end.
    #[must_use]
    pub fn human(&self) -> String {
        let mut text = String::new();
        if self.changes.is_empty() && self.samples.is_empty() {
            text.push_str("nothing changes for requests\n");
        }
        for change in self.worth_telling() {
            let line = format!("{}{}", change.told(), change.aside());
            let _ = writeln!(text, "{:WORD_WIDTH$}{line}", change.class.as_str());
        }
        if let Some(more) = self.more_of_the_same() {
            let _ = writeln!(text, "{:WORD_WIDTH$}and {more} more", "same");
        }
        for (sample, at) in self.samples.iter().zip(0..) {
            let word = if at == 0 { "requests" } else { "" };
            let _ = writeln!(text, "{word:WORD_WIDTH$}{}", sample.told());
        }
        if let Some(why) = self.no_samples {
            let _ = writeln!(text, "no requests were tried: {why}");
        }
        text
    }

    /// A comment on a pull request, with a line break at the end.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        if self.changes.is_empty() && self.samples.is_empty() {
            text.push_str("Nothing changes for requests.\n");
        }
        if !self.changes.is_empty() {
            text.push_str("| | Where | What changes | Routes |\n|---|---|---|---|\n");
        }
        for change in self.worth_telling() {
            let word = match change.class {
                Class::Exposure => "**exposure**",
                class => class.as_str(),
            };
            let (at, what) = (code(&change.at), change.what.as_str());
            let space = if what.is_empty() { "" } else { " " };
            let (before, after) = (code(&change.before), code(&change.after));
            let routes = code(&named(&change.routes));
            let _ = writeln!(
                text,
                "| {word} | {at} | {what}{space}{before} → {after} | {routes} |"
            );
        }
        if let Some(more) = self.more_of_the_same() {
            let _ = writeln!(text, "| same | and {more} more | | |");
        }
        if !self.samples.is_empty() {
            text.push_str("\n| Request | before | after |\n|---|---|---|\n");
        }
        for sample in &self.samples {
            let (before, after) = (code(&sample.before), code(&sample.after));
            let mark = if sample.opened { " **opened**" } else { "" };
            let _ = writeln!(
                text,
                "| {} | {before} | {after}{mark} |",
                code(&sample.request)
            );
        }
        if let Some(why) = self.no_samples {
            let _ = writeln!(text, "\nNo requests were tried: {why}.");
        }
        text
    }

    /// All changes, but of what means nothing only the first.
    fn worth_telling(&self) -> impl Iterator<Item = &Change> {
        let (same, other): (Vec<_>, Vec<_>) = self
            .changes
            .iter()
            .partition(|change| change.class == Class::Same);
        other.into_iter().chain(same.into_iter().take(SAME_MAX))
    }

    fn more_of_the_same(&self) -> Option<usize> {
        let same = self
            .changes
            .iter()
            .filter(|change| change.class == Class::Same);
        same.count().checked_sub(SAME_MAX).filter(|more| *more > 0)
    }

    /// One object, with a line break at the end.
    #[must_use]
    pub fn json(&self) -> String {
        let changes = self.changes.iter().map(|change| {
            json!({
                "class": change.class.as_str(),
                "at": change.at,
                "what": if change.what.is_empty() { "authentication" } else { &change.what },
                "before": change.before,
                "after": change.after,
                "routes": change.routes,
                "place": change.place,
            })
        });
        let changes: Vec<_> = changes.collect();
        let samples = self.samples.iter().map(|sample| {
            json!({
                "request": sample.request,
                "before": sample.before,
                "after": sample.after,
                "opened": sample.opened,
            })
        });
        let samples: Vec<_> = samples.collect();
        let object = json!({
            "changes": changes,
            "requests": samples,
            "notTried": self.no_samples,
            "exposes": self.exposes(),
            "removes": self.removes(),
        });
        format!("{object:#}\n")
    }
}

impl Change {
    /// `POST /v1/orders: jwtAuth → none`
    fn told(&self) -> String {
        let space = if self.what.is_empty() { "" } else { " " };
        format!(
            "{}: {}{space}{} → {}",
            self.at, self.what, self.before, self.after
        )
    }

    /// Routes and place.
    fn aside(&self) -> String {
        let parts = [named(&self.routes), self.place.clone()];
        let parts = parts.iter().filter(|part| !part.is_empty());
        parts.map(|part| format!("  {part}")).collect()
    }
}

impl Sample {
    fn told(&self) -> String {
        format!("{}: {} → {}", self.request, self.before, self.after)
    }
}

/// A few names, and how many more.
fn named(routes: &[String]) -> String {
    let first = routes
        .get(..NAMED_MAX.min(routes.len()))
        .unwrap_or_default();
    let first = first.join(", ");
    match routes.len().saturating_sub(NAMED_MAX) {
        0 => first,
        more => format!("{first} and {more} more"),
    }
}

/// Text of the user in a table of Markdown.
fn code(text: &str) -> String {
    if text.is_empty() {
        return String::new();
    }
    let text = text.replace('|', "\\|").replace('`', "'");
    format!("`{text}`")
}
