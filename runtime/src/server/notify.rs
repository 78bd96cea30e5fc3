//! What a service manager is told: that this gateway serves, and that it is the one which does. systemd listens at
//! the socket that `NOTIFY_SOCKET` names.

use std::ffi::OsStr;
use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

const VARIABLE: &str = "NOTIFY_SOCKET";
/// How long the manager may keep a message waiting.
const PATIENCE: Duration = Duration::from_secs(5);

/// Says that this process serves, if anybody listens for that. `is_next`: the manager knows another process as the
/// gateway so far.
///
/// # Errors
/// It was not heard.
pub(super) fn serves(revision: &str, is_next: bool) -> io::Result<()> {
    let Some(socket) = std::env::var_os(VARIABLE).filter(|socket| !socket.is_empty()) else {
        return Ok(());
    };
    let process = match is_next {
        true => format!("MAINPID={}\n", std::process::id()),
        false => String::new(),
    };
    let message = format!("READY=1\n{process}STATUS=Revision {revision} serves\n");
    tell(&socket, message.as_bytes())
}

fn tell(socket: &OsStr, message: &[u8]) -> io::Result<()> {
    let address = match socket.as_bytes().split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name)?,
        Some(_) | None => SocketAddr::from_pathname(socket)?,
    };
    let sender = UnixDatagram::unbound()?;
    sender.set_write_timeout(Some(PATIENCE))?;
    sender.send_to_addr(message, &address)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sockets of files, and those without.
    #[test]
    fn a_manager_listens() {
        let name = format!("goma-notify-{}", std::process::id());
        let path = std::env::temp_dir().join(&name);
        let _ = std::fs::remove_file(&path);
        let abstract_address = SocketAddr::from_abstract_name(&name).unwrap();
        for (address, named) in [
            (SocketAddr::from_pathname(&path).unwrap(), path.clone()),
            (abstract_address, format!("@{name}").into()),
        ] {
            let manager = UnixDatagram::bind_addr(&address).unwrap();
            tell(named.as_os_str(), b"READY=1\n").unwrap();
            let mut received = [0; 64];
            let length = manager.recv(&mut received).unwrap();
            assert_eq!(&received[..length], b"READY=1\n");
        }
        std::fs::remove_file(&path).unwrap();
        assert!(tell(path.as_os_str(), b"").is_err());
    }
}
