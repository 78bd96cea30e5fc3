//! MD5-crypt: `$1$` of BSD and `$apr1$` of htpasswd, which differ in their name only. No crate that is
//! kept has it; the digest itself is one's.

use md5::{Digest as _, Md5};
use subtle::ConstantTimeEq as _;

/// Rounds, as both have always had.
const ROUNDS: usize = 1000;
/// The order in which bytes of the digest are written, three at a time.
const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
/// The byte that is written alone, last.
const LAST: usize = 11;
const LETTERS: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// Name with its dollars, salt, hash.
fn parts(stored: &str) -> Option<(&str, &str, &str)> {
    let magic = ["$apr1$", "$1$"]
        .into_iter()
        .find(|magic| stored.starts_with(magic))?;
    let (salt, hash) = stored.strip_prefix(magic)?.split_once('$')?;
    Some((magic, salt, hash))
}

/// Whether a text has the form of such a hash.
pub(super) fn fits(stored: &str) -> bool {
    parts(stored).is_some_and(|(_, salt, hash)| {
        salt.len() <= 8 && hash.len() == 22 && hash.bytes().all(|byte| LETTERS.contains(&byte))
    })
}

/// Whether a password fits a hash.
pub(super) fn verify(password: &[u8], stored: &str) -> bool {
    parts(stored).is_some_and(|(magic, salt, hash)| {
        let computed = encoded(&digest(password, magic.as_bytes(), salt.as_bytes()));
        computed.ct_eq(hash.as_bytes()).into()
    })
}

fn digest(password: &[u8], magic: &[u8], salt: &[u8]) -> [u8; 16] {
    let inner: [u8; 16] = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize()
        .into();
    let mut outer = Md5::new()
        .chain_update(password)
        .chain_update(magic)
        .chain_update(salt);
    for chunk in password.chunks(16) {
        outer.update(inner.get(..chunk.len()).unwrap_or_default());
    }
    let first = password.get(..1).unwrap_or_default();
    let mut bits = password.len();
    while bits > 0 {
        // Odd bits add a zero byte, even ones the first character: so it was once written.
        outer.update(if bits & 1 == 1 { [0].as_slice() } else { first });
        bits >>= 1;
    }
    let mut state: [u8; 16] = outer.finalize().into();
    for round in 0..ROUNDS {
        let odd = round % 2 == 1;
        let mut hash = Md5::new();
        hash.update(if odd { password } else { state.as_slice() });
        if round % 3 != 0 {
            hash.update(salt);
        }
        if round % 7 != 0 {
            hash.update(password);
        }
        hash.update(if odd { state.as_slice() } else { password });
        state = hash.finalize().into();
    }
    state
}

/// Six bits a letter, lowest first.
fn encoded(state: &[u8; 16]) -> Vec<u8> {
    let byte = |at: usize| u32::from(state.get(at).copied().unwrap_or_default());
    let mut text = Vec::with_capacity(22);
    let mut push = |mut bits: u32, letters: usize| {
        for _ in 0..letters {
            text.extend(LETTERS.get((bits & 63) as usize));
            bits >>= 6;
        }
    };
    for [high, middle, low] in ORDER {
        push(byte(high) << 16 | byte(middle) << 8 | byte(low), 4);
    }
    push(byte(LAST), 2);
    text
}
