//! `basicAuth` (middlewares.md 5.5): user names and passwords (RFC 7617).
//!
//! Hashes are computed off the core's loop, a bounded number at a time; a success is remembered for
//! a while under a keyed hash, so that a client pays for its password once a minute, not per request.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

use crate::answer::Answer;
use crate::chain::{Exchange, Filter, Flow};
use crate::clock::Moment;
use crate::gateway::{Start, StartError};
use crate::values::Value;

/// How long a success is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Successes remembered per core.
const REMEMBERED_MAX: usize = 10_000;
/// Passwords of one core and middleware that are being checked or wait for it; more get a 503.
const CHECKS_MAX: usize = 64;
/// Checked in place of an unknown user's, so that both take the same time (MW-BASIC-6).
const NOBODY: &str = "$2b$10$abcdefghijklmnopqrstuuNkVqqnBHhbjx1tBBaNQ9i6kIuvIk2S.";

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Who may pass.
    pub users: &'static [User],
    /// Shown by clients; quotes and backslashes are escaped.
    pub realm: &'static str,
    /// Tell the backend who it is.
    pub forward_username: bool,
    /// The field that tells it.
    pub username_header: &'static str,
    /// Keep the credentials from the backend.
    pub remove_authorization: bool,
}

/// A user.
#[derive(Debug)]
pub struct User {
    /// The name.
    pub username: Value,
    /// A bcrypt hash, or the password itself.
    pub password: Value,
}

/// The filter.
pub struct BasicAuth {
    users: HashMap<String, Rc<str>>,
    challenge: String,
    config: &'static Config,
    /// Key of the hashes below; different in every process.
    key: [u8; 32],
    remembered: Rc<RefCell<HashMap<[u8; 32], Moment>>>,
    checks: Rc<Cell<usize>>,
}

impl std::fmt::Debug for BasicAuth {
    /// Neither names nor passwords.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BasicAuth").finish_non_exhaustive()
    }
}

impl BasicAuth {
    /// # Errors
    /// `env-unset`; `bad-rule` for an empty name or password, a duplicate name, or a hash of another
    /// kind than bcrypt.
    pub fn new(config: &'static Config, start: &Start<'_>) -> Result<Self, StartError> {
        let mut users = HashMap::new();
        for user in config.users {
            let username = user.username.resolve(start.environment)?;
            let password = user.password.resolve(start.environment)?;
            if username.is_empty() {
                return Err(user.username.fault("bad-rule", "the user name is empty"));
            }
            check_password(&password).map_err(|text| user.password.fault("bad-rule", text))?;
            if users.insert(username, Rc::from(password)).is_some() {
                return Err(user.username.fault("bad-rule", "the user is listed twice"));
            }
        }
        let realm = config.realm.replace('\\', "\\\\").replace('"', "\\\"");
        let mut key = [0; 32];
        // A fresh key from the hasher's own random seed: no other source of entropy is needed here.
        for part in key.chunks_mut(8) {
            let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
            part.copy_from_slice(&random.to_ne_bytes());
        }
        Ok(Self {
            users,
            challenge: format!("Basic realm=\"{realm}\", charset=\"UTF-8\""),
            config,
            key,
            remembered: Rc::default(),
            checks: Rc::default(),
        })
    }

    fn refuse(&self) -> Flow {
        Flow::Answer(unauthorized(&self.challenge))
    }

    fn pass(&self, exchange: &mut Exchange, username: &str) -> Flow {
        admit(self.config, exchange, username);
        Flow::Next
    }

