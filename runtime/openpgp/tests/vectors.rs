//! Messages that others made: the samples of RFC 9580 appendix A, and of rPGP where those have one chunk
//! only; and what must be refused.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use goma_openpgp::{DecryptError, MESSAGE_BYTES_MAX, decrypt, is_message, value};
use proptest::prelude::*;

const EAX: &str = include_str!("data/rfc9580-eax.asc");
const GCM: &str = include_str!("data/rfc9580-gcm.asc");
const OCB: &str = include_str!("data/rfc9580-ocb.asc");

fn check(message: &str, passphrase: &str, expected: Result<&str, DecryptError>) {
    let found = decrypt(message, passphrase);
    let found = found
        .as_ref()
        .map(|text| text.as_str())
        .map_err(|error| *error);
    assert_eq!(found, expected);
}

#[test]
fn samples_of_the_standard() {
    for message in [EAX, GCM, OCB] {
        check(message, "password", Ok("Hello, world!"));
        check(message, "Password", Err(DecryptError::Passphrase));
    }
}

/// What fuzzing began with, and what it once found (tests/fuzz).
#[test]
fn seeds_of_the_fuzz_target() {
    let folder = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../tests/fuzz/seeds/openpgp"
    );
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let bytes = std::fs::read(entry.unwrap().path()).unwrap();
        let body = BASE64_STANDARD.encode(bytes);
        let message = format!("-----BEGIN PGP MESSAGE-----\n\n{body}\n-----END PGP MESSAGE-----\n");
        assert!(decrypt(&message, "not the passphrase").is_err());
        count += 1;
    }
    assert!(count > 4, "{count} seeds");
}

#[test]
fn many_chunks() {
    let text: String = (0..40)
        .map(|i| format!("line {i}: the quick brown fox\n"))
        .collect();
    for message in [
        include_str!("data/eax-chunks.asc"),
        include_str!("data/gcm-chunks.asc"),
        include_str!("data/ocb-chunks.asc"),
    ] {
        check(message, "correct horse", Ok(&text));
    }
}

#[test]
fn argon2_within_its_bound() {
    let message = include_str!("data/argon2.asc");
    check(message, "correct horse", Ok("Hello, Argon2!"));
    check(message, "correct horsf", Err(DecryptError::Passphrase));
    // 128 MiB, and the 2 GiB of the standard's sample.
    for message in [
        include_str!("data/argon2-large.asc"),
        include_str!("data/rfc9580-argon2.asc"),
    ] {
        let found = decrypt(message, "correct horse");
        assert!(matches!(found, Err(DecryptError::Unsupported(why)) if why.contains("memory")));
    }
}

#[test]
fn what_is_not_protected_is_refused() {
    let found = decrypt(include_str!("data/unprotected.asc"), "pw");
    assert!(matches!(found, Err(DecryptError::Unsupported(why)) if why.contains("protected")));
}

#[test]
fn what_is_no_message() {
    assert!(is_message(&format!("\n  {OCB}")) && !is_message("secret") && !is_message(""));
    check("secret", "pw", Err(DecryptError::Malformed));
    let empty = "-----BEGIN PGP MESSAGE-----\n\n-----END PGP MESSAGE-----";
    check(empty, "pw", Err(DecryptError::Malformed));
    let long = format!("{empty}{}", " ".repeat(MESSAGE_BYTES_MAX));
    check(&long, "pw", Err(DecryptError::TooLarge));
}

#[test]
fn a_value_loses_one_line_break() {
    assert_eq!(value("a\n"), "a");
    assert_eq!(value("a\r\n"), "a");
    assert_eq!(value("a\n\n"), "a\n");
    assert_eq!(value(" a "), " a ");
}

/// A sample with one byte of its packets changed.
fn changed(message: &str, at: usize, by: u8) -> String {
    use base64::Engine as _;
    let engine = base64::engine::general_purpose::STANDARD;
    let packed: String = message
        .lines()
        .filter(|line| !line.starts_with(['-', '=']))
        .collect();
    let mut bytes = engine.decode(packed).expect("base64");
    let at = at % bytes.len();
    bytes.get_mut(at).into_iter().for_each(|byte| *byte ^= by);
    let packed = engine.encode(bytes);
    format!("-----BEGIN PGP MESSAGE-----\n\n{packed}\n-----END PGP MESSAGE-----\n")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_change_goes_unnoticed(which in 0..3_usize, at in any::<usize>(), by in 1..=255_u8) {
        let message = changed([EAX, GCM, OCB][which], at, by);
        prop_assert!(decrypt(&message, "password").is_err());
    }

    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        use base64::Engine as _;
        let packed = base64::engine::general_purpose::STANDARD.encode(bytes);
        let message = format!("-----BEGIN PGP MESSAGE-----\n\n{packed}\n-----END PGP MESSAGE-----\n");
        prop_assert!(decrypt(&message, "password").is_err());
    }
}
