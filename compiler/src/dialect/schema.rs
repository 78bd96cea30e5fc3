//! The dialect as JSON Schema 2020-12, for completion and checks in editors. What a schema cannot
//! say (names that must exist, variables, order) is left to `goma check`; what it refuses,
//! `goma check` reports.

use serde_json::{Map, Value, json};

use super::{Change, Class, FILE, Key, Need, Scalar, Section, Shape, TYPES, Type};

/// A text with a reference to a variable may stand for any single value.
const REFERENCE: &str = r"\$\{[A-Za-z_]";
/// `dur` (config.md section 2).
const DURATION: &str = r"^([0-9]+(\.[0-9]+)?(ns|us|µs|μs|ms|s|m|h))+$";
/// `size` (config.md section 2).
const SIZE: &str =
    r"^[0-9]+(B|K|KB|Ki|KiB|M|MB|Mi|MiB|G|GB|Gi|GiB|T|TB|Ti|TiB|P|PB|Pi|PiB|E|EB|Ei|EiB)?$";
/// Numbers that YAML readers of editors may take for texts.
const WHOLE: &str = "^[-+]?(0x[0-9A-Fa-f_]+|0o[0-7_]+|[0-9_]+)$";
/// Spellings of YAML 1.1.
const BOOLS: &[&str] = &["yes", "no", "on", "off", "y", "n"];

/// Scalars that many keys share, by their names among the definitions.
const NAMED: &[(&str, Scalar)] = &[
    ("bool", Scalar::Bool),
    ("codes", Scalar::Codes),
    ("dur", Scalar::Duration(0)),
    ("path", Scalar::Path),
    ("pattern", Scalar::Pattern),
    ("secs", Scalar::Seconds(0, 0)),
    ("size", Scalar::Size(0, 0)),
    ("str", Scalar::Text),
    ("url", Scalar::Url(&[])),
    ("urlOrPath", Scalar::UrlOrPath),
];

/// The whole schema, printed.
#[must_use]
pub fn schema() -> String {
    let mut root = section(&FILE);
    let rules: Map<_, _> = TYPES
        .iter()
        .map(|kind| (kind.name.to_owned(), section(kind.rule)))
        .chain(
            NAMED
                .iter()
                .map(|(name, named)| ((*name).to_owned(), forms(*named))),
        )
        .collect();
    if let Some(root) = root.as_object_mut() {
        root.insert(
            "$schema".to_owned(),
            json!("https://json-schema.org/draft/2020-12/schema"),
        );
        root.insert("title".to_owned(), json!("goma"));
        root.insert("$defs".to_owned(), Value::Object(rules));
        // Plugins add types whose names only the file has.
        let item = json!({"properties": {"type": types()}});
        let built_in = json!({
            "if": {"not": {"required": ["plugins"]}},
            "then": {"properties": {"middlewares": {"items": item}}},
        });
        root.insert("allOf".to_owned(), json!([built_in]));
        // A home for anchors (C-FILE-6).
        root.insert("patternProperties".to_owned(), json!({"^x-": true}));
    }
    format!("{root:#}\n")
}

