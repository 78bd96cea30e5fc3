//! `match` of backends and `loadBalancer` of routes (config.md 7.2, 7.6). Names and expressions that are
//! missing or wrong are reported by `check`, which also sees routes that are faulty elsewhere.

use super::read::Cx;
use crate::diag::Code;
use crate::model::regex::Regex;
use crate::model::{Canary, CanaryTest, HeaderName, Operator, Policy, Source};
use crate::spec;
use crate::spec::fields::Leaf;

/// The largest `priority`, and the negative of the smallest.
const PRIORITY_MAX: i64 = u32::MAX as i64;

/// The outer `None`: faulty; the inner: the backend is stable.
pub(super) fn resolve(spec: &spec::upstream::Backend, cx: &mut Cx<'_>) -> Option<Option<Canary>> {
    let exclusive = cx.boolean(spec.exclusive.as_ref(), false);
    let priority = spec.priority.as_ref().filter(|leaf| !leaf.null);
    let priority = priority.map_or(Some(0), |leaf| cx.int(leaf, -PRIORITY_MAX, PRIORITY_MAX));
    let tests = spec.matching.iter().flatten();
    let tests: Vec<_> = tests.map(|item| test(item, cx)).collect();
    let tests: Vec<CanaryTest> = tests.into_iter().collect::<Option<_>>()?;
    let priority = priority?;
    Some((!tests.is_empty()).then_some(Canary {
        tests,
        exclusive,
        priority,
    }))
}

fn test(spec: &spec::upstream::CanaryTest, cx: &mut Cx<'_>) -> Option<CanaryTest> {
    const SOURCES: &[&str] = &["header", "cookie", "query", "ip"];
    const OPERATORS: &[&str] = &[
        "equals",
        "not_equals",
        "contains",
        "not_contains",
        "starts_with",
        "ends_with",
        "regex",
        "in",
    ];
    let (key, head) = (spec.path_key.as_str(), spec.head);
    let word = cx.required_word((spec.source.as_ref(), "source"), SOURCES, (key, head));
    let source = word.and_then(|word| source(word, spec.name.as_ref(), cx));
    let operator = (spec.operator.as_ref(), "operator");
    let operator = cx.required_word(operator, OPERATORS, (key, head));
    let value = spec.value.as_ref().filter(|leaf| !leaf.null);
    if value.is_none() {
        cx.missing(
            key,
            "value",
            head,
            "write `value: \"…\"`, which may be empty",
        );
    }
    let value = value.and_then(|leaf| cx.text(leaf)).map(|text| text.text);
    Some(CanaryTest {
        source: source?,
        operator: self::operator(operator?, value?)?,
    })
}

/// `None`: faulty, or without its name.
fn source(word: &str, name: Option<&Leaf>, cx: &mut Cx<'_>) -> Option<Source> {
    let mut name = || {
        let leaf = name.filter(|leaf| !leaf.null)?;
        let text = cx.text(leaf)?.text;
        (!text.is_empty()).then_some((leaf, text))
    };
    match word {
        "cookie" => name().map(|(_, text)| Source::Cookie(text)),
        "header" => {
            let (leaf, text) = name()?;
            let header = HeaderName::new(&text);
            header
                .map(Source::Header)
                .map_err(|invalid| cx.fault(Code::BadRule, leaf, invalid))
                .ok()
        }
        "query" => name().map(|(_, text)| Source::Query(text)),
        "path" => Some(Source::Path),
        _ => Some(Source::Ip),
    }
}

/// `None`: no expression.
fn operator(word: &str, value: String) -> Option<Operator> {
    Some(match word {
        "contains" => Operator::Contains(value),
        "ends_with" => Operator::EndsWith(value),
        "equals" => Operator::Equals(value),
        "in" => {
            let items = value.split(',').map(|item| item.trim().to_owned());
            Operator::In(items.collect())
        }
        "not_contains" => Operator::NotContains(value),
        "not_equals" => Operator::NotEquals(value),
        "regex" => {
            let regex = Regex::new(&value).ok()?;
            let engine = regex.anywhere().ok()?;
            Operator::Regex(regex, engine)
        }
        _ => Operator::StartsWith(value),
    })
}

/// `loadBalancer.policy`. The outer `None`: faulty; the inner: no key says.
pub(super) fn policy(
    spec: Option<&spec::upstream::LoadBalancer>,
    cx: &mut Cx<'_>,
) -> Option<Option<Policy>> {
    const POLICIES: &[&str] = &[
        "roundRobin",
        "weighted",
        "leastConn",
        "p2cEwma",
        "consistentHash",
        "random",
    ];
    const SOURCES: &[&str] = &["ip", "header", "cookie", "query", "path"];
    let Some(spec) = spec else { return Some(None) };
    let hash_on = spec.hash_on.as_ref().map(|on| {
        let at = (on.path_key.as_str(), on.head);
        let word = cx.required_word((on.source.as_ref(), "source"), SOURCES, at)?;
        source(word, on.name.as_ref(), cx)
    });
    let Some(leaf) = spec.policy.as_ref().filter(|leaf| !leaf.null) else {
        return Some(None);
    };
    Some(Some(match cx.word(Some(leaf), POLICIES)? {
        // Without `hashOn` it is faulty.
        "consistentHash" => Policy::ConsistentHash(hash_on??),
        "leastConn" => Policy::LeastConn,
        "p2cEwma" => Policy::P2cEwma,
        "random" => Policy::Random,
        "roundRobin" => Policy::RoundRobin,
        _ => Policy::Weighted,
    }))
}
