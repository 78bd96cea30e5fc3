//! Any bytes as an encrypted message, in armour and as the armour.
#![no_main]

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let armoured = format!(
        "-----BEGIN PGP MESSAGE-----\n\n{}\n-----END PGP MESSAGE-----\n",
        BASE64_STANDARD.encode(bytes)
    );
    let whole = String::from_utf8_lossy(bytes);
    for message in [armoured.as_str(), &whole] {
        // Whoever knows no passphrase gets nothing.
        assert!(goma_openpgp::decrypt(message, "not the passphrase").is_err());
    }
});
