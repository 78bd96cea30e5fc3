//! [`Code::TlsLoad`]: certificates and keys that are in the file must be loadable, and belong
//! together (config.md sections 2, 6.8).

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::dialect::{Scalar, Shape};
use crate::model::pem::{Pem, PublicKey};
use crate::model::scalar::Invalid;
use crate::resolve::outline::Outline;
use crate::resolve::settings::{Given, Settings};

/// Keys whose value is a private key.
const PRIVATE: &[&str] = &["clientKey", "key"];
/// Keys whose value is a public key, or a certificate in its place.
const PUBLIC: &[&str] = &["publicKey"];
/// A certificate and the key that belongs to it.
const PAIRS: &[(&str, &str)] = &[("cert", "key"), ("clientCert", "clientKey")];

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let routes = outline.routes.iter().map(|route| &route.settings);
    let rules = outline
        .middlewares
        .iter()
        .filter_map(|entry| entry.rule.as_ref());
    for settings in std::iter::once(&outline.file).chain(routes).chain(rules) {
        settings.each(&mut |settings| mapping(settings, diags));
    }
}

fn mapping(settings: &Settings, diags: &mut Diagnostics) {
    let mut loaded: Vec<(&str, &Given, PublicKey)> = Vec::new();
    for (key, given) in settings.values() {
        if !matches!(key.shape, Shape::One(Scalar::Pem)) {
            continue;
        }
        match load(key.name, given) {
            Ok(Some(half)) => loaded.push((key.name, given, half)),
            Ok(None) => {}
            Err(invalid) => diags.push(fault(given, invalid)),
        }
    }
    for (cert, key) in PAIRS {
        let half = |name: &str| loaded.iter().find(|(known, ..)| *known == name);
        if let (Some((_, first, left)), Some((_, given, right))) = (half(cert), half(key))
            && left.differs(right)
        {
            let message = format!("`{key}` is not the key of `{cert}`");
            let fault = Diagnostic::new(Code::TlsLoad, &*given.key, given.span, message);
            diags.push(fault.label(first.span, "the certificate is here"));
        }
    }
}

fn load(name: &str, given: &Given) -> Result<Option<PublicKey>, Invalid> {
    let Some(pem) = Pem::new(given.known())? else {
        return Ok(None);
    };
    let half = if PRIVATE.contains(&name) {
        pem.private_key()?
    } else if PUBLIC.contains(&name) {
        pem.public_key()?
    } else {
        pem.certificates()?
    };
    Ok(Some(half))
}

fn fault(given: &Given, invalid: Invalid) -> Diagnostic {
    let fault = Diagnostic::new(Code::TlsLoad, &*given.key, given.span, invalid.reason);
    match invalid.help {
        Some(help) => fault.help(help),
        None => fault,
    }
}
