//! The two forms of an explanation: for people (sample in runtime.md section 22) and as JSON
//! (RT-CLI-11).

use serde_json::{Value, json};

use super::{Answer, Explanation, Role, Routed, Upstream};
use crate::source::SourceMap;

/// A row of the human form: the word in the first column, then cells.
struct Row {
    word: &'static str,
    cells: Vec<String>,
}

/// Width of the first column.
const WORD_WIDTH: usize = 10;

impl Explanation {
    /// Whether a route answers; the command line exits 1 if not.
    #[must_use]
    pub fn has_route(&self) -> bool {
        match &self.answer {
            Answer::Gateway { .. } => false,
            Answer::Route(_) => true,
        }
    }

    /// The text for people, with a line break at the end.
    #[must_use]
    pub fn human(&self, sources: &SourceMap) -> String {
        let mut text = format!("{}\n", self.request);
        let losers = self.losers.iter().map(|loser| {
            vec![
                loser.name.clone(),
                sources.place(loser.span),
                loser.reason.clone(),
            ]
        });
        match &self.answer {
            Answer::Gateway { status, reason } => {
                let mut rows = vec![vec!["none".to_owned(), format!("{status}, {reason}")]];
                push_table(&mut text, "route", &rows);
                rows = losers.collect();
                push_table(&mut text, "near", &rows);
            }
            Answer::Route(routed) => {
                let mut rows = vec![vec![
                    routed.name.clone(),
                    sources.place(routed.span),
                    routed.reason.clone(),
                ]];
                rows.extend(losers);
                push_rows(&mut text, &ranked(rows));
                push_table(&mut text, "chain", &chain_rows(routed, sources));
                push_table(&mut text, "upstream", &upstream_rows(routed));
            }
        }
        text
    }

    /// The object of RT-CLI-11, with a line break at the end.
    #[must_use]
    pub fn json(&self, sources: &SourceMap) -> String {
        let losers: Vec<Value> = self
            .losers
            .iter()
            .map(|loser| {
                json!({
                    "name": loser.name,
                    "place": sources.place(loser.span),
                    "reason": loser.reason,
                })
            })
            .collect();
        let object = match &self.answer {
            Answer::Gateway { status, .. } => json!({
                "route": null,
                "losers": losers,
                "chain": [],
                "upstream": null,
                "status": status,
            }),
            Answer::Route(routed) => json!({
                "route": {
                    "name": routed.name,
                    "place": sources.place(routed.span),
                    "path": routed.path,
                    "host": routed.host,
                    "reason": routed.reason,
                },
                "losers": losers,
                "chain": chain_json(routed, sources),
                "upstream": upstream_json(routed),
                "status": routed.status,
            }),
        };
        format!("{object:#}\n")
    }
}

fn chain_rows(routed: &Routed, sources: &SourceMap) -> Vec<Vec<String>> {
    let numbered = routed.chain.iter().zip(1..);
    numbered
        .map(|(step, number)| {
            vec![
                format!("{number} {}", step.name),
                sources.place(step.span),
                step.type_name.to_owned(),
                step.reason.clone(),
            ]
        })
        .collect()
}

fn upstream_rows(routed: &Routed) -> Vec<Vec<String>> {
    let Some(upstream) = &routed.upstream else {
        let reason = routed.ended_by;
        let status = routed
            .status
            .map_or_else(String::new, |status| status.to_string());
        return vec![vec!["none".to_owned(), format!("{status}, {reason}")]];
    };
    let rewrite = upstream
        .rewrite
        .as_ref()
        .map(|rewrite| format!("({rewrite})"));
    let first = upstream.first();
    let mut rows = vec![
        std::iter::once(upstream.url.clone())
            .chain(rewrite)
            .chain(part(upstream, first))
            .collect(),
    ];
    let others = upstream.backends.iter().enumerate();
    let others = others.filter(|(index, _)| *index != first);
    rows.extend(others.map(|(index, backend)| {
        let word = match (word_of(upstream, index), upstream.policy) {
            ("or", Some("roundRobin")) => return vec![format!("or {backend} in turn")],
            (word, _) => word,
        };
        let row = std::iter::once(format!("{word} {backend}"));
        row.chain(part(upstream, index)).collect()
    }));
    let sticky = upstream.sticky.as_ref();
    rows.extend(sticky.map(|cookie| vec![format!("sticky by cookie {cookie}")]));
    rows.extend(upstream.resilience.iter().map(|line| vec![line.clone()]));
    rows
}

