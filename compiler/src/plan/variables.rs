//! Which variables a gateway looks up when it starts.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Plan;
use crate::model::PASSPHRASE;

impl Plan {
    /// Names of the variables that are looked up at start, and whether the gateway does not start without
    /// (C-ENV-2, C-SEC-1).
    #[must_use]
    pub fn variables(&self) -> BTreeMap<String, bool> {
        let mut found = BTreeMap::new();
        // As it is printed: so no value of it can be left out.
        collect(&serde_json::to_value(self).unwrap_or_default(), &mut found);
        if !self.messages.is_empty() {
            found.insert(PASSPHRASE.to_owned(), true);
        }
        found
    }
}

fn collect(value: &Value, found: &mut BTreeMap<String, bool>) {
    match value {
        Value::Object(fields) => {
            let reference = fields.get("Env");
            if let Some(name) = reference.and_then(|reference| reference.get("name")?.as_str()) {
                let default = reference.and_then(|reference| reference.get("default"));
                *found.entry(name.to_owned()).or_default() |= default.is_none_or(Value::is_null);
            }
            fields.values().for_each(|value| collect(value, found));
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Bool(_) | Value::Null | Value::Number(_) | Value::String(_) => {}
    }
}
