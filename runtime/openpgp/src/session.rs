//! The session key: made from the passphrase, or encrypted with what is (RFC 9580, 5.3).

use aes_gcm::aead::Payload;
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::cipher::{Cipher, Mode};
use crate::container::Container;
use crate::packet::{octet, take};
use crate::s2k::S2k;
use crate::{DecryptError, container};

/// The most passphrases of one message; each costs the full time of its hash.
const PASSPHRASES_MAX: usize = 4;

/// A key and what it is for.
pub(crate) struct Session {
    /// `None`: the container says it.
    pub(crate) cipher: Option<Cipher>,
    pub(crate) key: Zeroizing<Vec<u8>>,
}

/// What a container holds, with the first session key that opens it.
pub(crate) fn open(
    packets: &[Vec<u8>],
    container: &[u8],
    passphrase: &str,
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    if packets.is_empty() {
        return Err(DecryptError::Unsupported(
            "for public keys, not for a passphrase",
        ));
    }
    if packets.len() > PASSPHRASES_MAX {
        return Err(DecryptError::Unsupported("for too many passphrases"));
    }
    let container = Container::read(container)?;
    for packet in packets {
        let session = read(packet, passphrase)?;
        if let Some(plain) = session.and_then(|session| container::open(&container, &session)) {
            return Ok(plain);
        }
    }
    Err(DecryptError::Passphrase)
}

/// `None`: of another passphrase, certainly.
fn read(mut packet: &[u8], passphrase: &str) -> Result<Option<Session>, DecryptError> {
    match octet(&mut packet)? {
        4 => version_4(packet, passphrase),
        6 => version_6(packet, passphrase),
        5 => Err(DecryptError::Unsupported("in a form of GnuPG alone")),
        _ => Err(DecryptError::Malformed),
    }
}

fn version_4(mut packet: &[u8], passphrase: &str) -> Result<Option<Session>, DecryptError> {
    let cipher = Cipher::new(octet(&mut packet)?)?;
    let key = S2k::read(&mut packet)?.key(passphrase, cipher.key_bytes())?;
    if packet.is_empty() {
        return Ok(Some(Session {
            cipher: Some(cipher),
            key,
        }));
    }
    let mut plain = Zeroizing::new(packet.to_vec());
    cipher.cfb(&key, &mut plain);
    let Some((&number, key)) = plain.split_first() else {
        return Ok(None);
    };
    // Another passphrase gives noise here.
    let cipher = Cipher::new(number).ok();
    let fits = cipher.is_some_and(|cipher| cipher.key_bytes() == key.len());
    Ok(fits.then(|| Session {
        cipher,
        key: Zeroizing::new(key.to_vec()),
    }))
}

fn version_6(mut packet: &[u8], passphrase: &str) -> Result<Option<Session>, DecryptError> {
    let count = usize::from(octet(&mut packet)?);
    let mut head = take(&mut packet, count)?;
    let (cipher_number, mode_number) = (octet(&mut head)?, octet(&mut head)?);
    let (cipher, mode) = (Cipher::new(cipher_number)?, Mode::new(mode_number)?);
    let s2k_bytes = usize::from(octet(&mut head)?);
    let mut s2k = take(&mut head, s2k_bytes)?;
    let nonce = head;
    if nonce.len() != mode.nonce_bytes() {
        return Err(DecryptError::Malformed);
    }
    let made = S2k::read(&mut s2k)?.key(passphrase, cipher.key_bytes())?;
    let info = [0xc3, 6, cipher_number, mode_number];
    let mut key = Zeroizing::new(vec![0; cipher.key_bytes()]);
    Hkdf::<Sha256>::new(None, &made)
        .expand(&info, &mut key)
        .map_err(|_| DecryptError::Malformed)?;
    let payload = Payload {
        msg: packet,
        aad: &info,
    };
    let key = cipher.open(mode, &key, nonce, payload);
    Ok(key.map(|key| Session { cipher: None, key }))
}
