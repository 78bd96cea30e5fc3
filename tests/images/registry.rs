//! Images in registries, pushed and read by goma: against the real one, and for what that cannot do
//! through a relay that answers in its place.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use goma_tests::Backend;
use goma_tests::build::goma_command;
use serde_json::Value;

use super::distribution::Registry;
use super::{SPEC, blob, build, digest, expect, home, json, revision, scratch};

/// `goma` without the credentials of whoever runs the test.
pub(super) fn goma(dir: &Path, args: &[&str]) -> Command {
    let mut command = goma_command();
    command
        .args(args)
        .current_dir(dir)
        .env("HOME", dir)
        .env("CARGO_HOME", home("CARGO_HOME", ".cargo"))
        .env("RUSTUP_HOME", home("RUSTUP_HOME", ".rustup"))
        .env("PASSWORD", "hunter2")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("REGISTRY_AUTH_FILE")
        .env_remove("DOCKER_CONFIG");
    command
}

/// Likewise, to its end.
pub(super) fn run(dir: &Path, args: &[&str]) -> Output {
    goma(dir, args).output().unwrap()
}

/// What it says when it fails.
pub(super) fn fails(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{text}{errors}");
    for secret in ["secret", "c2VjcmV0", "hunter"] {
        assert!(!errors.contains(secret), "{errors}");
    }
    text + &errors
}

/// Pushes the image that was built there.
pub(super) fn deploy(dir: &Path, to: &str) -> Command {
    goma(dir, &["deploy", "--to", &format!("oci://{to}"), "image"])
}

/// Requests that change something.
pub(super) fn changes(requests: &[String]) -> Vec<&String> {
    let changes = requests.iter();
    changes
        .filter(|request| !request.starts_with("GET ") && !request.starts_with("HEAD "))
        .collect()
}

