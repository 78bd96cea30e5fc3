//! `goma explain`: who answers a request and why; or what a code means.

use std::net::IpAddr;
use std::process::ExitCode;

use clap::Args;
use goma_compiler::check;
use goma_compiler::diag::Code;
use goma_compiler::explain::{Request, explain};
use serde_json::json;

use super::{Common, Format};
use crate::failure::{FAILED, Failure, Outcome};
use crate::terminal::say;
use crate::{environment, findings, input};

/// Say which route answers a request and why, or what a code of a finding means
#[derive(Debug, Args)]
#[command(override_usage = "goma explain [OPTIONS] METHOD URL\n       goma explain CODE")]
pub(crate) struct ExplainArgs {
    /// A method, such as GET; or a code, such as unknown-key
    #[arg(value_name = "METHOD|CODE")]
    what: String,

    /// An absolute URL, such as https://example.com/api
    url: Option<String>,

    #[command(flatten)]
    common: Common,

    /// A header field of the request, for routes that match on headers and cookies
    #[arg(short = 'H', long = "header", value_name = "N: v", requires = "url")]
    headers: Vec<String>,

    /// The client's address, for what decides by it
    #[arg(long, value_name = "IP", requires = "url")]
    ip: Option<IpAddr>,

    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
}

/// Runs the command.
pub(crate) fn run(args: &ExplainArgs) -> Outcome {
    match &args.url {
        Some(url) => explain_request(args, url),
        None => explain_code(&args.what, args.format),
    }
}

fn explain_code(text: &str, format: Format) -> Outcome {
    let (severity, page) = page(text).ok_or_else(|| {
        Failure::Usage(format!(
            "`{text}` is no code of a finding; for a request: goma explain METHOD URL"
        ))
    })?;
    match format {
        Format::Human => say!("{severity}[{text}]\n\n{page}"),
        Format::Json => say!(
            "{:#}",
            json!({"code": text, "severity": severity, "text": page})
        ),
    }
    Ok(ExitCode::SUCCESS)
}

/// Severity and manual page of a code, without the indentation of the page's doc comment.
fn page(text: &str) -> Option<(&'static str, String)> {
    let code = Code::parse(text)?;
    let lines: Vec<&str> = code
        .page()
        .lines()
        .map(|line| line.strip_prefix(' ').unwrap_or(line))
        .collect();
    Some((
        code.severity().as_str(),
        lines.join("\n").trim_end().to_owned(),
    ))
}

fn explain_request(args: &ExplainArgs, url: &str) -> Outcome {
    let mut request = Request::parse(&args.what, url).map_err(Failure::Usage)?;
    for field in &args.headers {
        request = request.with_field(field).map_err(Failure::Usage)?;
    }
    if let Some(client) = args.ip {
        request = request.sent_by(client);
    }
    let common = &args.common;
    let env = environment::collect(&common.env_file, &common.env)?;
    let input = match input::load(common.main(None)?, env, common.policy()) {
        Ok(input) => input,
        Err(missing) => {
            missing.print(args.format.into(), common.color);
            return Ok(ExitCode::from(FAILED));
        }
    };
    let checked = check(&input.sources, &input.options);
    let Some(model) = checked.model else {
        findings::print(
            &checked.diagnostics,
            &input.shown,
            args.format.into(),
            common.color,
        );
        return Ok(ExitCode::from(FAILED));
    };
    let explanation = explain(&model, &request);
    let text = match args.format {
        Format::Human => explanation.human(&input.shown),
        Format::Json => explanation.json(&input.shown),
    };
    say!("{}", text.trim_end());
    Ok(if explanation.has_route() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    })
}
