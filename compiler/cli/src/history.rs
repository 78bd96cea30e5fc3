//! What was deployed and rolled back, and when: the entries that every target keeps, each in its own place,
//! and which of them a roll-back means.

use std::fs;
use std::path::PathBuf;
use std::time::SystemTime;

use serde_json::{Value, json};

use crate::build::write_if_changed;
use crate::failure::Failure;

/// Most entries of a history that are read.
const ENTRIES_MAX: usize = 1000;
/// The largest file of one, in bytes.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// What was done, the last at the end of a history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// What then was current.
    pub(crate) revision: String,
    /// When, as HTTP writes it.
    pub(crate) at: String,
    /// `deploy` or `rollback`.
    pub(crate) how: String,
}

impl Entry {
    /// What is done now.
    pub(crate) fn now(revision: &str, how: &str) -> Self {
        Self {
            revision: revision.to_owned(),
            at: httpdate::fmt_http_date(SystemTime::now()),
            how: how.to_owned(),
        }
    }

    /// Reads what [`Self::json`] wrote; anything else is none.
    pub(crate) fn read(value: &Value) -> Option<Self> {
        let field = |name: &str| value.get(name)?.as_str().map(str::to_owned);
        Some(Self {
            revision: field("revision").filter(|revision| is_revision(revision))?,
            at: field("at")?,
            how: field("how")?,
        })
    }

    /// As it is kept.
    pub(crate) fn json(&self) -> Value {
        let Self { revision, at, how } = self;
        json!({"revision": revision, "at": at, "how": how})
    }
}

/// A file with an entry in each line.
pub(crate) struct History(pub(crate) PathBuf);

impl History {
    /// What is in it; nothing, if it is not there or is too large.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        if fs::metadata(&self.0).is_ok_and(|file| file.len() > FILE_BYTES_MAX) {
            return Vec::new();
        }
        let text = fs::read_to_string(&self.0).unwrap_or_default();
        let read = |line| Entry::read(&serde_json::from_str(line).ok()?);
        let mut entries: Vec<Entry> = text.lines().filter_map(read).collect();
        let many = entries.len().saturating_sub(ENTRIES_MAX);
        entries.drain(..many);
        entries
    }

    /// Adds what is done now.
    pub(crate) fn note(&self, revision: &str, how: &str) -> anyhow::Result<()> {
        let mut entries = self.entries();
        entries.push(Entry::now(revision, how));
        let many = entries.len().saturating_sub(ENTRIES_MAX);
        let lines = entries.iter().skip(many);
        let lines = lines.map(|entry| format!("{}\n", entry.json()));
        write_if_changed(&self.0, &lines.collect::<String>())?;
        Ok(())
    }
}

/// The revision that a roll-back makes current: the one that is named, or else the last one that is not current
/// now. `is_there`: it can be run still.
///
/// # Errors
/// There is none.
pub(crate) fn before(
    history: &[Entry],
    current: Option<&str>,
    named: Option<&str>,
    is_there: impl Fn(&str) -> bool,
) -> Result<String, Failure> {
    let mut revisions = history.iter().rev().map(|entry| entry.revision.as_str());
    let found = match named {
        Some(named) => revisions.find(|known| *known == named && is_there(known)),
        None => revisions.find(|known| current != Some(known) && is_there(known)),
    };
    let none = || {
        let message = match named {
            Some(revision) => format!("there is no release {}", revision.escape_debug()),
            None => "there is no release before this one".to_owned(),
        };
        Failure::with_help(message, "`--list` has those that were deployed")
    };
    found.map(str::to_owned).ok_or_else(none)
}

/// Twelve hexadecimal digits: it is the name of files and other things, and nothing else may be one.
pub(crate) fn is_revision(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_entries() {
        let home = tempfile::tempdir().unwrap();
        let history = History(home.path().join("history.jsonl"));
        assert_eq!(history.entries(), []);
        history.note("00000000000a", "deploy").unwrap();
        history.note("00000000000b", "rollback").unwrap();
        let text = fs::read_to_string(&history.0).unwrap();
        fs::write(&history.0, format!("{text}{{\"revision\":\"../x\"}}\nx\n")).unwrap();
        let entries = history.entries();
        assert_eq!(entries.len(), 2);
        assert_eq!(Entry::read(&entries[1].json()).as_ref(), Some(&entries[1]));
    }

    #[test]
    fn what_a_roll_back_means() {
        let history = ["a", "b", "c"].map(|end| Entry::now(&format!("00000000000{end}"), "deploy"));
        let before = |current, named, gone: &str| {
            let is_there = |revision: &str| !revision.ends_with(gone);
            before(&history, current, named, is_there).ok()
        };
        let is = |end: &str| Some(format!("00000000000{end}"));
        assert_eq!(before(Some("00000000000c"), None, "x"), is("b"));
        assert_eq!(before(Some("00000000000c"), None, "b"), is("a"));
        assert_eq!(before(None, None, "x"), is("c"));
        assert_eq!(before(None, Some("00000000000a"), "x"), is("a"));
        assert_eq!(before(None, Some("00000000000a"), "a"), None);
        assert_eq!(before(None, Some("00000000000d"), "x"), None);
    }
}
