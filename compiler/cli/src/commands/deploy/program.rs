//! Programs of others that deploy: called, within a time, with their complaints.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

/// How long a call may take. Loading an image is the longest.
pub(super) const CALL_MAX: Duration = Duration::from_secs(300);
/// Lines of a log that are shown when a gateway does not start.
pub(super) const LOG_LINES: &str = "10";
/// Characters of a complaint that are shown.
const COMPLAINT_MAX: usize = 2000;

/// Calls a program, which may be a command of another, and gives it something to read; what it prints.
///
/// # Errors
/// It is not there, does not come to an end within that time, or fails: with its complaint.
pub(super) async fn call(
    program: &[&str],
    args: &[&str],
    input: &[u8],
    within: Duration,
) -> anyhow::Result<String> {
    let (name, first) = program.split_first().context("no program")?;
    let shown: Vec<_> = program.iter().chain(args).take(3).copied().collect();
    let shown = shown.join(" ");
    let mut child = Command::new(name)
        .args(first)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        // A terminal's Ctrl-C is for goma, which then takes back what it has begun.
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot run `{name}`"))?;
    let stdin = child.stdin.take();
    let work = async {
        if let Some(mut stdin) = stdin {
            // It says itself why it does not read.
            let _ = stdin.write_all(input).await;
        }
        child.wait_with_output().await
    };
    let output = tokio::time::timeout(within, work).await;
    let output = output.with_context(|| format!("`{shown}` did not come to an end in time"))?;
    let output = output.with_context(|| format!("cannot run `{name}`"))?;
    if !output.status.success() {
        let complaint = String::from_utf8_lossy(&output.stderr);
        let complaint: String = complaint.trim().chars().take(COMPLAINT_MAX).collect();
        bail!("`{shown}` failed: {complaint}");
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Shows what a program prints on standard error, line by line.
pub(super) async fn show(program: &str, args: &[&str]) {
    let mut command = Command::new(program);
    command.args(args);
    let output = tokio::time::timeout(CALL_MAX, command.kill_on_drop(true).output()).await;
    let Ok(Ok(output)) = output else {
        return;
    };
    for line in [output.stdout, output.stderr]
        .concat()
        .split(|byte| *byte == b'\n')
    {
        if !line.is_empty() {
            let line = String::from_utf8_lossy(line);
            eprintln!("  | {}", line.replace(char::is_control, " "));
        }
    }
}

/// Runs what waits for programs.
pub(super) fn wait<T>(work: impl Future<Output = T>) -> anyhow::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    Ok(runtime.block_on(work))
}