fn section(section: &Section) -> Value {
    let mut properties: Map<_, _> = section
        .keys
        .iter()
        .map(|item| (item.name.to_owned(), key(item)))
        .collect();
    for (old, _) in section.old {
        properties.insert((*old).to_owned(), json!({"deprecated": true}));
    }
    let required = section.keys.iter().filter(|key| key.required);
    let required: Vec<_> = required.map(|key| key.name).collect();
    let needs = section.needs.iter();
    let mut conditions: Vec<Value> = needs.map(|need| condition(need, section)).collect();
    let types_a_rule = |key: &Key| matches!(key.shape, Shape::Rule);
    if section.keys.iter().any(types_a_rule) {
        conditions.extend(TYPES.iter().map(rule_of));
    }
    let mut schema = json!({
        "type": ["object", "null"],
        "description": section.doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if let Some(schema) = schema.as_object_mut() {
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        if !conditions.is_empty() {
            schema.insert("allOf".to_owned(), Value::Array(conditions));
        }
        if section.any_case {
            let folded = section
                .keys
                .iter()
                .map(|item| (any_case(item.name), key(item)));
            let folded = Value::Object(folded.collect());
            schema.insert("patternProperties".to_owned(), folded);
        }
    }
    schema
}

/// A pattern for a name in any letter case; JSON Schema has no flag for it.
fn any_case(name: &str) -> String {
    let letters = name.chars().map(|letter| {
        format!(
            "[{}{}]",
            letter.to_ascii_lowercase(),
            letter.to_ascii_uppercase()
        )
    });
    format!("^{}$", letters.collect::<String>())
}

/// How an encrypted rule begins (C-SEC-1).
const ENCRYPTED: &str = r"^\s*-----BEGIN PGP MESSAGE-----";

/// `rule` has the keys of its `type`, or is encrypted.
fn rule_of(kind: &Type) -> Value {
    let names: Vec<_> = kind.spellings().chain(kind.old.iter().copied()).collect();
    let encrypted = json!({"type": "string", "pattern": ENCRYPTED});
    let reference = format!("#/$defs/{}", kind.name);
    json!({
        "if": {"properties": {"type": {"enum": names}}, "required": ["type"]},
        "then": {"properties": {"rule": {"anyOf": [{"$ref": reference}, encrypted]}}},
    })
}

fn condition(need: &Need, section: &Section) -> Value {
    let each = |names: &[&str]| -> Vec<Value> {
        // An old key counts as what replaced it.
        let replaced = |change: &Change| match change {
            Change::Move(now) | Change::MoveUnless(now, _) => names.contains(now),
            Change::Delete
            | Change::Invert(_)
            | Change::List(_)
            | Change::Middleware(_)
            | Change::PathOf(_)
            | Change::Top(_) => false,
        };
        let old = section.old.iter().filter(|(_, change)| replaced(change));
        let names = names.iter().copied().chain(old.map(|(old, _)| *old));
        names.map(|name| json!({"required": [name]})).collect()
    };
    match need {
        Need::Any(names) => json!({"anyOf": each(names)}),
        Need::Apart(first, second) => json!({"not": {"required": [first, second]}}),
        Need::Both(first, second) | Need::Pair(first, second) => {
            json!({"dependentRequired": {*first: [second], *second: [first]}})
        }
        Need::One(names) => json!({"oneOf": each(names)}),
    }
}

fn key(key: &Key) -> Value {
    let mut schema = shape(key.shape);
    let Some(fields) = schema.as_object_mut() else {
        return schema;
    };
    let mut doc = key.doc.to_owned();
    if key.class == Class::Value {
        doc.push_str(" May be `${NAME}`, read when the gateway starts.");
    }
    if key.later {
        doc.push_str(" Not supported yet.");
    }
    fields.insert("description".to_owned(), json!(doc));
    if !key.default.is_empty() {
        let default = serde_json::from_str(key.default).unwrap_or_else(|_| json!(key.default));
        fields.insert("default".to_owned(), default);
    }
    schema
}

fn shape(shape: Shape) -> Value {
    match shape {
        Shape::Conditions => {
            let text = scalar(Scalar::Text);
            let condition = section(&super::CONDITION);
            map(&json!({"anyOf": [text, condition]}))
        }
        Shape::List(item) => list(&scalar(item), true),
        Shape::Named(item) => map(&section(item)),
        Shape::Names(item) => map(&scalar(item)),
        Shape::One(item) => nullable(scalar(item)),
        Shape::OneOrList(item) => json!({"anyOf": [scalar(item), list(&scalar(item), false)]}),
        Shape::OneOrSection(item, keys) => json!({"anyOf": [scalar(item), section(keys)]}),
        // The keys come from `type`; an encrypted rule is a text.
        Shape::Rule => json!({"type": ["object", "null", "string"]}),
        Shape::Section(keys) => section(keys),
        Shape::Sections(keys) => list(&section(keys), false),
        Shape::TextsOrSections(keys) => list(
            &json!({"anyOf": [scalar(Scalar::Text), section(keys)]}),
            false,
        ),
    }
}

fn list(items: &Value, joined: bool) -> Value {
    let list = json!({"type": ["array", "null"], "items": items});
    if joined {
        json!({"anyOf": [list, {"type": "string", "pattern": REFERENCE}]})
    } else {
        list
    }
}

fn map(values: &Value) -> Value {
    json!({"type": ["object", "null"], "additionalProperties": values})
}

/// The spellings of middleware types.
fn types() -> Value {
    let names: Vec<_> = TYPES
        .iter()
        .flat_map(|kind| kind.spellings().chain(kind.old.iter().copied()))
        .collect();
    json!({"anyOf": [{"enum": names}, {"type": "string", "pattern": REFERENCE}]})
}

fn nullable(schema: Value) -> Value {
    json!({"anyOf": [schema, {"type": "null"}]})
}

/// A single value: by name where it has one.
fn scalar(scalar: Scalar) -> Value {
    let same = |named: &Scalar| std::mem::discriminant(named) == std::mem::discriminant(&scalar);
    match NAMED.iter().find(|(_, named)| same(named)) {
        Some((name, _)) => json!({"$ref": format!("#/$defs/{name}")}),
        None => forms(scalar),
    }
}

/// What a single value may look like; a reference to a variable fits everywhere.
fn forms(scalar: Scalar) -> Value {
    let or_reference = |mut forms: Vec<Value>| {
        forms.push(json!({"type": "string", "pattern": REFERENCE}));
        json!({"anyOf": forms})
    };
    let text = |pattern: &str| json!({"type": "string", "pattern": pattern});
    match scalar {
        Scalar::Bool => or_reference(vec![json!({"type": "boolean"}), words(BOOLS, true)]),
        Scalar::Codes => or_reference(vec![
            json!({"type": "integer", "minimum": 100, "maximum": 599}),
            text("^[1-5](xx|[0-9][0-9](-[1-5][0-9][0-9])?)$"),
        ]),
        Scalar::Duration(_) => or_reference(vec![json!({"enum": [0, "0"]}), text(DURATION)]),
        Scalar::Enum(list) => or_reference(vec![words(list, false)]),
        Scalar::EnumFold(list) => or_reference(vec![words(list, true)]),
        Scalar::Float(least, most) => or_reference(vec![
            json!({"type": "number", "minimum": least, "maximum": most}),
        ]),
        Scalar::FloatAbove(bound, most) => or_reference(vec![
            json!({"type": "number", "exclusiveMinimum": bound, "maximum": most}),
        ]),
        Scalar::Int(least, most) => or_reference(vec![
            json!({"type": "integer", "minimum": least, "maximum": most}),
            text(WHOLE),
        ]),
        // See `schema`.
        Scalar::Kind => json!({"type": "string"}),
        Scalar::Path => text(&format!("^/|{REFERENCE}")),
        Scalar::Pattern => text(&format!(r"^[/^*]|[()\[\]{{}}|+?\\$]|\.\*|{REFERENCE}")),
        Scalar::Seconds(_, _) => or_reference(vec![
            json!({"type": "integer", "minimum": 0}),
            text(WHOLE),
            text(DURATION),
        ]),
        Scalar::Size(_, _) => {
            or_reference(vec![json!({"type": "integer", "minimum": 0}), text(SIZE)])
        }
        Scalar::Url(_) => text(&format!("://|{REFERENCE}")),
        Scalar::UrlOrPath => text(&format!("^/|://|{REFERENCE}")),
        Scalar::Text
        | Scalar::Address
        | Scalar::Claims
        | Scalar::Country
        | Scalar::Directory
        | Scalar::DnsServer
        | Scalar::File
        | Scalar::Header
        | Scalar::Host
        | Scalar::HostPort
        | Scalar::Ip
        | Scalar::LdapFilter
        | Scalar::Method
        | Scalar::Name
        | Scalar::Network
        | Scalar::Pem
        | Scalar::Range
        | Scalar::Regex
        | Scalar::Time => json!({"type": ["string", "number", "boolean", "null"]}),
    }
}

/// One of these; `fold`: also in upper and lower case. Words that look like numbers or bools count
/// in both forms.
fn words(words: &[&str], fold: bool) -> Value {
    let mut all = Vec::new();
    for word in words {
        all.push(json!(word));
        if fold {
            let (lower, upper) = (word.to_ascii_lowercase(), word.to_ascii_uppercase());
            let first = upper.get(..1).unwrap_or("");
            let capital = format!("{first}{}", lower.get(1..).unwrap_or(""));
            for form in [lower, upper, capital] {
                if form != **word {
                    all.push(json!(form));
                }
            }
        }
        let other = serde_json::from_str::<Value>(word).ok();
        all.extend(other.filter(|value| value.is_number() || value.is_boolean()));
    }
    let mut unique: Vec<Value> = Vec::new();
    for word in all {
        if !unique.contains(&word) {
            unique.push(word);
        }
    }
    json!({"enum": unique})
}
