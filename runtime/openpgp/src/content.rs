//! What was encrypted: a text, perhaps compressed.

use std::io::Read;

use bzip2::read::BzDecoder;
use flate2::read::{DeflateDecoder, ZlibDecoder};
use zeroize::Zeroizing;

use crate::packet::{self, Packet, Tag, octet, take};
use crate::{DecryptError, TEXT_BYTES_MAX};

/// How deep compression may be nested: GnuPG never does that.
const NESTING_MAX: usize = 2;

/// The text in decrypted packets.
pub(crate) fn text(bytes: &[u8]) -> Result<Zeroizing<String>, DecryptError> {
    literal(bytes, 0)
}

fn literal(bytes: &[u8], depth: usize) -> Result<Zeroizing<String>, DecryptError> {
    let mut found = None;
    for Packet { tag, body } in packet::read(bytes)? {
        let body = Zeroizing::new(body);
        match tag {
            Tag::Marker | Tag::Padding => {}
            Tag::Compressed | Tag::Literal if found.is_some() => {
                return Err(DecryptError::Malformed);
            }
            Tag::Compressed if depth == NESTING_MAX => return Err(DecryptError::Malformed),
            Tag::Compressed => found = Some(literal(&inflate(&body)?, depth + 1)?),
            Tag::Literal => found = Some(read(&body)?),
            Tag::Signature => {
                return Err(DecryptError::Unsupported(
                    "signed, which nobody checks here",
                ));
            }
            Tag::Ocb
            | Tag::Protected
            | Tag::PublicKeySession
            | Tag::SessionKey
            | Tag::Unknown
            | Tag::Unprotected => return Err(DecryptError::Malformed),
        }
    }
    found.ok_or(DecryptError::Malformed)
}

fn inflate(body: &[u8]) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    let mut data = body;
    match octet(&mut data)? {
        0 => bounded(data),
        1 => bounded(DeflateDecoder::new(data)),
        2 => bounded(ZlibDecoder::new(data)),
        3 => bounded(BzDecoder::new(data)),
        _ => Err(DecryptError::Malformed),
    }
}

fn bounded(reader: impl Read) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    // The packet around the text takes some bytes too.
    let most = TEXT_BYTES_MAX + 4096;
    let mut plain = Zeroizing::new(Vec::new());
    let mut reader = reader.take(most as u64 + 1);
    reader
        .read_to_end(&mut plain)
        .map_err(|_| DecryptError::Malformed)?;
    if plain.len() > most {
        return Err(DecryptError::TooLarge);
    }
    Ok(plain)
}

/// Format, name and time mean nothing here.
fn read(mut body: &[u8]) -> Result<Zeroizing<String>, DecryptError> {
    octet(&mut body)?;
    let name = usize::from(octet(&mut body)?);
    take(&mut body, name + 4)?;
    if body.len() > TEXT_BYTES_MAX {
        return Err(DecryptError::TooLarge);
    }
    let text = std::str::from_utf8(body).map_err(|_| DecryptError::NotText)?;
    Ok(Zeroizing::new(text.to_owned()))
}
