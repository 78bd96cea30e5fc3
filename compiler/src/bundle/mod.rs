//! Bundles of providers beside their routes: signatures (C-SIGN-1), and references to variables, which
//! bundles may not have (C-ENV-6). Routes and middlewares themselves are read like all others.

mod canonical;
mod key;

use sha2::{Digest as _, Sha256};

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::provider::Signing;
use crate::source::{SourceMap, Span};
use crate::spec;
use crate::spec::node::{Entry, Kind, Node, element};

pub(crate) use canonical::json_value;
pub use key::{BadKey, PrivateKey, PublicKey};

/// The key that holds the signature.
const SIGNATURE: &str = "signature";
/// Keys that a signature does not cover.
const UNSIGNED: &[&str] = &["checksum", SIGNATURE, "timestamp"];

/// A bundle that cannot be signed.
#[derive(Debug, thiserror::Error)]
pub enum Unsignable {
    /// It is no YAML or JSON; the text says where and why.
    #[error("{0}")]
    Syntax(String),
    /// It is something else than a mapping.
    #[error("a bundle is a mapping with `routes` or `middlewares`")]
    Shape,
    /// It has a value that JSON does not have.
    #[error("`{0}` has no form in JSON")]
    Value(String),
    /// Its text has an end after which no key can stand.
    #[error("no key can be added at its end: remove the document's end marker")]
    Closed,
}

/// What has to be verified of a bundle.
#[derive(Debug)]
pub(crate) struct Sealed {
    /// What is signed; none: it has no canonical form.
    digest: Option<String>,
    signature: Option<(String, Span)>,
    head: Span,
}

/// Notes what a bundle says and its signature, before anything in it is changed.
pub(crate) fn seal(tree: &Node) -> Sealed {
    let signature = entry(tree, SIGNATURE).and_then(|entry| match &entry.value.kind {
        Kind::Scalar { text, .. } if !text.is_empty() => Some((text.clone(), entry.value.span)),
        Kind::Scalar { .. } | Kind::Map(_) | Kind::Seq(_) => None,
    });
    Sealed {
        digest: digest(tree).ok(),
        signature,
        head: tree.head(),
    }
}

/// Holds bundles against the configured keys; without any they are taken as they are. `key_file` is
/// the text of `publicKeyFile`.
pub(crate) fn verify(
    bundles: &[Sealed],
    signing: &Signing,
    key_file: Option<&str>,
    diags: &mut Diagnostics,
) {
    let Some(keys) = keys(signing, key_file, diags) else {
        return;
    };
    for bundle in bundles {
        let (span, message) = match (&bundle.signature, &bundle.digest) {
            (None, _) => (bundle.head, "the bundle is not signed"),
            (Some((_, span)), None) => (*span, "the bundle has no form in JSON to be signed"),
            (Some((text, span)), Some(digest)) => {
                if keys.iter().any(|key| key.verifies(digest, text)) {
                    continue;
                }
                (
                    *span,
                    "this is the signature of none of the configured keys",
                )
            }
        };
        let fault = Diagnostic::new(Code::BundleSignature, SIGNATURE, span, message);
        let help = "whoever has the private key signs it: `goma config sign --key-file KEY BUNDLE`";
        diags.push(fault.help(help));
    }
}

/// The keys, of which there is at least one. `None`: bundles need not be signed, or the keys are
/// faulty, which is reported.
fn keys(
    signing: &Signing,
    key_file: Option<&str>,
    diags: &mut Diagnostics,
) -> Option<Vec<PublicKey>> {
    let mut report = |key: &str, span, message: String| {
        diags.push(Diagnostic::new(Code::ProviderConfig, key, span, message));
    };
    if let Some(key) = &signing.key {
        return match PublicKey::parse(&key.value) {
            Ok(key) => Some(vec![key]),
            Err(fault) => {
                let place = "gateway.providers.signing.publicKey";
                report(place, key.span, fault.to_string());
                None
            }
        };
    }
    let file = signing.key_file.as_ref()?;
    let place = "gateway.providers.signing.publicKeyFile";
    let mut keys = Vec::new();
    // A file that cannot be read is reported by the one who tried.
    for (at, line) in (1..).zip(key_file?.lines()) {
        let line = line.split('#').next().unwrap_or_default().trim();
        if line.is_empty() {
            continue;
        }
        match PublicKey::parse(line) {
            Ok(key) => keys.push(key),
            Err(fault) => {
                report(place, file.span, format!("line {at}: {fault}"));
                return None;
            }
        }
    }
    if keys.is_empty() {
        report(place, file.span, "the file holds no key".to_owned());
        return None;
    }
    Some(keys)
}

