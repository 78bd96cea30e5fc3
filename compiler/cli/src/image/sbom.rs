//! The bill of materials: which crates a gateway links, as CycloneDX. Without serial number and time, so
//! that it is the same for the same gateway.

use serde_json::{Map, Value, json};

use super::Labels;
use crate::build::Linked;
use crate::build::record::Crate;

/// Its media type.
pub(super) const MEDIA_TYPE: &str = "application/vnd.cyclonedx+json";

/// The bill of a gateway; `toolchain` is the line of `rustc -V`.
pub(crate) fn sbom(labels: Labels<'_>, toolchain: &str, linked: &Linked) -> Value {
    let (own, others): (Vec<&Crate>, Vec<&Crate>) =
        linked.crates.keys().partition(|item| is_own(item, labels));
    let components: Vec<Value> = others.into_iter().map(component).collect();
    let dependencies = linked.crates.iter().map(|(item, calls)| {
        let calls: Vec<String> = calls.iter().map(purl).collect();
        json!({"ref": reference(item, &own), "dependsOn": calls})
    });
    let rust = toolchain.split(' ').nth(1).unwrap_or("unknown");
    json!({
        "$schema": "http://cyclonedx.org/schema/bom-1.5.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": GATEWAY,
                "name": labels.name,
                "version": labels.revision,
            },
            "tools": {"components": [
                {"type": "application", "name": "goma", "version": goma_compiler::VERSION},
                {"type": "application", "name": "rustc", "version": rust},
            ]},
        },
        "components": components,
        "dependencies": dependencies.collect::<Vec<Value>>(),
    })
}

/// How the bill refers to the gateway itself.
const GATEWAY: &str = "gateway";

/// Version of every generated package: there is no other of its name.
fn is_own(item: &Crate, labels: Labels<'_>) -> bool {
    item.name == labels.name && item.version == "0.0.0" && item.sha256.is_none()
}

fn reference(item: &Crate, own: &[&Crate]) -> String {
    if own.contains(&item) {
        GATEWAY.to_owned()
    } else {
        purl(item)
    }
}

fn component(item: &Crate) -> Value {
    let mut component = Map::new();
    let mut add = |key: &str, value: Value| component.insert(key.to_owned(), value);
    add("type", "library".into());
    add("bom-ref", purl(item).into());
    add("name", item.name.as_str().into());
    add("version", item.version.as_str().into());
    add("scope", "required".into());
    add("purl", purl(item).into());
    if let Some(license) = &item.license {
        // Cargo's old way to say OR.
        let expression = license.replace('/', " OR ");
        let expression = expression.split_whitespace().collect::<Vec<_>>().join(" ");
        add("licenses", json!([{"expression": expression}]));
    }
    if let Some(sha256) = &item.sha256 {
        add("hashes", json!([{"alg": "SHA-256", "content": sha256}]));
    }
    Value::Object(component)
}

/// The package URL of a crate.
pub(super) fn purl(item: &Crate) -> String {
    // A plus is no letter of a version there.
    let version = item.version.replace('+', "%2B");
    format!("pkg:cargo/{}@{version}", item.name)
}
