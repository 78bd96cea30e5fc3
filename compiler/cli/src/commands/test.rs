//! `goma test`: requests and what must become of them (RT-TEST-1), without building anything.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use goma_compiler::diag::{Diagnostics, render};
use goma_compiler::expect::Report;
use goma_compiler::explain::Request;
use goma_compiler::model::Model;
use goma_compiler::source::SOURCE_BYTES_MAX;
use goma_compiler::{check, expect};
use url::Url;

use super::{Common, FindingsFormat};
use crate::ask::{Asker, Question, parse_url};
use crate::failure::{FAILED, Failure, Outcome};
use crate::input::{self, Input};
use crate::watch::Places;
use crate::{environment, findings, terminal};

/// What the names of test files end in.
const ENDINGS: [&str; 2] = [".test.yaml", ".test.yml"];
/// Where they are, next to the main file.
const DIRECTORIES: [&str; 2] = ["", "tests"];

/// Check what becomes of requests, as test files say it; exit with 1 if one comes to something else
#[derive(Debug, Args)]
pub(crate) struct TestArgs {
    /// Test files [default: *.test.yaml and *.test.yml beside the main file and in tests/]
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,

    #[command(flatten)]
    common: Common,

    /// Run only the tests whose name has this text in it
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,

    /// Exit with 1 if tests cover less than this share of the routes
    #[arg(long, value_name = "PERCENT", value_parser = clap::value_parser!(u8).range(0..=100))]
    fail_under: Option<u8>,

    /// Send the requests to a gateway that runs, and hold status, headers and bodies against its answers
    #[arg(long, value_name = "URL", value_parser = parse_url)]
    live: Option<Url>,

    /// How the results are written
    #[arg(long, value_enum, default_value_t = TestFormat::Human)]
    format: TestFormat,
}

/// How results of tests are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum TestFormat {
    /// For people, with the lines of the source
    Human,
    /// For programs
    Json,
    /// XML for CI servers
    Junit,
}

/// Runs the command.
pub(crate) fn run(args: &TestArgs) -> Outcome {
    let common = &args.common;
    let env = environment::collect(&common.env_file, &common.env)?;
    let mut input = match input::load(common.main(None)?, env, common.policy()) {
        Ok(input) => input,
        Err(missing) => {
            let (found, sources) = missing.finding();
            refuse(args, &found, &sources);
            return Ok(ExitCode::from(FAILED));
        }
    };
    let checked = check(&input.sources, &input.options);
    let Some(model) = checked.model else {
        refuse(args, &checked.diagnostics, &input.shown);
        return Ok(ExitCode::from(FAILED));
    };
    let files = if args.files.is_empty() {
        beside(&input.home)
    } else {
        args.files.clone()
    };
    if files.is_empty() {
        let place = input.home.join("goma.test.yaml");
        return Err(Failure::with_help(
            format!("there are no tests: {} does not exist", place.display()),
            "docs/testing.md shows what one looks like",
        ));
    }
    let report = match suite(&mut input, &model, &files)? {
        Ok(suite) => results(args, &model, &suite)?,
        Err(found) => {
            refuse(args, &found, &input.shown);
            return Ok(ExitCode::from(FAILED));
        }
    };
    show(args, &report, &input);
    Ok(verdict(args, &report))
}

/// By the model, or by the answers of a gateway.
fn results(args: &TestArgs, model: &Model, suite: &expect::Suite) -> Result<Report, Failure> {
    let filter = args.filter.as_deref();
    let Some(url) = &args.live else {
        return Ok(expect::run(model, suite, filter));
    };
    let asker = Asker::new(url)?;
    let ask = |request: &Request, body: &str| {
        let question = Question {
            method: request.method(),
            host: Some(&request.authority()),
            target: &format!("{}{}", request.path(), request.query()),
            fields: request.fields(),
            body,
        };
        asker.ask(question).map_err(|error| format!("{error:#}"))
    };
    Ok(expect::run_live(model, suite, filter, ask))
}