/// Makes what looks like a reference a literal, with a warning each.
pub(crate) fn literal(node: &mut Node, path: &str, diags: &mut Diagnostics) {
    let span = node.span;
    match &mut node.kind {
        Kind::Map(entries) => {
            for entry in entries {
                let path = spec::node::join(path, &entry.key.value);
                literal(&mut entry.value, &path, diags);
            }
        }
        Kind::Seq(items) => {
            for (at, item) in items.iter_mut().enumerate() {
                literal(item, &element(path, at), diags);
            }
        }
        Kind::Scalar { text, .. } => {
            if text.contains("${") {
                let message = "a bundle may not refer to variables: this stays as it is written";
                diags.push(Diagnostic::new(Code::EnvInBundle, path, span, message));
                *text = text.replace("${", "$${");
            }
        }
    }
}

/// Sets the signature of a bundle, the rest of the text unchanged.
///
/// # Errors
/// See [`Unsignable`].
pub fn sign(name: &str, text: &str, key: &PrivateKey) -> Result<String, Unsignable> {
    let tree = tree(name, text)?;
    let Kind::Map(entries) = &tree.kind else {
        return Err(Unsignable::Shape);
    };
    let signature = format!("\"{}\"", key.sign(&digest(&tree)?));
    let (start, end) = (tree.span.start as usize, text.len());
    let (at, added) = match entry(&tree, SIGNATURE) {
        Some(entry) => {
            let span = entry.value.span;
            if span.start == span.end {
                // Nothing at all: behind the key's colon.
                let key = entry.key.span.end as usize;
                let colon = text.get(key..).and_then(|rest| rest.find(':'));
                let at = key + colon.map_or(0, |colon| colon + 1);
                (at..at, format!(" {signature}"))
            } else {
                (span.start as usize..span.end as usize, signature)
            }
        }
        None if text.get(start..).is_some_and(|text| text.starts_with('{')) => {
            let comma = if entries.is_empty() { "" } else { ", " };
            (
                start + 1..start + 1,
                format!("\"{SIGNATURE}\": {signature}{comma}"),
            )
        }
        None => {
            let line = if text.ends_with('\n') { "" } else { "\n" };
            (end..end, format!("{line}{SIGNATURE}: {signature}\n"))
        }
    };
    let mut signed = text.to_owned();
    signed.replace_range(at, &added);
    // What cannot be read back as meant is not written.
    let same = self::tree(name, &signed).is_ok_and(|again| {
        let sealed = seal(&again);
        let signature = sealed.signature.map(|(text, _)| text).unwrap_or_default();
        let digest = sealed.digest.unwrap_or_default();
        key.public().verifies(&digest, &signature)
    });
    if same {
        Ok(signed)
    } else {
        Err(Unsignable::Closed)
    }
}

/// The `checksum` that a bundle names, to be asked for next time (RT-PROV-HTTP-4).
#[must_use]
pub fn checksum(text: &str) -> Option<String> {
    let tree = tree("", text).ok()?;
    match &entry(&tree, "checksum")?.value.kind {
        Kind::Scalar { text, .. } if !text.is_empty() => Some(text.clone()),
        Kind::Scalar { .. } | Kind::Map(_) | Kind::Seq(_) => None,
    }
}

/// Lower-case hex SHA-256 of the canonical JSON of what is signed (C-SIGN-1).
fn digest(tree: &Node) -> Result<String, Unsignable> {
    let Kind::Map(entries) = &tree.kind else {
        return Err(Unsignable::Shape);
    };
    let signed = entries
        .iter()
        .filter(|entry| !UNSIGNED.contains(&entry.key.value.as_str()));
    let json = canonical::json(signed)?;
    Ok(Sha256::digest(json)
        .iter()
        .fold(String::new(), |hex, byte| format!("{hex}{byte:02x}")))
}

fn entry<'n>(tree: &'n Node, name: &str) -> Option<&'n Entry> {
    let Kind::Map(entries) = &tree.kind else {
        return None;
    };
    entries.iter().find(|entry| entry.key.value == name)
}

fn tree(name: &str, text: &str) -> Result<Node, Unsignable> {
    let mut sources = SourceMap::new();
    let id = sources.add(name, text);
    let mut diags = Diagnostics::new();
    let tree = spec::parse(&sources, id, &mut diags);
    let fault = diags.iter().next().map(|item| {
        let at = sources.locate(item.span);
        format!("line {}, column {}: {}", at.line, at.column, item.message)
    });
    match (tree, fault) {
        (Some(tree), None) => Ok(tree),
        (_, fault) => Err(Unsignable::Syntax(fault.unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests;
