//! A file that the log is written to: opened at start and on SIGUSR1, rotated by size, its older ones
//! deleted by count and age (RT-LOG-7).
//!
//! Names, modes and what 0 means are those of lumberjack, which Goma Gateway rotates with. Only the
//! log's own thread works here: a slow disk makes it wait, and nobody else.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::line::civil_date;
use crate::clock::unix_time;

/// Of a file that is new.
const FILE_MODE: u32 = 0o600;
/// Of directories that are new.
const DIRECTORY_MODE: u32 = 0o755;

/// When a file is rotated, and which older ones stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rotation {
    /// Bytes of a file.
    pub bytes_max: u64,
    /// Older files that stay; 0: any number.
    pub backups_max: u64,
    /// How old they may get; zero: any age.
    pub age_max: Duration,
}

/// The file in use.
#[derive(Debug)]
pub struct LogFile {
    path: PathBuf,
    rotation: Rotation,
    file: File,
    /// Bytes in it, as far as this process knows.
    bytes: u64,
    /// At how many bytes it is rotated; `None`: never, it is no regular file.
    full_at: Option<u64>,
    /// Whether its last line is incomplete.
    broken: bool,
    /// The time in the name of the last file that was rotated. INVARIANT: names have the order of
    /// files, also of several in a millisecond of which the older ones are gone.
    stamped: Duration,
}

impl LogFile {
    /// Opens a file for appending, and makes it and its directory if they are not there.
    ///
    /// # Errors
    /// Those of the system.
    pub fn open(path: &Path, rotation: Rotation) -> io::Result<Self> {
        let (file, bytes, is_regular) = open(path, FILE_MODE)?;
        let log = Self {
            path: path.to_owned(),
            rotation,
            file,
            bytes,
            full_at: is_regular.then_some(rotation.bytes_max),
            broken: false,
            stamped: Duration::ZERO,
        };
        // What cannot be deleted now is tried again with the next rotation.
        let _ = log.prune();
        Ok(log)
    }

    /// Whether the file is to be rotated before this many bytes more.
    pub(super) fn is_full(&self, more: usize) -> bool {
        let after = self.bytes.saturating_add(more as u64);
        self.bytes > 0 && self.full_at.is_some_and(|full_at| after > full_at)
    }

    /// Appends whole lines.
    pub(super) fn append(&mut self, lines: &[u8]) -> io::Result<()> {
        if self.broken {
            self.file.write_all(b"\n")?;
            self.broken = false;
        }
        let written = self.file.write_all(lines);
        match written {
            Ok(()) => self.bytes = self.bytes.saturating_add(lines.len() as u64),
            Err(_) => self.broken = true,
        }
        written
    }

