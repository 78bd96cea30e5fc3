//! Signatures of images: made by goma and verified by openssl, made by openssl and verified by goma. Not by skopeo:
//! Debian's has signatures of sigstore switched off.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::distribution::Registry;
use super::registry::{changes, deploy, fails, goma, run};
use super::{SPEC, build, digest, expect, replace_manifest, revision, scratch, sha256};

/// Two keys.
const KEYS: &str = "set -e
for name in own other; do
    openssl ecparam -genkey -name prime256v1 -noout -out $name.pem
    openssl pkey -in $name.pem -pubout -out $name.pub
done
";

fn sh(dir: &Path, script: &str) -> String {
    let shell = Command::new("sh")
        .args(["-c", script])
        .current_dir(dir)
        .output();
    expect(&shell.unwrap())
}

/// `sha256-….sig`
fn tag(digest: &str) -> String {
    format!("{}.sig", digest.replace(':', "-"))
}

/// The signatures of an image, as the registry has them.
fn stored(dir: &Path, registry: &Registry, name: &str, digest: &str) -> Value {
    let image = format!("docker://{}:{}", registry.named(name), tag(digest));
    let raw = ["inspect", "--raw", "--tls-verify=false", &image];
    let raw = Command::new("skopeo").args(raw).current_dir(dir).output();
    serde_json::from_str(&expect(&raw.unwrap())).unwrap()
}

/// What openssl verifies with a key: each document that the key has signed.
fn verified(dir: &Path, layers: &[Value], registry: &Registry, key: &str) -> Vec<Value> {
    let is_signed = |layer: &&Value| {
        let payload = registry.stored(layer["digest"].as_str().unwrap());
        fs::copy(payload, dir.join("payload")).unwrap();
        let signature = &layer["annotations"]["dev.cosignproject.cosign/signature"];
        fs::write(dir.join("signature"), signature.as_str().unwrap()).unwrap();
        let decode = sh(dir, "base64 -d signature > raw");
        assert_eq!(decode, "");
        let verify = format!("openssl dgst -sha256 -verify {key} -signature raw payload || true");
        sh(dir, &verify) == "Verified OK\n"
    };
    let payload = |layer: &Value| {
        assert_eq!(
            layer["mediaType"],
            "application/vnd.dev.cosign.simplesigning.v1+json"
        );
        let payload = registry.stored(layer["digest"].as_str().unwrap());
        serde_json::from_slice(&fs::read(payload).unwrap()).unwrap()
    };
    layers.iter().filter(is_signed).map(payload).collect()
}

/// Signed when it is pushed; openssl verifies it, and it goes along to another repository.
#[test]
fn who_has_the_key_has_signed() {
    let dir = scratch("signed", SPEC);
    sh(&dir, KEYS);
    let registry = Registry::start(&dir, "");
    let shop = registry.named("shop");
    let mut push = vec!["build", "--fast", "--image", "image"];
    push.extend(["--push", &shop, "--sign-key", "own.pem"]);
    let text = expect(&run(&dir, &push));
    let digest = digest(&text);
    let signed = format!("signed    oci://{shop}@{digest}\nsent      1 signatures\n");
    assert!(text.ends_with(&signed), "{text}");
    let named = format!("{shop}:{}", revision(&dir));

    // The document that cosign signs, once.
    let expected = json!({"critical": {
        "identity": {"docker-reference": shop},
        "image": {"docker-manifest-digest": digest},
        "type": "cosign container image signature",
    }, "optional": null});
    let by = |name: &str, key: &str| {
        let list = stored(&dir, &registry, name, &digest);
        verified(&dir, list["layers"].as_array().unwrap(), &registry, key)
    };
    let expected = std::slice::from_ref(&expected);
    assert_eq!(by("shop", "own.pub"), expected);
    assert_eq!(by("shop", "other.pub"), [Value::Null; 0]);

    // Once by each key.
    let first = registry.requests().len();
    assert!(expect(&run(&dir, &push)).contains("sent      0 signatures"));
    assert_eq!(changes(&registry.requests()[first..]), [""; 0]);
    let oci = format!("oci://{named}");
    let sign = ["sign", &oci, "--key", "other.pem"];
    assert!(expect(&run(&dir, &sign)).contains("sent      1 signatures"));

    let production = registry.named("production/shop:v1");
    let to = format!("oci://{production}");
    let text = expect(&run(&dir, &["deploy", "--to", &to, &oci]));
    assert!(text.contains("sent      0 blobs, 6 manifests"), "{text}");
    let again = expect(&run(&dir, &["deploy", "--to", &to, &oci]));
    assert!(again.contains("sent      0 blobs, 0 manifests"), "{again}");
    for key in ["own.pub", "other.pub"] {
        for name in ["shop", "production/shop"] {
            assert_eq!(by(name, key), expected, "{name}, {key}");
        }
        let text = expect(&run(&dir, &["verify", &to, "--key", key]));
        assert!(text.contains(&format!("signed    as {shop}\n")), "{text}");
    }
}

