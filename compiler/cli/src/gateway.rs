//! A gateway as a child process, for `goma run` and `goma dev`.

use std::collections::BTreeMap;
use std::fs::File;
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep};

use crate::failure::FAILED;
use crate::sockets::listening;

/// How long a gateway may take until it listens.
const START_MAX: Duration = Duration::from_secs(15);
/// How often that is looked at.
const START_TICK: Duration = Duration::from_millis(10);
/// The flag of a gateway that names the socket of takeovers.
const TAKEOVER: &str = "--takeover";
/// What is said at that socket, and answered with `serving` and the id of a process.
const ASK_WHO_SERVES: &[u8] = b"goma-takeover 1 ask\n";
/// As much of the answer as is read.
const ANSWER_BYTES_MAX: u64 = 64;

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

/// Whether a gateway comes to serve, in time: whether it is the one that answers at its `--takeover` socket.
/// While it takes over, the one before keeps the question waiting.
pub(crate) async fn comes_to_serve(child: &mut Child, takeover: &Path) -> bool {
    let id = child.id();
    let serves = async {
        while id.is_none() || who_serves(takeover).await != id {
            sleep(START_TICK).await;
        }
    };
    tokio::select! {
        () = serves => true,
        _ = child.wait() => false,
        () = sleep(START_MAX) => false,
    }
}

/// The process that serves.
async fn who_serves(takeover: &Path) -> Option<u32> {
    let directory = File::open(takeover.parent()?).ok()?;
    // The name of a socket is short; a path need not be.
    let number = directory.as_raw_fd().to_string();
    let name = Path::new("/proc/self/fd").join(number);
    let name = name.join(takeover.file_name()?);
    let mut stream = UnixStream::connect(name).await.ok()?;
    stream.write_all(ASK_WHO_SERVES).await.ok()?;
    let mut answer = String::new();
    let mut answered = stream.take(ANSWER_BYTES_MAX);
    answered.read_to_string(&mut answer).await.ok()?;
    answer.strip_prefix("serving ")?.trim_end().parse().ok()
}

/// The arguments of a gateway that takes over from the one before at this socket.
pub(crate) fn taking_over(args: &[String], takeover: &Path) -> anyhow::Result<Vec<String>> {
    let is_one = |arg: &String| arg == TAKEOVER || arg.starts_with("--takeover=");
    ensure!(
        !args.iter().any(is_one),
        "{TAKEOVER} is what this command itself gives to its gateways"
    );
    let path = takeover.to_str().context("the path is no text")?;
    let own = [TAKEOVER.to_owned(), path.to_owned()];
    Ok([args, &own].concat())
}

/// Where a gateway comes to listen with TCP, in time.
pub(crate) async fn comes_to_listen(child: &mut Child) -> Option<SocketAddr> {
    let deadline = Instant::now() + START_MAX;
    while Instant::now() < deadline {
        if let Some(address) = child.id().and_then(|id| listening(id).next()) {
            return Some(address);
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

    #[test]
    fn the_socket_of_takeovers_is_ours() {
        let args = ["--overlay".to_owned(), "a".to_owned()];
        let all = taking_over(&args, Path::new("b")).unwrap();
        assert_eq!(all, ["--overlay", "a", "--takeover", "b"]);
        assert!(taking_over(&all, Path::new("b")).is_err());
        assert!(taking_over(&["--takeover=a".to_owned()], Path::new("b")).is_err());
    }
}
