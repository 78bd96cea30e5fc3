//! Our layout against rustfmt itself: what we print, rustfmt must leave as it is.

use std::io::Write;
use std::process::{Command, Stdio};

use proc_macro2::TokenStream;
use proptest::prelude::*;

use super::file;

/// What rustfmt makes of a text; `None` if this machine has no rustfmt.
fn rustfmt(text: &str) -> Option<String> {
    let mut child = Command::new("rustfmt")
        .args(["--edition", "2024", "--emit", "stdout"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    child.stdin.take()?.write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    output
        .status
        .success()
        .then(|| String::from_utf8(output.stdout).unwrap())
}

fn check(items: &[String]) {
    let items: Vec<TokenStream> = items.iter().map(|item| item.parse().unwrap()).collect();
    let text = file("Header.", items);
    if let Some(formatted) = rustfmt(&text) {
        assert_eq!(text, formatted);
    }
}

#[test]
fn blank_lines_stand_between_items_but_not_between_imports() {
    let items = [
        "mod a;",
        "mod b;",
        "use x::A;",
        "use x::{B, C};",
        "use crate::a;",
        "#[doc = \" Doc.\"] const X: u8 = 1;",
    ];
    let items = items.map(|item| item.parse().unwrap()).to_vec();
    insta::assert_snapshot!(file("Header.\n\nMore.", items), @r"
    //! Header.
    //!
    //! More.

    mod a;
    mod b;

    use x::A;
    use x::{B, C};

    use crate::a;

    /// Doc.
    const X: u8 = 1;
    ");
}

/// Texts of every width around the limits.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z/ ]{0,14}",
        3 => "[a-z/ ]{20,62}",
        1 => "[a-zé\"\\\\]{60,110}",
    ]
    .prop_map(|text| format!("{text:?}"))
}

fn leaf() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => text(),
        1 => Just("None".to_owned()),
        1 => Just("true".to_owned()),
        1 => text().prop_map(|text| format!("Some({text})")),
        1 => text().prop_map(|text| format!("Part::Text({text})")),
        1 => prop::collection::vec(text(), 0..6).prop_map(|texts| format!("&[{}]", texts.join(", "))),
        1 => prop::collection::vec("[A-Z]{3,9}", 0..40)
            .prop_map(|words| format!("&[{}]", words.iter().map(|word| format!("{word:?}")).collect::<Vec<_>>().join(", "))),
    ]
}

fn value() -> impl Strategy<Value = String> {
    leaf().prop_recursive(4, 24, 4, |inner| {
        let fields = prop::collection::vec(("[a-z]{1,12}", inner.clone()), 1..4);
        let literal = ("[A-Z][a-z]{2,9}", fields).prop_map(|(name, fields)| {
            let fields: Vec<String> = fields.iter().map(|(key, value)| format!("f_{key}: {value}")).collect();
            format!("{name} {{ {} }}", fields.join(", "))
        });
        prop_oneof![
            4 => literal.clone(),
            2 => prop::collection::vec(literal.clone(), 0..3).prop_map(|rows| format!("&[{}]", rows.join(", "))),
            2 => prop::collection::vec((text(), literal.clone()), 0..3).prop_map(|pairs| {
                let pairs: Vec<String> = pairs.iter().map(|(name, value)| format!("({name}, {value})")).collect();
                format!("&[{}]", pairs.join(", "))
            }),
            1 => literal.prop_map(|value| format!("Some({value})")),
        ]
    })
}

/// A chain's tuple, nested where it is long.
fn tuple() -> impl Strategy<Value = String> {
    prop::collection::vec("[a-z]{1,12}_[a-z]{1,12}", 0..6).prop_map(|names| {
        let calls: Vec<String> = names
            .iter()
            .map(|name| format!("middlewares::{name}(start)?"))
            .collect();
        match calls.as_slice() {
            [call] => format!("({call},)"),
            calls => format!("({})", calls.join(", ")),
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn statics(name in "[A-Z]{1,20}", rows in prop::collection::vec(value(), 1..3)) {
        let count = rows.len();
        let rows = rows.join(", ");
        check(&[format!("pub static {name}: [Row; {count}] = [{rows}];")]);
    }

    #[test]
    fn constants(name in "[A-Z]{1,70}", number in 0_u32..10_000) {
        check(&[format!("pub const OF_{name}: ChainId = ChainId({number});")]);
    }

    #[test]
    fn tables(names in prop::collection::vec("of_[a-z]{1,20}", 1..30)) {
        check(&[format!("pub static CHAINS: [ChainSource; {}] = [{}];", names.len(), names.join(", "))]);
    }

    #[test]
    fn chains(name in "[a-z]{1,60}", policies in tuple(), filters in tuple(), nested in tuple()) {
        check(&[format!(
            "fn of_{name}(start: &Start<'_>) -> Result<Box<dyn Chain>, StartError> {{
                Ok(chain::boxed({policies}, ({filters}, {nested})))
            }}"
        ), format!(
            "fn of_{name}_2(start: &Start<'_>) -> Result<Box<dyn Chain>, StartError> {{
                Ok(chain::boxed({policies}, {filters}))
            }}"
        )]);
    }

    #[test]
    fn middlewares(name in "[a-z]{1,60}", fields in prop::collection::vec(value(), 1..4)) {
        let fields: Vec<String> = fields.iter().zip('a'..).map(|(value, key)| format!("{key}: {value}")).collect();
        let fields = fields.join(", ");
        check(&[format!(
            "pub fn {name}(start: &Start<'_>) -> Result<request_headers::RequestHeaders, StartError> {{
                request_headers::RequestHeaders::new(&request_headers::Config {{ {fields} }}, start)
            }}"
        )]);
    }

    #[test]
    fn imports(names in prop::collection::btree_set("[a-z]{3,20}", 1..12)) {
        let names: Vec<String> = names.into_iter().collect();
        let list = names.join(", ");
        check(&[if names.len() == 1 {
            format!("use goma_runtime::filter::{list};")
        } else {
            format!("use goma_runtime::filter::{{{list}}};")
        }]);
    }
}
