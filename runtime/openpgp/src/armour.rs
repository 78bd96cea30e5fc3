//! The armour: header lines, base64, a checksum that nobody has to look at (RFC 9580, 6).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::{BEGIN, DecryptError, END};

/// The bytes in an armoured text. Line breaks may have become spaces, as YAML folds them.
pub(crate) fn remove(text: &str) -> Result<Vec<u8>, DecryptError> {
    let body = text
        .trim()
        .strip_prefix(BEGIN)
        .and_then(|rest| rest.strip_suffix(END))
        .ok_or(DecryptError::Malformed)?;
    let data = body.lines().filter(|line| !line.contains(':'));
    let mut packed = String::with_capacity(body.len());
    for word in data.flat_map(str::split_whitespace) {
        // The content has a far better checksum than this one of 24 bits.
        if word.len() == 5 && word.starts_with('=') {
            break;
        }
        packed.push_str(word);
    }
    STANDARD
        .decode(packed)
        .ok()
        .filter(|bytes| !bytes.is_empty())
        .ok_or(DecryptError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Option<&[u8]>) {
        let found = remove(text).ok();
        assert_eq!(found.as_deref(), expected, "{text}");
    }

    #[test]
    fn what_is_armour() {
        check(&format!("{BEGIN}\n\naGk=\n=abcd\n{END}\n"), Some(b"hi"));
        check(&format!("  {BEGIN} aGk= =abcd {END}"), Some(b"hi"));
        check(
            &format!("{BEGIN}\r\nComment: x\r\n\r\naG\r\nk=\r\n{END}"),
            Some(b"hi"),
        );
        check(&format!("{BEGIN}\n\n=abcd\n{END}"), None);
        check(&format!("{BEGIN}\n\naGk=\n"), None);
        check(&format!("{BEGIN}\n\na$k=\n{END}"), None);
    }
}
