//! Who may pass: the users of a rule and those of a file, which is read again when it changes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::rc::Rc;
use std::time::{Duration, SystemTime};

use super::password::Stored;
use crate::clock::Moment;
use crate::gateway::{Start, StartError};
use crate::values::Value;

/// How often a file is looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Bytes of a file of users.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Users by name.
pub(super) type Table = HashMap<String, Rc<Stored>>;

/// The users of a rule.
pub(super) struct Users {
    /// Of the rule itself; they come first.
    own: Table,
    file: Option<File>,
}

/// A file of users.
struct File {
    path: Rc<str>,
    users: RefCell<Table>,
    version: Cell<Option<Version>>,
    looked: Cell<Moment>,
    looking: Cell<bool>,
}

/// What changes when a file does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Version {
    modified: Option<SystemTime>,
    bytes: u64,
}

/// What a look at the file has found.
pub(super) type Look = Option<(Version, Vec<Line>)>;

/// One user of a file, with the number of the line.
type Line = (usize, String, Stored);

impl Users {
    /// # Errors
    /// `env-unset`; `bad-rule` for an empty name or password, a duplicate name, or a hash that cannot
    /// be checked; `file-missing` for a file that cannot be read.
    pub(super) fn new(
        own: Table,
        file: Option<(&'static Value, String)>,
        start: &Start<'_>,
    ) -> Result<Self, StartError> {
        let Some((value, path)) = file else {
            return Ok(Self { own, file: None });
        };
        let version = version(&path)
            .map_err(|error| value.fault("file-missing", format!("{path}: {error}")))?;
        let users = read(&path).map_err(|fault| value.fault("bad-rule", fault))?;
        let mut table = Table::new();
        for line in insert_all(&mut table, users) {
            start.notice(format!(
                "{path}:{line}: the user is listed before, and that entry decides"
            ));
        }
        let file = File {
            path: Rc::from(path),
            users: RefCell::new(table),
            version: Cell::new(Some(version)),
            looked: Cell::new(Moment::now()),
            looking: Cell::new(false),
        };
        Ok(Self {
            own,
            file: Some(file),
        })
    }

    /// The stored password of a user; the rule's own entry decides before the file's.
    pub(super) fn find(&self, name: &str) -> Option<Rc<Stored>> {
        let of_file = || self.file.as_ref()?.users.borrow().get(name).cloned();
        self.own.get(name).cloned().or_else(of_file)
    }

    /// Any stored password: an unknown user's takes as long to check (MW-BASIC-6).
    pub(super) fn any(&self) -> Option<Rc<Stored>> {
        let costly = |table: &Table| {
            let mut all = table.values();
            all.find(|stored| !stored.is_cheap())
                .or(table.values().next())
                .cloned()
        };
        let of_file = || costly(&self.file.as_ref()?.users.borrow());
        costly(&self.own)
            .filter(|stored| !stored.is_cheap())
            .or_else(of_file)
            .or(costly(&self.own))
    }

    /// The path of the file if it is time to look at it. Only one request at a time is told.
    pub(super) fn is_due(&self) -> Option<Due> {
        let file = self.file.as_ref()?;
        if file.looking.get() || file.looked.get().elapsed() < LOOK_EVERY {
            return None;
        }
        file.looking.set(true);
        Some(Due {
            path: file.path.to_string(),
            known: file.version.get(),
        })
    }

    /// Ends a look. A file that has become unreadable leaves the users as they were.
    pub(super) fn looked(&self, look: Look) {
        let Some(file) = &self.file else { return };
        file.looking.set(false);
        file.looked.set(Moment::now());
        if let Some((version, users)) = look {
            let mut table = Table::new();
            let _ = insert_all(&mut table, users);
            *file.users.borrow_mut() = table;
            file.version.set(Some(version));
        }
    }
}

/// A file that is to be looked at, away from the core's loop.
pub(super) struct Due {
    path: String,
    known: Option<Version>,
}

impl Due {
    /// New users, if the file has changed and can be read.
    pub(super) fn look(self) -> Look {
        let version = version(&self.path).ok()?;
        if self.known == Some(version) {
            return None;
        }
        Some((version, read(&self.path).ok()?))
    }
}

/// The first entry of a name decides (MW-BASIC-3); the lines of all others.
fn insert_all(table: &mut Table, users: Vec<Line>) -> Vec<usize> {
    let mut repeated = Vec::new();
    for (line, name, stored) in users {
        match table.entry(name) {
            Entry::Occupied(_) => repeated.push(line),
            Entry::Vacant(vacant) => {
                vacant.insert(Rc::new(stored));
            }
        }
    }
    repeated
}

fn version(path: &str) -> std::io::Result<Version> {
    let metadata = std::fs::metadata(path)?;
    Ok(Version {
        modified: metadata.modified().ok(),
        bytes: metadata.len(),
    })
}

/// `user:password` a line; `#` begins a comment. Faults name the line, never what it holds.
fn read(path: &str) -> Result<Vec<Line>, String> {
    let fault = |error: std::io::Error| format!("{path}: {error}");
    if std::fs::metadata(path).map_err(fault)?.len() > FILE_BYTES_MAX {
        return Err(format!("{path}: more than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(fault)?;
    let mut users = Vec::new();
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = |text: &str| format!("{path}:{number}: {text}");
        let (name, stored) = line
            .split_once(':')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| fault("not of the form `user:password`"))?;
        let stored = Stored::parse(stored).map_err(fault)?;
        users.push((number, name.to_owned(), stored));
    }
    Ok(users)
}
