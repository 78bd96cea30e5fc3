//! [`Code::V1Difference`]: where a configuration that works with Goma Gateway 1.0 does something
//! else here. Only when asked for: most users have never seen the other gateway.

mod table;

use std::collections::BTreeMap;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::rules::Effect;
use crate::resolve::outline::{Entry, Outline, Whole};
use crate::resolve::settings::{Given, Settings};
use crate::source::Span;
use table::{DIFFERENCES, Difference, Where};

/// Types of 1.0 that did not look at `paths` (MW-PATH-7).
const UNSCOPED: &[&str] = &[
    "accessLog",
    "accessPolicy",
    "addPrefix",
    "bodyLimit",
    "errorInterceptor",
    "geoBlock",
    "redirect",
    "redirectRegex",
    "redirectScheme",
    "rewriteRegex",
    "stripQuery",
    "userAgentBlock",
];
/// Types of 1.0 that did.
const SCOPED: &[&str] = &[
    "access",
    "basicAuth",
    "forwardAuth",
    "httpCache",
    "jwtAuth",
    "ldapAuth",
    "oidc",
    "rateLimit",
    "requestHeaders",
    "responseHeaders",
];
/// Headers that the access log hides (MW-LOG-6).
const HIDDEN: &[&str] = &[
    "authorization",
    "cookie",
    "proxy-authorization",
    "set-cookie",
    "x-api-key",
    "x-auth-token",
];

/// What is different, by place.
#[derive(Default)]
struct Notes<'o> {
    by_place: BTreeMap<Span, (&'o str, Vec<String>)>,
}

impl<'o> Notes<'o> {
    fn add(&mut self, key: &'o str, span: Span, text: impl Into<String>) {
        let (_, texts) = self.by_place.entry(span).or_insert((key, Vec::new()));
        texts.push(text.into());
    }

    fn at(&mut self, given: &'o Given, text: impl Into<String>) {
        self.add(&given.key, given.span, text);
    }
}

/// One note per place.
pub(crate) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let mut notes = Notes::default();
    for difference in DIFFERENCES {
        find(difference, outline, &mut notes);
    }
    for entry in &outline.middlewares {
        paths(entry, &mut notes);
        logged(entry, &mut notes);
    }
    chains(outline, &mut notes);
    towards_backends(outline, &mut notes);
    without_effect(outline, &mut notes);
    for (span, (key, texts)) in notes.by_place {
        let mut texts = texts.into_iter();
        let message = texts.next().unwrap_or_default();
        let note = Diagnostic::new(Code::V1Difference, key, span, message);
        diags.push(texts.fold(note, Diagnostic::help));
    }
}

fn find<'o>(difference: &Difference, outline: &'o Outline, notes: &mut Notes<'o>) {
    let Difference { place, text } = difference;
    match *place {
        Where::Everywhere => notes.add("", outline.file.head, *text),
        Where::File(key) => given(&outline.file, key, None, text, notes),
        Where::FileIs(key, value) => given(&outline.file, key, Some(value), text, notes),
        Where::FileLacks(section, key) => {
            let settings = outline.file.inner(section);
            if let Some(settings) = settings.filter(|settings| !settings.has(key)) {
                notes.add(&settings.key, settings.head, *text);
            }
        }
        Where::Route(key) => {
            for route in &outline.routes {
                given(&route.settings, key, None, text, notes);
            }
        }
        Where::RouteIs(key, value) => {
            for route in &outline.routes {
                given(&route.settings, key, Some(value), text, notes);
            }
        }
        Where::Rule(kind, key) => {
            for (_, rule) in outline.rules_of(kind) {
                given(rule, key, None, text, notes);
            }
        }
        Where::RuleLacks(kind, key) => {
            for (entry, rule) in outline.rules_of(kind) {
                if !rule.has(key) {
                    notes.add(&entry.key, entry.span, *text);
                }
            }
        }
        Where::Type(kind) => {
            for (entry, _) in outline.rules_of(kind) {
                notes.add(&entry.key, entry.span, *text);
            }
        }
    }
}

fn given<'o>(
    settings: &'o Settings,
    key: &str,
    value: Option<&str>,
    text: &str,
    notes: &mut Notes<'o>,
) {
    let Some(span) = settings.place(key) else {
        return;
    };
    if value.is_some_and(|value| !settings.is(key, value)) {
        return;
    }
    match settings.given(key) {
        Some(given) => notes.at(given, text),
        None => notes.add(&settings.key, span, text),
    }
}

