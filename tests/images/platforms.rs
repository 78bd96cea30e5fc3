//! Images for several processors. The gateways for Arm are run by QEMU.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use goma_tests::build::goma_command;
use goma_tests::{Backend, Client, Gateway};
use serde_json::Value;

use super::distribution::Registry;
use super::{blob, digest, expect, json, revision, scratch};

/// Without a host name to look up, so that less is compiled twice.
const SPEC: &str = "\
version: 2
gateway:
  entryPoints:
    web: { address: \"${LISTEN:-:8080}\" }
  routes:
    - { name: site, path: /, target: \"BACKEND\" }
";

/// Platforms, with what OCI calls their processors.
const PLATFORMS: [(&str, &str, Option<&str>); 3] = [
    ("linux/amd64", "amd64", None),
    ("linux/arm64", "arm64", None),
    ("linux/arm/v7", "arm", Some("v7")),
];

#[test]
fn one_index_for_three_processors() {
    let backend = Backend::ok();
    let dir = scratch("platforms", &SPEC.replace("BACKEND", &backend.url()));
    let platforms = PLATFORMS.map(|(platform, ..)| platform).join(",");
    let built = goma_command()
        .args([
            "build",
            "--fast",
            "--image",
            "image",
            "--platform",
            &platforms,
        ])
        .current_dir(&dir)
        .output()
        .unwrap();
    let digest = digest(&expect(&built));
    let image = dir.join("image");
    let index = json(&blob(&image, &Value::from(digest.clone())));
    let manifests = index["manifests"].as_array().unwrap();
    for (item, (_, architecture, variant)) in manifests.iter().zip(PLATFORMS) {
        let platform = &item["platform"];
        assert_eq!(platform["architecture"], architecture);
        assert_eq!(platform["variant"].as_str(), variant);
    }
    assert_eq!(manifests.len(), PLATFORMS.len());
    let layers: Vec<Value> = manifests
        .iter()
        .map(|item| json(&blob(&image, &item["digest"]))["layers"].clone())
        .collect();
    for others in &layers[1..] {
        let same = |at: usize| layers[0][at] == others[at];
        assert_eq!([same(0), same(1), same(2)], [true, true, false]);
    }

    fs::rename(
        dir.join("dist/linux-amd64/build.json"),
        dir.join("dist/build.json"),
    )
    .unwrap();
    let name = format!("oci:image:{}", revision(&dir));
    for (_, architecture, variant) in PLATFORMS {
        let seen = skopeo(architecture, variant)
            .args(["inspect", &name])
            .current_dir(&dir)
            .output();
        let seen: Value = serde_json::from_str(&expect(&seen.unwrap())).unwrap();
        assert_eq!(seen["Architecture"], architecture);
        assert_eq!(seen["Digest"], digest, "{seen}");
    }

    from_a_registry(&dir);
    answers(&dir.join("dist/linux-arm64/gateway"), "qemu-aarch64-static");
    answers(&dir.join("dist/linux-arm-v7/gateway"), "qemu-arm-static");
}

/// The gateway serves on the processor that this program is like.
fn answers(gateway: &Path, emulator: &str) {
    let script = gateway.with_extension("emulated");
    let new = gateway.with_extension("new");
    let text = format!("#!/bin/sh\nexec {emulator} {}\n", gateway.display());
    // Beside it first: a file that is open for writing cannot be run.
    fs::write(&new, text).unwrap();
    fs::set_permissions(&new, PermissionsExt::from_mode(0o755)).unwrap();
    fs::rename(&new, &script).unwrap();
    let gateway = Gateway::start_binary(&script, &[("PATH", "/usr/bin:/bin")]);
    let request = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
    let response = Client::connect(gateway.port()).send(request).response();
    assert_eq!(response.text(), "ok");
}

/// On a machine with this processor.
fn skopeo(architecture: &str, variant: Option<&str>) -> Command {
    let mut command = Command::new("skopeo");
    command.args(["--override-os=linux", "--override-arch", architecture]);
    command.args(variant.map(|variant| format!("--override-variant={variant}")));
    command
}

/// What each platform gets of an index that was pushed.
fn from_a_registry(dir: &Path) {
    let registry = Registry::start(dir, "");
    let shop = registry.named("shop:1");
    let deploy = ["deploy", "--to", &format!("oci://{shop}"), "image"];
    let deployed = goma_command().args(deploy).current_dir(dir).output();
    expect(&deployed.unwrap());
    for (_, architecture, variant) in PLATFORMS {
        let to = format!("oci:{architecture}:1");
        let copied = skopeo(architecture, variant)
            .args(["copy", "--src-tls-verify=false"])
            .args([&format!("docker://{shop}"), &to])
            .current_dir(dir)
            .output();
        expect(&copied.unwrap());
        let layout = dir.join(architecture);
        let index = json(&layout.join("index.json"));
        let manifest = json(&blob(&layout, &index["manifests"][0]["digest"]));
        let config = json(&blob(&layout, &manifest["config"]["digest"]));
        assert_eq!(config["architecture"], architecture);
        assert_eq!(config["variant"].as_str(), variant);
    }
    // Who pulls for one platform looks for a signature of that.
    let key = "openssl ecparam -genkey -name prime256v1 -noout -out key.pem";
    let key = Command::new("sh")
        .args(["-c", key])
        .current_dir(dir)
        .output();
    expect(&key.unwrap());
    let sign = ["sign", &format!("oci://{shop}"), "--key", "key.pem"];
    let signed = goma_command().args(sign).current_dir(dir).output();
    assert!(expect(&signed.unwrap()).contains("sent      4 signatures"));
    let check = ["check", "-c", &format!("oci://{shop}")];
    let checked = goma_command().args(check).current_dir(dir).output();
    expect(&checked.unwrap());
    let verify = ["verify", "image"];
    let verified = goma_command().args(verify).current_dir(dir).output();
    expect(&verified.unwrap());
}

/// The error names the command that installs what is missing.
#[test]
fn what_is_missing_for_a_platform() {
    let dir = scratch("missing", &SPEC.replace("BACKEND", "http://127.0.0.1:1"));
    let rust = Command::new("rustc").args(["--print", "sysroot"]).output();
    let rust = expect(&rust.unwrap());
    for platform in ["linux/arm64", "linux/arm/v7"] {
        let built = goma_command()
            .args(["build", "--fast", "--platform", platform])
            .env("PATH", format!("{}/bin", rust.trim()))
            .current_dir(&dir)
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&built.stderr);
        assert_eq!(built.status.code(), Some(1), "{errors}");
        assert!(errors.contains(platform), "{errors}");
        assert!(errors.contains("help: install it: `"), "{errors}");
        assert!(errors.contains("apt-get install "), "{errors}");
    }
    for (platform, why) in [
        ("linux/mips", "expected one of"),
        ("linux/arm64,linux/arm64", "twice"),
    ] {
        let built = goma_command()
            .args(["build", "--platform", platform])
            .current_dir(&dir)
            .output()
            .unwrap();
        assert_eq!(built.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&built.stderr).contains(why));
    }
}
