//! From a passphrase to a key (RFC 9580, 3.7). The plain and the merely salted form are refused:
//! they cost a guesser nothing.

use argon2::{Algorithm, Argon2, Params, Version};
use sha1::Sha1;
use sha2::digest::Digest;
use sha2::{Sha224, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::DecryptError;
use crate::packet::{octet, take};

/// The most memory that Argon2 may ask for: 2^16 KiB, the second recommended option of RFC 9106.
const ARGON2_MEMORY_LOG_MAX: u8 = 16;
/// The most passes over that memory.
const ARGON2_PASSES_MAX: u8 = 16;
/// The most lanes.
const ARGON2_LANES_MAX: u8 = 16;

/// How a key is made. INVARIANT: the iterated form hashes at most 65 011 712 bytes per hash, the most
/// that its count can say.
pub(crate) enum S2k {
    Argon2 {
        salt: [u8; 16],
        passes: u8,
        lanes: u8,
        memory_log: u8,
    },
    Iterated {
        hash: Hash,
        salt: [u8; 8],
        count: usize,
    },
}

/// A hash function.
#[derive(Clone, Copy)]
pub(crate) enum Hash {
    Sha1,
    Sha224,
    Sha256,
    Sha384,
    Sha512,
}

impl S2k {
    /// Reads it from the front of a packet.
    pub(crate) fn read(bytes: &mut &[u8]) -> Result<Self, DecryptError> {
        match octet(bytes)? {
            0 | 1 => Err(DecryptError::Unsupported(
                "encrypted with a passphrase that is hashed once only",
            )),
            3 => {
                let hash = Hash::new(octet(bytes)?)?;
                let salt = salt(bytes)?;
                let coded = usize::from(octet(bytes)?);
                let count = (16 + (coded & 15)) << ((coded >> 4) + 6);
                Ok(Self::Iterated { hash, salt, count })
            }
            4 => {
                let salt = salt(bytes)?;
                let (passes, lanes, memory_log) = (octet(bytes)?, octet(bytes)?, octet(bytes)?);
                let fits = passes <= ARGON2_PASSES_MAX
                    && lanes <= ARGON2_LANES_MAX
                    && memory_log <= ARGON2_MEMORY_LOG_MAX;
                if !fits {
                    return Err(DecryptError::Unsupported(
                        "made for more memory or time than a gateway gives",
                    ));
                }
                Ok(Self::Argon2 {
                    salt,
                    passes,
                    lanes,
                    memory_log,
                })
            }
            _ => Err(DecryptError::Malformed),
        }
    }

    /// The key of a passphrase.
    pub(crate) fn key(
        &self,
        passphrase: &str,
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
        let mut key = Zeroizing::new(vec![0; length]);
        match self {
            Self::Argon2 {
                salt,
                passes,
                lanes,
                memory_log,
            } => {
                let memory = 1_u32 << memory_log;
                let (passes, lanes) = (u32::from(*passes), u32::from(*lanes));
                let params = Params::new(memory, passes, lanes, Some(length));
                let params = params.map_err(|_| DecryptError::Malformed)?;
                Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
                    .hash_password_into(passphrase.as_bytes(), salt, &mut key)
                    .map_err(|_| DecryptError::Malformed)?;
            }
            Self::Iterated { hash, salt, count } => {
                let salted = Zeroizing::new([salt, passphrase.as_bytes()].concat());
                match hash {
                    Hash::Sha1 => iterate::<Sha1>(&salted, *count, &mut key),
                    Hash::Sha224 => iterate::<Sha224>(&salted, *count, &mut key),
                    Hash::Sha256 => iterate::<Sha256>(&salted, *count, &mut key),
                    Hash::Sha384 => iterate::<Sha384>(&salted, *count, &mut key),
                    Hash::Sha512 => iterate::<Sha512>(&salted, *count, &mut key),
                }
            }
        }
        Ok(key)
    }
}

impl Hash {
    const fn new(number: u8) -> Result<Self, DecryptError> {
        match number {
            2 => Ok(Self::Sha1),
            8 => Ok(Self::Sha256),
            9 => Ok(Self::Sha384),
            10 => Ok(Self::Sha512),
            11 => Ok(Self::Sha224),
            _ => Err(DecryptError::Unsupported(
                "made with another hash than SHA-1 or SHA-2",
            )),
        }
    }
}

fn salt<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], DecryptError> {
    let salt = take(bytes, N)?.try_into();
    salt.map_err(|_| DecryptError::Malformed)
}

/// Hashes salt and passphrase over and over, `count` bytes in all; where one hash is too short for the
/// key, again with a zero octet more in front.
fn iterate<D: Digest>(salted: &[u8], count: usize, key: &mut [u8]) {
    let count = count.max(salted.len());
    // Long updates are much faster than one of a few bytes each.
    let block = Zeroizing::new(salted.repeat(4096_usize.div_ceil(salted.len().max(1))));
    for (zeroes, part) in key.chunks_mut(<D as Digest>::output_size()).enumerate() {
        let mut digest = D::new();
        digest.update(vec![0; zeroes]);
        let mut left = count;
        while left > 0 {
            let now = left.min(block.len());
            digest.update(block.get(..now).unwrap_or_default());
            left -= now;
        }
        for (byte, hashed) in part.iter_mut().zip(digest.finalize()) {
            *byte = hashed;
        }
    }
}
