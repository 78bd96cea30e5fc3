//! Digits in place of secrets (MW-LOG-6): lines of one client can be told together, and nobody learns
//! the secret. The key is made when it is first needed and dies with the process.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::OnceLock;

use crate::values::mac::{BLOCK_BYTES, hmac};

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
