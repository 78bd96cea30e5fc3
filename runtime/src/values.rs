//! Class-V keys: text and references that are looked up when the gateway starts (config.md §3).
//!
//! Generated code holds every such key as a [`Value`]; nothing here knows what a key means. The
//! grammars of the scalar types are in [`scalar`].

use std::collections::BTreeMap;
use std::path::Path;

#[cfg(feature = "encrypted")]
mod encrypted;
#[cfg(any(feature = "log-hash", feature = "sticky"))]
pub(crate) mod mac;
mod networks;
mod overrides;
#[cfg(feature = "regex")]
pub(crate) mod pattern;
#[cfg(feature = "tls")]
pub(crate) mod pem;
pub(crate) mod query;
pub mod scalar;
mod template;

pub use networks::Networks;
pub use template::{Template, TemplateContext};

/// The text of one key, and where it was written.
#[derive(Debug)]
pub struct Value {
    /// Dotted path of the key: `gateway.routes[0].target`.
    pub key: &'static str,
    /// `file:line:column`.
    pub source: &'static str,
    /// Text and references in order.
    pub parts: &'static [Part],
}

/// A piece of a [`Value`].
#[derive(Debug)]
pub enum Part {
    /// Literal text.
    Text(&'static str),
    /// `${NAME}` or `${NAME:-default}` (C-ENV-1).
    Env {
        /// The variable.
        name: &'static str,
        /// The text if the variable is unset or empty.
        default: Option<&'static str>,
    },
    /// What an encrypted message holds, but for a line break at its end (C-SEC-1).
    #[cfg(feature = "encrypted")]
    Encrypted(&'static str),
    /// What follows the first `:` in an encrypted message.
    #[cfg(feature = "encrypted")]
    EncryptedPassword(&'static str),
    /// These bytes of an encrypted message, the last one not included.
    #[cfg(feature = "encrypted")]
    EncryptedRange(&'static str, u32, u32),
    /// What stands before the first `:` in an encrypted message.
    #[cfg(feature = "encrypted")]
    EncryptedUser(&'static str),
}

/// A value that cannot be used; the gateway does not start (RT-START-1).
#[derive(Debug, thiserror::Error)]
#[error("{place}error[{code}]: {key}{text}", place = place(.source_place), key = labelled(.key))]
pub struct StartError {
    /// `file:line:column`, or empty where the fault is not in a file.
    pub source_place: String,
    /// Kebab-case code of config.md §13.
    pub code: &'static str,
    /// Dotted path of the key, or empty.
    pub key: String,
    /// What is wrong. Never shows a value that may be secret.
    pub text: String,
}

/// The environment that references are resolved against (C-ENV-3).
#[derive(Debug, Default)]
pub struct Environment {
    variables: BTreeMap<String, String>,
    /// Messages that were decrypted before.
    #[cfg(feature = "encrypted")]
    decrypted: encrypted::Decrypted,
}

/// Whether a host is an address or `localhost`.
pub(crate) fn is_reachable_without_dns(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok()
}

fn place(source: &str) -> String {
    if source.is_empty() {
        String::new()
    } else {
        format!("{source}: ")
    }
}

fn labelled(key: &str) -> String {
    if key.is_empty() {
        String::new()
    } else {
        format!("{key}: ")
    }
}

impl StartError {
    /// A fault without a place in a file.
    #[must_use]
    pub fn without_place(code: &'static str, text: impl Into<String>) -> Self {
        Self {
            source_place: String::new(),
            code,
            key: String::new(),
            text: text.into(),
        }
    }
}

impl Value {
    /// A fault of this value.
    #[must_use]
    pub fn fault(&self, code: &'static str, text: impl Into<String>) -> StartError {
        StartError {
            source_place: self.source.to_owned(),
            code,
            key: self.key.to_owned(),
            text: text.into(),
        }
    }

    /// The text with all references replaced.
    ///
    /// # Errors
    /// `env-unset` for a variable that is unset and has no default (C-ENV-2); `decrypt-failed` for an
    /// encrypted message without its passphrase (C-SEC-1).
    pub fn resolve(&self, environment: &Environment) -> Result<String, StartError> {
        let mut resolved = String::new();
        for part in self.parts {
            match part {
                Part::Text(text) => resolved.push_str(text),
                Part::Env { name, default } => match (environment.get(name), default) {
                    (Some(""), Some(default)) | (None, Some(default)) => {
                        resolved.push_str(default);
                    }
                    (Some(value), _) => resolved.push_str(value),
                    (None, None) => {
                        return Err(self.fault("env-unset", format!("${{{name}}} is not set")));
                    }
                },
                #[cfg(feature = "encrypted")]
                Part::Encrypted(_)
                | Part::EncryptedPassword(_)
                | Part::EncryptedRange(..)
                | Part::EncryptedUser(_) => {
                    let text = environment.decrypted.part(part, environment);
                    resolved.push_str(&text.map_err(|why| self.fault("decrypt-failed", why))?);
                }
            }
        }
        Ok(resolved)
    }

    /// The text with all references replaced, read by one of the [`scalar`] grammars.
    ///
    /// # Errors
    /// As [`Value::resolve`], and the grammar's code with its text.
    pub fn read<T>(
        &self,
        environment: &Environment,
        grammar: impl FnOnce(&str) -> Result<T, scalar::Malformed>,
    ) -> Result<T, StartError> {
        let text = self.resolve(environment)?;
        grammar(&text).map_err(|malformed| self.fault(malformed.code, malformed.text))
    }
}

impl Environment {
    /// The process environment, over which the files given with `--env-file` win, later over earlier.
    ///
    /// # Errors
    /// `file-missing` for a file that cannot be read, `bad-value` for a line without `=`.
    pub fn load(files: &[impl AsRef<Path>]) -> Result<Self, StartError> {
        let mut variables: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect();
        for file in files {
            let shown = file.as_ref().display().to_string();
            let text = std::fs::read_to_string(file).map_err(|error| {
                StartError::without_place("file-missing", format!("{shown}: {error}"))
            })?;
            for (index, line) in text.lines().enumerate() {
                match env_line(line) {
                    Ok(Some((name, value))) => {
                        variables.insert(name.to_owned(), value.to_owned());
                    }
                    Ok(None) => {}
                    Err(()) => {
                        let text = format!("{shown}:{}: not of the form NAME=VALUE", index + 1);
                        return Err(StartError::without_place("bad-value", text));
                    }
                }
            }
        }
        Ok(Self::holding(variables))
    }

    /// An environment of just these variables.
    #[must_use]
    pub fn of<const N: usize>(variables: [(&str, &str); N]) -> Self {
        let owned = |(name, value): (&str, &str)| (name.to_owned(), value.to_owned());
        Self::holding(variables.into_iter().map(owned).collect())
    }

    fn holding(variables: BTreeMap<String, String>) -> Self {
        Self {
            variables,
            #[cfg(feature = "encrypted")]
            decrypted: encrypted::Decrypted::default(),
        }
    }

    /// A variable's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(String::as_str)
    }

    /// The names of all variables.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.variables.keys().map(String::as_str)
    }

    /// A `GOMA_*` override: set and not empty (config.md §4).
    #[must_use]
    pub fn override_of(&self, name: &str) -> Option<&str> {
        self.get(name).filter(|value| !value.is_empty())
    }
}

/// One line of an env file: `NAME=VALUE`, optionally quoted; `#` begins a comment line (C-ENV-3).
fn env_line(line: &str) -> Result<Option<(&str, &str)>, ()> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or(())?;
    let value = value.trim();
    let unquoted = ['"', '\''].into_iter().find_map(|quote| {
        value
            .strip_prefix(quote)
            .and_then(|rest| rest.strip_suffix(quote))
    });
    Ok(Some((name.trim(), unquoted.unwrap_or(value))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const VALUE: Value = Value {
        key: "gateway.routes[0].target",
        source: "goma.yaml:4:9",
        parts: &[
            Part::Text("http://"),
            Part::Env {
                name: "HOST",
                default: None,
            },
            Part::Text(":"),
            Part::Env {
                name: "PORT",
                default: Some("80"),
            },
        ],
    };

    /// C-ENV-1, C-ENV-2
    #[test]
    fn references_are_replaced_and_an_unset_one_names_its_place() {
        let environment = Environment::of([("HOST", "a"), ("PORT", "")]);
        assert_eq!(VALUE.resolve(&environment).unwrap(), "http://a:80");
        let error = VALUE.resolve(&Environment::of([])).unwrap_err();
        assert_eq!(
            error.to_string(),
            "goma.yaml:4:9: error[env-unset]: gateway.routes[0].target: ${HOST} is not set"
        );
    }

    /// C-ENV-3
    #[test]
    fn env_lines() {
        assert_eq!(env_line("A=b"), Ok(Some(("A", "b"))));
        assert_eq!(env_line(" A = \"b c\" "), Ok(Some(("A", "b c"))));
        assert_eq!(env_line("# A=b"), Ok(None));
        assert_eq!(env_line("nothing"), Err(()));
    }
}
