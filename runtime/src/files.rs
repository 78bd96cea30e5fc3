//! Files that are looked at again and again, because they may change while a gateway runs: the overlay,
//! certificates, keys, users (RT-OVER-3, C-FILE-9). One way to see that they have, and one to act on it: what
//! a file holds is made anew on the thread that waits for signals, and taken over only if it is good
//! (C-FILE-10).

#![cfg_attr(
    not(all(feature = "basic-auth", feature = "tls")),
    allow(dead_code, reason = "the overlay needs less of it")
)]

use std::any::{Any, TypeId};
use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[expect(clippy::disallowed_types, reason = "no request takes it")]
use std::sync::{Mutex, PoisonError};

use tokio::sync::watch;

/// What changes whenever a file does, its name and what it points to included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signature {
    /// Or not readable.
    Missing,
    /// As the system describes it.
    There {
        device: u64,
        inode: u64,
        bytes: u64,
        modified: (i64, i64),
        changed: (i64, i64),
    },
}

/// Files that are looked at, and read together.
#[derive(Debug)]
pub(crate) struct Look {
    files: Vec<Seen>,
    /// The last that has changed, until they have been read without an error: what kept them from being read
    /// may be over at any time, and changes no file.
    due: Option<PathBuf>,
    /// What was wrong with it when they were last read.
    error: Option<String>,
}

#[derive(Debug)]
struct Seen {
    path: PathBuf,
    /// What it was like when it was last read.
    read: Signature,
    /// What it was like at the last look: whoever writes it may not have finished.
    last: Option<Signature>,
}

/// Something that is made from files.
pub(crate) trait Reread: Send {
    /// Makes it anew if a file has changed: which, or why what there was stays. `None`: nothing has changed.
    fn look(&mut self) -> Option<Result<String, String>>;
}

/// What a file holds, for everyone who reads it.
pub(crate) type Content<T> = watch::Receiver<Arc<T>>;

/// All files of a gateway that are read again when they change.
#[derive(Default)]
pub struct Files {
    #[expect(clippy::disallowed_types, reason = "no request takes it")]
    kept: Mutex<Vec<Box<dyn Reread>>>,
    /// A [`Content`] by its type and file.
    #[expect(clippy::disallowed_types, reason = "no request takes it")]
    contents: Mutex<BTreeMap<(PathBuf, TypeId), Box<dyn Any + Send>>>,
}

/// One that is read as a whole.
struct Whole<T> {
    path: PathBuf,
    look: Look,
    read: fn(&Path) -> Result<T, String>,
    content: watch::Sender<Arc<T>>,
}

impl std::fmt::Debug for Files {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Files").finish_non_exhaustive()
    }
}

impl Files {
    /// What `read` makes of a file. It is read once, however many ask, until it changes.
    ///
    /// # Errors
    /// Those of `read`.
    pub(crate) fn content<T: Send + Sync + 'static>(
        &self,
        path: &Path,
        read: fn(&Path) -> Result<T, String>,
    ) -> Result<Content<T>, String> {
        let mut contents = self.contents.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (path.to_owned(), TypeId::of::<T>());
        let known = contents
            .get(&key)
            .and_then(|known| known.downcast_ref::<Content<T>>());
        if let Some(known) = known {
            return Ok(known.clone());
        }
        // Before it is read: a change meanwhile is one.
        let look = Look::new([path]);
        let (sender, content) = watch::channel(Arc::new(read(path)?));
        contents.insert(key, Box::new(content.clone()));
        self.keep(Whole {
            path: path.to_owned(),
            look,
            read,
            content: sender,
        });
        Ok(content)
    }

    /// Has something looked at from now on.
    pub(crate) fn keep(&self, kept: impl Reread + 'static) {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Box::new(kept));
    }

    /// Looks at all of them; what has come of those that have changed.
    pub(crate) fn look(&self) -> Vec<Result<String, String>> {
        let mut all = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter_mut().filter_map(|kept| kept.look()).collect()
    }
}

impl<T: Send + Sync> Reread for Whole<T> {
    fn look(&mut self) -> Option<Result<String, String>> {
        let changed = self.look.due()?;
        let read = (self.read)(&self.path).map(|content| {
            self.content.send_replace(Arc::new(content));
            changed
        });
        self.look.came(read)
    }
}

impl Look {
    /// Files as they are now, which are about to be read.
    pub(crate) fn new<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Self {
        let seen = |path: &Path| Seen {
            read: Signature::of(path),
            path: path.to_owned(),
            last: None,
        };
        Self {
            files: paths.into_iter().map(seen).collect(),
            due: None,
            error: None,
        }
    }

