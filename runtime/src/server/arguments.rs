//! The command line of a built gateway (RT-CLI-9).

use std::io::Write as _;
use std::path::PathBuf;

use super::background::Step;
use crate::gateway::Gateway;
use crate::route::{PathType, Route};

/// What was asked for.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Arguments {
    pub(super) mode: Mode,
    pub(super) env_files: Vec<PathBuf>,
    /// Live values (RT-OVER).
    pub(super) overlay: Option<PathBuf>,
    /// The Unix socket of takeovers (RT-TAKE-1).
    pub(super) takeover: Option<PathBuf>,
    /// Listen only for whoever tries this gateway out: on a free port of this machine, and for no forwards.
    pub(super) trial: bool,
    /// End once a gateway with the other arguments serves.
    pub(super) background: Option<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Check,
    Healthcheck,
    PrintRoutes,
    PrintVersion,
    Serve,
}

impl Arguments {
    /// Reads the arguments after the program's name.
    ///
    /// # Errors
    /// The text of a usage error.
    pub(super) fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut parsed = Self {
            mode: Mode::Serve,
            env_files: Vec::new(),
            overlay: None,
            takeover: None,
            trial: false,
            background: None,
        };
        let mut arguments = arguments.enumerate();
        while let Some((index, argument)) = arguments.next() {
            match argument.as_str() {
                "server" | "serve" if index == 0 => {}
                "healthcheck" if index == 0 => parsed.mode = Mode::Healthcheck,
                "--check" => parsed.mode = Mode::Check,
                "--print-routes" => parsed.mode = Mode::PrintRoutes,
                "--trial" => parsed.trial = true,
                "--version" => parsed.mode = Mode::PrintVersion,
                "--env-file" | "--overlay" | "--takeover" => match arguments.next() {
                    Some((_, file)) => parsed.take_file(&argument, file),
                    None => return Err(format!("{argument} needs a file")),
                },
                "-c" | "--config" => {
                    return Err("this gateway has its configuration built in; \
                                use `goma build` to make one from another file"
                        .to_owned());
                }
                other if Step::parse(other).is_some() => parsed.background = Step::parse(other),
                other => match other.split_once('=') {
                    Some((flag @ ("--env-file" | "--overlay" | "--takeover"), file)) => {
                        parsed.take_file(flag, file.to_owned());
                    }
                    Some(_) | None => {
                        return Err(format!("unknown argument `{other}`; known: {KNOWN}"));
                    }
                },
            }
        }
        Ok(parsed)
    }

    fn take_file(&mut self, flag: &str, file: String) {
        match flag {
            "--overlay" => self.overlay = Some(file.into()),
            "--takeover" => self.takeover = Some(file.into()),
            _ => self.env_files.push(file.into()),
        }
    }
}

const KNOWN: &str = "healthcheck, --env-file FILE, --overlay FILE, --takeover PATH, --background, \
                     --check, --print-routes, --trial, --version";

/// The table of `--print-routes` (RT-START-4).
pub(super) fn route_table(gateway: &Gateway) -> String {
    let mut rows = vec![["Name", "Enabled", "Priority", "Path", "Rewrite"].map(str::to_owned)];
    for route in gateway.routes.iter().copied().flatten() {
        rows.push([
            route.name.to_owned(),
            route.enabled.to_string(),
            route
                .priority
                .map_or_else(|| "-".to_owned(), |priority| priority.to_string()),
            path_text(route),
            route.rewrite.unwrap_or("-").to_owned(),
        ]);
    }
    let mut widths = [0; 5];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = cell.chars().count().max(*width);
        }
    }
    let line = |row: &[String; 5]| {
        let cells = row
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:width$}"));
        let cells: Vec<String> = cells.collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

/// The path, with how it is read unless that is the usual way.
fn path_text(route: &Route) -> String {
    let path = route.path;
    match route.path_type {
        PathType::Exact => format!("{path} (exact)"),
        PathType::Prefix => path.to_owned(),
        PathType::Regex { .. } => format!("{path} (regex)"),
    }
}

/// The text of `--version`.
pub(super) fn version(gateway: &Gateway) -> String {
    format!(
        "goma gateway `{}` version {} revision {}\n",
        gateway.name,
        crate::VERSION,
        gateway.revision
    )
}

/// Writes to standard output; a closed pipe is nobody's fault.
pub(super) fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Arguments, String> {
        Arguments::parse(arguments.iter().map(|argument| (*argument).to_owned()))
    }

    /// RT-CLI-9
    #[test]
    fn arguments() {
        assert_eq!(parse(&["serve"]).unwrap().mode, Mode::Serve);
        assert_eq!(parse(&["--check"]).unwrap().mode, Mode::Check);
        assert_eq!(parse(&["healthcheck"]).unwrap().mode, Mode::Healthcheck);
        assert!(parse(&["--check", "healthcheck"]).is_err());
        assert_eq!(
            parse(&["--env-file", "a", "--env-file=b"])
                .unwrap()
                .env_files
                .len(),
            2
        );
        let overlay = |arguments: &[&str]| parse(arguments).unwrap().overlay.unwrap();
        assert_eq!(overlay(&["--overlay", "a"]), PathBuf::from("a"));
        assert_eq!(
            overlay(&["--overlay=a", "--overlay=b=c"]),
            PathBuf::from("b=c")
        );
        assert!(parse(&["--overlay"]).is_err());
        assert!(
            parse(&["-c", "goma.yml"])
                .unwrap_err()
                .contains("goma build")
        );
        for arguments in [&["--takeover", "a"][..], &["--takeover=a"]] {
            let takeover = parse(arguments).unwrap().takeover;
            assert_eq!(takeover, Some(PathBuf::from("a")));
        }
        assert!(parse(&["--takeover"]).is_err());
        assert!(parse(&["--trial"]).unwrap().trial);
        let background = |argument: &str| parse(&[argument]).map(|parsed| parsed.background);
        assert_eq!(background("--background"), Ok(Some(Step::Wait)));
        assert_eq!(background("--background=serve"), Ok(Some(Step::Serve)));
        assert!(background("--background=x").is_err());
        assert!(parse(&["--check", "serve"]).is_err());
        assert!(parse(&["--env-file"]).is_err());
    }
}
