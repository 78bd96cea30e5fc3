//! What is encrypted, and protected against changes (RFC 9580, 5.13): version 1 with CFB and a digest,
//! version 2 with AEAD in chunks.

use aes_gcm::aead::Payload;
use hkdf::Hkdf;
use sha1::Sha1;
use sha2::Sha256;
use sha2::digest::Digest as _;
use zeroize::Zeroizing;

use crate::DecryptError;
use crate::cipher::{BLOCK, Cipher, Mode};
use crate::packet::{octet, take};
use crate::session::Session;

/// The largest chunk: 2^22 bytes, which is all that the standard allows.
const CHUNK_CODE_MAX: u8 = 16;
/// Of random bytes before the content, the last two again.
const PREFIX: usize = BLOCK + 2;
/// The packet with the digest: tag, length, SHA-1.
const DIGEST: usize = 22;

/// The packet, not opened yet.
pub(crate) enum Container<'p> {
    /// CFB and a digest.
    Digest(&'p [u8]),
    /// AEAD.
    Sealed {
        head: [u8; 5],
        cipher: Cipher,
        mode: Mode,
        salt: &'p [u8],
        data: &'p [u8],
    },
}

impl<'p> Container<'p> {
    pub(crate) fn read(mut packet: &'p [u8]) -> Result<Self, DecryptError> {
        match octet(&mut packet)? {
            1 => Ok(Self::Digest(packet)),
            2 => {
                let (cipher, mode) = (octet(&mut packet)?, octet(&mut packet)?);
                let code = octet(&mut packet)?;
                if code > CHUNK_CODE_MAX {
                    return Err(DecryptError::Malformed);
                }
                let salt = take(&mut packet, 32)?;
                Ok(Self::Sealed {
                    head: [0xd2, 2, cipher, mode, code],
                    cipher: Cipher::new(cipher)?,
                    mode: Mode::new(mode)?,
                    salt,
                    data: packet,
                })
            }
            _ => Err(DecryptError::Malformed),
        }
    }
}

/// What is in it; `None`: another key, or something was changed.
pub(crate) fn open(container: &Container<'_>, session: &Session) -> Option<Zeroizing<Vec<u8>>> {
    match container {
        Container::Digest(data) => with_digest(data, session.cipher?, &session.key),
        Container::Sealed {
            head,
            cipher,
            mode,
            salt,
            data,
        } => {
            if session.key.len() != cipher.key_bytes() {
                return None;
            }
            let nonce = mode.nonce_bytes() - 8;
            let mut keys = Zeroizing::new(vec![0; cipher.key_bytes() + nonce]);
            Hkdf::<Sha256>::new(Some(salt), &session.key)
                .expand(head, &mut keys)
                .ok()?;
            let (key, nonce) = keys.split_at_checked(cipher.key_bytes())?;
            chunks(data, head, (*cipher, *mode), key, nonce)
        }
    }
}

fn with_digest(data: &[u8], cipher: Cipher, key: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let mut plain = Zeroizing::new(data.to_vec());
    cipher.cfb(key, &mut plain);
    let (hashed, digest) = plain.split_at_checked(plain.len().checked_sub(DIGEST - 2)?)?;
    let content = hashed.get(PREFIX..)?.strip_suffix(&[0xd3, 0x14])?;
    let fits = Sha1::digest(hashed).as_slice() == digest;
    fits.then(|| Zeroizing::new(content.to_vec()))
}

/// All chunks, and the last tag, which proves that none is missing.
fn chunks(
    mut data: &[u8],
    head: &[u8; 5],
    (cipher, mode): (Cipher, Mode),
    key: &[u8],
    prefix: &[u8],
) -> Option<Zeroizing<Vec<u8>>> {
    let [.., code] = *head;
    let chunk_bytes = (1_usize << (u32::from(code) + 6)) + Mode::TAG;
    let nonce = |index: u64| [prefix, &index.to_be_bytes()].concat();
    let mut plain = Zeroizing::new(Vec::with_capacity(data.len()));
    let mut index = 0_u64;
    while data.len() > Mode::TAG {
        let room = data.len() - Mode::TAG;
        let (msg, rest) = data.split_at_checked(room.min(chunk_bytes))?;
        let payload = Payload { msg, aad: head };
        plain.extend_from_slice(&cipher.open(mode, key, &nonce(index), payload)?);
        index += 1;
        data = rest;
    }
    let total = u64::try_from(plain.len()).ok()?;
    let aad = [head.as_slice(), &total.to_be_bytes()].concat();
    let payload = Payload {
        msg: data,
        aad: &aad,
    };
    cipher.open(mode, key, &nonce(index), payload)?;
    Some(plain)
}
