//! `basicAuth` (middlewares.md 5.5): user names and passwords (RFC 7617).
//!
//! Hashes are computed off the core's loop, a bounded number at a time; a success is remembered for
//! a while under a keyed hash, so that a client pays for its password once a minute, not per request.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::answer::Answer;
use crate::chain::{Exchange, Filter, Flow, Resume};
use crate::clock::Moment;
use crate::gateway::{Start, StartError};
use crate::values::Value;

mod failures;
mod password;
mod users;

pub use failures::Limit;

use failures::Failures;
use password::Stored;
use users::Users;

/// How long a success is remembered.
const REMEMBERED: Duration = Duration::from_secs(60);
/// Successes remembered per core.
const REMEMBERED_MAX: usize = 10_000;
/// Hashes that one core computes at once for one middleware.
const HASHES_AT_ONCE: usize = 4;
/// How long a password waits for its turn; then the answer is 503 (MW-BASIC-6).
const TURN: Duration = Duration::from_secs(1);
/// Bytes of a password: some hashes take time by the square of its length.
const PASSWORD_BYTES_MAX: usize = 1024;

const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Who may pass.
    pub users: &'static [User],
    /// Where more of them are; read again when it changes.
    pub users_file: Option<Value>,
    /// Shown by clients; quotes and backslashes are escaped.
    pub realm: &'static str,
    /// Tell the backend who it is.
    pub forward_username: bool,
    /// The field that tells it.
    pub username_header: &'static str,
    /// Keep the credentials from the backend.
    pub remove_authorization: bool,
    /// How often an address may fail.
    pub limit: Option<Limit>,
}

/// A user.
#[derive(Debug)]
pub struct User {
    /// The name.
    pub username: Value,
    /// A hash, or the password itself.
    pub password: Value,
}

/// The filter. What a request that waits needs is shared with it.
pub struct BasicAuth(Rc<Shared>);

struct Shared {
    users: Users,
    challenge: String,
    config: &'static Config,
    failures: Option<Arc<Failures>>,
    /// Key of the hashes below; different in every process.
    key: [u8; 32],
    remembered: RefCell<HashMap<[u8; 32], Moment>>,
    turns: Semaphore,
}

impl std::fmt::Debug for BasicAuth {
    /// Neither names nor passwords.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("BasicAuth").finish_non_exhaustive()
    }
}

impl BasicAuth {
    /// # Errors
    /// `env-unset`; `file-missing` for a file that cannot be read; `bad-rule` for an empty name or
    /// password, a duplicate name, or a hash that cannot be checked.
    pub fn new(config: &'static Config, start: &Start<'_>) -> Result<Self, StartError> {
        let mut own = users::Table::new();
        for user in config.users {
            let username = user.username.resolve(start.environment)?;
            let password = user.password.resolve(start.environment)?;
            if username.is_empty() {
                return Err(user.username.fault("bad-rule", "the user name is empty"));
            }
            let stored = Stored::parse(&password);
            let stored = stored.map_err(|text| user.password.fault("bad-rule", text))?;
            if own.insert(username, Arc::new(stored)).is_some() {
                return Err(user.username.fault("bad-rule", "the user is listed twice"));
            }
        }
        let file = match &config.users_file {
            Some(value) => Some((value, value.resolve(start.environment)?)),
            None => None,
        };
        let realm = config.realm.replace('\\', "\\\\").replace('"', "\\\"");
        let mut key = [0; 32];
        // A fresh key from the hasher's own random seed: no other source of entropy is needed here.
        for part in key.chunks_mut(8) {
            let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), 0_u8);
            part.copy_from_slice(&random.to_ne_bytes());
        }
        let rule = std::ptr::from_ref(config).addr();
        Ok(Self(Rc::new(Shared {
            users: Users::new(own, file, start)?,
            challenge: format!("Basic realm=\"{realm}\", charset=\"UTF-8\""),
            config,
            failures: config.limit.map(|limit| Failures::of(rule, limit)),
            key,
            remembered: RefCell::default(),
            turns: Semaphore::new(HASHES_AT_ONCE),
        })))
    }
}

