//! A file of tests → cases: unknown keys, wrong types and names that nothing has are findings.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::{Case, Expect, Suite, Wanted};
use crate::diag::nearest::nearest;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::TESTS;
use crate::explain::Request;
use crate::model::{Model, scalar};
use crate::resolve;
use crate::resolve::settings::{Given, Settings};
use crate::source::{SourceId, SourceMap, Span, Spanned};
use crate::spec;

/// The word for no route and no backend.
const NONE: &str = "none";

/// Reads files of tests that are in `sources`; references are looked up in `env`. With a finding that
/// is an error nothing should be run.
#[must_use]
pub fn read(
    model: &Model,
    sources: &SourceMap,
    files: &[SourceId],
    env: &BTreeMap<String, String>,
    diags: &mut Diagnostics,
) -> Suite {
    let mut suite = Suite::default();
    for file in files {
        let Some(tree) = spec::parse(sources, *file, diags) else {
            continue;
        };
        let settings = resolve::settings_of(&tree, &TESTS, sources, env, diags);
        let cases = settings.sections("tests").iter();
        suite
            .cases
            .extend(cases.filter_map(|item| case(item, model, diags)));
    }
    suite
}

/// `None`: faulty, which is reported.
fn case(item: &Settings, model: &Model, diags: &mut Diagnostics) -> Option<Case> {
    let expect = expect(item, model, diags);
    let written = |places: &[&str]| {
        let written = places.iter().filter(|place| item.is_written(place));
        let shown = written.map(|place| format!("`{place}`"));
        shown.collect::<Vec<String>>()
    };
    let mut live = written(&["request.body", "backend", "repeat", "expect.body"]);
    for (name, _) in item.names("expect.headers") {
        if !name.value.eq_ignore_ascii_case("location") {
            live.push(format!("`expect.headers.{}`", name.value.escape_debug()));
        }
    }
    let request = request(item, diags)?;
    let url = item.given("request.url")?;
    let named = item.given("name");
    Some(Case {
        name: named.map_or_else(|| request.to_string(), |name| name.known().to_owned()),
        span: named.unwrap_or(url).span,
        request,
        body: item.text("request.body").unwrap_or_default().to_owned(),
        expect,
        live,
        steered: written(&["request.ip", "backend", "repeat"]),
    })
}

fn request(item: &Settings, diags: &mut Diagnostics) -> Option<Request> {
    let url = item.given("request.url")?;
    let method = item.text("request.method").unwrap_or("GET");
    let mut refuse = |given: &Given, message: String| {
        diags.push(Diagnostic::new(
            Code::BadUrl,
            &*given.key,
            given.span,
            message,
        ));
    };
    let mut request = match Request::parse(method, url.text.as_deref()?) {
        Ok(request) => request,
        Err(message) => {
            refuse(url, message);
            return None;
        }
    };
    for (name, value) in item.names("request.headers") {
        let field = format!("{}: {}", name.value, value.known());
        match request.clone().with_field(&field) {
            Ok(next) => request = next,
            Err(message) => {
                let key = value.key.as_str();
                diags.push(Diagnostic::new(Code::BadValue, key, name.span, message));
            }
        }
    }
    let client = item
        .text("request.ip")
        .and_then(|ip| ip.parse::<IpAddr>().ok());
    Some(match client {
        Some(client) => request.sent_by(client),
        None => request,
    })
}

fn expect(item: &Settings, model: &Model, diags: &mut Diagnostics) -> Expect {
    let mut expect = Expect::default();
    if let Some(given) = item.given("expect.status") {
        let codes = scalar::parse_codes(given.known());
        expect.status = codes.ok().map(|codes| Spanned::new(codes, given.span));
    }
    if let Some(given) = item.given("expect.route") {
        let names = || model.routes.iter().map(|route| route.name.as_str());
        let name = given.known();
        let known = names().any(|known| known == name);
        if !known && name != NONE {
            diags.push(undefined("route", given, names()));
        }
        let route = known.then(|| name.to_owned());
        expect.route = Some(Spanned::new(route, given.span));
    }
    if let Some(key) = item.written("expect.chain") {
        let names = || model.middlewares.iter().map(|item| item.name.as_str());
        let listed = item.list("expect.chain").iter();
        let mut chain = Vec::new();
        for given in listed {
            if !names().any(|known| known == given.known()) {
                diags.push(undefined("middleware", given, names()));
            }
            chain.push(Spanned::new(given.known().to_owned(), given.span));
        }
        expect.chain = Some(Spanned::new(chain, key));
    }
    for (name, given) in item.names("expect.headers") {
        let is_location = name.value.eq_ignore_ascii_case("location");
        if let Some(value) = wanted(given, diags) {
            expect.headers.push((name.value.clone(), value));
        }
        if is_location {
            expect.location = wanted(given, &mut Diagnostics::new());
        }
    }
    expect.body = item
        .given("expect.body")
        .and_then(|body| wanted(body, diags));
    upstream(item, &mut expect, diags);
    expect
}

fn upstream(item: &Settings, expect: &mut Expect, diags: &mut Diagnostics) {
    if let Some(given) = item.given("expect.upstream") {
        if given.known() == NONE {
            expect.no_upstream = Some(given.span);
        } else {
            let message = "expected a mapping with `url`, or `none`".to_owned();
            let fault = Diagnostic::new(Code::TypeMismatch, &*given.key, given.span, message);
            diags.push(fault.help("write `upstream: {url: \"http://…\"}`"));
        }
    }
    let Some(given) = item.inner("expect.upstream") else {
        return;
    };
    expect.url = given.given("url").and_then(|url| wanted(url, diags));
    expect.host = given.given("host").and_then(|host| wanted(host, diags));
    for (name, value) in given.names("headers") {
        if let Some(value) = wanted(value, diags) {
            expect.fields.push((name.value.clone(), value));
        }
    }
}

/// `~` begins a regular expression.
fn wanted(given: &Given, diags: &mut Diagnostics) -> Option<Spanned<Wanted>> {
    let text = given.text.as_deref()?;
    let wanted = match text.strip_prefix('~') {
        None => Wanted::Exactly(text.to_owned()),
        Some(pattern) => match regex::Regex::new(&format!("^(?:{pattern})$")) {
            Ok(regex) => Wanted::Matching(pattern.to_owned(), regex),
            Err(_) => {
                let message = format!("`{}` is not a regular expression", pattern.escape_debug());
                let key = given.key.as_str();
                diags.push(Diagnostic::new(Code::BadRegex, key, given.span, message));
                return None;
            }
        },
    };
    Some(Spanned::new(wanted, given.span))
}

fn undefined<'n>(what: &str, given: &Given, names: impl Iterator<Item = &'n str>) -> Diagnostic {
    let name = given.known();
    let span: Span = given.span;
    let message = format!("{what} `{}` is not defined", name.escape_debug());
    let fault = Diagnostic::new(Code::UndefinedName, &*given.key, span, message);
    match nearest(name, names) {
        Some(known) => fault
            .help(format!("did you mean `{known}`?"))
            .fix(span, known),
        None => fault,
    }
}