    /// Opens the file anew, after somebody has moved the old one away. If that fails, the old one stays
    /// in use.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        let mode = self.file.metadata().map(|metadata| metadata.mode());
        let mode = mode.map_or(FILE_MODE, |mode| mode & 0o777);
        let (file, bytes, is_regular) = open(&self.path, mode)?;
        self.file = file;
        self.bytes = bytes;
        self.full_at = is_regular.then_some(self.rotation.bytes_max);
        self.broken = false;
        Ok(())
    }

    /// Renames the file by the time, opens a new one, and deletes what is too old or too much. If that
    /// fails, the file stays in use, and it is tried again once it has grown by as much.
    pub(super) fn rotate(&mut self) -> io::Result<()> {
        let rotated = self.try_rotate();
        if rotated.is_err() {
            let next = self.bytes.saturating_add(self.rotation.bytes_max);
            self.full_at = Some(next);
        }
        rotated
    }

    fn try_rotate(&mut self) -> io::Result<()> {
        // During a takeover two processes write to it: whoever comes later finds it renamed.
        if self.is_in_place() {
            let (time, backup) = self.backup()?;
            fs::rename(&self.path, backup)?;
            self.stamped = time;
        }
        self.reopen()?;
        self.prune()
    }

    /// Whether the file in use still has its name.
    fn is_in_place(&self) -> bool {
        let identity = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
        match (fs::metadata(&self.path), self.file.metadata()) {
            (Ok(named), Ok(used)) => identity(named) == identity(used),
            (Err(_), _) | (_, Err(_)) => false,
        }
    }

    /// A name for the file by the present time or soon after, which no file has or has had.
    fn backup(&self) -> io::Result<(Duration, PathBuf)> {
        /// Files of one moment: milliseconds that are tried.
        const TRIES: u64 = 1000;
        let (prefix, suffix) = self.affixes();
        let first = unix_time().max(self.stamped + Duration::from_millis(1));
        let mut names = (0..TRIES).map(|later| {
            let time = first + Duration::from_millis(later);
            let name = format!("{prefix}{}{suffix}", stamp(time));
            (time, self.path.with_file_name(name))
        });
        let free = names.find(|(_, path)| fs::symlink_metadata(path).is_err());
        free.ok_or_else(|| io::ErrorKind::AlreadyExists.into())
    }

    /// What is before and after the time in the names of older files: `goma-` and `.log`.
    fn affixes(&self) -> (String, String) {
        let text = |part: Option<&std::ffi::OsStr>| {
            let part = part.unwrap_or_default().to_string_lossy();
            part.into_owned()
        };
        let suffix = text(self.path.extension());
        let dot = if suffix.is_empty() { "" } else { "." };
        (
            format!("{}-", text(self.path.file_stem())),
            format!("{dot}{suffix}"),
        )
    }

    /// Deletes older files beyond the count and the age.
    fn prune(&self) -> io::Result<()> {
        let Rotation {
            bytes_max: _,
            backups_max,
            age_max,
        } = self.rotation;
        if backups_max == 0 && age_max.is_zero() {
            return Ok(());
        }
        let (prefix, suffix) = self.affixes();
        let mut backups = Vec::new();
        for entry in fs::read_dir(directory(&self.path))? {
            let name = entry?.file_name();
            let stamp = name.to_str().and_then(|name| {
                let stamp = name.strip_prefix(&*prefix)?.strip_suffix(&*suffix)?;
                is_stamp(stamp).then(|| stamp.to_owned())
            });
            backups.extend(stamp.map(|stamp| (stamp, name)));
        }
        // Stamps have the order of times.
        backups.sort_by(|one, other| other.cmp(one));
        let oldest = stamp(unix_time().saturating_sub(age_max));
        for (index, (stamp, name)) in backups.iter().enumerate() {
            let surplus = backups_max > 0 && index as u64 >= backups_max;
            if surplus || (!age_max.is_zero() && *stamp < oldest) {
                fs::remove_file(self.path.with_file_name(name))?;
            }
        }
        Ok(())
    }
}

/// The file, its size, and whether it is a regular one.
fn open(path: &Path, mode: u32) -> io::Result<(File, u64, bool)> {
    let mut directories = fs::DirBuilder::new();
    let directories = directories.recursive(true).mode(DIRECTORY_MODE);
    directories.create(directory(path))?;
    let mut options = OpenOptions::new();
    let file = options.append(true).create(true).mode(mode).open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata.len(), metadata.is_file()))
}

fn directory(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    parent.unwrap_or(Path::new("."))
}

/// `2006-01-02T15-04-05.000`, UTC
fn stamp(time: Duration) -> String {
    let (year, month, day) = civil_date(time.as_secs() / 86_400);
    let second = time.as_secs() % 86_400;
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let milliseconds = time.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}-{minute:02}-{second:02}.{milliseconds:03}")
}

fn is_stamp(text: &str) -> bool {
    let form = b"0000-00-00T00-00-00.000";
    let fits = |(byte, wanted): (u8, &u8)| match wanted {
        b'0' => byte.is_ascii_digit(),
        wanted => byte == *wanted,
    };
    text.len() == form.len() && text.bytes().zip(form).all(fits)
}

#[cfg(test)]
mod tests;
