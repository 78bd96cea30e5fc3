//! Ed25519 keys as base64, which is how Goma Gateway 1.0 writes them too.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{PUBLIC_KEY_LENGTH, Signature, Signer as _, SigningKey, VerifyingKey};

/// A text that is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadKey {
    /// Not base64.
    #[error("the key is not base64")]
    Encoding,
    /// Too long, too short, or not on the curve.
    #[error("this is no Ed25519 key")]
    Key,
}

/// Who may sign.
#[derive(Debug)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Reads base64 of 32 bytes.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let bytes = decode(text)?;
        let bytes = bytes.try_into().map_err(|_| BadKey::Key)?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| BadKey::Key)?;
        // With such a key everyone can sign.
        if key.is_weak() {
            return Err(BadKey::Key);
        }
        Ok(Self(key))
    }

    /// Whether this key has signed a digest; `signature` is base64.
    pub(super) fn verifies(&self, digest: &str, signature: &str) -> bool {
        let signature = decode(signature)
            .ok()
            .and_then(|bytes| Signature::from_slice(&bytes).ok());
        signature
            .is_some_and(|signature| self.0.verify_strict(digest.as_bytes(), &signature).is_ok())
    }
}

/// As base64.
impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0.as_bytes()))
    }
}

/// What signs.
pub struct PrivateKey(SigningKey);

impl PrivateKey {
    /// Makes a key of random bytes.
    #[must_use]
    pub fn new(random: &[u8; 32]) -> Self {
        Self(SigningKey::from_bytes(random))
    }

    /// Reads base64 of the seed, or of seed and public key.
    ///
    /// # Errors
    /// It is something else.
    pub fn parse(text: &str) -> Result<Self, BadKey> {
        let bytes = decode(text)?;
        if let Ok(pair) = bytes.as_slice().try_into() {
            let key = SigningKey::from_keypair_bytes(pair).map_err(|_| BadKey::Key)?;
            return Ok(Self(key));
        }
        let seed = bytes.try_into().map_err(|_| BadKey::Key)?;
        Ok(Self::new(&seed))
    }

    /// Seed and public key, as base64.
    #[must_use]
    pub fn text(&self) -> String {
        STANDARD.encode(self.0.to_keypair_bytes())
    }

    /// Its other half.
    #[must_use]
    pub fn public(&self) -> PublicKey {
        PublicKey(self.0.verifying_key())
    }

    /// A signature, as base64.
    pub(super) fn sign(&self, digest: &str) -> String {
        STANDARD.encode(self.0.sign(digest.as_bytes()).to_bytes())
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PrivateKey(of {} bytes)", PUBLIC_KEY_LENGTH)
    }
}

fn decode(text: &str) -> Result<Vec<u8>, BadKey> {
    STANDARD.decode(text.trim()).map_err(|_| BadKey::Encoding)
}
