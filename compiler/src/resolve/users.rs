//! `basicAuth.users` (5.5): both spellings, forms of passwords, literal secrets; failures.

use std::collections::BTreeMap;

use super::read::{Cx, constant};
use super::rules::Home;
use super::{env, grammar};
use crate::diag::{Code, Diagnostic};
use crate::dialect::Scalar;
use crate::model::rule::{FailureLimit, User};
use crate::model::scalar::{self, Invalid};
use crate::model::{Cut, Part, Value};
use crate::source::Span;
use crate::spec::fields::Leaf;
use crate::spec::rule as shape;

/// How hashes begin, and their forms.
const HASHES: &[(&str, Form)] = &[
    ("$1$", Form::Md5Crypt),
    ("$2a$", Form::Bcrypt),
    ("$2b$", Form::Bcrypt),
    ("$2x$", Form::Bcrypt),
    ("$2y$", Form::Bcrypt),
    ("$5$", Form::ShaCrypt(43)),
    ("$6$", Form::ShaCrypt(86)),
    ("$apr1$", Form::Md5Crypt),
    ("$argon2i$", Form::Argon2),
    ("$argon2id$", Form::Argon2),
    ("{SHA}", Form::Sha1),
    ("{SSHA}", Form::SaltedSha1),
];

/// How a hash is written.
#[derive(Clone, Copy)]
enum Form {
    Argon2,
    Bcrypt,
    Md5Crypt,
    SaltedSha1,
    Sha1,
    /// With this many characters of hash.
    ShaCrypt(usize),
}

