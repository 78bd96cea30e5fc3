//! Who may pass: the users of a rule and those of a file, which is read again when it changes (C-FILE-9).

use std::cell::RefCell;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::path::Path;
use std::sync::Arc;

use super::password::Stored;
use crate::files::Content;
use crate::gateway::{Start, StartError};
use crate::values::Value;

/// Bytes of a file of users.
const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Users by name.
pub(super) type Table = HashMap<String, Arc<Stored>>;

/// The users of a rule.
pub(super) struct Users {
    /// Of the rule itself; they come first.
    own: Table,
    file: Option<File>,
}

/// A file of users, as this core knows it.
struct File {
    news: RefCell<Content<Listed>>,
    known: RefCell<Arc<Listed>>,
}

/// What a file holds.
struct Listed {
    users: Table,
    /// Lines of users who are listed before.
    repeated: Vec<usize>,
}

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
        if let Err(error) = std::fs::metadata(&path) {
            return Err(value.fault("file-missing", format!("{path}: {error}")));
        }
        let news = start.files.content(Path::new(&path), read);
        let mut news = news.map_err(|fault| value.fault("bad-rule", fault))?;
        let known = Arc::clone(&news.borrow_and_update());
        for line in &known.repeated {
            start.notice(format!(
                "{path}:{line}: the user is listed before, and that entry decides"
            ));
        }
        let file = File {
            news: news.into(),
            known: known.into(),
        };
        Ok(Self {
            own,
            file: Some(file),
        })
    }

    /// The stored password of a user; the rule's own entry decides before the file's.
    pub(super) fn find(&self, name: &str) -> Option<Arc<Stored>> {
        let of_file = || self.file.as_ref()?.listed().users.get(name).cloned();
        self.own.get(name).cloned().or_else(of_file)
    }

    /// Any stored password: an unknown user's takes as long to check (MW-BASIC-6).
    pub(super) fn any(&self) -> Option<Arc<Stored>> {
        let costly = |table: &Table| {
            let mut all = table.values();
            all.find(|stored| !stored.is_cheap())
                .or(table.values().next())
                .cloned()
        };
        let of_file = || costly(&self.file.as_ref()?.listed().users);
        costly(&self.own)
            .filter(|stored| !stored.is_cheap())
            .or_else(of_file)
            .or(costly(&self.own))
    }
}

impl File {
    /// What it holds now. Whether that is something else costs an atomic load.
    fn listed(&self) -> Arc<Listed> {
        let mut news = self.news.borrow_mut();
        if news.has_changed().unwrap_or(false) {
            *self.known.borrow_mut() = Arc::clone(&news.borrow_and_update());
        }
        Arc::clone(&self.known.borrow())
    }
}

/// `user:password` a line; `#` begins a comment. The first entry of a name decides (MW-BASIC-3). Faults name
/// the line, never what it holds.
fn read(path: &Path) -> Result<Listed, String> {
    let shown = path.display();
    let fault = |error: std::io::Error| format!("{shown}: {error}");
    if std::fs::metadata(path).map_err(fault)?.len() > FILE_BYTES_MAX {
        return Err(format!("{shown}: more than {FILE_BYTES_MAX} bytes"));
    }
    let text = std::fs::read_to_string(path).map_err(fault)?;
    let mut listed = Listed {
        users: Table::new(),
        repeated: Vec::new(),
    };
    for (line, number) in text.lines().map(str::trim).zip(1..) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = |text: &str| format!("{shown}:{number}: {text}");
        let (name, stored) = line
            .split_once(':')
            .filter(|(name, _)| !name.is_empty())
            .ok_or_else(|| fault("not of the form `user:password`"))?;
        let stored = Stored::parse(stored).map_err(fault)?;
        match listed.users.entry(name.to_owned()) {
            Entry::Occupied(_) => listed.repeated.push(number),
            Entry::Vacant(vacant) => {
                vacant.insert(Arc::new(stored));
            }
        }
    }
    Ok(listed)
}
