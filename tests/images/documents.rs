//! What an image says of itself: its specification, its bill of materials and where it comes from.

use std::fs;
use std::process::Command;

use goma_tests::build::{goma_command, repository, target};
use serde_json::Value;

use super::{SPEC, build, expect, scratch};

/// Commands that compile nothing read what an image was built from, at the places of its files.
#[test]
fn an_image_explains_itself() {
    let dir = scratch("explain", SPEC);
    build(&dir, "image");
    build(&dir, "image.tar");
    let changed = SPEC.replace("paths: [/private]", "paths: [/secret]");
    fs::write(dir.join("changed.yml"), changed).unwrap();
    let diff = |new: &str| {
        let args = ["diff", "image", new];
        goma_command()
            .args(args)
            .current_dir(&dir)
            .output()
            .unwrap()
    };
    expect(&diff("goma.yml"));
    assert_eq!(diff("changed.yml").status.code(), Some(1));
    fs::remove_file(dir.join("goma.yml")).unwrap();
    let goma = |args: &[&str]| {
        goma_command()
            .args(args)
            .current_dir(&dir)
            .output()
            .unwrap()
    };
    for image in ["image", "image.tar"] {
        let text = expect(&goma(&["explain", "GET", "http://h/private", "-c", image]));
        assert!(text.contains("goma.yml:8 "), "{text}");
        assert!(text.contains("guard"), "{text}");
    }
    let refused = goma(&["build", "-c", "image"]);
    assert_eq!(refused.status.code(), Some(2));
    for entry in fs::read_dir(dir.join("image/blobs/sha256")).unwrap() {
        let path = entry.unwrap().path();
        let mut bytes = fs::read(&path).unwrap();
        bytes.push(b' ');
        fs::write(path, bytes).unwrap();
    }
    let text = goma(&["check", "-c", "image"]);
    assert!(String::from_utf8_lossy(&text.stdout).contains("another hash"));
}

/// The bill of materials has exactly what is linked, and provenance names specification and lock.
#[test]
fn documents_about_an_image() {
    let dir = scratch("documents", SPEC);
    let digest = build(&dir, "image");
    let read = Command::new(target().join("testbed/python/bin/python"))
        .arg(repository().join("tests/image_documents.py"))
        .arg(dir.join("image"))
        .output();
    let found: Value = serde_json::from_str(&expect(&read.unwrap())).unwrap();
    let about = &found[&digest];
    let (bill, provenance) = (&about["bill"], &about["provenance"]);
    assert_eq!(
        format!("sha256:{}", provenance["subject"].as_str().unwrap()),
        digest
    );
    let hash = |path: &str| {
        let sum = Command::new("sha256sum").arg(dir.join(path)).output();
        expect(&sum.unwrap())[..64].to_owned()
    };
    for name in ["goma.yml", "goma.lock"] {
        assert_eq!(provenance["named"][name], hash(name), "{name}");
    }
    let runtime = "pkg:cargo/goma-runtime@0.1.0";
    assert_eq!(bill["roots"][0]["dependsOn"], serde_json::json!([runtime]));
    let has = |list: &Value, start: &str| {
        let mut items = list.as_array().unwrap().iter();
        items.any(|item| item.as_str().unwrap().starts_with(start))
    };
    for (name, linked) in [
        ("tokio", true),
        ("sha2", true),
        ("tokio-macros", false),
        ("hickory-resolver", true),
        ("goma-openpgp", false),
    ] {
        let name = format!("pkg:cargo/{name}@");
        assert_eq!(has(&bill["components"], &name), linked, "{name}");
    }
    assert!(has(&provenance["crates"], "pkg:cargo/tokio-macros@"));

    // The same without compiling.
    let printed = goma_command()
        .arg("sbom")
        .current_dir(&dir)
        .output()
        .unwrap();
    let printed: Value = serde_json::from_str(&expect(&printed)).unwrap();
    let purls = printed["components"].as_array().unwrap().iter();
    let mut purls: Vec<Value> = purls.map(|item| item["purl"].clone()).collect();
    purls.sort_by_key(Value::to_string);
    assert_eq!(Value::from(purls), bill["components"]);
}