/// DESIGN decision 9: pushed once, whole, with its documents; then nothing is sent again.
#[test]
fn an_image_is_pushed_once() {
    let dir = scratch("pushed", SPEC);
    let registry = Registry::start(&dir, "");
    let shop = registry.named("shop");
    let push = || {
        let args = ["build", "--fast", "--image", "image", "--push", &shop];
        expect(&run(&dir, &args))
    };
    let text = push();
    let digest = digest(&text);
    assert!(
        text.contains(&format!("as        oci://{shop}@{digest}\n")),
        "{text}"
    );
    let first = registry.requests().len();
    assert!(push().contains("sent      0 blobs, 0 manifests"));
    assert_eq!(changes(&registry.requests()[first..]), [""; 0]);

    // Its name is its revision; others read it, and find what refers to it.
    let named = format!("{shop}:{}", revision(&dir));
    let skopeo = |args: &[&str]| {
        let tools = Command::new("skopeo").args(args).current_dir(&dir).output();
        expect(&tools.unwrap())
    };
    let docker = format!("docker://{named}");
    let seen: Value =
        serde_json::from_str(&skopeo(&["inspect", "--tls-verify=false", &docker])).unwrap();
    assert_eq!(seen["Digest"], *digest);
    let list = format!("docker://{shop}:{}", digest.replace(':', "-"));
    let list = skopeo(&["inspect", "--raw", "--tls-verify=false", &list]);
    let list: Value = serde_json::from_str(&list).unwrap();
    let kinds = list["manifests"].as_array().unwrap().iter();
    let kinds: Vec<_> = kinds
        .map(|item| item["artifactType"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        [
            "application/vnd.cyclonedx+json",
            "application/vnd.in-toto+json"
        ]
    );

    // Promoted: the registry copies, nothing is sent.
    let production = registry.named("production/shop:v1");
    let from = format!("oci://{named}");
    let to = format!("oci://{production}");
    let text = expect(&run(&dir, &["deploy", "--to", &to, &from]));
    assert!(text.contains("sent      0 blobs"), "{text}");
    assert!(text.contains("7 blobs taken from another"), "{text}");
    let seen = skopeo(&[
        "inspect",
        "--tls-verify=false",
        &format!("docker://{production}"),
    ]);
    assert!(seen.contains(&digest), "{seen}");
    assert_eq!(
        run(&dir, &["diff", &from, &format!("oci://{shop}@{digest}")])
            .status
            .code(),
        Some(0)
    );
}

/// Only what is asked for is fetched, and held against its digest.
#[test]
fn commands_read_an_image_in_a_registry() {
    let dir = scratch("pulled", SPEC);
    let registry = Registry::start(&dir, "");
    let digest = build(&dir, "image");
    let name = registry.named("shop:1");
    expect(&deploy(&dir, &name).output().unwrap());
    let image = format!("oci://{name}");
    let manifest = json(&blob(&dir.join("image"), &digest.as_str().into()));
    let layer = |at: usize| {
        manifest["layers"][at]["digest"]
            .as_str()
            .unwrap()
            .to_owned()
    };

    let before = registry.requests().len();
    let explained = ["explain", "GET", "http://h/private", "-c", &image];
    let text = expect(&run(&dir, &explained));
    assert!(text.contains(&format!("{image}:goma.yml:8 ")), "{text}");
    expect(&run(&dir, &["check", "-c", &image]));
    expect(&run(&dir, &["diff", &image, "goma.yml"]));
    fs::write(
        dir.join("some.test.yaml"),
        "tests:\n  - name: t\n    request: { method: GET, url: \"http://h/x\" }\n    expect: { route: site }\n",
    )
    .unwrap();
    expect(&run(&dir, &["test", "some.test.yaml", "-c", &image]));
    let requests = registry.requests();
    let asked = |digest: &str| {
        requests[before..]
            .iter()
            .any(|request| request.contains(digest))
    };
    assert!(asked(&layer(1)));
    assert!(!asked(&layer(2)), "the program is not needed");

    fs::write(dir.join("goma.yml"), SPEC.replace("[guard]", "[]")).unwrap();
    let changed = run(&dir, &["diff", &image, "goma.yml"]);
    assert!(fails(&changed).starts_with("exposure  /: basicAuth on /private → none"));
    // Neither there, nor to be asked, nor what it says it is.
    let missing = run(
        &dir,
        &[
            "check",
            "-c",
            &format!("oci://{}", registry.named("shop:2")),
        ],
    );
    assert!(fails(&missing).contains("there is no oci://localhost"));
    let offline = run(&dir, &["check", "--offline", "-c", &image]);
    assert!(fails(&offline).contains("`--offline`"));
    assert_eq!(run(&dir, &["build", "-c", &image]).status.code(), Some(2));
    let golden = ["--golden", "GET http://h/ 200", "image"];
    let golden = [&["deploy", "--to", &image][..], &golden].concat();
    assert_eq!(run(&dir, &golden).status.code(), Some(2));
    let stored = registry.stored(&layer(1));
    let mut bytes = fs::read(&stored).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    fs::write(&stored, bytes).unwrap();
    assert!(fails(&run(&dir, &["check", "-c", &image])).contains("another hash"));
    let to = format!("oci://{}", registry.named("copy"));
    let copied = run(&dir, &["deploy", "--to", &to, &image]);
    assert!(fails(&copied).contains("another hash"));
}

/// Basic authentication: from each of the places where credentials are kept.
#[test]
fn a_registry_with_passwords() {
    let dir = scratch("passwords", SPEC);
    let users = Command::new("htpasswd")
        .args(["-Bbn", "ann", "secret"])
        .output();
    let users = expect(&users.unwrap_or_else(|error| panic!("htpasswd: {error}: run ci/testbed")));
    fs::write(dir.join("users"), users).unwrap();
    let auth = format!(
        "auth: {{ htpasswd: {{ realm: test, path: {} }} }}\n",
        dir.join("users").display()
    );
    let registry = Registry::start(&dir, &auth);
    build(&dir, "image");
    let name = registry.named("team/shop:1");
    let host = registry.named("").trim_end_matches('/').to_owned();
    let text = fails(&deploy(&dir, &name).output().unwrap());
    assert!(
        text.contains("wants credentials for team/shop: `podman login"),
        "{text}"
    );

    // ann:secret and ann:wrong.
    let auths = |secret: &str| format!("{{\"auths\": {{\"{host}\": {{\"auth\": \"{secret}\"}}}}}}");
    fs::write(dir.join("wrong.json"), auths("YW5uOndyb25n")).unwrap();
    fs::write(dir.join("right.json"), auths("YW5uOnNlY3JldA==")).unwrap();
    let with_file = |file: &str| {
        let mut command = deploy(&dir, &name);
        command
            .env("REGISTRY_AUTH_FILE", dir.join(file))
            .output()
            .unwrap()
    };
    let text = fails(&with_file("wrong.json"));
    assert!(
        text.contains("does not accept the credentials for team/shop"),
        "{text}"
    );
    expect(&with_file("right.json"));

    // A helper, and the file in the home directory that names it.
    let helper = format!(
        "#!/bin/sh\n[ \"$1\" = get ] && [ \"$(cat)\" = \"{host}\" ] || exit 1\n\
         echo '{{\"ServerURL\": \"\", \"Username\": \"ann\", \"Secret\": \"secret\"}}'\n"
    );
    fs::create_dir_all(dir.join("bin")).unwrap();
    fs::write(dir.join("bin/docker-credential-kept"), helper).unwrap();
    let executable = PermissionsExt::from_mode(0o755);
    fs::set_permissions(dir.join("bin/docker-credential-kept"), executable).unwrap();
    fs::create_dir_all(dir.join(".docker")).unwrap();
    let config = format!("{{\"credHelpers\": {{\"{host}\": \"kept\"}}}}");
    fs::write(dir.join(".docker/config.json"), config).unwrap();
    let path = format!("{}:/usr/bin:/bin", dir.join("bin").display());
    let check = ["check", "-c", &format!("oci://{name}")];
    let asked = || goma(&dir, &check).env("PATH", &path).output().unwrap();
    expect(&asked());
    // One for all registries, of which Docker leaves an empty entry; and one that is not there.
    let all =
        |helper: &str| format!("{{\"auths\": {{\"{host}\": {{}}}}, \"credsStore\": \"{helper}\"}}");
    fs::write(dir.join(".docker/config.json"), all("kept")).unwrap();
    expect(&asked());
    fs::write(dir.join(".docker/config.json"), all("lost")).unwrap();
    let text = fails(&asked());
    assert!(text.contains("cannot run docker-credential-lost"), "{text}");
}

/// Makes a key, a certificate for it, and a token that the registry takes.
const TOKEN: &str = r#"set -e
openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 36500 -subj /CN=test 2> /dev/null
b() { basenc --base64url -w0 | tr -d =; }
chain=$(openssl x509 -in cert.pem -outform der | base64 -w0)
head=$(printf '{"typ":"JWT","alg":"RS256","x5c":["%s"]}' "$chain" | b)
access='[{"type":"repository","name":"shop","actions":["pull","push"]}]'
claims=$(printf '{"iss":"test","sub":"ann","aud":"registry","exp":4102444800,"nbf":1,"iat":1,"jti":"1","access":%s}' "$access" | b)
printf '%s.%s.%s' "$head" "$claims" "$(printf '%s.%s' "$head" "$claims" | openssl dgst -sha256 -sign key.pem | b)"
"#;

/// A registry that wants tokens, and a server that gives them for a password or for another token.
#[test]
fn a_registry_with_tokens() {
    let dir = scratch("tokens", SPEC);
    let token = Command::new("sh")
        .args(["-c", TOKEN])
        .current_dir(&dir)
        .output();
    let token = expect(&token.unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&asked);
    let server = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            let body = String::from_utf8_lossy(&request.body).into_owned();
            let basic = request.fields("authorization") == ["Basic YW5uOnNlY3JldA=="];
            let known = basic || body.contains("refresh_token=kept%2Ftoken&");
            log.lock()
                .unwrap()
                .push(format!("{} {body}", request.target()));
            let (status, body) = match known {
                true => ("200 OK", format!("{{\"token\": \"{token}\"}}")),
                false => ("401 Unauthorized", "{}".to_owned()),
            };
            let length = body.len();
            connection.send(format!(
                "HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}"
            ));
        }
    });
    let auth = format!(
        "auth: {{ token: {{ realm: {}/token, service: registry, issuer: test, rootcertbundle: {} }} }}\n",
        server.url(),
        dir.join("cert.pem").display()
    );
    let registry = Registry::start(&dir, &auth);
    build(&dir, "image");
    let name = registry.named("shop:1");
    let host = registry.named("").trim_end_matches('/').to_owned();
    assert!(fails(&deploy(&dir, &name).output().unwrap()).contains("wants credentials"));
    asked.lock().unwrap().clear();
    for entry in [
        "{\"auth\": \"YW5uOnNlY3JldA==\"}",
        "{\"identitytoken\": \"kept/token\"}",
    ] {
        fs::create_dir_all(dir.join("docker")).unwrap();
        let config = format!("{{\"auths\": {{\"{host}\": {entry}}}}}");
        fs::write(dir.join("docker/config.json"), config).unwrap();
        let mut command = deploy(&dir, &name);
        expect(
            &command
                .env("DOCKER_CONFIG", dir.join("docker"))
                .output()
                .unwrap(),
        );
    }
    let asked = asked.lock().unwrap();
    let query = "/token?service=registry&scope=repository%3Ashop%3Apull";
    assert!(asked[0].starts_with(query), "{asked:?}");
    let form = "grant_type=refresh_token&";
    assert!(asked.iter().any(|asked| asked.contains(form)), "{asked:?}");
}

