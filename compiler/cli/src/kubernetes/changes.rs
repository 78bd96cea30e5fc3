//! What applying would change: an object as it is, against what the server says it would be. What the server keeps
//! for itself does not count.

use std::collections::BTreeSet;

use serde_json::Value;

use super::kind::{Kind, name};
use super::rollout::shown;

/// Most changes of an object that are told.
const CHANGES_MAX: usize = 100;
/// What the server, or its controllers, write.
const NOT_OURS: [&str; 5] = [
    "creationTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "uid",
];

/// One line for each field that would become another; none: it stays as it is.
pub(super) fn changes(before: Option<&Value>, after: &Value) -> Vec<String> {
    let kind = Kind::of(after).map_or("object", Kind::name);
    let of = format!("{kind} {}", name(after));
    let Some(before) = before else {
        return vec![format!("{of}: new")];
    };
    let mut found = Vec::new();
    compare(&strip(before), &strip(after), "", &mut found);
    let more = found.len().saturating_sub(CHANGES_MAX);
    found.truncate(CHANGES_MAX);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    found
        .iter()
        .map(|change| format!("{of}: {change}"))
        .collect()
}

fn strip(object: &Value) -> Value {
    let mut object = object.clone();
    if let Some(object) = object.as_object_mut() {
        object.remove("status");
    }
    if let Some(metadata) = object
        .pointer_mut("/metadata")
        .and_then(Value::as_object_mut)
    {
        metadata.retain(|key, _| !NOT_OURS.contains(&key.as_str()));
    }
    object
}

fn compare(before: &Value, after: &Value, path: &str, found: &mut Vec<String>) {
    match (before, after) {
        (Value::Object(one), Value::Object(two)) => {
            let keys: BTreeSet<&String> = one.keys().chain(two.keys()).collect();
            for key in keys {
                let path = join(path, key);
                let at = |object: &serde_json::Map<String, Value>| {
                    object.get(key).cloned().unwrap_or_default()
                };
                compare(&at(one), &at(two), &path, found);
            }
        }
        (Value::Array(one), Value::Array(two)) => {
            let keys: BTreeSet<String> = labels(one).chain(labels(two)).collect();
            for key in keys {
                let at = |items: &[Value]| {
                    let at = labels(items).position(|label| label == key);
                    at.and_then(|at| items.get(at).cloned()).unwrap_or_default()
                };
                compare(&at(one), &at(two), &format!("{path}[{key}]"), found);
            }
        }
        (one, two) if one == two => {}
        (one, two) => {
            let text = |value: &Value| match value {
                Value::Null => "nothing".to_owned(),
                Value::String(text) => shown(text),
                Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::Object(_) => {
                    shown(&value.to_string())
                }
            };
            found.push(format!("{path}: {} → {}", text(one), text(two)));
        }
    }
}

fn join(path: &str, key: &str) -> String {
    let key = shown(key);
    if path.is_empty() {
        key
    } else {
        format!("{path}.{key}")
    }
}

/// The items of a list by name, if they have some, or else by their places.
fn labels(items: &[Value]) -> impl Iterator<Item = String> {
    items.iter().enumerate().map(|(at, item)| {
        let name = item.get("name").and_then(Value::as_str);
        name.map_or_else(|| at.to_string(), shown)
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn fields_that_become_others() {
        let object = |image: &str, replicas: u32, extra: Value| {
            json!({
                "kind": "Deployment",
                "metadata": {"name": "shop", "resourceVersion": image, "annotations": extra},
                "spec": {"replicas": replicas, "containers": [
                    {"name": "other"}, {"name": "goma", "image": image, "args": ["a", image]},
                ]},
                "status": {"replicas": replicas},
            })
        };
        let one = object("a", 1, json!({"x": "y"}));
        assert_eq!(changes(Some(&one), &one), [""; 0]);
        assert_eq!(changes(None, &one), ["Deployment shop: new"]);
        let two = object("b", 3, Value::Null);
        let expected = [
            "Deployment shop: metadata.annotations: {\"x\":\"y\"} → nothing",
            "Deployment shop: spec.containers[goma].args[1]: a → b",
            "Deployment shop: spec.containers[goma].image: a → b",
            "Deployment shop: spec.replicas: 1 → 3",
        ];
        assert_eq!(changes(Some(&one), &two), expected);
    }
}
