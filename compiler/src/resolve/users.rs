//! `basicAuth.users` (5.5): both spellings, forms of passwords, literal secrets.

use std::collections::BTreeMap;

use super::env;
use super::read::{Cx, constant};
use super::rules::Home;
use crate::diag::{Code, Diagnostic};
use crate::model::rule::User;
use crate::model::scalar::Invalid;
use crate::model::{Part, Value};
use crate::source::Span;
use crate::spec::fields::Leaf;
use crate::spec::rule as shape;

/// Password forms of the dialect that this release cannot check yet.
const LATER_HASHES: &[&str] = &[
    "$1$",
    "$5$",
    "$6$",
    "$apr1$",
    "$argon2i$",
    "$argon2id$",
    "{SHA}",
    "{SSHA}",
];
/// bcrypt.
const HASHES: &[&str] = &["$2a$", "$2b$", "$2x$", "$2y$"];

/// `None`: something is faulty.
pub(super) fn resolve(
    rule: &shape::BasicAuth,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<Vec<User>> {
    let Some(list) = rule.users.as_ref().filter(|users| !users.is_empty()) else {
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
    let value = env::value(leaf, true, cx.diags);
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut found = false;
    for part in value.parts {
        match part {
            part @ (Part::Text(_) | Part::Env { .. }) if found => after.push(part),
            Part::Text(text) => match text.split_once(':') {
                Some((name, rest)) => {
                    found = true;
                    before.extend((!name.is_empty()).then(|| Part::Text(name.to_owned())));
                    after.extend((!rest.is_empty()).then(|| Part::Text(rest.to_owned())));
                }
                None => before.push(Part::Text(text)),
            },
            part @ Part::Env { .. } => before.push(part),
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
        Part::Env { default, .. } => default.as_ref().is_some_and(|default| !default.is_empty()),
    });
    let Some(text) = constant(value) else {
        if literal_parts {
            literal_secret(value, cx);
        }
        return;
    };
    if HASHES.iter().any(|prefix| text.starts_with(prefix)) {
        if !is_bcrypt(text) {
            let fault = Invalid::new("the bcrypt hash is malformed")
                .help("it is `$2b$`, a cost of two digits, `$` and 53 characters");
            cx.fault_at(Code::BadRule, &value.key, value.span, fault);
        }
    } else if let Some(prefix) = LATER_HASHES
        .iter()
        .find(|prefix| text.starts_with(**prefix))
    {
        let message = format!("password hashes of the form `{prefix}` are not supported yet");
        let fault = Diagnostic::new(
            Code::NotYetSupported,
            value.key.as_str(),
            value.span,
            message,
        );
        cx.diags.push(fault.help("use bcrypt: `htpasswd -nB ada`"));
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

/// `$2b$NN$` and 22 + 31 characters of bcrypt's base64.
fn is_bcrypt(text: &str) -> bool {
    let Some((cost, hash)) = text.get(4..).and_then(|rest| rest.split_once('$')) else {
        return false;
    };
    let cost_fits = cost.len() == 2
        && cost
            .parse::<u8>()
            .is_ok_and(|cost| (4..=31).contains(&cost));
    let letter = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '/';
    cost_fits && hash.len() == 53 && hash.chars().all(letter)
}
