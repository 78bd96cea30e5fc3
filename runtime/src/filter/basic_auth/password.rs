//! Stored passwords: which form one has, and whether a password fits it (middlewares.md 5.5).
//!
//! A gateway has only the algorithms that its users need: one cargo feature each.

#[cfg(feature = "argon2")]
use argon2::PasswordVerifier as _;
#[cfg(feature = "sha1")]
use base64::Engine as _;
#[cfg(all(feature = "sha-crypt", not(feature = "argon2")))]
use sha_crypt::PasswordVerifier as _;
use subtle::ConstantTimeEq as _;

#[cfg(feature = "sha1")]
use super::BASE64;

#[cfg(feature = "md5-crypt")]
mod md5_crypt;

/// A stored password that can be checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Stored {
    /// `$argon2id$`, `$argon2i$`
    #[cfg(feature = "argon2")]
    Argon2(String),
    /// `$2a$`, `$2b$`, `$2x$`, `$2y$`
    #[cfg(feature = "bcrypt")]
    Bcrypt(String),
    /// `$apr1$`, `$1$`
    #[cfg(feature = "md5-crypt")]
    Md5Crypt(String),
    /// The password itself.
    Plain(String),
    /// Digest of password and salt: `{SHA}`, `{SSHA}`.
    #[cfg(feature = "sha1")]
    Sha1 {
        /// 20 bytes.
        digest: Vec<u8>,
        /// Empty for `{SHA}`.
        salt: Vec<u8>,
    },
    /// `$5$`, `$6$`
    #[cfg(feature = "sha-crypt")]
    ShaCrypt(String),
}

impl Stored {
    /// Recognises the form.
    ///
    /// # Errors
    /// An empty password; a hash that is malformed, or of a form that this gateway cannot check.
    pub(super) fn parse(text: &str) -> Result<Self, &'static str> {
        let begins = |prefixes: &[&str]| prefixes.iter().any(|prefix| text.starts_with(prefix));
        if text.is_empty() {
            return Err("the password is empty");
        }
        #[cfg(feature = "bcrypt")]
        if begins(&["$2a$", "$2b$", "$2x$", "$2y$"]) {
            let parts = text.parse::<bcrypt::HashParts>();
            parts.map_err(|_| "the password looks like a bcrypt hash, but is malformed")?;
            return Ok(Self::Bcrypt(text.to_owned()));
        }
        #[cfg(feature = "sha-crypt")]
        if begins(&["$5$", "$6$"]) {
            return checked(text, sha_crypt_fits(text)).map(Self::ShaCrypt);
        }
        #[cfg(feature = "argon2")]
        if begins(&["$argon2id$", "$argon2i$"]) {
            return checked(text, argon2_fits(text)).map(Self::Argon2);
        }
        #[cfg(feature = "md5-crypt")]
        if begins(&["$apr1$", "$1$"]) {
            return checked(text, md5_crypt::fits(text)).map(Self::Md5Crypt);
        }
        #[cfg(feature = "sha1")]
        if begins(&["{SHA}", "{SSHA}"]) {
            return sha1_digest(text).ok_or(MALFORMED);
        }
        if looks_hashed(text) || begins(&["$2"]) {
            return Err("the password looks like a hash of a form that this gateway cannot check");
        }
        Ok(Self::Plain(text.to_owned()))
    }

    /// Whether checking takes so little time that no other thread is needed.
    pub(super) fn is_cheap(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            #[cfg(feature = "sha1")]
            Self::Sha1 { .. } => true,
            #[cfg(feature = "argon2")]
            Self::Argon2(_) => false,
            #[cfg(feature = "bcrypt")]
            Self::Bcrypt(_) => false,
            #[cfg(feature = "md5-crypt")]
            Self::Md5Crypt(_) => false,
            #[cfg(feature = "sha-crypt")]
            Self::ShaCrypt(_) => false,
        }
    }

    /// Whether a password fits; the time does not depend on where it differs.
    pub(super) fn fits(&self, password: &str) -> bool {
        match self {
            Self::Plain(stored) => password.as_bytes().ct_eq(stored.as_bytes()).into(),
            #[cfg(feature = "argon2")]
            Self::Argon2(stored) => {
                let argon2 = argon2::Argon2::default();
                argon2
                    .verify_password(password.as_bytes(), stored.as_str())
                    .is_ok()
            }
            #[cfg(feature = "bcrypt")]
            Self::Bcrypt(stored) => bcrypt::verify(password, stored).unwrap_or(false),
            #[cfg(feature = "md5-crypt")]
            Self::Md5Crypt(stored) => md5_crypt::verify(password.as_bytes(), stored),
            #[cfg(feature = "sha1")]
            Self::Sha1 { digest, salt } => {
                use sha1::Digest as _;
                let mut hash = sha1::Sha1::new();
                hash.update(password);
                hash.update(salt);
                hash.finalize().as_slice().ct_eq(digest.as_slice()).into()
            }
            #[cfg(feature = "sha-crypt")]
            Self::ShaCrypt(stored) => {
                let sha_crypt = sha_crypt::ShaCrypt::default();
                sha_crypt
                    .verify_password(password.as_bytes(), stored.as_str())
                    .is_ok()
            }
        }
    }

    /// The stored text, for the fingerprint of a success.
    pub(super) fn text(&self) -> &[u8] {
        match self {
            Self::Plain(stored) => stored.as_bytes(),
            #[cfg(feature = "argon2")]
            Self::Argon2(stored) => stored.as_bytes(),
            #[cfg(feature = "bcrypt")]
            Self::Bcrypt(stored) => stored.as_bytes(),
            #[cfg(feature = "md5-crypt")]
            Self::Md5Crypt(stored) => stored.as_bytes(),
            #[cfg(feature = "sha1")]
            Self::Sha1 { digest, .. } => digest,
            #[cfg(feature = "sha-crypt")]
            Self::ShaCrypt(stored) => stored.as_bytes(),
        }
    }
}

