//! A gateway as a child process, for `goma run` and `goma dev`.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::failure::FAILED;

/// How long a gateway may take until it listens.
const START_MAX: Duration = Duration::from_secs(15);
/// How often that is looked at.
const START_TICK: Duration = Duration::from_millis(10);

/// The gateway gets a process group of its own: a terminal's Ctrl-C reaches it once, through
/// [`forward`], not twice. It reads nothing from the terminal.
pub(crate) fn spawn(
    path: &Path,
    args: &[String],
    variables: &BTreeMap<String, String>,
) -> anyhow::Result<Child> {
    let path = path
        .canonicalize()
        .with_context(|| format!("cannot find {}", path.display()))?;
    Command::new(&path)
        .args(args)
        .envs(variables)
        .stdin(Stdio::null())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", path.display()))
}

/// Sends it a signal.
pub(crate) fn forward(child: &Child, signal: Signal) {
    let pid = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        // It may have ended meanwhile.
        let _ = kill_process(pid, signal);
    }
}

/// A gateway that a signal ended counts as failed, with the shell's number for it.
pub(crate) fn exit_code(status: ExitStatus) -> ExitCode {
    use std::os::unix::process::ExitStatusExt as _;
    let code = status
        .code()
        .or_else(|| status.signal().map(|signal| 128 + signal));
    ExitCode::from(
        code.and_then(|code| u8::try_from(code).ok())
            .unwrap_or(FAILED),
    )
}

/// Whether a gateway comes to listen, in time.
pub(crate) async fn comes_up(child: &mut Child) -> bool {
    let up = |child: &Child| {
        let up = listening(child).next().is_some() || sockets(child, UDP).next().is_some();
        up.then_some(())
    };
    comes(child, up).await.is_some()
}

/// Where a gateway comes to listen with TCP, in time.
pub(crate) async fn comes_to_listen(child: &mut Child) -> Option<SocketAddr> {
    comes(child, |child| listening(child).next()).await
}

async fn comes<T>(child: &mut Child, look: impl Fn(&Child) -> Option<T>) -> Option<T> {
    let deadline = Instant::now() + START_MAX;
    while Instant::now() < deadline {
        if let Some(seen) = look(child) {
            return Some(seen);
        }
        if !matches!(child.try_wait(), Ok(None)) {
            return None;
        }
        sleep(START_TICK).await;
    }
    None
}

/// Where a process listens: the TCP sockets that it holds and that the system lists as listening.
fn listening(child: &Child) -> impl Iterator<Item = SocketAddr> + use<> {
    sockets(child, TCP)
}

/// Of a protocol the names of its tables, and the state of sockets that anybody may send to: listening ones,
/// and those of UDP that are bound and have no peer.
type Tables = ([&'static str; 2], &'static str);
const TCP: Tables = (["tcp", "tcp6"], "0A");
const UDP: Tables = (["udp", "udp6"], "07");

/// The sockets that a process holds.
fn sockets(child: &Child, (names, state): Tables) -> impl Iterator<Item = SocketAddr> + use<> {
    let id = child.id().map(|id| id.to_string()).unwrap_or_default();
    let open = std::fs::read_dir(format!("/proc/{id}/fd"));
    let open = open.into_iter().flatten().filter_map(|entry| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        let target = target.to_string_lossy().into_owned();
        let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(inode.to_owned())
    });
    let open: Vec<String> = open.collect();
    let tables = names.into_iter().filter_map(move |name| {
        let table = std::fs::read_to_string(format!("/proc/{id}/net/{name}"));
        table.ok()
    });
    tables.flat_map(move |table| {
        let sockets = table.lines().filter_map(|line| socket(line, state, &open));
        sockets.collect::<Vec<_>>()
    })
}

/// A line of `/proc/net/tcp`: the address in the second column, state in the fourth, inode in the tenth.
fn socket(line: &str, wanted: &str, inodes: &[String]) -> Option<SocketAddr> {
    let mut columns = line.split_ascii_whitespace().skip(1);
    let local = columns.next()?;
    columns.nth(1).filter(|state| *state == wanted)?;
    let inode = columns.nth(5)?;
    inodes.iter().find(|open| *open == inode)?;
    address(local)
}

/// `0100007F:1F90`: words of the address as this processor has them, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    const DIGITS: usize = 8;
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| {
        let digits = ip.get(at * DIGITS..(at + 1) * DIGITS)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = if ip.len() == DIGITS {
        word(0)?.into()
    } else {
        let words: Option<Vec<[u8; 4]>> = (0..4).map(word).collect();
        <[u8; 16]>::try_from(words?.concat()).ok()?.into()
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A gateway that only forwards datagrams is up as well.
    #[tokio::test]
    async fn datagrams_are_listened_for() {
        const BIND: &str = "import socket, time\n\
            one = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n\
            one.bind(('127.0.0.1', 0))\n\
            time.sleep(60)";
        let start = |program: &str| {
            let mut command = Command::new("python3");
            command.args(["-c", program]).kill_on_drop(true);
            command.spawn().unwrap()
        };
        assert!(comes_up(&mut start(BIND)).await);
        assert!(!comes_up(&mut start("")).await);
    }

    #[test]
    fn the_table_of_sockets() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0";
        let own = ["12345".to_owned()];
        assert!(socket(line, TCP.1, &own).is_some());
        assert!(socket(line, TCP.1, &["1234".to_owned()]).is_none());
        assert!(socket(&line.replace(" 0A ", " 01 "), TCP.1, &own).is_none());
        assert!(socket("sl local_address", TCP.1, &[]).is_none());
        if cfg!(target_endian = "little") {
            assert_eq!(socket(line, TCP.1, &own), "127.0.0.1:8080".parse().ok());
            let six = "00000000000000000000000001000000:1F90";
            assert_eq!(address(six), "[::1]:8080".parse().ok());
        }
        assert_eq!(address("00:1"), None);
    }
}
