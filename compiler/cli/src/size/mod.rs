//! Where the bytes of a gateway come from: crates, cargo features of the runtime, chains. Knows nothing of cargo; it
//! gets the program, what it links, and the plan.
//!
//! Each byte of the file is in one part, and the parts are the whole file. What is said of features and chains is of
//! the same bytes once more: those of symbols that would not be there without them. What else they cost, in
//! functions that are there anyway, has no name.

mod brought;
mod elf;
mod owner;
mod table;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use goma_compiler::Output;
use goma_compiler::emit::chain_types;
use goma_compiler::plan::{self, Chain, Feature, Need};

use crate::build::{self, Linked, trailer};
use brought::{Brought, Features};
use elf::{Kind, Piece};
use owner::{Owner, readable, without_paths};

/// What is measured.
pub(crate) struct Subject<'a> {
    /// The gateway as it is shipped.
    pub(crate) program: &'a [u8],
    /// The same with the names of its functions.
    pub(crate) named: &'a [u8],
    /// What it was compiled from.
    pub(crate) output: &'a Output,
    /// What it links.
    pub(crate) linked: &'a Linked,
    /// What code calls packages, by their names.
    pub(crate) libraries: &'a BTreeMap<String, String>,
}

/// Where the bytes of a gateway come from.
#[derive(Debug)]
pub(crate) struct Report {
    revision: String,
    /// All of the file.
    bytes: u64,
    /// Largest first, those that are no crates last.
    parts: Vec<(Part, u64)>,
    features: Vec<FeatureRow>,
    chains: Vec<ChainRow>,
}

/// What a byte is a part of. Bytes that no symbol covers are told apart by their sections.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Owned(Owner),
    Code,
    Data,
    Headers,
    Loading,
    Names,
    Record,
    Unwinding,
}

/// Features that bring the same bytes.
#[derive(Debug)]
struct FeatureRow {
    /// One, or several of which each would do.
    features: Features,
    /// What a single one is needed for.
    needs: Vec<Need>,
    /// The packages that are there for nothing else.
    packages: Vec<String>,
    bytes: u64,
}

/// Chains of the same types, which have the same code.
#[derive(Debug)]
struct ChainRow {
    /// As they are planned.
    chains: Vec<Chain>,
    bytes: u64,
}

/// Measures a gateway.
///
/// # Errors
/// It is no program that this can read.
pub(crate) fn measure(subject: &Subject<'_>) -> anyhow::Result<Report> {
    let plan = &subject.output.plan;
    let features: Vec<&str> = plan.features.iter().map(|feature| feature.name()).collect();
    let brought = Brought::new(&features, subject.linked, build::runtime())?;
    let own = plan.name.replace('-', "_");
    let libraries = subject.libraries.iter();
    let mut packages: BTreeMap<&str, &str> = libraries
        .map(|(package, library)| (library.as_str(), package.as_str()))
        .collect();
    packages.insert(&own, &plan.name);
    let mut chains = Chains::new(subject.output, &own);
    let mut parts: BTreeMap<Part, u64> = BTreeMap::new();
    let mut by_features: BTreeMap<Features, u64> = BTreeMap::new();
    let mut seen = 0;
    for piece in elf::pieces(subject.program, subject.named)? {
        seen += piece.bytes;
        let part = match named(&piece) {
            None => unnamed(piece.kind),
            Some(symbol) => {
                let readable = readable(symbol);
                let readable = readable.as_deref();
                let owner = owner::owner(symbol, readable, &packages);
                if let Some(features) = brought.by(&owner, readable) {
                    *by_features.entry(features.clone()).or_default() += piece.bytes;
                }
                chains.count(readable.unwrap_or_default(), piece.bytes);
                Part::Owned(owner)
            }
        };
        *parts.entry(part).or_default() += piece.bytes;
    }
    let bytes = subject.program.len() as u64;
    let record = trailer::size(subject.program) as u64;
    let rest = bytes.checked_sub(seen + record);
    let rest = rest.context("the sections of the gateway are larger than its file")?;
    parts.insert(Part::Record, record);
    parts.insert(Part::Headers, rest);
    Ok(Report {
        revision: subject.output.revision.clone(),
        bytes,
        parts: sorted(parts),
        features: feature_rows(&plan::needs(plan), by_features, &brought),
        chains: chains.rows(),
    })
}

fn named<'a>(piece: &Piece<'a>) -> Option<&'a str> {
    match piece.kind {
        Kind::Code | Kind::Data => piece.symbol,
        Kind::Loading | Kind::Names | Kind::Unwinding => None,
    }
}

fn unnamed(kind: Kind) -> Part {
    match kind {
        Kind::Code => Part::Code,
        Kind::Data => Part::Data,
        Kind::Loading => Part::Loading,
        Kind::Names => Part::Names,
        Kind::Unwinding => Part::Unwinding,
    }
}