/// `None`: something is faulty.
pub(super) fn resolve(
    rule: &shape::BasicAuth,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<Vec<User>> {
    let has_file = rule.users_file.as_ref().is_some_and(|leaf| !leaf.null);
    let Some(list) = rule.users.as_ref().filter(|users| !users.is_empty()) else {
        if has_file && rule.users.is_some() == rule.users_span.is_some() {
            return Some(Vec::new());
        }
        // A `users` of another shape is reported already.
        if rule.users.is_some() || rule.users_span.is_none() {
            let head = rule.users_span.unwrap_or(home.head);
            cx.missing(
                home.key,
                "users",
                head,
                "write `users: [{username: ada, password: \"${ADA_PASSWORD}\"}]`",
            );
        }
        return None;
    };
    mixed(list, cx);
    let mut users = Vec::new();
    let mut whole = true;
    let mut taken: BTreeMap<String, Span> = BTreeMap::new();
    for entry in list {
        let Some(user) = user(entry, cx) else {
            whole = false;
            continue;
        };
        password(&user.password, cx);
        if let Some(name) = user.username.text() {
            match taken.get(name) {
                Some(&first) => {
                    let message = format!("the user `{}` is listed twice", name.escape_debug());
                    let fault = Diagnostic::new(
                        Code::DuplicateName,
                        user.username.key.as_str(),
                        user.username.span,
                        message,
                    );
                    cx.diags.push(
                        fault
                            .label(first, "first listed here")
                            .help("the first entry would decide"),
                    );
                }
                None => {
                    taken.insert(name.to_owned(), user.username.span);
                }
            }
        }
        users.push(user);
    }
    whole.then_some(users)
}

/// All users are written in the same form.
fn mixed(list: &[shape::User], cx: &mut Cx<'_>) {
    let place = |user: &shape::User| match user {
        shape::User::Pair(leaf) => (true, leaf.key.clone(), leaf.span),
        shape::User::Split { path_key, head, .. } => (false, path_key.clone(), *head),
    };
    let first = list.first().map(|user| place(user).0);
    if let Some((_, key, span)) = list
        .iter()
        .map(place)
        .find(|(pair, ..)| Some(*pair) != first)
    {
        let fault = Invalid::new("`users` mixes two forms");
        let help = "write all as `{username, password}`, or all as `user:password`";
        cx.fault_at(Code::BadRule, &key, span, fault.help(help));
    }
}

fn user(entry: &shape::User, cx: &mut Cx<'_>) -> Option<User> {
    match entry {
        shape::User::Pair(leaf) => split(leaf, cx),
        shape::User::Split {
            path_key,
            head,
            username,
            password,
        } => {
            let name = part(username.as_ref(), path_key, "username", *head, cx);
            let password = part(password.as_ref(), path_key, "password", *head, cx);
            let (username, mut password) = (name?, password?);
            password.secret = true;
            if username.text().is_some_and(|name| name.contains(':')) {
                let fault =
                    Invalid::new("a user name has no `:`").help("clients send `user:password`");
                cx.fault_at(Code::BadRule, &username.key, username.span, fault);
            }
            Some(User { username, password })
        }
    }
}

fn part(
    leaf: Option<&Leaf>,
    section: &str,
    name: &str,
    head: Span,
    cx: &mut Cx<'_>,
) -> Option<Value> {
    match leaf {
        Some(leaf) if !leaf.null && !leaf.text.is_empty() => Some(cx.value(leaf)),
        Some(leaf) if leaf.broken => None,
        Some(leaf) => {
            let fault = Invalid::new(format!("`{name}` is empty"));
            cx.fault(Code::MissingKey, leaf, fault);
            None
        }
        None => {
            cx.missing(
                section,
                name,
                head,
                "write `{username: ada, password: \"${ADA_PASSWORD}\"}`",
            );
            None
        }
    }
}

/// `user:password`, split at the first `:`, which must be literal.
fn split(leaf: &Leaf, cx: &mut Cx<'_>) -> Option<User> {
    if goma_openpgp::is_message(&leaf.text) {
        return Some(User {
            username: env::encrypted(leaf, Cut::User),
            password: env::encrypted(leaf, Cut::Password),
        });
    }
    let value = env::value(leaf, true, cx.diags);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut found = false;
    for part in value.parts {
        match part {
            part @ (Part::Text(_) | Part::Encrypted { .. } | Part::Env { .. }) if found => {
                after.push(part);
            }
            Part::Text(text) => match text.split_once(':') {
                Some((name, rest)) => {
                    found = true;
                    before.extend((!name.is_empty()).then(|| Part::Text(name.to_owned())));
                    after.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
                }
                None => before.push(Part::Text(text)),
            },
            part @ (Part::Encrypted { .. } | Part::Env { .. }) => before.push(part),
        }
    }
    let form = "write `{username: …, password: …}`, or `user:${PASSWORD}`";
    if !found || before.is_empty() || after.is_empty() {
        let reason = if found {
            "user or password is empty"
        } else {
            "a user is written `user:password`"
        };
        cx.fault(Code::BadRule, leaf, Invalid::new(reason).help(form));
        return None;
    }
    let value = |parts| Value {
        key: leaf.key.clone(),
        span: leaf.span,
        parts,
        secret: true,
    };
    Some(User {
        username: value(before),
        password: value(after),
    })
}

/// Which form a literal password, or the default of a lone reference, has.
fn password(value: &Value, cx: &mut Cx<'_>) {
    let literal_parts = value.parts.iter().any(|part| match part {
        Part::Text(_) => true,
        Part::Encrypted { .. } => false,
        Part::Env { default, .. } => default.as_ref().is_some_and(|default| !default.is_empty()),
    });
    let Some(text) = constant(value) else {
        if literal_parts {
            literal_secret(value, cx);
        }
        return;
    };
    let known = HASHES.iter().find(|(prefix, _)| text.starts_with(prefix));
    if let Some((prefix, form)) = known {
        let rest = text.strip_prefix(prefix).unwrap_or_default();
        if !form.fits(rest) {
            let fault = Invalid::new(format!("the hash `{prefix}…` is malformed"));
            cx.fault_at(
                Code::BadRule,
                &value.key,
                value.span,
                fault.help(form.help()),
            );
        }
    } else if looks_hashed(text) {
        let fault = Invalid::new("the password looks like a hash of an unknown form");
        cx.fault_at(
            Code::BadRule,
            &value.key,
            value.span,
            fault.help("use bcrypt: `htpasswd -nB ada`"),
        );
    } else {
        literal_secret(value, cx);
    }
}

fn literal_secret(value: &Value, cx: &mut Cx<'_>) {
    let message = "a password is written in clear text";
    let warning = Diagnostic::new(Code::LiteralSecret, value.key.as_str(), value.span, message);
    cx.diags.push(warning.help(
        "write `${NAME}` and set the variable where the gateway runs, or write a bcrypt hash",
    ));
}

/// `^\$[A-Za-z0-9-]+\$` or `^\{[A-Z0-9-]+\}`
fn looks_hashed(text: &str) -> bool {
    let inner = |open: char, close: char, upper: bool| {
        let word = text
            .strip_prefix(open)
            .and_then(|rest| rest.split_once(close))
            .map(|(word, _)| word);
        let fits = |c: char| {
            c == '-'
                || c.is_ascii_digit()
                || c.is_ascii_uppercase()
                || (!upper && c.is_ascii_lowercase())
        };
        word.is_some_and(|word| !word.is_empty() && word.chars().all(fits))
    };
    inner('$', '$', false) || inner('{', '}', true)
}

impl Form {
    /// Whether what follows the prefix is a hash. The gateway's own libraries have the last word.
    fn fits(self, rest: &str) -> bool {
        let crypt = |text: &str, length: usize| {
            let letter = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '/';
            text.len() == length && text.chars().all(letter)
        };
        let base64 = |text: &str| {
            let text = text.trim_end_matches('=');
            let letter = |c: char| c.is_ascii_alphanumeric() || c == '+' || c == '/';
            text.chars().all(letter).then(|| text.len() * 6 / 8)
        };
        match self {
            Self::Argon2 => {
                let parts: Vec<_> = rest.split('$').collect();
                matches!(parts.as_slice(), ["v=19" | "v=16", parameters, salt, hash]
                    if parameters.contains("m=") && base64(salt).is_some() && base64(hash) >= Some(4))
            }
            Self::Bcrypt => rest.split_once('$').is_some_and(|(cost, hash)| {
                let cost_fits = cost
                    .parse::<u8>()
                    .is_ok_and(|cost| (4..=31).contains(&cost));
                cost.len() == 2 && cost_fits && crypt(hash, 53)
            }),
            Self::Md5Crypt => rest
                .split_once('$')
                .is_some_and(|(salt, hash)| salt.len() <= 8 && crypt(hash, 22)),
            Self::SaltedSha1 => base64(rest).is_some_and(|bytes| bytes > 20),
            Self::Sha1 => base64(rest) == Some(20),
            Self::ShaCrypt(length) => {
                let rest = match rest
                    .strip_prefix("rounds=")
                    .and_then(|rest| rest.split_once('$'))
                {
                    Some((rounds, rest)) if rounds.parse::<u32>().is_ok() => rest,
                    Some(_) => return false,
                    None => rest,
                };
                rest.split_once('$')
                    .is_some_and(|(salt, hash)| salt.len() <= 16 && crypt(hash, length))
            }
        }
    }

    const fn help(self) -> &'static str {
        match self {
            Self::Argon2 => "it is `$argon2id$v=19$m=…,t=…,p=…$salt$hash`",
            Self::Bcrypt => "it is `$2b$`, a cost of two digits, `$` and 53 characters",
            Self::Md5Crypt => "it is `$apr1$salt$` and 22 characters",
            Self::SaltedSha1 => "it is `{SSHA}` and base64 of 20 bytes and the salt",
            Self::Sha1 => "it is `{SHA}` and base64 of 20 bytes",
            Self::ShaCrypt(_) => "it is `$5$salt$` and 43 characters, or `$6$salt$` and 86",
        }
    }
}

