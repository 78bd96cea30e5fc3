//! Which files a configuration depends on, and being told when one of them changes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use notify::event::{AccessKind, AccessMode};
use notify::{EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc::Sender;

use crate::input::Input;

/// Directories in which something may change.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// Directory, and whether what lies below it counts too.
    directories: BTreeSet<(PathBuf, bool)>,
}

impl Places {
    /// Where the files of a configuration are.
    pub(crate) fn of(input: &Input) -> Self {
        let mut places = Self::default();
        let sources = &input.shown;
        for id in sources.main().into_iter().chain(sources.others()) {
            places.add_file(Path::new(sources.name(id)));
        }
        for root in &input.roots {
            places.directories.insert((root.clone(), true));
        }
        places
    }

    /// Where one file is, or will be.
    pub(crate) fn of_file(file: &Path) -> Self {
        let mut places = Self::default();
        places.add_file(file);
        places
    }

    /// Adds the directory of a file: the file itself may be replaced, which ends a watch.
    pub(crate) fn add_file(&mut self, file: &Path) {
        let directory = match file.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => return,
        };
        // Bundles from elsewhere have no directory.
        if directory.is_dir() {
            self.directories.insert((directory.to_path_buf(), false));
        }
    }
}

/// Tells of changes.
pub(crate) struct Watch {
    watcher: RecommendedWatcher,
    watched: BTreeSet<(PathBuf, bool)>,
}

impl Watch {
    /// Sends something whenever something changes; one message stands for any number of changes.
    pub(crate) fn new(sender: Sender<()>) -> anyhow::Result<Self> {
        let tell = move |event: notify::Result<notify::Event>| {
            let changed = match event {
                Ok(event) => is_change(event.kind),
                // Something was missed.
                Err(_) => true,
            };
            if changed {
                // Full: it will be noticed anyway.
                let _ = sender.try_send(());
            }
        };
        let watcher = notify::recommended_watcher(tell).context("cannot watch files")?;
        Ok(Self {
            watcher,
            watched: BTreeSet::new(),
        })
    }

    /// Watches these places too; whether any of them was not watched before.
    pub(crate) fn follow(&mut self, places: &Places) -> bool {
        let before = self.watched.len();
        for place in &places.directories {
            if self.watched.contains(place) {
                continue;
            }
            let mode = if place.1 {
                RecursiveMode::Recursive
            } else {
                RecursiveMode::NonRecursive
            };
            match self.watcher.watch(&place.0, mode) {
                Ok(()) => {
                    self.watched.insert(place.clone());
                }
                Err(error) => eprintln!("warning: {} is not watched: {error}", place.0.display()),
            }
        }
        self.watched.len() > before
    }
}

/// Reading is no change; goma itself reads all of them.
const fn is_change(kind: EventKind) -> bool {
    match kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write))
        | EventKind::Any
        | EventKind::Create(_)
        | EventKind::Modify(_)
        | EventKind::Other
        | EventKind::Remove(_) => true,
        EventKind::Access(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whoever begins to watch reads once more: what changed before nobody has told.
    #[test]
    fn a_place_is_new_once() {
        let directory = tempfile::tempdir().unwrap();
        let (sender, _changes) = tokio::sync::mpsc::channel(1);
        let mut watch = Watch::new(sender).unwrap();
        let one = Places::of_file(&directory.path().join("a"));
        assert!(watch.follow(&one));
        assert!(!watch.follow(&Places::of_file(&directory.path().join("b"))));
        let mut gone = Places::default();
        gone.directories
            .insert((directory.path().join("gone"), false));
        assert!(!watch.follow(&gone), "it is looked for again next time");
    }
}
