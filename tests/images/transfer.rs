//! How bytes get to a registry and from there: in pieces that are not sent twice, over TLS that is verified.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering};

use goma_tests::backend::Recorded;
use serde_json::json;

use super::distribution::{Fate, Registry};
use super::registry::{deploy, fails, goma};
use super::{SPEC, blob, build, expect, replace_manifest, scratch, sha256};

/// More than two pieces of an upload.
const LARGE: usize = 20 << 20;

/// Adds a layer to the image; its digest. Bytes that differ everywhere.
fn add_large_layer(image: &Path, digest: &str) -> String {
    let mut state = 1_u64;
    let words = std::iter::repeat_with(|| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        state.to_be_bytes()
    });
    let bytes: Vec<u8> = words.flatten().take(LARGE).collect();
    let file = image.with_extension("large");
    fs::write(&file, bytes).unwrap();
    let layer = format!("sha256:{}", sha256(&file));
    fs::rename(&file, blob(image, &layer.clone().into())).unwrap();
    replace_manifest(image, digest, |manifest| {
        manifest["layers"].as_array_mut().unwrap().push(json!({
            "mediaType": "application/vnd.oci.image.layer.v1.tar",
            "digest": layer,
            "size": LARGE,
        }));
    });
    layer
}

/// DESIGN decision 9: a large layer goes in pieces. After a break the registry is asked how far it has come: this one
/// drops an upload whose last answer was lost, so that it begins anew, and ends whole.
#[test]
fn an_upload_goes_on_after_a_break() {
    let dir = scratch("pieces", SPEC);
    let digest = build(&dir, "image");
    let layer = add_large_layer(&dir.join("image"), &digest);
    let registry = Registry::start(&dir, "");
    let broken = AtomicBool::new(false);
    let relay = registry.relay_with(move |head| {
        let second = head.starts_with("PATCH ") && range(head) == "8388608-16777215";
        match second && !broken.swap(true, Ordering::Relaxed) {
            true => Fate::Lost,
            false => Fate::Pass,
        }
    });
    let to = relay.url().replace("http://", "") + "/shop:1";
    expect(&deploy(&dir, &to).output().unwrap());
    let requests = relay.requests();
    let pieces = requests
        .iter()
        .filter(|sent| sent.head.starts_with("PATCH "));
    let pieces: Vec<String> = pieces.map(|piece| range(&piece.head)).collect();
    assert_eq!(
        pieces,
        [
            "0-8388607",
            "8388608-16777215",
            "0-8388607",
            "8388608-16777215",
            "16777216-20971519"
        ]
    );
    let asked = |sent: &&Recorded| sent.head.starts_with("GET /v2/shop/blobs/uploads/");
    assert_eq!(requests.iter().filter(asked).count(), 1);
    let pulled = dir.join("pulled");
    let url = format!("http://{}/blobs/{layer}", registry.named("v2/shop"));
    let pull = Command::new("curl")
        .args(["-sSf", "--noproxy", "*", "-o"])
        .args([pulled.display().to_string(), url])
        .output();
    expect(&pull.unwrap());
    assert_eq!(format!("sha256:{}", sha256(&pulled)), layer);
}

/// Which bytes a piece says it has.
fn range(head: &str) -> String {
    let ranges = goma_tests::client::fields(head, "content-range");
    ranges.first().cloned().unwrap_or_default()
}

/// What the registry will not have is not sent again.
#[test]
fn an_upload_that_is_refused() {
    let dir = scratch("no-pieces", SPEC);
    let digest = build(&dir, "image");
    add_large_layer(&dir.join("image"), &digest);
    let registry = Registry::start(&dir, "");
    let relay = registry.relay_with(|head| match head.starts_with("PATCH") {
        true => Fate::Own("HTTP/1.1 413 Too large\r\nContent-Length: 0\r\n\r\n".to_owned()),
        false => Fate::Pass,
    });
    let to = relay.url().replace("http://", "") + "/shop:1";
    let text = fails(&deploy(&dir, &to).output().unwrap());
    assert!(
        text.contains("cannot upload sha256:") && text.contains("answers 413"),
        "{text}"
    );
    let requests = relay.requests();
    let pieces = requests
        .iter()
        .filter(|sent| sent.head.starts_with("PATCH "));
    assert_eq!(pieces.count(), 1);
}

/// DESIGN decision 9: a registry of its own authority, behind a proxy.
#[test]
fn a_registry_with_tls() {
    let dir = scratch("tls", SPEC);
    let registry = Registry::start_with_tls(&dir);
    let proxy = format!("http://127.0.0.1:{}", registry.proxy());
    build(&dir, "image");
    let trusting = |args: &[&str], authority: Option<&str>| -> Output {
        let mut command = goma(&dir, args);
        command
            .env("HTTPS_PROXY", &proxy)
            .env_remove("NO_PROXY")
            .env_remove("no_proxy");
        command.envs(authority.map(|file| ("SSL_CERT_FILE", dir.join(file))));
        command.output().unwrap()
    };
    let push = ["deploy", "--to", "oci://registry.test/shop:1", "image"];
    let text = fails(&trusting(&push, None));
    assert!(text.contains("UnknownIssuer"), "{text}");
    assert!(text.contains("SSL_CERT_FILE"), "{text}");
    let own = Some("authority.pem");
    let text = expect(&trusting(&push, own));
    assert!(text.contains("sent      7 blobs"), "{text}");
    expect(&trusting(
        &["check", "-c", "oci://registry.test/shop:1"],
        own,
    ));
    let text = fails(&trusting(&["check", "-c", "oci://other.test/shop:1"], own));
    assert!(text.contains("not valid for name"), "{text}");
    let plain = ["check", "--plain-http", "-c", "oci://registry.test/shop:1"];
    fails(&trusting(&plain, own));
}
