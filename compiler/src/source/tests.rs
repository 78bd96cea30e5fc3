//! Tests of places.

use super::*;

#[test]
fn counts_columns_in_characters() {
    let mut sources = SourceMap::new();
    let id = sources.add("a.yaml", "é: 1\nb: ü x\n");
    let at = |start| sources.locate(Span::new(id, start, start)).to_string();
    assert_eq!(at(0), "a.yaml:1:1");
    assert_eq!(at(2), "a.yaml:1:2");
    assert_eq!(at(12), "a.yaml:2:6");
    assert_eq!(sources.line(id, 2), "b: ü x");
}

#[test]
fn a_byte_order_mark_has_no_column() {
    let mut sources = SourceMap::new();
    let id = sources.add("a.yaml", "\u{feff}version: 2\r\nx: 1");
    assert_eq!(sources.locate(Span::new(id, 3, 4)).column, 1);
    assert_eq!(sources.line(id, 1), "version: 2");
    assert_eq!(sources.line(id, 2), "x: 1");
    assert_eq!(sources.line(id, 3), "");
}

#[test]
fn embedded_files_are_no_yaml() {
    let mut sources = SourceMap::new();
    sources.add("a.yaml", "");
    sources.embed("extra/a.html", Ok(b"x".to_vec()));
    sources.embed("b.html", Err("does not exist".to_owned()));
    assert_eq!(sources.others().count(), 0);
    let name = embedded_name("extra/r.yaml", "a.html");
    assert_eq!(sources.embedded(&name).map(|id| sources.text(id)), Ok("x"));
    assert_eq!(sources.embedded("b.html"), Err("does not exist"));
    assert_eq!(embedded_name("goma.yaml", "p/a.html"), "p/a.html");
    assert_eq!(embedded_name("extra/r.yaml", "/a.html"), "/a.html");
}

#[test]
fn decrypted_texts_have_the_place_of_what_was_encrypted() {
    let mut sources = SourceMap::new();
    let id = sources.add("a.yaml", "x: 1\nrule: PGP\n");
    let home = Span::new(id, 11, 14);
    assert!(sources.decrypted(home).is_err());
    sources.decrypt(home, "PGP", Ok("user: ada\n".to_owned()));
    let inner = sources.decrypted(home).expect("a text");
    assert!(inner.is_decrypted() && !id.is_decrypted());
    let span = Span::new(inner, 6, 9);
    assert_eq!(
        (sources.slice(span), sources.encrypted(home)),
        ("ada", "PGP")
    );
    assert_eq!(sources.locate(span).to_string(), "a.yaml:2:7");
    assert_eq!(sources.line(inner, 2), "rule: PGP");
    assert_eq!((sources.name(inner), sources.ids().count()), ("a.yaml", 1));
    sources.decrypt(Span::new(id, 0, 1), "x", Err("why".to_owned()));
    assert_eq!(sources.decrypted(Span::new(id, 0, 1)), Err("why"));
}

#[test]
fn files_of_two_compilations() {
    let mut all = SourceMap::new();
    let mut other = SourceMap::new();
    let ids = [other.add("b.yaml", "x"), other.add("shared.yaml", "y")];
    let first = all.add("a.yaml", "x");
    let shared = all.add("shared.yaml", "y");
    let adopted = ids.map(|id| all.adopt(&other, id));
    assert_eq!(adopted[1], shared);
    assert!(adopted[0] != first && all.name(adopted[0]) == "b.yaml");
}

#[test]
fn remembers_where_bytes_stop_being_text() {
    let mut sources = SourceMap::new();
    let id = sources.add("a.yaml", b"ab\xffc".as_slice());
    assert_eq!(sources.invalid_at(id), Some(2));
}