/// MW-PATH-5 to MW-PATH-7
fn paths<'o>(entry: &'o Entry, notes: &mut Notes<'o>) {
    if entry.kind.name == "httpCache" && matches!(entry.scope, Whole::Route) {
        notes.add(
            &entry.key,
            entry.span,
            "it caches on the whole route; 1.0 cached nothing without `paths`",
        );
    }
    let kind = entry.kind.name;
    for given in &entry.paths {
        if UNSCOPED.contains(&kind) {
            notes.at(
                given,
                format!("`paths` counts on `{}`; 1.0 ignored it", entry.kind.name),
            );
        } else if SCOPED.contains(&kind) && Entry::is_literal(given) {
            let path = given.known().trim_end_matches("/*").trim_end_matches('/');
            if !path.is_empty() {
                notes.at(
                    given,
                    format!("`{path}` ends at a segment; 1.0 also covered `{path}more`"),
                );
            }
        }
    }
}

/// MW-LOG-6
fn logged<'o>(entry: &'o Entry, notes: &mut Notes<'o>) {
    let Some(rule) = entry
        .rule_of("accessLog")
        .filter(|rule| !rule.is("redact", "false"))
    else {
        return;
    };
    let is_hidden = |given: &&Given| HIDDEN.contains(&given.known().to_ascii_lowercase().as_str());
    let headers = rule.list("headers").iter().filter(is_hidden);
    for given in rule.list("cookies").iter().chain(headers) {
        notes.at(
            given,
            format!(
                "`{}` is logged as `[REDACTED]`; 1.0 wrote it in clear",
                given.known()
            ),
        );
    }
}

/// MW-LOG-7, MW-EI-6
fn chains<'o>(outline: &'o Outline, notes: &mut Notes<'o>) {
    for route in &outline.routes {
        for kind in ["accessLog", "errorInterceptor"] {
            let chain = outline.chain(route).into_iter();
            for link in chain.filter(|link| link.entry.kind.name == kind).skip(1) {
                let text =
                    format!("all entries of type `{kind}` act; in 1.0 only the last one did");
                notes.add(&route.settings.key, link.span, text);
            }
        }
        let guarded = outline.chain(route);
        let guarded = guarded
            .iter()
            .any(|link| link.entry.does(Effect::Authenticates));
        let chain = outline.chain(route).into_iter().filter(|_| guarded);
        for link in chain {
            let rule = link.entry.rule_of("responseHeaders");
            if rule.is_some_and(|rule| rule.on("cors.enabled")) {
                let text = "preflights are answered before authentication; 1.0 answered 401";
                notes.add(&route.settings.key, link.span, text);
            }
        }
    }
}

/// MW-REQH-2, config.md section 10
fn without_effect<'o>(outline: &'o Outline, notes: &mut Notes<'o>) {
    for (_, rule) in outline.rules_of("requestHeaders") {
        let hosts = rule.names("setHeaders").iter();
        for (_, given) in hosts.filter(|(name, _)| name.value.eq_ignore_ascii_case("host")) {
            notes.at(
                given,
                "the backend sees this `Host`; in 1.0 it had no effect (MW-REQH-2)",
            );
        }
    }
    outline.file.each(&mut |settings| {
        for (key, given) in settings.values() {
            if key.name == "dnsProvider" && given.known() == "route53" {
                notes.at(given, "`route53` works; in 1.0 it did not");
            }
        }
    });
}

/// Config.md 6.3, 6.7, 7.4
fn towards_backends<'o>(outline: &'o Outline, notes: &mut Notes<'o>) {
    let open = outline
        .file
        .on("gateway.networking.transport.insecureSkipVerify");
    for route in &outline.routes {
        let own = route.settings.given("security.tls.insecureSkipVerify");
        if let Some(given) = own.filter(|given| open && given.is_bool(false)) {
            notes.at(
                given,
                "the route verifies certificates; 1.0 could not turn that on again",
            );
        }
        let cert = route.settings.given("security.tls.clientCert");
        if let Some(given) = cert.filter(|_| !route.settings.has("security.tls.rootCAs")) {
            notes.at(
                given,
                "the certificate is shown; 1.0 ignored it without `rootCAs`",
            );
        }
    }
    if let Some(tls) = outline.file.inner("gateway.redis.tls") {
        let keys = ["clientCa", "clientCert", "clientKey"];
        let some = keys.iter().any(|key| tls.has(key));
        if some && !keys.iter().all(|key| tls.has(key)) {
            notes.add(
                &tls.key,
                tls.head,
                "Redis is asked over TLS; 1.0 did so only with all three keys",
            );
        }
    }
}