/// What the real registry cannot do: be busy, break off, and keep lists of referrers.
#[test]
fn a_registry_that_is_busy_and_keeps_lists() {
    let dir = scratch("busy", SPEC);
    let registry = Registry::start(&dir, "");
    build(&dir, "image");
    let count = Arc::new(AtomicUsize::new(0));
    let relay = registry.relay({
        let count = Arc::clone(&count);
        move |head| {
            let answer = |rest: &str| Some(format!("HTTP/1.1 {rest}"));
            if head.contains("/referrers/") {
                let list = "{\"schemaVersion\":2,\"manifests\":[]}";
                let length = list.len();
                return answer(&format!("200 OK\r\nContent-Length: {length}\r\n\r\n{list}"));
            }
            // Every third request that begins or ends an upload.
            let upload = head.contains("/blobs/uploads/");
            if upload && count.fetch_add(1, Ordering::SeqCst).is_multiple_of(3) {
                return answer("503 Busy\r\nRetry-After: 0\r\nContent-Length: 0\r\n\r\n");
            }
            None
        }
    });
    let name = relay.url().replace("http://", "") + "/shop:1";
    let text = expect(&deploy(&dir, &name).output().unwrap());
    assert!(text.contains("sent      7 blobs, 4 manifests"), "{text}");
    expect(&run(
        &dir,
        &[
            "check",
            "-c",
            &format!("oci://{}", registry.named("shop:1")),
        ],
    ));

    // For ever: it ends, and says what the registry said.
    let body = "{\"errors\":[{\"code\":\"DENIED\",\"message\":\"quota\\u0007 is used up\"}]}";
    let refusal = format!(
        "HTTP/1.1 403 No\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let denied = registry.relay(move |head| head.starts_with("POST").then(|| refusal.clone()));
    let name = denied.url().replace("http://", "") + "/other:1";
    let text = fails(&deploy(&dir, &name).output().unwrap());
    assert!(
        text.contains("answers 403 DENIED quota\\u{7} is used up"),
        "{text}"
    );
}

/// Whoever the registry redirects to, and whoever its server of tokens redirects to, gets no credentials,
/// whatever it asks for.
#[test]
fn credentials_stay_with_the_registry() {
    let dir = scratch("redirected", SPEC);
    let registry = Registry::start(&dir, "");
    build(&dir, "image");
    expect(&deploy(&dir, &registry.named("shop:1")).output().unwrap());

    let heard = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&heard);
    let other = Backend::script(move |connection| {
        while let Some(request) = connection.request() {
            let host = request.fields("host").concat();
            log.lock().unwrap().push(request.head.clone());
            connection.send(format!(
                "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=\"http://{host}/token\"\r\nContent-Length: 0\r\n\r\n"
            ));
        }
    });
    let redirect = |to: &str| {
        let to = other.url() + to;
        format!("HTTP/1.1 307 There\r\nLocation: {to}\r\nContent-Length: 0\r\n\r\n")
    };
    let away = redirect("/blob");
    let relay = registry.relay(move |head| head.contains("/blobs/").then(|| away.clone()));
    let away = redirect("/elsewhere");
    let tokens = registry.relay(move |head| {
        let ask = "HTTP/1.1 401 No\r\nWWW-Authenticate: Bearer realm=";
        Some(
            match head.split_once("\r\n").unwrap().0.contains("/tokens") {
                true => away.clone(),
                false => {
                    let host = head
                        .lines()
                        .find(|line| line.to_ascii_lowercase().starts_with("host:"));
                    let host = host.unwrap()[5..].trim();
                    format!("{ask}\"http://{host}/tokens\"\r\nContent-Length: 0\r\n\r\n")
                }
            },
        )
    });
    for (server, asked) in [(relay, "/blob"), (tokens, "")] {
        let host = server.url().replace("http://", "");
        for entry in [
            "{\"auth\": \"YW5uOnNlY3JldA==\"}",
            "{\"identitytoken\": \"secret\"}",
        ] {
            heard.lock().unwrap().clear();
            let config = format!("{{\"auths\": {{\"{host}\": {entry}}}}}");
            fs::write(dir.join("auth.json"), config).unwrap();
            let image = format!("oci://{host}/shop:1");
            let mut check = goma(&dir, &["check", "-c", &image]);
            fails(
                &check
                    .env("REGISTRY_AUTH_FILE", dir.join("auth.json"))
                    .output()
                    .unwrap(),
            );
            let heard = heard.lock().unwrap();
            let fine = |head: &String| {
                let head = head.to_ascii_lowercase();
                head.starts_with(&format!("get {asked} ")) && !head.contains("authorization:")
            };
            assert!(heard.iter().all(fine), "{heard:?}");
            assert_eq!(heard.is_empty(), asked.is_empty(), "{heard:?}");
        }
    }
}

/// What the registry does not let us take over from another repository is sent.
#[test]
fn a_blob_that_cannot_be_mounted_is_sent() {
    let dir = scratch("unmounted", SPEC);
    let registry = Registry::start(&dir, "");
    build(&dir, "image");
    let relay = registry.relay(|head| {
        let refused = "HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n";
        head.contains("mount=").then(|| refused.to_owned())
    });
    let name = |name: &str| relay.url().replace("http://", "") + name;
    expect(&deploy(&dir, &name("/shop:1")).output().unwrap());
    let (from, to) = (name("/shop:1"), name("/production/shop:1"));
    let args = [
        "deploy",
        "--to",
        &format!("oci://{to}"),
        &format!("oci://{from}"),
    ];
    let text = expect(&run(&dir, &args));
    assert!(text.contains("sent      7 blobs"), "{text}");
}
