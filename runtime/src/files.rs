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

/// A file that is looked at.
#[derive(Debug)]
pub(crate) struct Look {
    path: PathBuf,
    /// What it was like when it was last read.
    seen: Signature,
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
        let look = Look::new(path.to_owned());
        let (sender, content) = watch::channel(Arc::new(read(path)?));
        contents.insert(key, Box::new(content.clone()));
        self.keep(Whole {
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
        if !self.look.has_changed() {
            return None;
        }
        let path = self.look.path();
        Some((self.read)(path).map(|content| {
            self.content.send_replace(Arc::new(content));
            path.display().to_string()
        }))
    }
}

impl Look {
    /// A file as it is now, which is about to be read.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            seen: Signature::of(&path),
            path,
            last: None,
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether it has changed since it was read, and is the same as at the last look: whoever writes it may
    /// not have finished. It counts as read then.
    pub(crate) fn has_changed(&mut self) -> bool {
        let signature = Signature::of(&self.path);
        let settled = self.last.replace(signature) == Some(signature);
        if self.seen == signature || !settled {
            return false;
        }
        self.seen = signature;
        true
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
}