/// Failed tests, and coverage that is too low.
fn verdict(args: &TestArgs, report: &Report) -> ExitCode {
    let under = args
        .fail_under
        .filter(|least| report.percent() < usize::from(*least));
    if let Some(least) = under {
        eprintln!(
            "error: tests cover {} % of the routes, less than {least} %",
            report.percent()
        );
    }
    if report.failed() > 0 || under.is_some() {
        ExitCode::from(FAILED)
    } else {
        ExitCode::SUCCESS
    }
}

/// Runs the tests beside a configuration after a rebuild, and shows what came of them.
pub(crate) fn rerun(input: &mut Input, common: &Common) -> Result<(), Failure> {
    let files = beside(&input.home);
    let Some(model) = check(&input.sources, &input.options).model else {
        return Ok(());
    };
    match suite(input, &model, &files)? {
        Ok(suite) => {
            let report = expect::run(&model, &suite, None);
            let found = report.findings();
            if !found.is_empty() {
                findings::print(&found, &input.shown, FindingsFormat::Human, common.color);
            }
            eprint!("tests       {}", last_line(&report.summary(&input.shown)));
        }
        Err(found) => findings::print(&found, &input.shown, FindingsFormat::Human, common.color),
    }
    Ok(())
}

/// The counts.
fn last_line(summary: &str) -> String {
    let last = summary.lines().next_back().unwrap_or_default();
    format!("{last}\n")
}

/// What the files hold; or what is wrong with them.
fn suite(
    input: &mut Input,
    model: &Model,
    files: &[PathBuf],
) -> Result<Result<expect::Suite, Diagnostics>, Failure> {
    let mut ids = Vec::new();
    for file in files {
        let text = input::read(file, SOURCE_BYTES_MAX).map_err(|missing| Failure::Failed {
            message: format!("`{}` {}", missing.file, missing.why),
            help: None,
        })?;
        ids.push(input.show(file, text));
    }
    let mut found = Diagnostics::new();
    let suite = expect::read(model, &input.shown, &ids, &input.options.env, &mut found);
    found.sort();
    if found.has_errors() {
        return Ok(Err(found));
    }
    Ok(Ok(suite))
}

/// The test files of a configuration, in the order of their names.
pub(crate) fn beside(home: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for directory in DIRECTORIES {
        let home = home.join(directory);
        let listed = if home.as_os_str().is_empty() {
            std::fs::read_dir(".")
        } else {
            std::fs::read_dir(&home)
        };
        let names = listed.into_iter().flatten().flatten();
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.retain(|name| {
            let name = name.to_string_lossy();
            ENDINGS.iter().any(|ending| name.ends_with(ending))
        });
        names.sort();
        files.extend(names.into_iter().map(|name| home.join(name)));
    }
    files.retain(|file| file.is_file());
    files
}

/// Stands for what the test files say, and adds where they are.
pub(crate) fn fingerprint(home: &Path, places: &mut Places) -> String {
    let texts = beside(home).into_iter().map(|file| {
        let text = input::read(&file, SOURCE_BYTES_MAX).ok();
        format!("{}\n{:?}\n", file.display(), text)
    });
    for directory in DIRECTORIES {
        places.add_file(&home.join(directory).join("goma.test.yaml"));
    }
    texts.collect()
}

fn show(args: &TestArgs, report: &Report, input: &Input) {
    match args.format {
        TestFormat::Human => {
            let found = report.findings();
            if !found.is_empty() {
                let format = FindingsFormat::Human;
                findings::print(&found, &input.shown, format, args.common.color);
            }
            terminal::print(format_args!("{}", report.summary(&input.shown)));
        }
        TestFormat::Json => terminal::print(format_args!("{}", report.json(&input.shown))),
        TestFormat::Junit => terminal::print(format_args!("{}", report.junit(&input.shown))),
    }
}

/// Nothing was run; the findings say why. They are no XML, so they do not go where it is expected.
fn refuse(args: &TestArgs, found: &Diagnostics, sources: &goma_compiler::source::SourceMap) {
    let color = args.common.color;
    match args.format {
        TestFormat::Human => findings::print(found, sources, FindingsFormat::Human, color),
        TestFormat::Json => findings::print(found, sources, FindingsFormat::Json, color),
        TestFormat::Junit => eprint!("{}", render::human(found, sources, false)),
    }
}
