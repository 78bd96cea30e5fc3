//! Text that is encrypted with a passphrase: one armoured OpenPGP message (RFC 9580), as
//! `gpg --symmetric --armor` writes it. Reads only; nothing here encrypts or knows public keys.
//!
//! ```text
//! armour ─▶ packets ─▶ session key (passphrase, S2K) ─▶ container ─▶ content (compressed, literal)
//! ```
//!
//! A crate of its own below the runtime, because the compiler reads such texts when it builds and the
//! gateway when it starts, and neither knows the other. Only what protects its content against changes
//! is read: version 1 of the protected packet with its digest, and version 2 with AEAD. Everything that
//! a message decides (iterations, memory, sizes, nesting) has a bound.

mod armour;
mod cipher;
mod container;
mod content;
mod packet;
mod s2k;
mod session;

use packet::{Packet, Tag};
use zeroize::Zeroizing;

/// How a message begins.
const BEGIN: &str = "-----BEGIN PGP MESSAGE-----";

/// How a message ends.
const END: &str = "-----END PGP MESSAGE-----";

/// The longest armoured message, in bytes.
pub const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// The longest text in a message, in bytes, after decompression.
pub const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// Why a message gives no text. None of these says anything of the text or the passphrase.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecryptError {
    /// The armour or the packets are malformed.
    #[error("the encrypted message is malformed")]
    Malformed,
    /// The text is not UTF-8.
    #[error("what is encrypted is not UTF-8 text")]
    NotText,
    /// The passphrase is wrong; a message that was changed looks the same.
    #[error("the passphrase is wrong, or the message was changed")]
    Passphrase,
    /// Larger than [`MESSAGE_BYTES_MAX`] or [`TEXT_BYTES_MAX`].
    #[error("the encrypted message is too large")]
    TooLarge,
    /// A way of encrypting that is not read, most of them because they are weak.
    #[error("the message is {0}: encrypt it with `gpg --symmetric --armor --cipher-algo AES256`")]
    Unsupported(&'static str),
}

/// Whether a text is meant to be such a message; white space around it does not count.
#[must_use]
pub fn is_message(text: &str) -> bool {
    text.trim_start().starts_with(BEGIN)
}

/// A decrypted text as the value of a key: without the one line break that `echo secret | gpg …` leaves
/// at its end.
#[must_use]
pub fn value(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

/// The text in a message.
///
/// # Errors
/// See [`DecryptError`].
pub fn decrypt(message: &str, passphrase: &str) -> Result<Zeroizing<String>, DecryptError> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err(DecryptError::TooLarge);
    }
    let bytes = armour::remove(message)?;
    let mut sessions = Vec::new();
    let mut container = None;
    for packet in packet::read(&bytes)? {
        let Packet { tag, body } = packet;
        match tag {
            // What is encrypted comes last.
            _ if container.is_some() && !tag.is_filler() => return Err(DecryptError::Malformed),
            Tag::SessionKey => sessions.push(body),
            Tag::Protected => container = Some(body),
            Tag::Unprotected => {
                return Err(DecryptError::Unsupported("not protected against changes"));
            }
            Tag::Ocb => return Err(DecryptError::Unsupported("in a form of GnuPG alone")),
            Tag::Marker | Tag::Padding | Tag::PublicKeySession => {}
            Tag::Compressed | Tag::Literal | Tag::Signature => {
                return Err(DecryptError::Unsupported("not encrypted"));
            }
            Tag::Unknown => return Err(DecryptError::Malformed),
        }
    }
    let container = container.ok_or(DecryptError::Malformed)?;
    let plain = session::open(&sessions, &container, passphrase)?;
    content::text(&plain)
}
