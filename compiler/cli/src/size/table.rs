//! The report as it is printed, and as JSON.

use std::fmt::Write as _;

use goma_compiler::plan::{Chain, Member, Need};
use serde_json::{Value, json};

use super::owner::Owner;
use super::{ChainRow, FeatureRow, Part, Report};

/// Crates that are less of a gateway than one of so many parts share a line.
const SMALL: u64 = 200;
/// Most chains that are printed.
const CHAINS_MAX: usize = 20;

impl Report {
    /// For people: tables, each line with bytes and their share of the file.
    pub(crate) fn text(&self) -> String {
        let mut text = String::new();
        let mut line = |bytes: u64, what: &str| {
            let thousandths = bytes * 1000 / self.bytes.max(1);
            let (percent, tenth) = (thousandths / 10, thousandths % 10);
            // INVARIANT: writing to a String does not fail.
            let _ = writeln!(text, "{bytes:>9} {percent:>4}.{tenth} %  {what}");
        };
        let mut small = (0, 0);
        for (part, bytes) in &self.parts {
            let is_crate = part.package().is_some();
            if is_crate && bytes * SMALL < self.bytes {
                small = (small.0 + 1, small.1 + bytes);
                continue;
            }
            if !is_crate {
                flush(&mut small, &mut line);
            }
            line(*bytes, &part.name());
        }
        flush(&mut small, &mut line);
        line(self.bytes, "the gateway");
        self.features_text(&mut text);
        self.chains_text(&mut text);
        text
    }

    fn features_text(&self, text: &mut String) {
        if !self.features.is_empty() {
            text.push_str("of these for features:\n");
        }
        for row in &self.features {
            let _ = writeln!(text, "{:>9}  {}", row.bytes, row.describe());
            if !row.packages.is_empty() {
                let _ = writeln!(text, "{:>9}  {}", "", row.packages.join(", "));
            }
        }
    }

    fn chains_text(&self, text: &mut String) {
        if !self.chains.is_empty() {
            text.push_str("of these for chains:\n");
        }
        for row in self.chains.iter().take(CHAINS_MAX) {
            let _ = writeln!(text, "{:>9}  {}", row.bytes, row.describe());
        }
        let rest = self.chains.iter().skip(CHAINS_MAX);
        let bytes: u64 = rest.clone().map(|row| row.bytes).sum();
        if rest.len() > 0 {
            let _ = writeln!(text, "{bytes:>9}  {} more", rest.len());
        }
    }

    /// For programs: everything, in the same order.
    pub(crate) fn json(&self) -> String {
        let parts = self.parts.iter().map(
            |(part, bytes)| json!({"what": part.name(), "crate": part.package(), "bytes": bytes}),
        );
        let report = json!({
            "revision": self.revision,
            "bytes": self.bytes,
            "parts": parts.collect::<Vec<_>>(),
            "features": self.features.iter().map(FeatureRow::json).collect::<Vec<_>>(),
            "chains": self.chains.iter().map(ChainRow::json).collect::<Vec<_>>(),
        });
        format!("{report:#}\n")
    }
}

/// One line for crates that are small.
fn flush(small: &mut (usize, u64), line: &mut impl FnMut(u64, &str)) {
    let (count, bytes) = std::mem::take(small);
    if count > 0 {
        line(bytes, &format!("{count} more crates"));
    }
}

impl Part {
    /// None: it is of no crate.
    pub(super) fn package(&self) -> Option<&str> {
        match self {
            Self::Owned(Owner::Package(name)) => Some(name),
            Self::Owned(Owner::Rust | Owner::System)
            | Self::Code
            | Self::Data
            | Self::Headers
            | Self::Loading
            | Self::Names
            | Self::Record
            | Self::Unwinding => None,
        }
    }

    fn name(&self) -> String {
        let name = match self {
            Self::Owned(Owner::Package(name)) => return name.clone(),
            Self::Owned(Owner::Rust) => "Rust's library",
            Self::Owned(Owner::System) => "the C library",
            Self::Code => "code without a name",
            Self::Data => "data without a name",
            Self::Headers => "headers and padding",
            Self::Loading => "tables for loading",
            Self::Names => "names of functions and sections",
            Self::Record => "record of the build",
            Self::Unwinding => "tables for unwinding",
        };
        name.to_owned()
    }
}

impl FeatureRow {
    fn names(&self) -> Vec<&str> {
        self.features.iter().map(String::as_str).collect()
    }

    fn describe(&self) -> String {
        let names = self.names().join(", ");
        match self.needs.as_slice() {
            [] => format!("{names}: each needs it"),
            [Need { what, place }] => format!("{names}: {what} ({place})"),
            [Need { what, place }, more @ ..] => {
                format!("{names}: {what} ({place}) and {} more", more.len())
            }
        }
    }

    fn json(&self) -> Value {
        let needs = self.needs.iter();
        let needs = needs.map(|Need { what, place }| json!({"key": what, "at": place.to_string()}));
        json!({
            "features": self.names(),
            "bytes": self.bytes,
            "crates": self.packages,
            "because": needs.collect::<Vec<_>>(),
        })
    }
}

impl ChainRow {
    fn routes(&self) -> usize {
        let routes = self.chains.iter().map(|chain| chain.more_routes + 1);
        routes.sum()
    }

    fn describe(&self) -> String {
        let first = self.chains.first();
        let name = first.map(|chain| {
            let route = &chain.first_route;
            format!("`{}` ({})", route.name, route.place)
        });
        let more = match self.routes() {
            0 | 1 => String::new(),
            2 => " and 1 more route".to_owned(),
            routes => format!(" and {} more routes", routes - 1),
        };
        let members = first.map(members).unwrap_or_default();
        let members = if members.is_empty() {
            "no middlewares".to_owned()
        } else {
            members.join(" → ")
        };
        format!("{}{more}: {members}", name.unwrap_or_default())
    }

    fn json(&self) -> Value {
        let chains = self.chains.iter().map(|chain| {
            let route = &chain.first_route;
            json!({
                "route": route.name,
                "at": route.place.to_string(),
                "routes": chain.more_routes + 1,
                "middlewares": members(chain),
            })
        });
        json!({"bytes": self.bytes, "chains": chains.collect::<Vec<_>>()})
    }
}

/// Names of the middlewares, outermost first.
fn members(chain: &Chain) -> Vec<&str> {
    let all = chain.policies.iter().chain(&chain.filters);
    all.map(|Member { name, .. }| name.as_str()).collect()
}
