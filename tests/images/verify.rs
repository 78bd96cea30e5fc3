//! `goma verify`: gateways and images against the configuration that they should be from.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use goma_tests::build::goma_command;
use serde_json::Value;

use super::{SPEC, blob, build, expect, json, replace_manifest, scratch};

fn verify(dir: &Path, args: &[&str]) -> Output {
    let mut command = goma_command();
    command.arg("verify").args(args).current_dir(dir);
    command.env("PASSWORD", "hunter2").output().unwrap()
}

/// What differs.
fn differs(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{text}{errors}");
    text + &errors
}

/// RT-CLI-12: the record in a gateway is that beside it, but for what only the whole file has.
#[test]
fn a_gateway_says_what_it_is() {
    let dir = scratch("record", SPEC);
    build(&dir, "image");
    let mut beside = json(&dir.join("dist/build.json"));
    for key in ["sha256", "size", "image"] {
        beside.as_object_mut().unwrap().remove(key).unwrap();
    }
    for artifact in ["dist/gateway", "image"] {
        let shown: Value =
            serde_json::from_str(&expect(&verify(&dir, &[artifact, "--show"]))).unwrap();
        assert_eq!(shown, beside, "{artifact}");
    }
    // It runs as before, and without the record there is nothing to verify.
    expect(
        &Command::new(dir.join("dist/gateway"))
            .arg("--version")
            .output()
            .unwrap(),
    );
    let strip = ["--strip-all", "-o", "stripped", "dist/gateway"];
    expect(
        &Command::new("strip")
            .args(strip)
            .current_dir(&dir)
            .output()
            .unwrap(),
    );
    let text = differs(&verify(&dir, &["stripped"]));
    assert!(text.contains("no record of its build"), "{text}");
    let text = differs(&verify(&dir, &["absent"]));
    assert!(text.contains("cannot read absent"), "{text}");
}

/// RT-CLI: what differs is named; `--rebuild` compares every byte.
#[test]
fn what_was_built_from_something_else() {
    let dir = scratch("verify", SPEC);
    build(&dir, "image");
    for artifact in ["dist/gateway", "image"] {
        let text = expect(&verify(&dir, &[artifact]));
        assert!(text.contains("verified"), "{text}");
        expect(&verify(&dir, &[artifact, "--rebuild"]));
    }
    fs::write(
        dir.join("goma.yml"),
        SPEC.replace("[/private]", "[/secret]"),
    )
    .unwrap();
    let text = differs(&verify(&dir, &["image"]));
    assert!(
        text.starts_with("differs   input goma.yml: built from "),
        "{text}"
    );
    assert_eq!(text.lines().count(), 1, "{text}");
    fs::write(dir.join("goma.yml"), SPEC).unwrap();

    // A byte that the record does not know of.
    let gateway = fs::read(dir.join("dist/gateway")).unwrap();
    let mut changed = gateway.clone();
    let name = b"X-Forwarded-For";
    let find = |bytes: &[u8]| {
        bytes
            .windows(name.len())
            .position(|part| part.eq_ignore_ascii_case(name))
    };
    let at = find(&changed).unwrap();
    changed[at] ^= 1;
    fs::write(dir.join("changed"), changed).unwrap();
    expect(&verify(&dir, &["changed"]));
    let text = differs(&verify(&dir, &["changed", "--rebuild"]));
    assert!(text.starts_with("differs   gateway: "), "{text}");
}

/// RT-CLI: a gateway beside another specification than its own is neither verified nor deployed.
#[test]
fn an_image_with_another_specification() {
    let dir = scratch("swapped", SPEC);
    build(&dir, "other");
    fs::write(dir.join("goma.yml"), SPEC.replace("[guard]", "[]")).unwrap();
    let digest = build(&dir, "image");
    let specification =
        |image: &str, digest: &Value| json(&blob(&dir.join(image), digest))["layers"][1].clone();
    let others = json(&dir.join("other/index.json"))["manifests"][0]["digest"].clone();
    let layer = specification("other", &others);
    fs::copy(
        blob(&dir.join("other"), &layer["digest"]),
        blob(&dir.join("image"), &layer["digest"]),
    )
    .unwrap();
    replace_manifest(&dir.join("image"), &digest, |manifest| {
        manifest["layers"][1] = layer;
    });

    let text = differs(&verify(&dir, &["image"]));
    assert!(
        text.contains("differs   specification: that in the image"),
        "{text}"
    );
    let to = ["deploy", "--to", "oci://localhost:1/shop", "image"];
    let deployed = goma_command().args(to).current_dir(&dir).output().unwrap();
    let text = differs(&deployed);
    assert!(
        text.contains("error: specification: that in the image"),
        "{text}"
    );
}
