//! systemd, by its program: what it knows of a unit, and what it is told.

use std::path::PathBuf;

use anyhow::ensure;

use crate::commands::deploy::program::{CALL_MAX, LOG_LINES, call, show};
use crate::pauses::Pauses;

const SYSTEMCTL: &str = "systemctl";

/// What it knows of a unit.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Seen {
    /// Whether there is such a unit: `loaded`, `masked`, `not-found` …
    pub(super) load: String,
    /// `active`, `reloading`, `activating`, `failed`, `inactive` …
    pub(super) active: String,
    /// What that means for a service: `running`, `auto-restart` …
    pub(super) sub: String,
    /// Its main process; 0: none.
    pub(super) process: u32,
    /// Its file.
    pub(super) file: PathBuf,
    /// Whether it is started with the machine: `enabled`, `disabled` …
    pub(super) enabled: String,
    /// Further files of it.
    pub(super) drop_ins: Vec<PathBuf>,
    /// Whether a file was changed since it was read.
    pub(super) is_stale: bool,
}

impl Seen {
    /// Whether a gateway runs that another can take over from.
    pub(super) fn is_active(&self) -> bool {
        ["active", "reloading"].contains(&self.active.as_str())
    }

    fn read(text: &str) -> Self {
        let mut seen = Self::default();
        for (name, value) in text.lines().filter_map(|line| line.split_once('=')) {
            match name {
                "ActiveState" => value.clone_into(&mut seen.active),
                "DropInPaths" => seen.drop_ins = value.split(' ').map(PathBuf::from).collect(),
                "FragmentPath" => seen.file = value.into(),
                "LoadState" => value.clone_into(&mut seen.load),
                "MainPID" => seen.process = value.parse().unwrap_or_default(),
                "NeedDaemonReload" => seen.is_stale = value == "yes",
                "SubState" => value.clone_into(&mut seen.sub),
                "UnitFileState" => value.clone_into(&mut seen.enabled),
                _ => {}
            }
        }
        seen.drop_ins.retain(|path| !path.as_os_str().is_empty());
        seen
    }
}

/// What it knows of a unit, which need not be there.
///
/// # Errors
/// It does not answer.
pub(super) async fn seen(unit: &str) -> anyhow::Result<Seen> {
    let properties = "--property=ActiveState,DropInPaths,FragmentPath,LoadState,MainPID,\
                      NeedDaemonReload,SubState,UnitFileState";
    let text = call(&[SYSTEMCTL], &["show", properties, unit], &[], CALL_MAX).await?;
    Ok(Seen::read(&text))
}

/// Tells it something.
///
/// # Errors
/// It cannot do that.
pub(super) async fn tell(words: &[&str]) -> anyhow::Result<()> {
    call(&[SYSTEMCTL], words, &[], CALL_MAX).await.map(|_| ())
}

/// The same, while there is time: what it has begun it goes on with.
///
/// # Errors
/// It cannot do that, there is no time left, or a signal came.
pub(super) async fn tell_within(words: &[&str], pauses: &mut Pauses) -> anyhow::Result<()> {
    let mut told = std::pin::pin!(tell(words));
    loop {
        tokio::select! {
            told = &mut told => return told,
            more = pauses.next() => ensure!(more?, "it did not serve in time"),
        }
    }
}

/// The end of a unit's log, on standard error.
pub(super) async fn show_log(unit: &str) {
    let unit = format!("--unit={unit}");
    let lines = [
        "--lines",
        LOG_LINES,
        "--output=cat",
        "--no-pager",
        "--quiet",
    ];
    show("journalctl", &[&[unit.as_str()], lines.as_slice()].concat()).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_shows() {
        let text = "MainPID=7\nLoadState=loaded\nActiveState=reloading\nSubState=reload\n\
                    FragmentPath=/etc/systemd/system/a.service\nUnitFileState=enabled\n\
                    DropInPaths=/a/b.conf /c/d.conf\nNeedDaemonReload=no\nOther=x=y\n";
        let seen = Seen::read(text);
        assert!(seen.is_active() && !seen.is_stale);
        assert_eq!(seen.process, 7);
        assert_eq!(seen.drop_ins, ["/a/b.conf", "/c/d.conf"].map(PathBuf::from));
        let none = Seen::read("MainPID=0\nLoadState=not-found\nDropInPaths=\n");
        assert!(!none.is_active());
        assert_eq!(none.drop_ins, [""; 0].map(PathBuf::from));
    }
}
