//! What every target can do, and what it is told and says of itself. One kind of target is one file beside this
//! one that implements [`Destination`]; [`super::Target`] knows them all.

use std::fmt::{self, Display};
use std::path::Path;

use clap::Parser;

use super::Wait;
use crate::failure::{Failure, Outcome};
use crate::golden::Golden;
use crate::history::Entry;
use crate::registry::Access;
use crate::terminal::say;

/// Where gateways are deployed to.
///
/// A target keeps its own history ([`Entry`]) where whoever looks after it would look for it: beside the
/// releases of a directory, on containers, on objects. Nothing is kept on the machine that deploys.
pub(in crate::commands) trait Destination {
    /// Whether it can do what is asked for; called before anything is built or changed.
    ///
    /// # Errors
    /// [`Failure::Usage`]: it knows no golden requests, or takes no arguments.
    fn accept(&self, how: &How) -> Result<(), Failure>;

    /// What deploying would change, one line each, in the order in which it would; changes nothing
    /// (`--dry-run`).
    ///
    /// # Errors
    /// What is there cannot be known.
    fn changes(&self, coming: &Coming<'_>, how: &How) -> Result<Vec<String>, Failure>;

    /// Brings an image there: waits until it serves, else the one before serves on and this is an error. Says
    /// what became of it, and adds to the history. The image was checked, and is named by digest if it is in a
    /// registry.
    ///
    /// # Errors
    /// It does not serve, answers a golden request otherwise, or cannot be brought there.
    fn deploy(&self, image: &Path, how: &How) -> Outcome;

    /// The same for a revision that was deployed before; none: the one before the current one
    /// ([`crate::history::before`]). It answers its own golden requests.
    ///
    /// # Errors
    /// As for [`Self::deploy`], or there is no such revision.
    fn rollback(&self, revision: Option<&str>, wait: Wait) -> Outcome;

    /// What was deployed and rolled back, the last at the end.
    ///
    /// # Errors
    /// It cannot be known.
    fn history(&self) -> Result<Vec<Entry>, Failure>;

    /// What is deployed now.
    ///
    /// # Errors
    /// It cannot be known.
    fn status(&self) -> Result<Status, Failure>;
}

/// How it is deployed.
pub(in crate::commands) struct How {
    /// What it must answer before it takes over; at most [`crate::golden::GOLDEN_MAX`].
    pub(super) golden: Vec<Golden>,
    /// How long it may take until it serves.
    pub(super) wait: Wait,
    /// What stands behind `--`, for the program that runs it.
    pub(super) args: Vec<String>,
    /// How registries are asked.
    pub(super) access: Access,
}

/// What would be deployed.
pub(in crate::commands) struct Coming<'a> {
    /// Its revision.
    pub(super) revision: &'a str,
    /// Its image; none: it would be built first.
    pub(super) image: Option<&'a Path>,
}

impl Coming<'_> {
    /// What a target says that would have to see the image.
    pub(super) const UNKNOWN: &'static str =
        "the image would be built first: an image says what would change";
}

/// Reads what stands behind `--`, where that is in words of goma.
///
/// # Errors
/// [`Failure::Usage`], in one line.
pub(super) fn flags<T: Parser>(args: &[String]) -> Result<T, Failure> {
    T::try_parse_from(args).map_err(|error| {
        let text = error.to_string();
        let line = text.lines().next().unwrap_or_default();
        Failure::Usage(line.trim_start_matches("error: ").to_owned())
    })
}

/// What is deployed.
pub(in crate::commands) struct Status {
    /// What is current, and its entry in the history.
    pub(super) current: Option<(String, Option<Entry>)>,
    /// What else there is to say: a word of at most nine letters, and a line.
    pub(super) facts: Vec<(&'static str, String)>,
    /// Whether it serves.
    pub(super) serves: Serves,
}

/// Whether what is current serves.
pub(in crate::commands) enum Serves {
    /// It does not, for a reason if one is known.
    No(Option<String>),
    /// It does.
    Yes,
}

impl How {
    /// Usage errors of a target that takes no golden requests.
    pub(super) fn without_golden(&self, why: &str) -> Result<(), Failure> {
        if self.golden.is_empty() {
            return Ok(());
        }
        Err(Failure::Usage(format!("{why}: --golden is not for it")))
    }

    /// Usage errors of a target that takes no arguments behind `--`.
    pub(super) fn without_args(&self, target: &impl Display) -> Result<(), Failure> {
        if self.args.is_empty() {
            return Ok(());
        }
        let message = format!("{target} takes no arguments behind `--`");
        Err(Failure::Usage(message))
    }
}

impl Status {
    /// Nothing is deployed there.
    pub(super) const fn nothing() -> Self {
        Self {
            current: None,
            facts: Vec::new(),
            serves: Serves::No(None),
        }
    }

    /// Prints it; whether what is current serves.
    pub(in crate::commands) fn say(&self, target: &impl Display) -> bool {
        let Self {
            current,
            facts,
            serves,
        } = self;
        let Some((revision, entry)) = current else {
            say!("nothing is deployed to {target}");
            return false;
        };
        say!("revision  {revision}");
        if let Some(Entry { at, how, .. }) = entry {
            say!("since     {at} ({how})");
        }
        for (word, fact) in facts {
            say!("{word:<9} {fact}");
        }
        say!("serves    {serves}");
        matches!(serves, Serves::Yes)
    }
}

impl Display for Serves {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::No(None) => f.write_str("no"),
            Self::No(Some(why)) => write!(f, "no: {}", why.escape_debug()),
            Self::Yes => f.write_str("yes"),
        }
    }
}