/// `maxFailures`, `failureWindow`, `lockDuration` (MW-BASIC-8). `None`: something is faulty.
pub(super) fn limit(rule: &shape::BasicAuth, cx: &mut Cx<'_>) -> Option<Option<FailureLimit>> {
    let mut whole = true;
    let mut text = |leaf: &Option<Leaf>, scalar: Scalar, default: &str| {
        let Some(leaf) = leaf.as_ref().filter(|leaf| !leaf.null) else {
            return default.to_owned();
        };
        let text = cx.text(leaf).map(|text| text.text);
        let checked = text.as_deref().map(|text| grammar::check(scalar, text));
        whole &= matches!(checked, Some(Ok(())));
        if let Some(Err((code, invalid))) = checked {
            cx.fault(code, leaf, invalid);
        }
        text.unwrap_or_default()
    };
    let failures = text(&rule.max_failures, Scalar::Int(0, FAILURES_MAX), "0");
    let window = text(&rule.failure_window, Scalar::Duration(1), "1m");
    let lock = text(&rule.lock_duration, Scalar::Duration(1), "5m");
    if !whole {
        return None;
    }
    let failures = u32::try_from(scalar::parse_int(&failures).ok()?).ok()?;
    let time = |text: &str| {
        let time = scalar::parse_duration(text).ok()?;
        u64::try_from(time.as_millis()).ok()
    };
    let (window_ms, lock_ms) = (time(&window)?, time(&lock)?);
    Some((failures > 0).then_some(FailureLimit {
        failures,
        window_ms,
        lock_ms,
    }))
}

/// The times of all failures that count are kept per address.
const FAILURES_MAX: i64 = 1000;
