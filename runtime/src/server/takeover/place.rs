//! The file of the Unix socket: found, made, replaced when nobody listens there (RT-TAKE-1, RT-TAKE-4).

use std::fs::{File, Permissions, TryLockError};
use std::io;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::fs::{FileTypeExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::{UnixListener, UnixStream};

/// The longest name that a socket can have.
const NAME_BYTES_MAX: usize = 107;
/// Who asks at once; others try again.
pub(super) const BACKLOG: i32 = 64;

/// A name for the calls of sockets, whatever the length of the path.
struct Name {
    path: PathBuf,
    /// What a long path is named by.
    _directory: Option<File>,
}

impl Name {
    fn of(path: &Path) -> io::Result<Self> {
        let file = path.file_name();
        let file = file.ok_or_else(|| io::Error::other("the path names no file"))?;
        if path.as_os_str().len() <= NAME_BYTES_MAX {
            return Ok(Self {
                path: path.to_owned(),
                _directory: None,
            });
        }
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty());
        let directory = File::open(parent.unwrap_or(Path::new(".")))?;
        let number = directory.as_raw_fd().to_string();
        Ok(Self {
            path: Path::new("/proc/self/fd").join(number).join(file),
            _directory: Some(directory),
        })
    }
}

/// A connection to who listens there; none: nobody does.
///
/// # Errors
/// It cannot be known, or what is there is no socket.
pub(super) async fn connect(path: &Path) -> io::Result<Option<UnixStream>> {
    let name = Name::of(path)?;
    match UnixStream::connect(&name.path).await {
        Ok(stream) => Ok(Some(stream)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => match is_socket(path) {
            true => Ok(None),
            false => Err(io::Error::other("it is there, and no socket")),
        },
        Err(error) => Err(error),
    }
}

/// The right to listen at a path, which one process has at a time: of two that find nobody there, the other
/// waits.
#[derive(Debug)]
pub(in crate::server) struct Claim {
    pub(super) path: PathBuf,
    /// Locked for as long as this lives. The file stays: it may be locked already when it is removed.
    _lock: File,
}

impl Claim {
    /// None: another process has it.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn new(path: &Path) -> io::Result<Option<Self>> {
        let mut beside = path.as_os_str().to_owned();
        beside.push(".lock");
        let mut options = File::options();
        options.write(true).create(true).truncate(false).mode(0o600);
        let lock = options.open(beside)?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Self {
                path: path.to_owned(),
                _lock: lock,
            })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Listens there. Nobody did when it was claimed: what is there of a socket is dead.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn listen(&self) -> io::Result<UnixListener> {
        if is_socket(&self.path) {
            std::fs::remove_file(&self.path)?;
        }
        listen(&self.path)
    }
}

fn listen(path: &Path) -> io::Result<UnixListener> {
    let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
    // The mode of the socket becomes that of its file, so that nobody else can connect to it at any time.
    let file = File::from(OwnedFd::from(socket.try_clone()?));
    file.set_permissions(Permissions::from_mode(0o600))?;
    let name = Name::of(path)?;
    socket.bind(&SockAddr::unix(&name.path)?)?;
    socket.listen(BACKLOG)?;
    listener(socket.into())
}

/// The listener of before, as it was handed over.
///
/// # Errors
/// It is none.
pub(super) fn listener(descriptor: OwnedFd) -> io::Result<UnixListener> {
    let listener = std::os::unix::net::UnixListener::from(descriptor);
    listener.set_nonblocking(true)?;
    UnixListener::from_std(listener)
}

fn is_socket(path: &Path) -> bool {
    let there = std::fs::symlink_metadata(path);
    there.is_ok_and(|there| there.file_type().is_socket())
}
