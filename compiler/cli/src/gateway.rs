//! A gateway as a child process, for `goma run` and `goma dev`.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::failure::FAILED;
use crate::sockets::{is_up, listening};

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
    let up = |child: &Child| child.id().is_some_and(is_up).then_some(());
    comes(child, up).await.is_some()
}

/// Where a gateway comes to listen with TCP, in time.
pub(crate) async fn comes_to_listen(child: &mut Child) -> Option<SocketAddr> {
    comes(child, |child| listening(child.id()?).next()).await
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
}
