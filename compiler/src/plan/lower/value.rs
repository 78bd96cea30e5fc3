//! Class V values; what was encrypted becomes the encrypted message and a part of what it holds.

use sha2::{Digest as _, Sha256};

use super::super::{Cut, Ident, Message, Part, Value};
use super::Cx;
use crate::model;

/// Hex digits in the name of a message; equal messages are one.
const DIGITS: usize = 12;

/// In the place of a text that does not stand in its message, which `encrypted` has refused: no gateway
/// starts with it.
const NOWHERE: Cut = Cut::Range(u32::MAX, u32::MAX);

/// A value of the model.
pub(in crate::plan) fn lower_value(cx: &Cx<'_>, value: &model::Value) -> Value {
    let mut parts = Vec::new();
    for part in &value.parts {
        match part {
            model::Part::Encrypted { message, cut } => parts.push(Part::Encrypted {
                message: register(cx, value, message),
                cut: lower_cut(*cut),
            }),
            model::Part::Env { name, default } => parts.push(Part::Env {
                name: name.clone(),
                default: default.clone(),
            }),
            model::Part::Text(text) if value.span.source.is_decrypted() => {
                parts.extend(cuts(cx, value, text));
            }
            model::Part::Text(text) => parts.push(Part::Text(text.clone())),
        }
    }
    Value {
        key: value.key.clone(),
        place: cx.place(value.span),
        parts,
    }
}

const fn lower_cut(cut: model::Cut) -> Cut {
    match cut {
        model::Cut::Password => Cut::Password,
        model::Cut::User => Cut::User,
        model::Cut::Whole => Cut::Whole,
    }
}

/// Where a text of an encrypted rule stands in what is decrypted.
fn cuts(cx: &Cx<'_>, value: &model::Value, text: &str) -> Vec<Part> {
    let home = cx.sources.home(value.span);
    let message = register(cx, value, cx.sources.encrypted(home));
    let written = cx.sources.slice(value.span);
    let at = |at: usize| u32::try_from(at).ok()?.checked_add(value.span.start);
    let cut = |(start, end)| {
        let range = at(start).zip(at(end));
        range.map_or(NOWHERE, |(start, end)| Cut::Range(start, end))
    };
    let cuts = model::places(written, text).map(|places| places.into_iter().map(cut).collect());
    let part = |cut| Part::Encrypted {
        message: message.clone(),
        cut,
    };
    cuts.unwrap_or_else(|| vec![NOWHERE])
        .into_iter()
        .map(part)
        .collect()
}

/// The constant of a message, which is listed once.
fn register(cx: &Cx<'_>, value: &model::Value, text: &str) -> Ident {
    let digest = Sha256::digest(text.as_bytes());
    let mut digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    digits.truncate(DIGITS);
    let constant = Ident::message(&digits);
    let home = cx.sources.home(value.span);
    let key = match value.key.split_once(".rule.") {
        Some((middleware, _)) if home != value.span => format!("{middleware}.rule"),
        Some(_) | None => value.key.clone(),
    };
    let mut messages = cx.messages.borrow_mut();
    messages.entry(digits).or_insert_with(|| Message {
        constant: constant.clone(),
        key,
        place: cx.place(value.span),
        text: text.to_owned(),
    });
    constant
}