impl Filter for BasicAuth {
    /// MW-BASIC-4: with `forwardUsername` or without.
    fn owned(&self) -> Option<&'static str> {
        Some(self.0.config.username_header)
    }

    /// MW-BASIC-1, -2, -8
    fn request(&self, exchange: &mut Exchange) -> Flow {
        let client = (exchange.route.name, exchange.client);
        let locked = self
            .0
            .failures
            .as_ref()
            .and_then(|failures| failures.locked(client));
        if let Some(left) = locked {
            return Flow::Answer(locked_out(left));
        }
        let mut fields = exchange.request.fields.values("authorization");
        let credentials = fields.next().map(read_credentials);
        if fields.next().is_some() {
            return Flow::Answer(super::ambiguous());
        }
        drop(fields);
        let login = match credentials {
            // Browsers ask without credentials first: that is no failure.
            None => return Flow::Answer(unauthorized(&self.0.challenge)),
            Some(None) => return self.0.refuse(client),
            Some(Some((username, password))) => Login {
                username,
                password,
                client,
            },
        };
        Shared::check(&self.0, exchange, login)
    }
}

/// What a client says it is.
struct Login {
    username: String,
    password: String,
    client: (&'static str, IpAddr),
}

impl Shared {
    /// MW-BASIC-6: unknown users cost the same as known ones.
    fn check(this: &Rc<Self>, exchange: &mut Exchange, login: Login) -> Flow {
        let found = this.users.find(&login.username);
        let known = found.is_some();
        let Some(stored) = found.or_else(|| this.users.any()) else {
            return this.refuse(login.client);
        };
        let fingerprint = this.fingerprint(&login, &stored);
        if stored.is_cheap() {
            return this.decide(exchange, &login, stored.fits(&login.password) && known);
        }
        if known && this.remembers(&fingerprint) {
            return this.decide(exchange, &login, true);
        }
        let this = Rc::clone(this);
        Flow::Wait(Box::pin(async move {
            let Ok(Ok(turn)) = tokio::time::timeout(TURN, this.turns.acquire()).await else {
                return answer(busy());
            };
            let password = login.password.clone();
            let verified = tokio::task::spawn_blocking(move || stored.fits(&password)).await;
            drop(turn);
            let passes = verified.unwrap_or(false) && known;
            if passes {
                this.remember(fingerprint);
            }
            Box::new(move |exchange: &mut Exchange| this.decide(exchange, &login, passes)) as Resume
        }))
    }

    fn decide(&self, exchange: &mut Exchange, login: &Login, passes: bool) -> Flow {
        if !passes {
            return self.refuse(login.client);
        }
        admit(self.config, exchange, &login.username);
        Flow::Next
    }

    /// A failure (MW-BASIC-1, MW-BASIC-8).
    fn refuse(&self, client: (&'static str, IpAddr)) -> Flow {
        if let Some(failures) = &self.failures {
            failures.note(client);
        }
        Flow::Answer(unauthorized(&self.challenge))
    }

    /// Keyed hash of user, password and stored hash (MW-BASIC-6).
    fn fingerprint(&self, login: &Login, stored: &Stored) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.key);
        for part in [
            login.username.as_bytes(),
            login.password.as_bytes(),
            stored.text(),
        ] {
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

    fn remember(&self, fingerprint: [u8; 32]) {
        let mut remembered = self.remembered.borrow_mut();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.retain(|_, since| since.elapsed() < REMEMBERED);
        }
        if remembered.len() < REMEMBERED_MAX {
            remembered.insert(fingerprint, Moment::now());
        }
    }
}

fn answer(answer: Answer) -> Resume {
    Box::new(move |_: &mut Exchange| Flow::Answer(answer))
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

fn unauthorized(challenge: &str) -> Answer {
    Answer::of(401).with("WWW-Authenticate", challenge.to_owned())
}

fn busy() -> Answer {
    Answer::of(503).with("Retry-After", "1")
}

fn locked_out(left: Duration) -> Answer {
    let seconds = left.as_secs() + u64::from(left.subsec_nanos() > 0);
    Answer::of(429).with("Retry-After", seconds.to_string())
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
    let fits = !username.is_empty() && (1..=PASSWORD_BYTES_MAX).contains(&password.len());
    fits.then(|| (username.to_owned(), password.to_owned()))
}

#[cfg(test)]
mod tests;