    /// Keyed hash of user, password and stored hash (MW-BASIC-6).
    fn fingerprint(&self, username: &str, password: &str, stored: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        for part in [username, password, stored] {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn remembers(&self, fingerprint: &[u8; 32]) -> bool {
        let mut remembered = self.remembered.borrow_mut();
        match remembered.get(fingerprint) {
            Some(since) if since.elapsed() < REMEMBERED => true,
            Some(_) => {
                remembered.remove(fingerprint);
                false
            }
            None => false,
        }
    }

    fn check_hash(&self, username: String, password: String, stored: &str, known: bool) -> Flow {
        let fingerprint = self.fingerprint(&username, &password, stored);
        if self.checks.get() >= CHECKS_MAX {
            return Flow::Answer(busy());
        }
        let check = Check::begin(&self.checks);
        let (stored, config) = (stored.to_owned(), self.config);
        let remembered = Rc::clone(&self.remembered);
        let challenge = self.challenge.clone();
        Flow::Wait(Box::pin(async move {
            let verify = move || bcrypt::verify(password, &stored).unwrap_or(false);
            let verified = tokio::task::spawn_blocking(verify).await;
            drop(check);
            if verified.unwrap_or(false) && known {
                remember(&remembered, fingerprint);
                resume_with(config, username)
            } else {
                Box::new(move |_: &mut Exchange| Flow::Answer(unauthorized(&challenge)))
            }
        }))
    }
}

impl Filter for BasicAuth {
    /// MW-BASIC-4, MW-GEN-12: a client's own copy never passes. `_` counts as `-`.
    fn hygiene(&self, exchange: &mut Exchange) {
        if self.config.forward_username {
            let wanted = self.config.username_header.as_bytes();
            let plain = |byte: &u8| {
                if *byte == b'_' {
                    b'-'
                } else {
                    byte.to_ascii_lowercase()
                }
            };
            exchange.request.fields.remove_where(|name| {
                name.len() == wanted.len() && name.iter().map(plain).eq(wanted.iter().map(plain))
            });
        }
    }

    /// MW-BASIC-1, -2, -6
    fn request(&self, exchange: &mut Exchange) -> Flow {
        let mut fields = exchange.request.fields.values("authorization");
        let credentials = fields.next().and_then(read_credentials);
        if fields.next().is_some() {
            return Flow::Answer(super::ambiguous());
        }
        drop(fields);
        let Some((username, password)) = credentials else {
            return self.refuse();
        };
        let Some(stored) = self.users.get(&username) else {
            return self.check_hash(username, password, NOBODY, false);
        };
        if !stored.starts_with("$2") {
            let same = password.as_bytes().ct_eq(stored.as_bytes());
            return if bool::from(same) {
                self.pass(exchange, &username)
            } else {
                self.refuse()
            };
        }
        let stored = Rc::clone(stored);
        if self.remembers(&self.fingerprint(&username, &password, &stored)) {
            return self.pass(exchange, &username);
        }
        self.check_hash(username, password, &stored, true)
    }
}

/// One password that is being checked.
struct Check(Rc<Cell<usize>>);

impl Check {
    fn begin(checks: &Rc<Cell<usize>>) -> Self {
        checks.set(checks.get() + 1);
        Self(Rc::clone(checks))
    }
}

impl Drop for Check {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

fn resume_with(config: &'static Config, username: String) -> crate::chain::Resume {
    Box::new(move |exchange: &mut Exchange| {
        admit(config, exchange, &username);
        Flow::Next
    })
}

fn admit(config: &Config, exchange: &mut Exchange, username: &str) {
    if config.remove_authorization {
        exchange.request.fields.remove("authorization");
    }
    if config.forward_username {
        exchange
            .request
            .fields
            .set(config.username_header, username.as_bytes());
    }
    username.clone_into(&mut exchange.user);
}

fn remember(remembered: &RefCell<HashMap<[u8; 32], Moment>>, fingerprint: [u8; 32]) {
    let mut remembered = remembered.borrow_mut();
    if remembered.len() >= REMEMBERED_MAX {
        remembered.retain(|_, since| since.elapsed() < REMEMBERED);
    }
    if remembered.len() < REMEMBERED_MAX {
        remembered.insert(fingerprint, Moment::now());
    }
}

fn unauthorized(challenge: &str) -> Answer {
    Answer::of(401).with("WWW-Authenticate", challenge.to_owned())
}

fn busy() -> Answer {
    Answer::of(503).with("Retry-After", "1")
}

/// The stored forms that this release can check.
fn check_password(stored: &str) -> Result<(), &'static str> {
    if stored.is_empty() {
        return Err("the password is empty");
    }
    if stored.starts_with("$2") {
        return match stored.parse::<bcrypt::HashParts>() {
            Ok(_) => Ok(()),
            Err(_) => Err("the password looks like a bcrypt hash, but is malformed"),
        };
    }
    let other_hash = (stored.starts_with('$')
        && stored.get(1..).is_some_and(|rest| rest.contains('$')))
        || (stored.starts_with('{') && stored.contains('}'));
    if other_hash {
        return Err("only bcrypt hashes are supported in this release");
    }
    Ok(())
}

/// RFC 7617: scheme in any case, several spaces, padding optional; both parts not empty.
fn read_credentials(value: &[u8]) -> Option<(String, String)> {
    let value = std::str::from_utf8(value).ok()?.trim();
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64.decode(encoded.trim()).ok()?).ok()?;
    let (username, password) = decoded.split_once(':')?;
    (!username.is_empty() && !password.is_empty())
        .then(|| (username.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests;
