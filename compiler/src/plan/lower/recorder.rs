//! Lowering of the rules of the recorder's types.

use super::{Cx, lower_value};
use crate::model;
use crate::model::recorder::{IdFormat, Logged, Redact, Trust};
use crate::plan::{AccessLog, Header, LogItem, RequestId, SecurityHeaders};

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