fn sorted(parts: BTreeMap<Part, u64>) -> Vec<(Part, u64)> {
    let mut parts: Vec<_> = parts.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
    parts.sort_by_key(|(part, bytes)| (part.package().is_none(), Reverse(*bytes)));
    parts
}

/// A row for each feature, also if nothing can be told of it, and for those that share something.
fn feature_rows(
    needs: &BTreeMap<Feature, Vec<Need>>,
    mut bytes: BTreeMap<Features, u64>,
    brought: &Brought,
) -> Vec<FeatureRow> {
    let named = needs.iter().map(|(feature, needs)| (feature.name(), needs));
    let needs: BTreeMap<String, &Vec<Need>> = named
        .map(|(name, needs)| (name.to_owned(), needs))
        .collect();
    for feature in needs.keys() {
        bytes.entry([feature.clone()].into()).or_default();
    }
    let row = |(features, bytes): (Features, u64)| {
        let mut own = features.iter();
        let needs = match (own.next(), own.next()) {
            (Some(only), None) => needs.get(only).map(|needs| (*needs).clone()),
            (Some(_), Some(_)) | (None, _) => None,
        };
        let packages = brought.packages.iter();
        let packages = packages.filter(|(_, by)| **by == features);
        FeatureRow {
            needs: needs.unwrap_or_default(),
            packages: packages.map(|(package, _)| package.clone()).collect(),
            features,
            bytes,
        }
    };
    let mut rows: Vec<FeatureRow> = bytes.into_iter().map(row).collect();
    rows.sort_by_key(|row| Reverse(row.bytes));
    rows
}

/// The code of chains.
struct Chains {
    rows: Vec<ChainRow>,
    /// What names of functions hold that are compiled for one row alone.
    marks: Vec<(String, usize)>,
}

impl Chains {
    /// `own` is what code calls the gateway's crate.
    fn new(output: &Output, own: &str) -> Self {
        let types = chain_types(&output.plan);
        let mut rows: Vec<ChainRow> = Vec::new();
        let mut places: BTreeMap<&(String, String), usize> = BTreeMap::new();
        let mut marks = Vec::new();
        for (chain, types) in output.plan.chains.iter().zip(&types) {
            let place = *places.entry(types).or_insert(rows.len());
            if place == rows.len() {
                let (chains, bytes) = (Vec::new(), 0);
                rows.push(ChainRow { chains, bytes });
                let (policies, filters) = types;
                marks.push((format!("Layers<{policies}, {filters}>"), place));
            }
            marks.push((format!("{own}::chains::{}", chain.function.as_str()), place));
            if let Some(row) = rows.get_mut(place) {
                row.chains.push(chain.clone());
            }
        }
        for (types, of) in [
            ("Policies", tuples(&places, |(policies, _)| policies)),
            ("Filters", tuples(&places, |(_, filters)| filters)),
        ] {
            let alone = of.into_iter().filter_map(|(tuple, places)| {
                let mut places = places.into_iter();
                match (places.next(), places.next()) {
                    (Some(only), None) => Some((format!("<{tuple} as {types}>::"), only)),
                    (Some(_), Some(_)) | (None, _) => None,
                }
            });
            marks.extend(alone);
        }
        Self { rows, marks }
    }

    /// Adds the bytes of a function to the chain that it was compiled for, if it was for one.
    fn count(&mut self, readable: &str, bytes: u64) {
        const SIGNS: [&str; 4] = ["Layers<", "Policies>::", "Filters>::", "::chains::"];
        if !SIGNS.iter().any(|sign| readable.contains(sign)) {
            return;
        }
        let short = without_paths(readable);
        let is_it = |mark: &str| short.contains(mark) || readable == mark;
        let found = self.marks.iter().find(|(mark, _)| is_it(mark));
        if let Some(row) = found.and_then(|(_, place)| self.rows.get_mut(*place)) {
            row.bytes += bytes;
        }
    }

    fn rows(mut self) -> Vec<ChainRow> {
        self.rows.sort_by_key(|row| Reverse(row.bytes));
        self.rows
    }
}

/// The rows that have a tuple; that of none is everywhere.
fn tuples<'a>(
    places: &BTreeMap<&'a (String, String), usize>,
    of: impl Fn(&'a (String, String)) -> &'a String,
) -> BTreeMap<&'a String, BTreeSet<usize>> {
    let mut found: BTreeMap<&String, BTreeSet<usize>> = BTreeMap::new();
    for (types, place) in places {
        let tuple = of(types);
        if tuple != "()" {
            found.entry(tuple).or_default().insert(*place);
        }
    }
    found
}
