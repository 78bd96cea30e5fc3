//! Encrypted values (C-SEC-1, MW-GEN-6), from tests/specs/encrypted.yaml.

use super::Rig;
use goma_tests::gateway::run_to_end;
use goma_tests::{Backend, build};

/// The variable and the passphrase of the file.
const KEY: (&str, &str) = ("GOMA_CONFIG_ENCRYPTION_KEY", build::PASSPHRASE);

/// What the passwords and the header begin with.
const SECRET: &str = "hunter";

fn basic(credentials: &str) -> String {
    format!("Authorization: Basic {credentials}\r\n")
}

/// A rule as YAML and one as JSON, a password, and a `user:password`.
#[test]
fn with_the_passphrase() {
    let rig = Rig::of("encrypted", Backend::ok(), &[KEY, ("EVE", "secret")]);
    // ada:hunter2, bob:hunter3, eve:secret, ada:hunter5, ada:hunter6
    for (path, credentials) in [
        ("/rule", "YWRhOmh1bnRlcjI="),
        ("/rule", "Ym9iOmh1bnRlcjM="),
        ("/rule", "ZXZlOnNlY3JldA=="),
        ("/value", "YWRhOmh1bnRlcjU="),
        ("/pair", "YWRhOmh1bnRlcjY="),
    ] {
        let response = rig.get(path, &basic(credentials));
        assert_eq!(response.status, 200, "{path} {credentials}");
    }
    let request = rig.backend.request(0);
    assert_eq!(request.fields("username"), ["ada"]);
    assert_eq!(request.fields("x-key"), ["hunter4"]);
    for (path, credentials) in [
        ("/rule", "YWRhOmh1bnRlcjM="),
        ("/value", "YWRhOmh1bnRlcjI="),
        ("/pair", "YWRhOmh1bnRlcjI="),
    ] {
        let response = rig.get(path, &basic(credentials));
        assert_eq!(response.status, 401, "{path} {credentials}");
    }
    let challenge = rig.get("/rule", "");
    assert!(
        challenge
            .field("www-authenticate")
            .unwrap()
            .contains("Sealed")
    );
    let log = rig.gateway.lines().join("\n");
    assert!(!log.contains(SECRET) && !log.contains(KEY.1), "{log}");
}

/// It does not start, and says which key at which line.
#[test]
fn without_the_passphrase() {
    for (passphrase, why) in [
        ("", "`GOMA_CONFIG_ENCRYPTION_KEY` is not set"),
        ("battery staple", "the passphrase is wrong"),
    ] {
        let env = [
            ("A", "http://127.0.0.1:9"),
            ("LISTEN", "127.0.0.1:0"),
            ("EVE", "secret"),
            (KEY.0, passphrase),
        ];
        let (code, output, errors) = run_to_end("encrypted", &[], &env);
        assert_eq!(code, 1, "{errors}");
        let shown = format!("{output}{errors}");
        let place = "encrypted.yaml:24:7: error[decrypt-failed]: middlewares[0].rule.users[0]";
        assert!(shown.contains(place) && shown.contains(why), "{shown}");
        assert!(
            !shown.contains(SECRET) && !shown.contains("staple"),
            "{shown}"
        );
    }
}

/// C-SEC-1, MW-GEN-6: what is built in is the ciphertext.
#[test]
fn nothing_decrypted_is_built_in() {
    let binary = std::fs::read(build::gateway("encrypted")).unwrap();
    let holds = |text: &str| {
        let mut windows = binary.windows(text.len());
        windows.any(|window| window == text.as_bytes())
    };
    assert!(holds("-----BEGIN PGP MESSAGE-----") && holds("Sealed"));
    assert!(!holds(SECRET) && !holds(KEY.1));
}
