//! Keyed hashes (RFC 2104): what only who has the key can make.

use sha2::{Digest as _, Sha256};

/// Bytes of a block of SHA-256.
pub(crate) const BLOCK_BYTES: usize = 64;

/// A key of any length as one block.
#[cfg(feature = "sticky")]
pub(crate) fn block(key: &[u8]) -> [u8; BLOCK_BYTES] {
    let digest = Sha256::digest(key);
    let whole: &[u8] = if key.len() > BLOCK_BYTES {
        &digest
    } else {
        key
    };
    let mut block = [0; BLOCK_BYTES];
    for (to, from) in block.iter_mut().zip(whole) {
        *to = *from;
    }
    block
}

/// HMAC with SHA-256 and a key of one block.
pub(crate) fn hmac(key: &[u8; BLOCK_BYTES], value: &[u8]) -> [u8; 32] {
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

    fn digits(digest: [u8; 32]) -> String {
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// RFC 4231 test cases 1 and 6.
    #[test]
    fn known_messages() {
        let mut key = [0; BLOCK_BYTES];
        for byte in key.iter_mut().take(20) {
            *byte = 0x0b;
        }
        assert_eq!(
            digits(hmac(&key, b"Hi There")),
            "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
        );
        #[cfg(feature = "sticky")]
        assert_eq!(
            digits(hmac(
                &block(&[0xaa; 131]),
                b"Test Using Larger Than Block-Size Key - Hash Key First"
            )),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"
        );
    }
}