    /// The one because of which they are to be read: it has changed since they were, and all are the same as at
    /// the last look: whoever writes them may not have finished. [`Look::came`] is to hear of it.
    pub(crate) fn due(&mut self) -> Option<String> {
        let mut settled = true;
        for file in &mut self.files {
            let signature = Signature::of(&file.path);
            settled &= file.last.replace(signature) == Some(signature);
        }
        if !settled {
            return None;
        }
        for file in &mut self.files {
            if file.last != Some(file.read) {
                file.read = file.last.unwrap_or(file.read);
                self.due = Some(file.path.clone());
                self.error = None;
            }
        }
        self.due.as_ref().map(|path| path.display().to_string())
    }

    /// What has come of reading them. After an error they are due at each look; it is said once, until one of
    /// them changes.
    pub(crate) fn came<T, E: ToString>(&mut self, read: Result<T, E>) -> Option<Result<T, E>> {
        match &read {
            Ok(_) => self.done(),
            Err(error) => {
                let error = Some(error.to_string());
                if self.error == error {
                    return None;
                }
                self.error = error;
            }
        }
        Some(read)
    }

    /// They are not to be read again until one of them changes.
    pub(crate) fn done(&mut self) {
        (self.due, self.error) = (None, None);
    }
}

impl Signature {
    /// Of what a name stands for now.
    pub(crate) fn of(path: &Path) -> Self {
        match std::fs::metadata(path) {
            Err(_) => Self::Missing,
            Ok(file) => Self::There {
                device: file.dev(),
                inode: file.ino(),
                bytes: file.size(),
                modified: (file.mtime(), file.mtime_nsec()),
                changed: (file.ctime(), file.ctime_nsec()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(path: &Path) -> Result<u32, String> {
        let text = std::fs::read_to_string(path).map_err(|error| error.to_string())?;
        text.trim().parse().map_err(|_| "no number".to_owned())
    }

    /// C-FILE-9, C-FILE-10: a change is taken over when it has lasted from one look to the next; what is not good
    /// is said once, and what there was stays.
    #[test]
    fn a_file_that_changes() {
        let path = std::env::temp_dir().join(format!("goma-files-{}", std::process::id()));
        let write = |text: &str| std::fs::write(&path, text).unwrap();
        let _ = std::fs::remove_file(&path);
        let files = Files::default();
        assert!(files.content(&path, number).is_err());
        write("1");
        let content = files.content(&path, number).unwrap();
        let again = files.content(&path, number).unwrap();
        let looks = |count| (0..count).flat_map(|_| files.look()).collect::<Vec<_>>();
        assert_eq!((looks(3), **content.borrow()), (Vec::new(), 1));
        write("22");
        assert_eq!(looks(1), []);
        assert_eq!(looks(3), [Ok(path.display().to_string())]);
        assert_eq!((**content.borrow(), **again.borrow()), (22, 22));
        write("thirty");
        assert_eq!(looks(5), [Err("no number".to_owned())]);
        std::fs::remove_file(&path).unwrap();
        assert_eq!(looks(5).len(), 1);
        assert_eq!(**content.borrow(), 22);
        write("4");
        assert_eq!(looks(5).len(), 1);
        assert_eq!(**again.borrow(), 4);
        std::fs::remove_file(&path).unwrap();
    }

    /// C-FILE-9: what kept a changed file from being read, and is over without a change, loses nothing.
    #[test]
    fn a_file_that_cannot_be_read_for_a_while() {
        fn faulty(path: &Path) -> Result<u32, String> {
            match std::fs::read_to_string(path.with_extension("fault")) {
                Ok(fault) => Err(fault),
                Err(_) => number(path),
            }
        }
        let path = std::env::temp_dir().join(format!("goma-files-retry-{}", std::process::id()));
        let fault = path.with_extension("fault");
        let fail = |text| std::fs::write(&fault, text).unwrap();
        std::fs::write(&path, "1").unwrap();
        let files = Files::default();
        let content = files.content(&path, faulty).unwrap();
        let looks = |count| (0..count).flat_map(|_| files.look()).collect::<Vec<_>>();
        std::fs::write(&path, "22").unwrap();
        fail("too many open files");
        assert_eq!(looks(5), [Err("too many open files".to_owned())]);
        fail("input/output error");
        assert_eq!(looks(3), [Err("input/output error".to_owned())]);
        // Said anew with each change.
        std::fs::write(&path, "333").unwrap();
        assert_eq!(looks(3), [Err("input/output error".to_owned())]);
        std::fs::remove_file(&fault).unwrap();
        assert_eq!(looks(3), [Ok(path.display().to_string())]);
        assert_eq!(**content.borrow(), 333);
        std::fs::remove_file(&path).unwrap();
    }
}
