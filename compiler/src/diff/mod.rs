//! `goma diff`: what changes for requests between two configurations, whatever moved in the files.
//! Everything of the dialect is compared, also what this release cannot build yet; what may let
//! something through that was kept out is an exposure, and comes first. In doubt it is one.

mod chain;
mod compare;
mod draw;
mod render;
mod rules;
mod samples;
mod settings;
#[cfg(test)]
mod tests;

use crate::model::Model;
use crate::resolve::flat::Flat;

pub(crate) use draw::draw;

/// A configuration as it is compared.
#[derive(Debug)]
pub struct Side {
    /// The main file without routes, middlewares and the lists of those.
    settings: Flat,
    /// What it serves about itself: always the same, in the same order.
    endpoints: Vec<Route>,
    /// In list order.
    routes: Vec<Route>,
    /// `None`: it has keys that this release cannot build.
    model: Option<Model>,
}

/// A route, or an endpoint about the gateway itself, with what stands in front of it.
#[derive(Debug)]
struct Route {
    name: String,
    /// `goma.yml:12`
    place: String,
    settings: Flat,
    /// Outermost first, those of `gateway.defaults` included.
    chain: Vec<Link>,
}

/// A middleware in the list of a route.
#[derive(Debug)]
struct Link {
    name: String,
    kind: &'static crate::dialect::Type,
    /// Where on the route it acts, as written; none: everywhere.
    paths: Vec<String>,
    rule: Flat,
    /// Nothing of its rule may be shown.
    encrypted: bool,
}

/// What a change means, most worrying first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Requests may get through, or get seen, that did not.
    Exposure,
    /// Something is no longer served.
    Removal,
    /// Less gets through.
    Restriction,
    /// Something else happens.
    Change,
    /// Something is served that was not.
    Addition,
    /// Nothing changes for requests.
    Same,
}

/// One thing that changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What it means.
    pub class: Class,
    /// `POST /v1/orders`, `gateway`, `middleware gate`
    pub at: String,
    /// What changes: `hosts`; empty: who must say who they are.
    pub what: String,
    /// What it was.
    pub before: String,
    /// What it becomes.
    pub after: String,
    /// The routes that it concerns.
    pub routes: Vec<String>,
    /// Where it is now, or was.
    pub place: String,
}

/// A request that something else becomes of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sample {
    /// `GET http://a.com/x`, and `from 10.0.0.1`
    pub request: String,
    /// What became of it.
    pub before: String,
    /// What becomes of it.
    pub after: String,
    /// It was refused, and gets to a backend.
    pub opened: bool,
}

/// All that changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diff {
    /// Most worrying first.
    pub changes: Vec<Change>,
    /// Requests whose outcome changes; a choice.
    pub samples: Vec<Sample>,
    /// Why there are no samples.
    pub no_samples: Option<&'static str>,
}

/// Compares two configurations.
#[must_use]
pub fn diff(old: &Side, new: &Side) -> Diff {
    let mut changes = settings::compare(&old.settings, &new.settings);
    changes.extend(compare::endpoints(&old.endpoints, &new.endpoints));
    changes.extend(compare::routes(&old.routes, &new.routes));
    let mut changes = merged(changes);
    changes
        .iter_mut()
        .filter(|change| rules::inherits_no_proof(change, &new.settings))
        .for_each(|change| change.class = Class::Exposure);
    if old.model.is_none() || new.model.is_none() {
        // No request shows that they let nothing through.
        let ranks = |change: &&mut Change| ["order of routes", "priority"].contains(&&*change.what);
        let doubtful = changes.iter_mut().filter(ranks);
        doubtful
            .filter(|change| change.class == Class::Change)
            .for_each(|change| change.class = Class::Exposure);
    }
    changes.sort_by_key(|change| change.class);
    let (samples, no_samples) = match (&old.model, &new.model) {
        (Some(old), Some(new)) => {
            let touched = changes.iter().flat_map(|change| &change.routes);
            let touched = touched.map(String::as_str).collect();
            (samples::changed(old, new, &touched), None)
        }
        _ => (
            Vec::new(),
            Some("keys are used that this release cannot build"),
        ),
    };
    Diff {
        changes,
        samples,
        no_samples,
    }
}

impl Diff {
    /// Whether nothing changes for requests.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let same = |change: &Change| change.class == Class::Same;
        self.changes.iter().all(same) && self.samples.is_empty()
    }

    /// Whether anything may get through that did not.
    #[must_use]
    pub fn exposes(&self) -> bool {
        let exposes = |change: &Change| change.class == Class::Exposure;
        self.changes.iter().any(exposes) || self.samples.iter().any(|sample| sample.opened)
    }

    /// Whether anything is no longer served.
    #[must_use]
    pub fn removes(&self) -> bool {
        let removes = |change: &Change| change.class == Class::Removal;
        self.changes.iter().any(removes)
    }
}

/// A change of several routes is one.
fn merged(changes: Vec<Change>) -> Vec<Change> {
    let mut merged: Vec<Change> = Vec::new();
    for change in changes {
        let same = |other: &&mut Change| {
            other.at == change.at
                && other.class == change.class
                && other.what == change.what
                && other.before == change.before
                && other.after == change.after
        };
        match merged.iter_mut().find(same) {
            Some(other) => other.routes.extend(change.routes),
            None => merged.push(change),
        }
    }
    merged
}

impl Class {
    /// The word in the first column.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exposure => "exposure",
            Self::Removal => "removed",
            Self::Restriction => "restricts",
            Self::Change => "changed",
            Self::Addition => "added",
            Self::Same => "same",
        }
    }
}

impl Route {
    fn items(&self, key: &str) -> &[String] {
        self.settings.get(key).map_or(&[], |cell| &cell.items)
    }

    fn text(&self, key: &str) -> &str {
        self.items(key).first().map_or("", String::as_str)
    }

    /// `POST /v1/orders`
    fn at(&self) -> String {
        let path = match self.text("pathType") {
            "exact" => format!("={}", self.text("path")),
            "regex" => format!("~{}", self.text("path")),
            _ => self.text("path").to_owned(),
        };
        let host = match self.items("hosts") {
            [host] => host.as_str(),
            [] | [..] => "",
        };
        let methods = self.items("methods").join(",");
        format!("{methods} {host}{path}").trim_start().to_owned()
    }
}
