//! Values of keys that this release cannot do yet: checked as strictly as all others, so that a
//! file that is right today stays right when they are supported.

use super::env;
use super::grammar;
use super::names::{Found, Names};
use super::read::{Cx, constant};
use crate::diag::{Code, Diagnostic};
use crate::dialect::{Class, Scalar};
use crate::encrypted;
use crate::model::PASSPHRASE;
use crate::model::pem::Pem;
use crate::spec::fields::Leaf;
use crate::spec::shape::Pending;

/// Checks all of them.
pub(super) fn check(pending: &[Pending], cx: &mut Cx<'_>) {
    for item in pending {
        if goma_openpgp::is_message(&item.leaf.text) {
            encrypted(item, cx);
            continue;
        }
        // An empty text says as little as no key.
        if item.leaf.text.is_empty() && !matches!(item.scalar, Scalar::Text) {
            continue;
        }
        match item.class {
            Class::Structural => structural(item, cx),
            Class::Value => value(item, cx),
        }
    }
}

/// Names of middlewares that these keys list, such as guards of the monitoring endpoints; each must
/// be defined.
pub(super) fn names(pending: &[Pending], names: &Names, cx: &mut Cx<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for item in pending {
        if !matches!(item.scalar, Scalar::Name) {
            continue;
        }
        let Some(text) = cx.text(&item.leaf) else {
            continue;
        };
        for name in text.text.split(',').map(str::trim) {
            if !name.is_empty() && matches!(names.find(name), Found::Undefined) {
                names.report_undefined(&item.leaf, name, cx);
            }
            found.push(name.to_owned());
        }
    }
    found
}

fn structural(item: &Pending, cx: &mut Cx<'_>) {
    let text = if item.secret {
        cx.secret(&item.leaf)
    } else {
        cx.text(&item.leaf)
    };
    let Some(text) = text else { return };
    let parts = if item.joined {
        text.text.split(',').map(str::trim).collect()
    } else {
        vec![text.text.as_str()]
    };
    for part in parts {
        one(part, item.scalar, &item.leaf, text.expanded, cx);
    }
}

fn value(item: &Pending, cx: &mut Cx<'_>) {
    let is_text = matches!(item.scalar, Scalar::Text);
    let value = env::value(&item.leaf, is_text, cx.diags);
    let Some(text) = constant(&value) else { return };
    one(text, item.scalar, &item.leaf, value.text().is_none(), cx);
    if item.secret && value.text().is_some() && is_literal_secret(item.scalar, text) {
        cx.literal_secret(&item.leaf);
    }
}

/// Without the passphrase it is checked when the gateway starts (C-SEC-1).
fn encrypted(item: &Pending, cx: &mut Cx<'_>) {
    let Pending { leaf, scalar, .. } = item;
    let report =
        |code, message: String| Diagnostic::new(code, leaf.key.as_str(), leaf.span, message);
    let Some(passphrase) = cx
        .variables
        .of_tool(PASSPHRASE)
        .filter(|text| !text.is_empty())
    else {
        let message = format!("an encrypted value is not checked: `{PASSPHRASE}` is not set");
        cx.diags.push(report(Code::EncryptedUnchecked, message));
        return;
    };
    match encrypted::value(&leaf.text, passphrase) {
        Ok(text) => {
            if let Err((code, _)) = grammar::check(*scalar, &text) {
                let message = "what is encrypted here is not what the key takes".to_owned();
                cx.diags.push(report(code, message));
            }
        }
        Err(error) => cx
            .diags
            .push(report(Code::DecryptFailed, error.to_string())),
    }
}

fn one(text: &str, scalar: Scalar, leaf: &Leaf, expanded: bool, cx: &mut Cx<'_>) {
    if matches!(scalar, Scalar::Bool) && !leaf.plain && !expanded {
        cx.quoted_bool(leaf);
    } else if let Err((code, invalid)) = grammar::check(scalar, text) {
        cx.fault(code, leaf, invalid);
    }
}

/// Files and empty texts are no secrets; a key in PEM is.
pub(super) fn is_literal_secret(scalar: Scalar, text: &str) -> bool {
    if matches!(scalar, Scalar::Pem) {
        return Pem::new(text).is_ok_and(|pem| pem.is_some_and(|pem| pem.is_secret()));
    }
    !text.is_empty()
}
