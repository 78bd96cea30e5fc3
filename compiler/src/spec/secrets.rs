//! Finds values that must not be shown: by the name of their key wherever it stands, misspelt places
//! included, and by the dialect.

use super::node::{Kind, Node};
use crate::diag::Diagnostics;
use crate::dialect::Scalar;
use crate::source::Span;

/// Keys whose value is a secret, however spelt (the `!` keys of config.md and middlewares.md).
const SECRET_KEYS: &[&str] = &[
    "accesskeyid",
    "apitoken",
    "bindpass",
    "clientsecret",
    "hmackey",
    "password",
    "pepper",
    "secret",
    "secretaccesskey",
    "secretkey",
    "token",
    "tsigsecret",
];

/// How base64 of PEM begins.
const BASE64: &str = "LS0tLS1CRUdJTi";

/// Whether a key's value is a secret.
pub(crate) fn is_secret_key(key: &str) -> bool {
    SECRET_KEYS
        .iter()
        .any(|secret| secret.eq_ignore_ascii_case(key))
}

/// Marks every secret of a tree. Members of a list `users` that are texts are `user:password`.
pub(crate) fn hide(node: &Node, diags: &mut Diagnostics) {
    match &node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                if is_secret_key(&entry.key.value) {
                    hide_scalars(&entry.value, diags);
                } else if entry.key.value.eq_ignore_ascii_case("users") {
                    hide_users(&entry.value, diags);
                }
                hide(&entry.value, diags);
            }
        }
        Kind::Seq(items) => items.iter().for_each(|item| hide(item, diags)),
        Kind::Scalar { .. } => {}
    }
}

/// The texts `user:password` of a tree: where each is, and its user.
pub(crate) fn users(node: &Node) -> Vec<(Span, &str)> {
    match &node.kind {
        Kind::Map(entries) => {
            let below = entries.iter().map(|entry| {
                let is_users = entry.key.value.eq_ignore_ascii_case("users");
                let own = if is_users {
                    texts(&entry.value)
                } else {
                    Vec::new()
                };
                [own, users(&entry.value)].concat()
            });
            below.flatten().collect()
        }
        Kind::Seq(items) => items.iter().flat_map(users).collect(),
        Kind::Scalar { .. } => Vec::new(),
    }
}

fn texts(node: &Node) -> Vec<(Span, &str)> {
    let items = match &node.kind {
        Kind::Seq(items) => items.as_slice(),
        Kind::Map(_) | Kind::Scalar { .. } => std::slice::from_ref(node),
    };
    let mut found = Vec::new();
    for item in items {
        if let Kind::Scalar { text, .. } = &item.kind {
            let user = text.split_once(':').map_or("", |(user, _)| user);
            found.push((item.span, user));
        }
    }
    found
}

/// Marks the value of a key that the dialect calls secret; the name of a file is none.
pub(super) fn hide_value(node: &Node, scalar: Scalar, diags: &mut Diagnostics) {
    let is_pem = |text: &str| text.contains("-----BEGIN") || text.trim_start().starts_with(BASE64);
    let is_file = |text: &str| matches!(scalar, Scalar::Pem) && !is_pem(text);
    match &node.kind {
        Kind::Scalar { text, .. } if is_file(text) => {}
        Kind::Map(_) | Kind::Scalar { .. } | Kind::Seq(_) => hide_scalars(node, diags),
    }
}

fn hide_users(node: &Node, diags: &mut Diagnostics) {
    match &node.kind {
        Kind::Seq(items) => {
            for item in items {
                if matches!(item.kind, Kind::Scalar { .. }) {
                    hide_scalars(item, diags);
                }
            }
        }
        Kind::Scalar { .. } => hide_scalars(node, diags),
        Kind::Map(_) => {}
    }
}

fn hide_scalars(node: &Node, diags: &mut Diagnostics) {
    match &node.kind {
        Kind::Scalar { text, .. } => {
            // A bare reference shows nothing that is secret.
            let reference = text.starts_with("${") && text.ends_with('}') && !text.contains(":-");
            if !reference && !text.is_empty() {
                diags.hide(node.span);
            }
        }
        Kind::Seq(items) => items.iter().for_each(|item| hide_scalars(item, diags)),
        Kind::Map(entries) => entries
            .iter()
            .for_each(|entry| hide_scalars(&entry.value, diags)),
    }
}
