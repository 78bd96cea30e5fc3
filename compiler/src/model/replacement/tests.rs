//! Replacements and the pieces they are cut into.

use super::*;

fn cut(text: &str, purpose: Purpose) -> Result<Vec<Piece>, String> {
    let pattern = Regex::new("^/(?<team>[a-z]+)/(.*)").map_err(|fault| fault.reason)?;
    let cut = Replacement::new(text, &pattern, purpose);
    cut.map(|cut| cut.pieces).map_err(|fault| {
        let help = fault.help.unwrap_or_default();
        format!("{}; {help}", fault.reason)
    })
}

fn text(text: &str) -> Piece {
    Piece::Text(text.to_owned())
}

/// MW-GEN-15
#[test]
fn groups() {
    let path = |replacement| cut(replacement, Purpose::Path);
    let team = Piece::Group(1);
    assert_eq!(path(""), Ok(vec![]));
    assert_eq!(path("/x/$2"), Ok(vec![text("/x/"), Piece::Group(2)]));
    assert_eq!(path("${2}x"), Ok(vec![Piece::Group(2), text("x")]));
    assert_eq!(
        path("${team}/$team"),
        Ok(vec![team.clone(), text("/"), team])
    );
    assert_eq!(path("/$$1$/{x}"), Ok(vec![text("/$1$/{x}")]));
    assert_eq!(path("/$0"), Ok(vec![text("/"), Piece::Group(0)]));
    assert_eq!(path("/é%2f"), Ok(vec![text("/%C3%A9%2f")]));
    for (bad, reason) in [
        ("$2x", "the pattern has no group `2x`; write `${2}x`"),
        (
            "$3",
            "the pattern has no group `3`; write `$$` for a dollar",
        ),
        (
            "${tem}",
            "the pattern has no group `tem`; write `$$` for a dollar",
        ),
        ("${2", "`${` is not closed; write `$$` for a dollar"),
        ("/a b", "` ` is not allowed in a replacement; write `%20`"),
        ("/a#b", "`#` is not allowed in a replacement; write `%23`"),
        (
            "/%2",
            "`%` is not followed by two hex digits; write `%25` for a percent sign",
        ),
        (
            "/%$1",
            "`%` is not followed by two hex digits; write `%25` for a percent sign",
        ),
    ] {
        assert_eq!(path(bad), Err(reason.to_owned()), "{bad}");
    }
}

/// MW-REWRITE-2
#[test]
fn tokens() {
    let name = |name: &str| name.to_owned();
    assert_eq!(
        cut(
            "/{{goma.headers.X-Team}}{{ goma.query.zone }}",
            Purpose::Path
        ),
        Ok(vec![
            text("/"),
            Piece::Header(name("X-Team")),
            Piece::Query(name("zone"))
        ])
    );
    assert_eq!(cut("/{{x}}", Purpose::Path), Ok(vec![text("/{{x}}")]));
    for bad in [
        "{{goma.header.X}}",
        "{{goma.headers.}}",
        "{{goma.query.a b}}",
    ] {
        let fault = cut(bad, Purpose::Path).unwrap_err();
        assert!(fault.contains("is not a token; write"), "{fault}");
    }
    let fault = cut("/{{goma.headers.X}}", Purpose::Location).unwrap_err();
    assert!(fault.starts_with("a redirect takes no tokens"), "{fault}");
}

/// MW-REDIRRX-2
#[test]
fn origins() {
    let pattern = Regex::new("^/(.*)").expect("a pattern");
    let origin = |text: &str| {
        let cut = Replacement::new(text, &pattern, Purpose::Location).expect("a replacement");
        cut.origin()
    };
    for (text, expected) in [
        ("HTTPS://N.test/new/$1", Some("https://n.test")),
        ("https://n.test:8443?x=$1", Some("https://n.test:8443")),
        ("https://n.test", Some("https://n.test")),
        ("http://[::1]/$1", Some("http://[::1]")),
        ("/new/$1", None),
        ("$1", None),
        ("/a:b", None),
    ] {
        let found = origin(text).expect("an origin");
        assert_eq!(found.as_deref(), expected, "{text}");
    }
    for open in [
        "https://a.test$1",
        "https://$1/x",
        "https://a.test:$1/",
        "https://a.$1",
    ] {
        assert!(matches!(origin(open), Err(BadOrigin::Open(_))), "{open}");
    }
    for bad in [
        "ftp://a/$1",
        "javascript:$1",
        "//a.test/$1",
        "https://u@a.test/",
        "https:///x",
    ] {
        assert!(matches!(origin(bad), Err(BadOrigin::Url(_))), "{bad}");
    }
}

/// MW-REWRITE-1
#[test]
fn applied() {
    let apply = |pattern: &str, replacement: &str, text: &str| {
        let pattern = Regex::new(pattern).expect("a pattern");
        let cut = Replacement::new(replacement, &pattern, Purpose::Path).expect("a replacement");
        cut.apply(&pattern, text, |_| "T".to_owned())
    };
    assert_eq!(
        apply("^/shop/([0-9]+)$", "/items/$1", "/shop/7").as_deref(),
        Some("/items/7")
    );
    assert_eq!(apply("^/shop/([0-9]+)$", "/items/$1", "/shop/x"), None);
    assert_eq!(apply("/+", "/", "/a//b").as_deref(), Some("/a/b"));
    assert_eq!(
        apply("a", "{{goma.query.x}}", "/aba").as_deref(),
        Some("/TbT")
    );
}
