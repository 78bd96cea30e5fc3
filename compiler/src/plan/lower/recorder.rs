//! Lowering of the rules of the recorder's types.

use super::{Cx, lower_value};
use crate::model;
use crate::model::recorder::{Content, IdFormat, Logged, Redact, Trust};
use crate::plan::{
    AccessLog, ErrorInterceptor, Header, Ident, Intercepted, LogItem, PAGE_PREFIX, RequestId,
    SecurityHeaders,
};

pub(super) fn access_log(rule: &model::recorder::AccessLog, credentials: &[&str]) -> AccessLog {
    let items = rule.items(credentials);
    let lower = |logged: &[Logged]| {
        let item = |logged: &Logged| LogItem {
            key: logged.key.clone(),
            source: logged.source.clone(),
            show: match (logged.sensitive, rule.redact) {
                (false, _) | (true, Redact::Never) => "Clear",
                (true, Redact::Always) => "Redacted",
                (true, Redact::Hash) => "Hash",
            },
        };
        logged.iter().map(item).collect()
    };
    AccessLog {
        headers: lower(&items.headers),
        query: lower(&items.query),
        cookies: lower(&items.cookies),
        response_headers: lower(&items.response_headers),
        fields: lower(&items.fields),
        user: rule.user,
        emit_missing: rule.emit_missing,
    }
}

/// Files of the spec become files of the crate, named after their middleware and place in it.
pub(super) fn error_interceptor(
    rule: &model::recorder::ErrorInterceptor,
    function: &Ident,
) -> ErrorInterceptor {
    let lower = |(at, error): (usize, &model::recorder::Intercepted)| {
        let page = &error.page;
        let (content, media_type) = match &page.content {
            Content::Json(media_type) => ("Json", Some(media_type.clone())),
            Content::Markup(media_type) => ("Markup", Some(media_type.clone())),
            Content::Negotiated => ("Negotiated", None),
            Content::Text(media_type) => ("Text", Some(media_type.clone())),
        };
        let extension = match &page.content {
            Content::Json(_) => "json",
            Content::Markup(_) => "html",
            Content::Negotiated | Content::Text(_) => "txt",
        };
        let file = page.file.as_ref();
        Intercepted {
            first: error.first,
            last: error.last,
            body: page.text.clone(),
            file: file.map(|_| format!("{PAGE_PREFIX}{function}_{}.{extension}", at + 1)),
            content,
            media_type,
        }
    };
    ErrorInterceptor {
        errors: rule.errors.iter().enumerate().map(lower).collect(),
    }
}

pub(super) fn request_id(rule: &model::recorder::RequestId) -> RequestId {
    RequestId {
        header: rule.header.as_str().to_owned(),
        response_header: rule.response_header.as_str().to_owned(),
        trust: match rule.trust {
            Trust::Always => "Always",
            Trust::Never => "Never",
            Trust::TrustedProxy => "TrustedProxy",
        },
        format: match rule.format {
            IdFormat::Hex => "Hex",
            IdFormat::Uuid4 => "Uuid4",
            IdFormat::Uuid7 => "Uuid7",
        },
    }
}

pub(super) fn security_headers(
    cx: &Cx<'_>,
    rule: &model::recorder::SecurityHeaders,
) -> SecurityHeaders {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let header = |(name, value): &(&str, model::Value)| Header {
        name: (*name).to_owned(),
        value: lower_value(cx, value),
    };
    SecurityHeaders {
        hsts: rule.hsts.clone(),
        preset: rule.preset.iter().map(owned).collect(),
        set: rule.set.iter().map(header).collect(),
        overwrite: rule.overwrite,
    }
}
