//! Lowering of what a route's row says beside names, backends and its chain.

use super::matching::{Condition, Maintenance, PathType, Test};
use crate::model;

pub(super) fn path_type(path: &model::PathPattern) -> PathType {
    match path.path_type() {
        model::PathType::Exact => PathType::Exact,
        model::PathType::Prefix => PathType::Prefix,
        model::PathType::Regex => PathType::Regex {
            literal: path.regex_literal().unwrap_or_default(),
        },
    }
}

pub(super) fn condition(condition: &model::Condition) -> Condition {
    match condition {
        model::Condition::Cookie(name, value) => Condition::Cookie(name.clone(), test(value)),
        model::Condition::Header(name, value) => {
            Condition::Header(name.as_str().to_owned(), test(value))
        }
        model::Condition::Methods(methods) => {
            let methods = methods.iter().map(|method| method.as_str().to_owned());
            Condition::Methods(methods.collect())
        }
        model::Condition::Query(name, value) => Condition::Query(name.clone(), test(value)),
    }
}

fn test(test: &model::Test) -> Test {
    match test {
        model::Test::Equals(text) => Test::Equals(text.clone()),
        model::Test::Present(present) => Test::Present(*present),
        model::Test::Regex(regex, _) => Test::Regex(regex.as_str().to_owned()),
    }
}

pub(super) fn maintenance(maintenance: &model::Maintenance) -> Maintenance {
    let message = maintenance.message.clone();
    let is_json = |text: &String| serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok();
    Maintenance {
        status: maintenance.status,
        message_is_json: message.as_ref().is_some_and(is_json),
        message,
        retry_after_seconds: maintenance.retry_after_seconds,
    }
}
