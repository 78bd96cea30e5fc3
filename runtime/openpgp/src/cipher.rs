//! AES in the modes of OpenPGP. No other cipher is read: all that GnuPG 2.1 and later, and the
//! standard since 2024, use by default is AES.

use aes::cipher::{KeyInit, KeyIvInit as _};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::AesGcm;
use aes_gcm::aead::consts::{U12, U15};
use aes_gcm::aead::{Aead, Payload};
use eax::Eax;
use ocb3::Ocb3;
use zeroize::Zeroizing;

use crate::DecryptError;

/// Bytes of a block.
pub(crate) const BLOCK: usize = 16;

/// A cipher with its length of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cipher {
    Aes128,
    Aes192,
    Aes256,
}

/// A mode that protects what it encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Eax,
    Gcm,
    Ocb,
}

impl Cipher {
    /// By its number (RFC 9580, 9.3).
    pub(crate) const fn new(number: u8) -> Result<Self, DecryptError> {
        match number {
            7 => Ok(Self::Aes128),
            8 => Ok(Self::Aes192),
            9 => Ok(Self::Aes256),
            _ => Err(DecryptError::Unsupported(
                "encrypted with another cipher than AES",
            )),
        }
    }

    /// Bytes of a key.
    pub(crate) const fn key_bytes(self) -> usize {
        match self {
            Self::Aes128 => 16,
            Self::Aes192 => 24,
            Self::Aes256 => 32,
        }
    }

    /// Undoes CFB with an IV of zeroes. A key of another length gives noise.
    pub(crate) fn cfb(self, key: &[u8], data: &mut [u8]) {
        match self {
            Self::Aes128 => cfb::<Aes128>(key, data),
            Self::Aes192 => cfb::<Aes192>(key, data),
            Self::Aes256 => cfb::<Aes256>(key, data),
        }
    }

    /// Undoes a mode; `None`: another key, or something was changed.
    pub(crate) fn open(
        self,
        mode: Mode,
        key: &[u8],
        nonce: &[u8],
        data: Payload<'_, '_>,
    ) -> Option<Zeroizing<Vec<u8>>> {
        match (self, mode) {
            (Self::Aes128, Mode::Eax) => open::<Eax<Aes128>>(key, nonce, data),
            (Self::Aes128, Mode::Gcm) => open::<AesGcm<Aes128, U12>>(key, nonce, data),
            (Self::Aes128, Mode::Ocb) => open::<Ocb3<Aes128, U15>>(key, nonce, data),
            (Self::Aes192, Mode::Eax) => open::<Eax<Aes192>>(key, nonce, data),
            (Self::Aes192, Mode::Gcm) => open::<AesGcm<Aes192, U12>>(key, nonce, data),
            (Self::Aes192, Mode::Ocb) => open::<Ocb3<Aes192, U15>>(key, nonce, data),
            (Self::Aes256, Mode::Eax) => open::<Eax<Aes256>>(key, nonce, data),
            (Self::Aes256, Mode::Gcm) => open::<AesGcm<Aes256, U12>>(key, nonce, data),
            (Self::Aes256, Mode::Ocb) => open::<Ocb3<Aes256, U15>>(key, nonce, data),
        }
    }
}

impl Mode {
    /// Bytes of a tag.
    pub(crate) const TAG: usize = 16;

    /// By its number (RFC 9580, 9.6).
    pub(crate) const fn new(number: u8) -> Result<Self, DecryptError> {
        match number {
            1 => Ok(Self::Eax),
            2 => Ok(Self::Ocb),
            3 => Ok(Self::Gcm),
            _ => Err(DecryptError::Unsupported("encrypted in an unknown mode")),
        }
    }

    /// Bytes of a nonce.
    pub(crate) const fn nonce_bytes(self) -> usize {
        match self {
            Self::Eax => 16,
            Self::Gcm => 12,
            Self::Ocb => 15,
        }
    }
}

fn cfb<C: aes::cipher::BlockCipherEncrypt + KeyInit>(key: &[u8], data: &mut [u8])
where
    cfb_mode::Decryptor<C>: aes::cipher::KeyIvInit,
{
    if let Ok(decryptor) = cfb_mode::Decryptor::<C>::new_from_slices(key, &[0; BLOCK]) {
        decryptor.decrypt(data);
    }
}

fn open<A: Aead + KeyInit>(
    key: &[u8],
    nonce: &[u8],
    data: Payload<'_, '_>,
) -> Option<Zeroizing<Vec<u8>>> {
    let nonce = nonce.try_into().ok()?;
    let plain = A::new_from_slice(key).ok()?.decrypt(nonce, data).ok()?;
    Some(Zeroizing::new(plain))
}
