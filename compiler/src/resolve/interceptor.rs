//! `errorInterceptor` (middlewares.md 5.7): bodies and their media types are decided here.

use super::read::Cx;
use super::rules::Home;
use super::tokens;
use crate::diag::{Code, Diagnostic};
use crate::dialect::Type;
use crate::model::HeaderName;
use crate::model::recorder::{Content, ErrorInterceptor, Intercepted, Page};
use crate::model::scalar::{self, Invalid};
use crate::source::{EMBEDDED_BYTES_MAX, Spanned, embedded_name};
use crate::spec;
use crate::spec::fields::{Fields, Leaf};
use crate::spec::recorder as shape;

/// The message of an error for which nothing else is given (MW-EI-2).
const DEFAULT: &str = "{status} {reason}\n";
/// Values that tokens may have, to see whether a body is JSON with them.
const SAMPLES: [(&str, &str); 3] = [
    ("{status}", "500"),
    ("{reason}", "x"),
    ("{request.id}", "0"),
];

pub(super) fn resolve(
    rule: &shape::ErrorInterceptor,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<ErrorInterceptor> {
    let enabled = cx.boolean(rule.enabled.as_ref(), true);
    let media_type = match rule.content_type.as_ref().filter(|leaf| !leaf.null) {
        Some(leaf) => Some(media_type(leaf, cx)?),
        None => None,
    };
    let Some(items) = rule.errors.as_ref().filter(|items| !items.is_empty()) else {
        let help = "write `errors: [{statusCode: 404, body: Not here}]`";
        if !rule.broken {
            cx.missing(home.key, "errors", home.head, help);
        }
        return None;
    };
    let mut errors = Vec::new();
    let mut whole = true;
    for item in items {
        match intercepted(item, media_type.as_deref(), cx) {
            Some(error) => errors.push(error),
            None => whole = false,
        }
    }
    whole.then_some(ErrorInterceptor { enabled, errors })
}

fn intercepted(
    item: &shape::Intercepted,
    media_type: Option<&str>,
    cx: &mut Cx<'_>,
) -> Option<Intercepted> {
    let statuses = statuses(item, cx);
    let body = item.body.as_ref().filter(|leaf| !leaf.null);
    let page = match (body, file(item)) {
        (Some(leaf), _) => {
            let text = cx.text(leaf)?.text;
            tokens::check_body(&text, leaf, cx);
            page(text, media_type, None)
        }
        (None, Some(leaf)) => {
            let (name, text) = embedded(leaf, cx)?;
            page(text, media_type, Some(name))
        }
        (None, None) => page(DEFAULT.to_owned(), media_type, None),
    };
    let (first, last) = statuses?;
    Some(Intercepted { first, last, page })
}

fn statuses(item: &shape::Intercepted, cx: &mut Cx<'_>) -> Option<(u16, u16)> {
    let leaf = item.status_code.as_ref();
    let help = "write `statusCode: 404`, `500-599` or `5xx`";
    let text = cx.required(leaf, &item.path_key, "statusCode", item.head, help)?;
    let leaf = leaf?;
    match scalar::parse_codes(&text.text) {
        Ok((first, _)) if first < 400 => {
            let fault = Invalid::range("an error's status is 400 to 599");
            cx.fault(Code::OutOfRange, leaf, fault);
            None
        }
        Ok(statuses) => Some(statuses),
        Err(invalid) => {
            cx.fault(Code::TypeMismatch, leaf, invalid);
            None
        }
    }
}

/// The files that one middleware names, if it is an interceptor: where there is a body, none is needed.
pub(super) fn files(middleware: &spec::Middleware, cx: &mut Cx<'_>) -> Vec<Spanned<String>> {
    let kind = middleware.kind.as_ref().and_then(|leaf| cx.text(leaf));
    let kind = kind.and_then(|kind| Type::find_folded(&kind.text));
    let (Some((kind, _)), Some((_, node))) = (kind, &middleware.rule) else {
        return Vec::new();
    };
    if kind.name != "errorInterceptor" {
        return Vec::new();
    }
    let rule = shape::error_interceptor(Fields::new(node, kind.rule, "rule"));
    let errors = rule.errors.iter().flatten();
    let files = errors.filter_map(file);
    files
        .filter_map(|leaf| Some(Spanned::new(cx.text(leaf)?.text, leaf.span)))
        .collect()
}

/// The file of an entry, if it counts.
fn file(item: &shape::Intercepted) -> Option<&Leaf> {
    let body = item.body.as_ref().filter(|leaf| !leaf.null);
    let file = item
        .file
        .as_ref()
        .filter(|leaf| !leaf.null && !leaf.text.is_empty());
    file.filter(|_| body.is_none())
}

/// The name and text of a file that the caller has read.
fn embedded(leaf: &Leaf, cx: &mut Cx<'_>) -> Option<(String, String)> {
    let written = cx.text(leaf)?.text;
    let shown = written.escape_debug().to_string();
    let fault =
        |code, message: String| Diagnostic::new(code, leaf.key.as_str(), leaf.span, message);
    let name = embedded_name(cx.sources.name(leaf.span.source), &written);
    let id = match cx.sources.embedded(&name) {
        Ok(id) => id,
        Err(why) => {
            let missing = fault(Code::FileMissing, format!("`{shown}` {why}"));
            let help = "the file is embedded when the gateway is built";
            cx.diags.push(missing.help(help));
            return None;
        }
    };
    let text = cx.sources.text(id);
    if text.len() > EMBEDDED_BYTES_MAX {
        let message = format!("`{shown}` is larger than {EMBEDDED_BYTES_MAX} bytes");
        cx.diags.push(fault(Code::OutOfRange, message));
        return None;
    }
    if cx.sources.invalid_at(id).is_some() {
        let message = format!("`{shown}` is not text in UTF-8");
        cx.diags.push(fault(Code::BadRule, message));
        return None;
    }
    Some((written, text.to_owned()))
}

/// Media type and final text of a body (MW-EI-3).
fn page(text: String, given: Option<&str>, file: Option<String>) -> Page {
    let by_extension = file.as_deref().map(of_extension);
    let content = match given.or(by_extension) {
        Some(media_type) => Content::of(media_type),
        None if is_document(&text) => Content::Json("application/json".to_owned()),
        None => Content::Negotiated,
    };
    let wrap = matches!(content, Content::Json(_)) && !text.is_empty() && !is_json(&text);
    let text = if wrap { wrapped(&text) } else { text };
    Page {
        content,
        text,
        file,
    }
}

fn of_extension(file: &str) -> &'static str {
    let extension = file.rsplit_once('.').map(|(_, extension)| extension);
    match extension.map(str::to_ascii_lowercase).as_deref() {
        Some("json") => "application/json",
        Some("txt") => "text/plain; charset=utf-8",
        Some("xml") => "application/xml",
        Some(_) | None => "text/html; charset=utf-8",
    }
}

