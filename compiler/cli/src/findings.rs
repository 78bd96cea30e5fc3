//! Prints findings to stdout, and applies `--deny`, `--warn`, `--allow` and `--strict` (C-DIAG-3).

use std::collections::BTreeMap;
use std::io::IsTerminal as _;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use goma_compiler::diag::{Code, Diagnostics, Severity, render};
use goma_compiler::source::{SourceId, SourceMap, Span};

use crate::commands::{Color, FindingsFormat};
use crate::terminal;

/// The flags with their meaning, in no order: positions on the command line decide.
const FLAGS: [(&str, Option<Severity>, &str); 3] = [
    (
        "deny",
        Some(Severity::Error),
        "Make a warning or note an error",
    ),
    (
        "warn",
        Some(Severity::Warning),
        "Make a denied warning, or a note, a warning",
    ),
    ("allow", None, "Silence a warning or note"),
];

/// Changes of severities, in the order of the command line: the last that names a code wins.
#[derive(Clone, Debug, Default)]
pub(crate) struct Severities {
    rules: Vec<Rule>,
}

/// One flag.
#[derive(Clone, Copy, Debug)]
struct Rule {
    /// None: `all`, every warning.
    code: Option<Code>,
    /// None: silence.
    severity: Option<Severity>,
}

impl Severities {
    /// The findings as the flags want them. Errors stay errors.
    pub(crate) fn apply(&self, findings: Diagnostics) -> Diagnostics {
        if self.rules.is_empty() {
            return findings;
        }
        let mut changed = Diagnostics::new();
        findings
            .secrets()
            .iter()
            .for_each(|&span| changed.hide(span));
        for finding in &findings {
            if let Some(severity) = self.severity(finding.code, finding.severity) {
                let mut finding = finding.clone();
                finding.severity = severity;
                changed.push(finding);
            }
        }
        changed.sort();
        changed
    }

    fn severity(&self, code: Code, by_default: Severity) -> Option<Severity> {
        let names = |rule: &&Rule| match rule.code {
            Some(named) => named == code,
            None => by_default == Severity::Warning,
        };
        match (by_default, self.rules.iter().rev().find(names)) {
            (Severity::Error, _) | (_, None) => Some(by_default),
            (Severity::Warning | Severity::Note, Some(rule)) => rule.severity,
        }
    }
}

impl Args for Severities {
    fn augment_args(command: Command) -> Command {
        let flag = |(name, _, help): (&'static str, _, &'static str)| {
            Arg::new(name)
                .long(name)
                .value_name("CODE")
                .help(help)
                .action(ArgAction::Append)
                .value_parser(parse_code)
        };
        let strict = Arg::new("strict")
            .long("strict")
            .help("Same as `--deny all`")
            .action(ArgAction::SetTrue);
        command.args(FLAGS.map(flag)).arg(strict)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Severities {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let mut found: Vec<(usize, Rule)> = Vec::new();
        for (name, severity, _) in FLAGS {
            let codes = matches.get_many::<Option<Code>>(name).into_iter().flatten();
            let places = matches.indices_of(name).into_iter().flatten();
            found.extend(
                places
                    .zip(codes)
                    .map(|(at, &code)| (at, Rule { code, severity })),
            );
        }
        if matches.get_flag("strict") {
            let at = matches.index_of("strict").unwrap_or_default();
            found.push((
                at,
                Rule {
                    code: None,
                    severity: Some(Severity::Error),
                },
            ));
        }
        found.sort_by_key(|&(at, _)| at);
        Ok(Self {
            rules: found.into_iter().map(|(_, rule)| rule).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// `all` is none: every warning.
fn parse_code(text: &str) -> Result<Option<Code>, String> {
    if text == "all" {
        return Ok(None);
    }
    Code::parse(text)
        .map(Some)
        .ok_or_else(|| format!("there is no code `{text}`"))
}

/// The findings of several main files, each in a compilation of its own.
#[derive(Debug, Default)]
pub(crate) struct Several {
    pub(crate) found: Diagnostics,
    pub(crate) sources: SourceMap,
}

impl Several {
    /// Adds those of one; a file that two of them name is one file, and its findings are reported once.
    pub(crate) fn add(&mut self, found: &Diagnostics, sources: &SourceMap) {
        let ids: BTreeMap<SourceId, SourceId> = sources
            .ids()
            .map(|id| (id, self.sources.adopt(sources, id)))
            .collect();
        let moved = |span: Span| Span {
            source: ids.get(&span.source).copied().unwrap_or(span.source),
            ..span
        };
        for &secret in found.secrets() {
            self.found.hide(moved(secret));
        }
        for finding in found {
            let mut finding = finding.clone();
            finding.span = moved(finding.span);
            finding
                .labels
                .iter_mut()
                .for_each(|label| label.span = moved(label.span));
            finding
                .fixes
                .iter_mut()
                .for_each(|fix| fix.span = moved(fix.span));
            self.found.push(finding);
        }
    }
}

/// Prints all findings with the closing count.
pub(crate) fn print(
    findings: &Diagnostics,
    sources: &SourceMap,
    format: FindingsFormat,
    color: Color,
) {
    let text = match format {
        FindingsFormat::Github => render::github(findings, sources),
        FindingsFormat::Human => {
            let is_terminal = std::io::stdout().is_terminal();
            render::human(findings, sources, use_color(color, is_terminal))
        }
        FindingsFormat::Json => render::json(findings, sources),
        FindingsFormat::Sarif => render::sarif(findings, sources),
    };
    terminal::print(format_args!("{text}"));
}

/// Prints them to standard error, for commands whose output is something else.
pub(crate) fn tell(findings: &Diagnostics, sources: &SourceMap, color: Color) {
    let is_terminal = std::io::stderr().is_terminal();
    eprint!(
        "{}",
        render::human(findings, sources, use_color(color, is_terminal))
    );
}

fn use_color(color: Color, is_terminal: bool) -> bool {
    match color {
        Color::Always => true,
        Color::Auto => {
            is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
        }
        Color::Never => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Flags {
        #[command(flatten)]
        severities: Severities,
    }

    fn severity(flags: &[&str], code: Code) -> Option<Severity> {
        let flags = Flags::try_parse_from([&["goma"], flags].concat())
            .unwrap_or_else(|error| panic!("{error}"));
        flags.severities.severity(code, code.severity())
    }

    #[test]
    fn the_last_flag_wins_and_errors_stay() {
        let unused = Code::UnusedMiddleware;
        assert_eq!(severity(&[], unused), Some(Severity::Warning));
        assert_eq!(severity(&["--strict"], unused), Some(Severity::Error));
        assert_eq!(
            severity(&["--strict", "--allow", "unused-middleware"], unused),
            None
        );
        assert_eq!(
            severity(&["--allow", "unused-middleware", "--deny", "all"], unused),
            Some(Severity::Error)
        );
        assert_eq!(
            severity(&["--allow", "bad-host"], Code::BadHost),
            Some(Severity::Error)
        );
    }
}