#[cfg(any(
    feature = "argon2",
    feature = "md5-crypt",
    feature = "sha1",
    feature = "sha-crypt"
))]
const MALFORMED: &str = "the password looks like a hash, but is malformed";

#[cfg(any(feature = "argon2", feature = "md5-crypt", feature = "sha-crypt"))]
fn checked(text: &str, fits: bool) -> Result<String, &'static str> {
    fits.then(|| text.to_owned()).ok_or(MALFORMED)
}

/// `^\$[A-Za-z0-9-]+\$` or `^\{[A-Z0-9-]+\}`
fn looks_hashed(text: &str) -> bool {
    let word = |open: char, close: char| {
        let inner = text.strip_prefix(open)?.split_once(close)?.0;
        (!inner.is_empty()).then_some(inner)
    };
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    word('$', '$').is_some_and(|word| word.bytes().all(letter))
        || word('{', '}').is_some_and(|word| {
            word.bytes()
                .all(|byte| letter(byte) && !byte.is_ascii_lowercase())
        })
}

/// `$5$[rounds=N$]salt$hash`
#[cfg(feature = "sha-crypt")]
fn sha_crypt_fits(text: &str) -> bool {
    let mut parts = text.split('$').skip(2).peekable();
    let rounds = parts.next_if(|part| part.starts_with("rounds="));
    let rounds = rounds.and_then(|part| part.get(7..)).unwrap_or("5000");
    let rounds = rounds.parse::<u32>();
    let (salt, hash, end) = (parts.next(), parts.next(), parts.next());
    let length = if text.starts_with("$5$") { 43 } else { 86 };
    let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'/');
    rounds.is_ok_and(|rounds| (1000..=SHA_CRYPT_ROUNDS_MAX).contains(&rounds))
        && salt.is_some_and(|salt| salt.len() <= 16)
        && hash.is_some_and(|hash| hash.len() == length && hash.bytes().all(letter))
        && end.is_none()
}

/// Rounds of a SHA-crypt hash; each costs about a microsecond.
#[cfg(feature = "sha-crypt")]
const SHA_CRYPT_ROUNDS_MAX: u32 = 10_000_000;

/// Memory that one Argon2 hash may take, in KiB.
#[cfg(feature = "argon2")]
const ARGON2_MEMORY_KIB_MAX: u32 = 256 * 1024;

#[cfg(feature = "argon2")]
fn argon2_fits(text: &str) -> bool {
    let Ok(hash) = argon2::PasswordHash::new(text) else {
        return false;
    };
    let memory = argon2::Params::try_from(&hash).map(|params| params.m_cost());
    hash.salt.is_some()
        && hash.hash.is_some()
        && memory.is_ok_and(|memory| memory <= ARGON2_MEMORY_KIB_MAX)
}

#[cfg(feature = "sha1")]
fn sha1_digest(text: &str) -> Option<Stored> {
    const DIGEST_BYTES: usize = 20;
    let (salted, encoded) = match text.strip_prefix("{SSHA}") {
        Some(encoded) => (true, encoded),
        None => (false, text.strip_prefix("{SHA}")?),
    };
    let decoded = BASE64.decode(encoded).ok()?;
    let (digest, salt) = decoded.split_at_checked(DIGEST_BYTES)?;
    (salt.is_empty() != salted).then(|| Stored::Sha1 {
        digest: digest.to_vec(),
        salt: salt.to_vec(),
    })
}
