//! Finds the specification of a gateway that runs where the user has it: in images, in files, in their history.
//!
//! INVARIANT: what is found is of the revision that runs. Files give it when they are compiled; the gateway in an
//! image says it, and the hash of the specification beside it. A name or a label alone is not believed.

use std::path::Path;

use goma_compiler::diff::Side;
use goma_compiler::lock::Machine;
use goma_compiler::{VERSION, compile, draw};

use super::running::Running;
use super::{DiffArgs, of_image, running};
use crate::commands::verify;
use crate::failure::Failure;
use crate::image::{self, Place};
use crate::input::revision::{Past, Revision};
use crate::input::{self, Input};
use crate::registry::{Reference, SCHEME};
use crate::{build, environment, lock_file};

/// As many commits of a file's directory are compiled.
const COMMITS_MAX: usize = 100;

/// The side of a running gateway, from where `--from` says, or from the usual places; `other` stands on the other
/// side.
///
/// # Errors
/// It is nowhere.
pub(super) fn side(
    running: &Running,
    other: &str,
    args: &DiffArgs,
) -> Result<Option<Side>, Failure> {
    let mut search = Search {
        running,
        args,
        looked: Vec::new(),
    };
    let mut places = args.from.clone();
    if places.is_empty() {
        places = usual(other, args)?;
    }
    for place in &places {
        if let Some(side) = search.place(place)? {
            return Ok(Some(side));
        }
    }
    let Running { url, revision, .. } = running;
    let looked = search.looked.join("; ");
    Err(Failure::with_help(
        format!("{url} runs {revision}, and its specification is not found: {looked}"),
        "`--from` names where it is: its image, `oci://HOST/REPOSITORY`, or the files it was built from",
    ))
}

/// The other side, unless that is a gateway too, and the configuration here.
fn usual(other: &str, args: &DiffArgs) -> Result<Vec<String>, Failure> {
    let mut places = Vec::new();
    let path = Path::new(other);
    let is_image = image::is_image(path);
    if let Ok(reference) = other.parse::<Reference>()
        && other.starts_with(SCHEME)
    {
        let repository = Reference {
            tag: None,
            digest: None,
            ..reference
        };
        places.push(repository.to_string());
    } else if is_image {
        places.push(other.to_owned());
    }
    let main = if path.exists() && !is_image {
        path.to_path_buf()
    } else {
        input::locate(args.common.main(None)?)
    };
    if main.exists() || places.is_empty() {
        places.push(main.to_string_lossy().into_owned());
    }
    if !running::is_url(other) && !is_image && !path.exists() {
        places.push(other.to_owned());
    }
    Ok(places)
}

/// A search, and where it has been in vain.
struct Search<'a> {
    running: &'a Running,
    args: &'a DiffArgs,
    looked: Vec<String>,
}