/// How a backend stands to the first one.
fn word_of(upstream: &Upstream, index: usize) -> &'static str {
    let role = upstream.roles.get(index).copied().unwrap_or(Role::Stable);
    let alone = upstream.roles.contains(&Role::Exclusive);
    match (role, upstream.weights.get(index)) {
        (Role::Bypassed, _) => "never",
        (Role::Canary | Role::Stable, Some(0)) => "never",
        (Role::Exclusive | Role::Reserve, _) => "else",
        (Role::Canary | Role::Stable, _) if alone => "else",
        (Role::Canary | Role::Stable, _) => "or",
    }
}

/// What a backend gets of the requests, and why, as far as it is not in turn.
fn part(upstream: &Upstream, index: usize) -> Option<String> {
    let role = upstream.roles.get(index).copied().unwrap_or(Role::Stable);
    let weight = upstream.weights.get(index).copied();
    let parts = upstream.weights.iter().zip(&upstream.roles);
    let sharing = parts.filter(|(_, role)| role.shares());
    let sum: u64 = sharing.map(|(weight, _)| u64::from(*weight)).sum();
    let share = match (weight, upstream.policy) {
        (Some(0), _) => Some("weight 0".to_owned()),
        (Some(weight), Some("weighted") | None) => Some(format!("{weight} of {sum}")),
        (Some(weight), Some(policy)) => Some(format!("{policy}, weight {weight}")),
        (None, Some("roundRobin") | None) => None,
        (None, Some(policy)) => Some(policy.to_owned()),
    };
    let text = match (role, share) {
        (Role::Bypassed, _) => "canary: the request does not fit".to_owned(),
        (Role::Canary, Some(share)) => format!("canary, {share}"),
        (Role::Canary, None) => "canary".to_owned(),
        (Role::Exclusive | Role::Reserve, _) => "canary, exclusive".to_owned(),
        (Role::Stable, share) => share?,
    };
    Some(format!("({text})"))
}

fn chain_json(routed: &Routed, sources: &SourceMap) -> Vec<Value> {
    routed
        .chain
        .iter()
        .map(|step| {
            json!({
                "name": step.name,
                "type": step.type_name,
                "place": sources.place(step.span),
                "inScope": step.in_scope,
                "reason": step.reason,
                "terminates": step.terminates,
            })
        })
        .collect()
}

fn upstream_json(routed: &Routed) -> Value {
    routed.upstream.as_ref().map_or(Value::Null, |upstream| {
        let weights = Some(&upstream.weights).filter(|weights| !weights.is_empty());
        let mut shown = json!({
            "url": upstream.url,
            "host": upstream.host,
            "backends": upstream.backends,
            "weights": weights,
            "policy": upstream.policy,
            "sticky": upstream.sticky,
        });
        if let Some(shown) = shown.as_object_mut() {
            let more = upstream.resilience_keys.iter();
            shown.extend(more.map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        shown
    })
}

/// The chosen route and the losers in one table.
fn ranked(rows: Vec<Vec<String>>) -> Vec<Row> {
    let words = std::iter::once("route").chain(std::iter::once("loses"));
    let words = words.chain(std::iter::repeat(""));
    rows.into_iter()
        .zip(words)
        .map(|(cells, word)| Row { word, cells })
        .collect()
}

fn push_table(text: &mut String, word: &'static str, rows: &[Vec<String>]) {
    let words = std::iter::once(word).chain(std::iter::repeat(""));
    let rows: Vec<Row> = rows
        .iter()
        .zip(words)
        .map(|(cells, word)| Row {
            word,
            cells: cells.clone(),
        })
        .collect();
    push_rows(text, &rows);
}

/// Cells in columns two spaces apart; the last cell of a row is not padded.
fn push_rows(text: &mut String, rows: &[Row]) {
    let columns = rows.iter().map(|row| row.cells.len()).max().unwrap_or(0);
    let width = |column: usize| {
        let padded = rows.iter().filter(|row| column + 1 < row.cells.len());
        let cells = padded.filter_map(|row| row.cells.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let mut line = format!("{:WORD_WIDTH$}", row.word);
        for (cell, width) in row.cells.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}