/// What is not signed by the key is not read; what openssl has signed is.
#[test]
fn only_what_the_key_has_signed_is_verified() {
    let dir = scratch("unsigned", SPEC);
    sh(&dir, KEYS);
    let registry = Registry::start(&dir, "");
    let digest = build(&dir, "image");
    let image = format!("oci://{}", registry.named("shop:1"));
    expect(&deploy(&dir, &registry.named("shop:1")).output().unwrap());
    let verify = |key: &str| run(&dir, &["verify", &image, "--show", "--key", key]);
    assert!(fails(&verify("own.pub")).contains(&format!("{digest} is not signed")));
    let sign = |key: &str| run(&dir, &["sign", &image, "--key", key]);
    expect(&sign("other.pem"));
    assert!(fails(&verify("own.pub")).contains("none of the 1 signatures of"));
    assert!(expect(&verify("other.pub")).contains("\"revision\""));

    // In place of ours: signatures of openssl, of this image and of another one.
    let list = stored(&dir, &registry, "shop", &digest);
    let payload = list["layers"][0]["digest"].as_str().unwrap().to_owned();
    let put = |payload: &str, signature: &str| {
        let mut list = list.clone();
        let layer = &mut list["layers"][0];
        layer["annotations"]["dev.cosignproject.cosign/signature"] = signature.into();
        layer["digest"] = format!("sha256:{}", sha256(&dir.join(payload))).into();
        layer["size"] = fs::metadata(dir.join(payload)).unwrap().len().into();
        fs::write(dir.join("list"), list.to_string()).unwrap();
        let url = format!("http://{}", registry.named("").trim_end_matches('/'));
        let place = format!("{url}/v2/shop/manifests/{}", tag(&digest));
        sh(&dir, &format!(
            "set -e; d=$(sha256sum < {payload} | cut -c-64)
            to=$(curl -sf -X POST -D - {url}/v2/shop/blobs/uploads/ | tr -d '\\r' | sed -n 's/^Location: //p')
            curl -sf -X PUT --data-binary @{payload} -H 'Content-Type: application/octet-stream' \"$to&digest=sha256:$d\"
            curl -sf -X PUT --data-binary @list -H 'Content-Type: application/vnd.oci.image.manifest.v1+json' {place}"
        ));
    };
    fs::copy(registry.stored(&payload), dir.join("payload")).unwrap();
    let text = fs::read_to_string(dir.join("payload")).unwrap();
    fs::write(
        dir.join("of-another"),
        text.replace(&digest, &format!("sha256:{}", "0".repeat(64))),
    )
    .unwrap();
    fs::write(
        dir.join("another-type"),
        text.replace("cosign container", "another"),
    )
    .unwrap();
    let signature = |payload: &str| {
        let sign = format!("openssl dgst -sha256 -sign own.pem {payload} | base64 -w0");
        sh(&dir, &sign)
    };
    put("payload", &signature("payload"));
    expect(&verify("own.pub"));
    let [of_another, another_type] = ["of-another", "another-type"].map(signature);
    for (payload, signature) in [
        ("of-another", of_another.as_str()),
        ("another-type", another_type.as_str()),
        ("payload", of_another.as_str()),
        ("payload", "%"),
        ("payload", ""),
    ] {
        put(payload, signature);
        let text = fails(&verify("own.pub"));
        assert!(
            text.contains("none of the 1 signatures of"),
            "{payload}: {text}"
        );
    }

    no_other_places_and_keys(&dir, &image);

    // A tag that is another image's meanwhile: what is verified is what was signed.
    replace_manifest(&dir.join("image"), &digest, |manifest| {
        manifest["annotations"]["x"] = "y".into();
    });
    expect(&deploy(&dir, &registry.named("shop:1")).output().unwrap());
    assert!(fails(&verify("own.pub")).contains("is not signed"));
}

/// Neither what is in no registry, nor with what is no key.
fn no_other_places_and_keys(dir: &Path, image: &str) {
    assert!(fails(&run(dir, &["verify", "image", "--key", "own.pub"])).contains("is not signed"));
    let text = fails(&run(dir, &["verify", image, "--key", "own.pem"]));
    assert!(text.contains("has no `PUBLIC KEY` in PEM"), "{text}");
    assert!(
        fails(&run(dir, &["sign", image, "--key", "own.pub"]))
            .contains("has no private key in PEM")
    );
    let binary = run(dir, &["verify", "dist/gateway", "--key", "own.pub"]);
    assert_eq!(binary.status.code(), Some(2));
    let build = [
        "build",
        "--fast",
        "--image",
        "image",
        "--sign-key",
        "own.pem",
    ];
    assert_eq!(goma(dir, &build).output().unwrap().status.code(), Some(2));
}