impl Search<'_> {
    fn place(&mut self, text: &str) -> Result<Option<Side>, Failure> {
        let path = Path::new(text);
        if image::is_image(path) {
            return self.image(text);
        }
        let version = &self.running.version;
        if version != VERSION {
            let why = format!("{text} cannot tell, since goma {version} built it, not {VERSION}");
            self.looked.push(why);
            return Ok(None);
        }
        if path.exists() {
            let main = input::locate(Some(path));
            return match self.files(&main, None, text)? {
                Some(side) => Ok(Some(side)),
                None => self.past(&main, text),
            };
        }
        let rev = text.strip_prefix("git:").unwrap_or(text);
        match Revision::lay_out(rev, self.args.common.main(None)?) {
            Ok(revision) => self.files(&revision.main, Some(revision.prefix()), text),
            Err(_) => {
                self.looked.push(format!("{text} does not exist"));
                Ok(None)
            }
        }
    }

    /// An image, or that of the revision among those of a repository.
    fn image(&mut self, text: &str) -> Result<Option<Side>, Failure> {
        let revision = &self.running.revision;
        let (name, is_asked) = self.named(text)?;
        let path = Path::new(&name);
        let access = self.args.common.registries();
        let Some(place) = Place::open(path, access)? else {
            return Ok(None);
        };
        if is_asked && !image::has(&place, revision)? {
            self.looked.push(format!("{text} has no image of it"));
            return Ok(None);
        }
        let other = image::revision(&place)?;
        if other != *revision {
            self.looked.push(format!("{text} is {other}"));
            return Ok(None);
        }
        if let Some(difference) = verify::image_differences(path, &self.args.common)?.first() {
            return Err(Failure::Failed {
                message: format!("{name} is not what it says: {difference}"),
                help: None,
            });
        }
        let Some(archive) = image::specification(path, access)? else {
            return Ok(None);
        };
        self.tell(&name);
        of_image(&name, &archive, self.args)
    }

    /// The name of an image; true: it is made of that of a repository.
    fn named(&self, text: &str) -> Result<(String, bool), Failure> {
        if !text.starts_with(SCHEME) {
            return Ok((text.to_owned(), false));
        }
        let mut reference: Reference = text.parse().map_err(Failure::Usage)?;
        let is_repository = reference.tag.is_none() && reference.digest.is_none();
        if is_repository {
            reference.tag = Some(self.running.revision.clone());
        }
        Ok((reference.to_string(), is_repository))
    }

    /// Files, if they give the revision.
    fn files(
        &mut self,
        main: &Path,
        prefix: Option<(String, String)>,
        shown: &str,
    ) -> Result<Option<Side>, Failure> {
        let read = self.read(main, prefix.is_some())?;
        let Some(mut input) = read else {
            self.looked.push(format!("{shown} cannot be read"));
            return Ok(None);
        };
        let mut given = None;
        for machine in machines(&input, &self.args.name)? {
            self.args.name.clone_into(&mut input.options.name);
            input.options.machine = machine;
            let Some(output) = compile(&input.sources, &input.options).output else {
                self.looked.push(format!("{shown} has errors"));
                return Ok(None);
            };
            if output.revision == self.running.revision {
                if let Some((from, to)) = &prefix {
                    input.shown.rename(from, to);
                }
                self.tell(shown);
                return Ok(draw(&input.sources, &input.shown, &input.options).side);
            }
            given = given.or(Some(output.revision));
        }
        let given = given.unwrap_or_default();
        self.looked.push(format!("{shown} gives {given}"));
        Ok(None)
    }

    /// `None`: it is not there. Nothing is fetched for files of the past: it would be what is delivered now.
    fn read(&self, main: &Path, is_past: bool) -> Result<Option<Input>, Failure> {
        let common = &self.args.common;
        let env = environment::collect(&common.env_file, &common.env)?;
        let mut policy = common.policy();
        if let Some(policy) = &mut policy {
            policy.offline |= is_past;
        }
        Ok(input::load(Some(main), env, policy).ok())
    }

    /// What a file was before, the last first.
    fn past(&mut self, main: &Path, shown: &str) -> Result<Option<Side>, Failure> {
        let Some(past) = Past::of(main, COMMITS_MAX) else {
            return Ok(None);
        };
        let before = self.looked.len();
        for commit in &past.commits {
            let Ok(revision) = past.lay_out(commit) else {
                continue;
            };
            let name = format!("{shown} at {commit}");
            let found = self.files(&revision.main, Some(revision.prefix()), &name)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        self.looked.truncate(before);
        match past.commits.len() {
            0 => {}
            1 => self.looked.push("nor does its last commit".to_owned()),
            count => {
                let last = format!("nor does one of its last {count} commits");
                self.looked.push(last);
            }
        }
        Ok(None)
    }

    fn tell(&self, found: &str) {
        let Running { url, revision, .. } = self.running;
        eprintln!("note: {url} runs {revision}: {found}");
    }
}

/// What may have compiled it: what the lock beside the files says, and what is here.
fn machines(input: &Input, name: &str) -> Result<Vec<Machine>, Failure> {
    let mut machines: Vec<Machine> = lock_file::read(input)
        .map(|written| written.machine())
        .into_iter()
        .collect();
    let here = build::machine(name, &[])?;
    if !machines.contains(&here) {
        machines.push(here);
    }
    Ok(machines)
}
