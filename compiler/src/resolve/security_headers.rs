//! `securityHeaders` (middlewares.md 6.9): presets are spelt out here.

use super::grammar;
use super::read::{Cx, constant};
use super::rules::{Home, header_value};
use crate::diag::Code;
use crate::dialect::Scalar;
use crate::model::recorder::SecurityHeaders;
use crate::model::scalar::{self, Invalid};
use crate::spec::fields::Leaf;
use crate::spec::recorder as shape;
use crate::spec::recorder::{Hsts, HstsFields};

/// The value that stands for no field.
const OFF: &str = "off";
/// The least `max-age` that browsers' preload lists accept, in seconds (MW-SEC-1).
const PRELOAD_AGE_MIN: u32 = 31_536_000;
/// `hsts` of the presets, by their order.
const HSTS: [&str; 3] = [
    "max-age=31536000",
    "max-age=31536000",
    "max-age=31536000; includeSubDomains",
];
const PRESETS: [&str; 3] = ["web", "api", "strict"];

/// A key, its field, and its values in the presets, in their order; "" = none.
struct Row(&'static str, &'static str, [&'static str; 3]);

const ROWS: &[Row] = &[
    Row("nosniff", "X-Content-Type-Options", ["nosniff"; 3]),
    Row(
        "frameOptions",
        "X-Frame-Options",
        ["SAMEORIGIN", "DENY", "DENY"],
    ),
    Row(
        "referrerPolicy",
        "Referrer-Policy",
        [
            "strict-origin-when-cross-origin",
            "no-referrer",
            "no-referrer",
        ],
    ),
    Row(
        "csp",
        "Content-Security-Policy",
        [
            "frame-ancestors 'self'; base-uri 'self'; object-src 'none'",
            "default-src 'none'; frame-ancestors 'none'",
            "default-src 'self'; frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
        ],
    ),
    Row(
        "cspReportOnly",
        "Content-Security-Policy-Report-Only",
        [""; 3],
    ),
    Row(
        "permissionsPolicy",
        "Permissions-Policy",
        ["camera=(), geolocation=(), microphone=()"; 3],
    ),
    Row(
        "coop",
        "Cross-Origin-Opener-Policy",
        ["same-origin-allow-popups", "", "same-origin"],
    ),
    Row("coep", "Cross-Origin-Embedder-Policy", [""; 3]),
    Row(
        "corp",
        "Cross-Origin-Resource-Policy",
        ["", "", "same-origin"],
    ),
];

pub(super) fn resolve(
    rule: &shape::SecurityHeaders,
    home: Home<'_>,
    cx: &mut Cx<'_>,
) -> Option<SecurityHeaders> {
    let preset = cx.word(rule.preset.as_ref(), &PRESETS);
    let at = preset.and_then(|preset| PRESETS.iter().position(|name| *name == preset));
    let hsts = match &rule.hsts {
        None => at
            .and_then(|at| HSTS.get(at))
            .map(|text| (*text).to_owned()),
        Some(Hsts::Word(leaf)) => {
            hsts_word(leaf, cx);
            None
        }
        Some(Hsts::Map(map)) => hsts(map, home, cx),
    };
    let (mut constants, mut set) = (Vec::new(), Vec::new());
    for Row(key, name, presets) in ROWS {
        match rule.fields.iter().find(|(written, _)| written == key) {
            Some((_, leaf)) => {
                let value = header_value(leaf, cx);
                let known = constant(&value);
                if *key == "nosniff" && !matches!(known, None | Some("nosniff" | OFF)) {
                    let fault = Invalid::new("`nosniff` is the only value that browsers know");
                    cx.fault(
                        Code::BadValue,
                        leaf,
                        fault.help("allowed: `nosniff`, `off`"),
                    );
                }
                if value.text() != Some(OFF) {
                    set.push((*name, value));
                }
            }
            None => {
                let text = at.and_then(|at| presets.get(at)).copied();
                constants.extend(
                    text.filter(|text| !text.is_empty())
                        .map(|text| (*name, text)),
                );
            }
        }
    }
    let overwrite = cx.boolean(rule.overwrite.as_ref(), true);
    preset?;
    Some(SecurityHeaders {
        hsts,
        preset: constants,
        set,
        overwrite,
    })
}

fn hsts_word(leaf: &Leaf, cx: &mut Cx<'_>) {
    let Some(text) = cx.text(leaf) else { return };
    if text.text != OFF {
        let shown = text.text.escape_debug();
        let fault = Invalid::new(format!("`{shown}` is neither `off` nor a mapping"));
        let fault = fault.help("write `hsts: {maxAge: 31536000}`");
        cx.fault(Code::BadValue, leaf, fault);
    }
}

/// The value of the field. Faults leave a value that nobody will see.
fn hsts(map: &HstsFields, home: Home<'_>, cx: &mut Cx<'_>) -> Option<String> {
    let max_age = match map.max_age.as_ref().filter(|leaf| !leaf.null) {
        None => PRELOAD_AGE_MIN,
        Some(leaf) => max_age(leaf, cx)?,
    };
    let include_sub_domains = cx.boolean(map.include_sub_domains.as_ref(), false);
    let preload = cx.boolean(map.preload.as_ref(), false);
    let mut value = format!("max-age={max_age}");
    if include_sub_domains {
        value.push_str("; includeSubDomains");
    }
    if !preload {
        return Some(value);
    }
    if !include_sub_domains || max_age < PRELOAD_AGE_MIN {
        let message = format!(
            "`preload` needs `includeSubDomains` and a `maxAge` of at least {PRELOAD_AGE_MIN}"
        );
        let help = "browsers' lists take a domain only with both, and for long";
        let (key, span) = match &map.preload {
            Some(leaf) => (leaf.key.clone(), leaf.span),
            None => (home.key.to_owned(), map.span),
        };
        cx.fault_at(Code::BadRule, &key, span, Invalid::new(message).help(help));
    }
    value.push_str("; preload");
    Some(value)
}

fn max_age(leaf: &Leaf, cx: &mut Cx<'_>) -> Option<u32> {
    let text = cx.text(leaf)?.text;
    if let Err((code, invalid)) = grammar::check(Scalar::Int(0, i64::from(u32::MAX)), &text) {
        cx.fault(code, leaf, invalid);
        return None;
    }
    u32::try_from(scalar::parse_int(&text).ok()?).ok()
}
