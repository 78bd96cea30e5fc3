//! What whoever deploys decides about the objects: flags of `goma export kubernetes`, and of `goma deploy` behind
//! `--`.

use std::collections::BTreeMap;
use std::str::FromStr;

use clap::{Args, ValueEnum};

/// Most replicas; a slip of the finger is more often more.
const REPLICAS_MAX: u32 = 1000;
/// Most quantities of resources.
const QUANTITIES_MAX: usize = 16;

/// What is decided.
#[derive(Clone, Debug, Args)]
pub(crate) struct Options {
    /// How many pods; none: one at first, then whatever the cluster has
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(0..=i64::from(REPLICAS_MAX)), conflicts_with = "autoscale")]
    pub(super) replicas: Option<u32>,

    /// Let the cluster choose the number of pods, by their use of the processor
    #[arg(long, value_name = "MIN-MAX")]
    pub(super) autoscale: Option<Autoscale>,

    /// With --autoscale, the use aimed at, in percent of what is requested
    #[arg(long, value_name = "PERCENT", default_value_t = 70, value_parser = clap::value_parser!(u32).range(1..=1000), requires = "autoscale")]
    pub(super) cpu: u32,

    /// The Secret that has the variables, under their names [default: NAME-env]
    #[arg(long, value_name = "SECRET", value_parser = name)]
    pub(super) env_secret: Option<String>,

    /// The Secret with which images are pulled
    #[arg(long, value_name = "SECRET", value_parser = name)]
    pub(super) pull_secret: Option<String>,

    /// How the service can be reached
    #[arg(long, value_enum, value_name = "TYPE", default_value_t = ServiceType::ClusterIP)]
    pub(super) service: ServiceType,

    /// What each pod is given, such as cpu=250m,memory=128Mi
    #[arg(
        long,
        value_name = "QUANTITIES",
        default_value = "cpu=100m,memory=64Mi"
    )]
    pub(super) requests: Quantities,

    /// What each pod may use at most, likewise [default: what the node has]
    #[arg(long, value_name = "QUANTITIES")]
    pub(super) limits: Option<Quantities>,
}

/// Bounds of a number of pods.
#[derive(Clone, Copy, Debug)]
pub(super) struct Autoscale {
    /// At least this many, and one.
    pub(super) min: u32,
    /// At most this many.
    pub(super) max: u32,
}

impl FromStr for Autoscale {
    type Err = String;

    /// `2-10`
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let numbers = text.split_once('-').and_then(|(min, max)| {
            let number = |text: &str| text.parse().ok().filter(|n| (1..=REPLICAS_MAX).contains(n));
            Some((number(min)?, number(max)?))
        });
        let bounds = numbers.filter(|(min, max)| min <= max);
        let bounds = bounds.map(|(min, max)| Self { min, max });
        bounds.ok_or_else(|| format!("expected two numbers from 1 to {REPLICAS_MAX}, such as 2-10"))
    }
}

/// How a service can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "verbatim")]
pub(super) enum ServiceType {
    /// From inside the cluster
    ClusterIP,
    /// By a load balancer of the cluster's provider
    LoadBalancer,
    /// By a port of each node
    NodePort,
}

impl ServiceType {
    /// As the API calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::ClusterIP => "ClusterIP",
            Self::LoadBalancer => "LoadBalancer",
            Self::NodePort => "NodePort",
        }
    }
}

/// Resources and how much of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Quantities(pub(super) BTreeMap<String, String>);

impl FromStr for Quantities {
    type Err = String;

    /// `cpu=250m,memory=128Mi`
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let items = text.split(',').filter(|item| !item.is_empty());
        let items = items.map(|item| {
            let (name, quantity) = item.split_once('=')?;
            let fits = super::is_name(name.rsplit('/').next()?) && is_quantity(quantity);
            fits.then(|| (name.to_owned(), quantity.to_owned()))
        });
        let items = items.collect::<Option<BTreeMap<_, _>>>();
        let items = items
            .filter(|items| items.len() <= QUANTITIES_MAX)
            .map(Self);
        items.ok_or_else(|| "expected NAME=QUANTITY,…, such as cpu=250m,memory=128Mi".to_owned())
    }
}

/// `250m`, `1.5`, `128Mi`
fn is_quantity(text: &str) -> bool {
    const SUFFIXES: [&str; 14] = [
        "", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei",
    ];
    let digits = text.trim_end_matches(|char: char| char.is_ascii_alphabetic());
    let suffix = text.get(digits.len()..).unwrap_or_default();
    digits.starts_with(|first: char| first.is_ascii_digit())
        && digits.parse::<f64>().is_ok()
        && SUFFIXES.contains(&suffix)
}

fn name(text: &str) -> Result<String, String> {
    let expected = || "expected up to 63 of a-z, 0-9 and `-`".to_owned();
    super::is_name(text)
        .then(|| text.to_owned())
        .ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_and_bounds() {
        let quantities: Quantities = "cpu=1.5,memory=128Mi".parse().unwrap();
        assert_eq!(quantities.0.len(), 2);
        assert_eq!("".parse(), Ok(Quantities::default()));
        for bad in [
            "cpu", "cpu=", "cpu=x", "cpu=1mm", "CPU=1", "cpu=-1", "cpu=1 ",
        ] {
            assert!(bad.parse::<Quantities>().is_err(), "{bad}");
        }
        for bad in ["", "2", "0-3", "3-2", "1-1001", "a-b"] {
            assert!(bad.parse::<Autoscale>().is_err(), "{bad}");
        }
        assert!("2-10".parse::<Autoscale>().is_ok());
    }
}
