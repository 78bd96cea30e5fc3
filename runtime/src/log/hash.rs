//! Digits in place of secrets (MW-LOG-6): lines of one client can be told together, and nobody learns
//! the secret. The key is made when it is first needed and dies with the process.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;

use sha2::{Digest as _, Sha256};

/// Bytes of a block of SHA-256.
const BLOCK_BYTES: usize = 64;
/// Bytes of the digest that are shown, two digits each.
const SHOWN_BYTES: usize = 6;

/// The same for all cores.
static KEY: OnceLock<[u8; BLOCK_BYTES]> = OnceLock::new();

/// `#` and twelve hex digits.
pub(super) fn of(value: &[u8]) -> String {
    let digest = hmac(KEY.get_or_init(fresh_key), value);
    let digits = digest.iter().take(SHOWN_BYTES);
    std::iter::once("#".to_owned())
        .chain(digits.map(|byte| format!("{byte:02x}")))
        .collect()
}

fn fresh_key() -> [u8; BLOCK_BYTES] {
    let mut key = [0; BLOCK_BYTES];
    for part in key.chunks_exact_mut(size_of::<u64>()) {
        // The hasher's own random seed: no other source of entropy is needed here.
        part.copy_from_slice(&RandomState::new().hash_one(0_u8).to_ne_bytes());
    }
    key
}

/// RFC 2104 with SHA-256 and a key of one block.
fn hmac(key: &[u8; BLOCK_BYTES], value: &[u8]) -> [u8; 32] {
    let inner = Sha256::new()
        .chain_update(key.map(|byte| byte ^ 0x36))
        .chain_update(value);
    let outer = Sha256::new()
        .chain_update(key.map(|byte| byte ^ 0x5c))
        .chain_update(inner.finalize());
    outer.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 test case 1.
    #[test]
    fn hmac_of_a_known_message() {
        let mut key = [0; BLOCK_BYTES];
        for byte in key.iter_mut().take(20) {
            *byte = 0x0b;
        }
        let digest = hmac(&key, b"Hi There");
        let text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(
            text,
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
    }
}
