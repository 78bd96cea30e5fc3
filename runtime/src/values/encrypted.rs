//! Encrypted messages (C-SEC-1): decrypted once per start, however many values are parts of one, and
//! however many cores ask.

use std::collections::BTreeMap;
use std::fmt;
#[expect(
    clippy::disallowed_types,
    reason = "taken at start only, never by a request"
)]
use std::sync::Mutex;
use std::sync::PoisonError;

use zeroize::Zeroizing;

use super::{Environment, Part};

/// The variable with the passphrase.
pub(super) const PASSPHRASE: &str = "GOMA_CONFIG_ENCRYPTION_KEY";

/// Texts by the message that holds them.
#[derive(Default)]
#[expect(
    clippy::disallowed_types,
    reason = "taken at start only, never by a request"
)]
pub(super) struct Decrypted(Mutex<BTreeMap<&'static str, Zeroizing<String>>>);

impl fmt::Debug for Decrypted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Decrypted")
    }
}

impl Decrypted {
    /// The text of a part, or why there is none, which says nothing of it.
    pub(super) fn part(&self, part: &Part, environment: &Environment) -> Result<String, String> {
        match *part {
            Part::Text(_) | Part::Env { .. } => Ok(String::new()),
            Part::Encrypted(message) => self.cut(message, environment, |text| Some(value(text))),
            Part::EncryptedPassword(message) => {
                self.cut(message, environment, |text| Some(pair(text)?.1))
            }
            Part::EncryptedRange(message, start, end) => self.cut(message, environment, |text| {
                text.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
            }),
            Part::EncryptedUser(message) => {
                self.cut(message, environment, |text| Some(pair(text)?.0))
            }
        }
    }

    fn cut(
        &self,
        message: &'static str,
        environment: &Environment,
        cut: impl FnOnce(&str) -> Option<&str>,
    ) -> Result<String, String> {
        let mut texts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let text = match texts.get(message) {
            Some(text) => text,
            None => {
                let passphrase = environment.override_of(PASSPHRASE);
                let passphrase = passphrase.ok_or_else(|| format!("`{PASSPHRASE}` is not set"))?;
                let text = goma_openpgp::decrypt(message, passphrase);
                let text = text.map_err(|error| error.to_string())?;
                texts.entry(message).or_insert(text)
            }
        };
        let cut = cut(text).ok_or("what is encrypted is not of the form that the key takes")?;
        Ok(cut.to_owned())
    }
}

fn value(text: &str) -> &str {
    goma_openpgp::value(text)
}

/// `user:password`
fn pair(text: &str) -> Option<(&str, &str)> {
    let (user, password) = value(text).split_once(':')?;
    (!user.is_empty() && !password.is_empty()).then_some((user, password))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::values::Value;

    const MESSAGE: &str = include_str!("../../openpgp/tests/data/rfc9580-ocb.asc");

    fn check(parts: &'static [Part], passphrase: &str, expected: Result<&str, &str>) {
        let value = Value {
            key: "users[0].password",
            source: "goma.yaml:7:9",
            parts,
        };
        let environment = Environment::of([(PASSPHRASE, passphrase)]);
        let found = value
            .resolve(&environment)
            .map_err(|error| error.to_string());
        match expected {
            Ok(expected) => assert_eq!(found.as_deref(), Ok(expected)),
            Err(expected) => {
                let found = found.as_ref().err().map(String::as_str);
                assert!(
                    found.is_some_and(|text| text.contains(expected)),
                    "{found:?}"
                );
            }
        }
        // A second core asks for the same.
        assert_eq!(value.resolve(&environment).ok(), found.ok());
        assert!(!format!("{environment:?}").contains("Hello"));
    }

    #[test]
    fn parts_of_a_message() {
        check(&[Part::Encrypted(MESSAGE)], "password", Ok("Hello, world!"));
        let range = &[Part::EncryptedRange(MESSAGE, 7, 12), Part::Text("?")];
        check(range, "password", Ok("world?"));
        let place = "goma.yaml:7:9: error[decrypt-failed]: users[0].password: ";
        check(
            &[Part::EncryptedRange(MESSAGE, 7, 99)],
            "password",
            Err(place),
        );
        check(
            &[Part::EncryptedUser(MESSAGE)],
            "password",
            Err("form that the key takes"),
        );
        check(&[Part::EncryptedPassword(MESSAGE)], "password", Err("form"));
        check(
            &[Part::Encrypted(MESSAGE)],
            "",
            Err("`GOMA_CONFIG_ENCRYPTION_KEY` is not set"),
        );
        check(
            &[Part::Encrypted(MESSAGE)],
            "wrong",
            Err("the passphrase is wrong"),
        );
        assert_eq!(pair("ada:x:y\n"), Some(("ada", "x:y")));
        assert_eq!(pair(":x"), None);
    }
}
