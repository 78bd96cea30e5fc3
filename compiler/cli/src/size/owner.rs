//! Whose a symbol is: the crate that it is of, as far as its name tells.

use std::collections::BTreeMap;

/// Functions of C and assembly that a crate brings: how they begin, and what code calls the crate.
const FOREIGN: &[(&str, &str)] = &[("ring_core_", "ring")];

/// Whose the bytes of a symbol are.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Owner {
    /// A package by its name, or the gateway's own crate.
    Package(String),
    /// Rust's library, made for nobody in particular.
    Rust,
    /// The C library, and what starts a program.
    System,
}

/// The name of a symbol as Rust writes it; none: it is not of Rust.
pub(super) fn readable(symbol: &str) -> Option<String> {
    let name = rustc_demangle::try_demangle(symbol).ok()?;
    Some(format!("{name:#}"))
}

/// Whose a symbol is, by its readable name if it has one. `packages` has every package by what code calls it.
///
/// The first crate that a name has counts, the crates of Rust's library apart: a list of a crate's things is the
/// crate's.
pub(super) fn owner(
    symbol: &str,
    readable: Option<&str>,
    packages: &BTreeMap<&str, &str>,
) -> Owner {
    let package = |name: &str| Some((*packages.get(name)?).to_owned());
    let Some(readable) = readable else {
        let brought = FOREIGN.iter().find(|(start, _)| symbol.starts_with(start));
        let brought = brought.and_then(|(_, library)| package(library));
        return brought.map_or(Owner::System, Owner::Package);
    };
    let first = roots(readable).find_map(|(_, root)| package(root));
    first.map_or(Owner::Rust, Owner::Package)
}

/// The first path of a name that begins with a crate.
pub(super) fn path<'a>(readable: &'a str, library: &str) -> Option<&'a str> {
    let (at, _) = roots(readable).find(|(_, root)| *root == library)?;
    let rest = readable.get(at..)?;
    let is_path = |byte: u8| is_word(byte) || byte == b':';
    let end = rest.bytes().position(|byte| !is_path(byte));
    rest.get(..end.unwrap_or(rest.len()))
}

/// A name without paths: `<Layers<(Cors,), ()> as Chain>::request`.
pub(super) fn without_paths(readable: &str) -> String {
    let mut text = String::with_capacity(readable.len());
    let mut rest = readable;
    while !rest.is_empty() {
        let word = rest.bytes().take_while(|byte| is_word(*byte)).count();
        let (name, after) = rest.split_at(word);
        if let (false, Some(inner)) = (name.is_empty(), after.strip_prefix("::")) {
            rest = inner;
            continue;
        }
        let other = after.find(|char: char| char.is_ascii_alphanumeric() || char == '_');
        let (between, next) = after.split_at(other.unwrap_or(after.len()));
        text.push_str(name);
        text.push_str(between);
        rest = next;
    }
    text
}

/// Words that begin a path, and where.
fn roots(readable: &str) -> impl Iterator<Item = (usize, &str)> {
    let begins = |at: usize| {
        let before = readable.get(..at).unwrap_or_default();
        !before.ends_with(':') && !before.bytes().next_back().is_some_and(is_word)
    };
    readable.match_indices("::").filter_map(move |(at, _)| {
        let before = readable.get(..at)?;
        let length = before
            .bytes()
            .rev()
            .take_while(|byte| is_word(*byte))
            .count();
        let start = at - length;
        let root = before.get(start..)?;
        (!root.is_empty() && begins(start)).then_some((start, root))
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Both ways in which rustc writes names.
    #[test]
    fn whose_a_symbol_is() {
        let packages = [
            ("goma_runtime", "goma-runtime"),
            ("h2", "h2"),
            ("my_shop", "my-shop"),
            ("ring", "ring"),
            ("webpki", "rustls-webpki"),
        ];
        let packages = packages.into_iter().collect();
        let package = |name: &str| Owner::Package(name.to_owned());
        for (symbol, expected) in [
            (
                "_RNvNtCs1234_12goma_runtime5proxy3run",
                package("goma-runtime"),
            ),
            (
                "_ZN12goma_runtime5proxy3run17h0123456789abcdefE",
                package("goma-runtime"),
            ),
            ("_RNvNtCs1234_7my_shop6chains4bare", package("my-shop")),
            // `<webpki::Error as core::fmt::Debug>::fmt`
            (
                "_RNvXCs1_6webpkiNtB2_5ErrorNtNtCs2_4core3fmt5Debug3fmt",
                package("rustls-webpki"),
            ),
            // `core::ptr::drop_in_place::<h2::Frame>`
            (
                "_RINvNtCs1_4core3ptr13drop_in_placeNtCs2_2h25FrameEB4_",
                package("h2"),
            ),
            ("_RNvNtCs1_4core3str5parse", Owner::Rust),
            ("_RNvNtCs1_5gimli4read5parse", Owner::Rust),
            ("ring_core_0_17_14__x25519_fe_mul", package("ring")),
            ("memcpy", Owner::System),
            ("_start", Owner::System),
        ] {
            let readable = readable(symbol);
            let found = owner(symbol, readable.as_deref(), &packages);
            assert_eq!(found, expected, "{symbol}: {readable:?}");
        }
    }

    #[test]
    fn paths_in_names() {
        let name = "<goma_runtime::chain::layers::Layers<(goma_runtime::filter::cors::Cors,), ()> as \
                    goma_runtime::chain::Chain>::request";
        assert_eq!(
            without_paths(name),
            "<Layers<(Cors,), ()> as Chain>::request"
        );
        assert_eq!(
            path(name, "goma_runtime"),
            Some("goma_runtime::chain::layers::Layers")
        );
        assert_eq!(path(name, "runtime"), None);
        assert_eq!(
            without_paths("a::b::<c::d, &[u8]>::{closure#0}"),
            "<d, &[u8]>::{closure#0}"
        );
        assert_eq!(without_paths(""), "");
    }
}
