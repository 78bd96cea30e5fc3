//! Parsing, from text to nodes.

use super::*;

/// The tree as text: `{key: value}`, `[…]`, plain scalars bare, others in quotes.
fn show(node: &Node) -> String {
    match &node.kind {
        Kind::Map(entries) => {
            let entry = |entry: &Entry| format!("{}: {}", entry.key.value, show(&entry.value));
            format!(
                "{{{}}}",
                entries.iter().map(entry).collect::<Vec<_>>().join(", ")
            )
        }
        Kind::Seq(items) => format!(
            "[{}]",
            items.iter().map(show).collect::<Vec<_>>().join(", ")
        ),
        Kind::Scalar { text, plain: true } => text.clone(),
        Kind::Scalar { text, plain: false } => format!("{text:?}"),
    }
}

fn check(text: &str, expected: &str) {
    let mut sources = SourceMap::new();
    let id = sources.add("a.yaml", text);
    let mut diags = Diagnostics::new();
    let tree = parse(&sources, id, &mut diags);
    let findings = diags.summary(&sources).join("; ");
    let shown = tree.map_or_else(String::new, |tree| show(&tree));
    let both = [shown, findings]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>();
    assert_eq!(both.join(" | "), expected, "{text}");
}

/// MW-GEN-4: and so a number may stand where a string is expected.
#[test]
fn scalars_keep_their_text() {
    check(
        "a: 1.0\nb: '1.0'\nc: true\nd:\ne: !!str 5\n",
        "{a: 1.0, b: \"1.0\", c: true, d: ~, e: \"5\"}",
    );
    check("a: \"x\\ty\"\nb: |\n  z\n", "{a: \"x\\ty\", b: \"z\\n\"}");
    check("", "{}");
    check("\u{feff}a: 1", "{a: 1}");
}

#[test]
fn spans_are_exact() {
    let mut sources = SourceMap::new();
    let id = sources.add("a.yaml", "\u{feff}é: [ü, \"x y\"]\nk:\n  - name: v # c\n");
    let tree = parse(&sources, id, &mut Diagnostics::new()).unwrap();
    let Kind::Map(entries) = &tree.kind else {
        panic!()
    };
    let Kind::Seq(items) = &entries[0].value.kind else {
        panic!()
    };
    let texts: Vec<_> = items.iter().map(|item| sources.slice(item.span)).collect();
    assert_eq!(texts, ["ü", "\"x y\""]);
    assert_eq!(sources.slice(entries[0].value.span), "[ü, \"x y\"]");
    let Kind::Seq(items) = &entries[1].value.kind else {
        panic!()
    };
    assert_eq!(sources.slice(items[0].head()), "name");
    assert_eq!(sources.locate(items[0].head()).to_string(), "a.yaml:3:5");
}

#[test]
fn aliases_and_merges() {
    check(
        "a: &x {p: 1, q: 2}\nb: {<<: *x, q: 3}\n",
        "{a: {p: 1, q: 2}, b: {q: 3, p: 1}}",
    );
    check(
        "a: &x {p: 1}\nb: {<<: [*x, {p: 2, r: 3}]}\n",
        "{a: {p: 1}, b: {p: 1, r: 3}}",
    );
    check("a: &x [1]\nb: *x\n", "{a: [1], b: [1]}");
    check("b: {<<: 3}\n", "{b: {}} | a.yaml:1:9 error[type-mismatch]");
    check("a: &x [*x]\n", "a.yaml:1:8 error[yaml-syntax]");
    check("a: *x\n", "a.yaml:1:4 error[yaml-syntax]");
}

#[test]
fn faults() {
    check(
        "a: 1\nb: 2\na: 3\n",
        "{a: 1, b: 2} | a.yaml:3:1 error[duplicate-key]",
    );
    check("a: [1\n", "a.yaml:1:4 error[yaml-syntax]");
    check("a: 1\n---\nb: 2\n", "a.yaml:2:1 error[yaml-syntax]");
    check("[a]: 1\n", "a.yaml:1:1 error[yaml-syntax]");
    check("a: !x 1\n", "a.yaml:1:7 error[yaml-syntax]");
    check("a:\n\t- 1\n", "a.yaml:2:2 error[yaml-syntax]");
}

#[test]
fn bounds() {
    check(
        &format!("{}{}", "[".repeat(70), "]".repeat(70)),
        "a.yaml:1:65 error[yaml-syntax]",
    );
    let bomb = "a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\n";
    check(bomb, "a.yaml:5:26 error[yaml-syntax]");
    let mut deep = "a0: &a0 [x]\n".to_owned();
    for level in 1..80 {
        deep.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    check(&deep, "a.yaml:64:12 error[yaml-syntax]");
}

/// JSON escapes what lies beyond U+FFFF as two surrogates; places stay true.
#[test]
fn surrogates_of_json() {
    check(
        r#"{"a": " \ud83d\ude00 \u00e9", "b": ["\uD834\uDD1E\uD834\uDD1E"]}"#,
        "{a: \" 😀 é\", b: [\"𝄞𝄞\"]}",
    );
    check(
        r#"{"a": "\ud83d\ude00", "a": 1}"#,
        "{a: \"😀\"} | a.yaml:1:23 error[duplicate-key]",
    );
    check(
        "{\"a\":\n \"\\ud83d\\ude00\",\n \"a\": 1}",
        "{a: \"😀\"} | a.yaml:3:2 error[duplicate-key]",
    );
}