/// As the gateway's own messages are written in JSON (MW-ERR-1).
fn wrapped(text: &str) -> String {
    let message = serde_json::Value::from(text.trim_end_matches('\n'));
    format!("{{\"success\":false,\"statusCode\":{{status}},\"error\":{message}}}\n")
}

fn is_json(text: &str) -> bool {
    parsed(text).is_some()
}

/// Whether a text is meant as JSON: an object or a list. A lone word or number is text.
fn is_document(text: &str) -> bool {
    parsed(text).is_some_and(|value| value.is_object() || value.is_array())
}

fn parsed(text: &str) -> Option<serde_json::Value> {
    let fill = |text: String, (token, sample): (&str, &str)| text.replace(token, sample);
    let sample = SAMPLES.into_iter().fold(text.to_owned(), fill);
    serde_json::from_str(&sample).ok()
}

/// `type/subtype`, perhaps with parameters.
fn media_type(leaf: &Leaf, cx: &mut Cx<'_>) -> Option<String> {
    let text = cx.text(leaf)?.text;
    let essence = text.split(';').next().unwrap_or_default().trim();
    let is_token = |part: &str| HeaderName::new(part).is_ok();
    let fits = essence
        .split_once('/')
        .is_some_and(|(kind, subtype)| is_token(kind) && is_token(subtype));
    if fits && !text.contains(char::is_control) {
        return Some(text.trim().to_owned());
    }
    let shown = text.escape_debug();
    let fault = Invalid::new(format!("`{shown}` is not a media type"));
    cx.fault(
        Code::BadRule,
        leaf,
        fault.help("write `contentType: text/html`"),
    );
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, given: Option<&str>, file: Option<&str>) -> String {
        let page = page(text.to_owned(), given, file.map(str::to_owned));
        format!("{:?} {}", page.content, page.text)
    }

    /// MW-EI-3
    #[test]
    fn media_types() {
        let json = "Json(\"application/json\")";
        assert_eq!(shown("denied", None, None), "Negotiated denied");
        assert_eq!(shown("404", None, None), "Negotiated 404");
        assert_eq!(shown("", None, None), "Negotiated ");
        assert_eq!(
            shown("[{status}]", None, None),
            format!("{json} [{{status}}]")
        );
        assert_eq!(
            shown("[]", None, Some("a.html")),
            "Markup(\"text/html; charset=utf-8\") []"
        );
        assert_eq!(
            shown("x", None, Some("a.TXT")),
            "Text(\"text/plain; charset=utf-8\") x"
        );
        assert_eq!(
            shown("<a/>", None, Some("a.xml")),
            "Markup(\"application/xml\") <a/>"
        );
        assert_eq!(
            shown("x", Some("image/svg+xml"), None),
            "Markup(\"image/svg+xml\") x"
        );
        let problem = Some("application/problem+json");
        assert_eq!(
            shown("a \"b\"\n", problem, None),
            "Json(\"application/problem+json\") {\"success\":false,\"statusCode\":{status},\
             \"error\":\"a \\\"b\\\"\"}\n"
        );
        assert_eq!(
            shown("404", problem, None),
            "Json(\"application/problem+json\") 404"
        );
        assert_eq!(
            shown("", problem, None),
            "Json(\"application/problem+json\") "
        );
    }
}
