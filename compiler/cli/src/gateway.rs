//! A gateway as a child process, for `goma run` and `goma dev`.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{ExitCode, ExitStatus, Stdio};

use anyhow::Context as _;
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use crate::failure::FAILED;

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

/// Whether a process listens on some TCP port: it holds a socket that the system lists as listening.
pub(crate) fn listens(child: &Child) -> bool {
    let Some(id) = child.id() else {
        return false;
    };
    let open = std::fs::read_dir(format!("/proc/{id}/fd"));
    let open = open.into_iter().flatten().filter_map(|entry| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        let target = target.to_string_lossy().into_owned();
        let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(inode.to_owned())
    });
    let open: Vec<String> = open.collect();
    ["tcp", "tcp6"].iter().any(|family| {
        let table = std::fs::read_to_string(format!("/proc/{id}/net/{family}"));
        table.is_ok_and(|table| table.lines().any(|line| is_listening(line, &open)))
    })
}

/// A line of `/proc/net/tcp`: state in the fourth column, inode in the tenth.
fn is_listening(line: &str, inodes: &[String]) -> bool {
    const LISTEN: &str = "0A";
    let mut columns = line.split_ascii_whitespace().skip(3);
    columns.next() == Some(LISTEN)
        && columns
            .nth(5)
            .is_some_and(|inode| inodes.iter().any(|open| open == inode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_sockets() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0";
        assert!(is_listening(line, &["12345".to_owned()]));
        assert!(!is_listening(line, &["1234".to_owned()]));
        assert!(!is_listening(
            &line.replace(" 0A ", " 01 "),
            &["12345".to_owned()]
        ));
        assert!(!is_listening("sl local_address", &[]));
    }
}
