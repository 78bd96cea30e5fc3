//! Fields behave like an ordered multimap without regard to case.

use super::*;

fn fields(pairs: &[(&str, &str)]) -> Box<Fields> {
    let mut fields = Fields::new(Buffer::with_size(16));
    for (name, value) in pairs {
        fields.append(name, value.as_bytes());
    }
    fields
}

fn text(fields: &Fields) -> String {
    fields
        .iter()
        .map(|(name, value)| {
            format!(
                "{}: {}\n",
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            )
        })
        .collect()
}

#[test]
fn set_replaces_all_values_at_the_first_place() {
    let mut fields = fields(&[("A", "1"), ("b", "2"), ("a", "3")]);
    fields.set("a", b"9");
    assert_eq!(text(&fields), "a: 9\nb: 2\n");
    fields.set("c", b"4");
    assert_eq!(text(&fields), "a: 9\nb: 2\nc: 4\n");
}

#[test]
fn remove_and_get_ignore_case_and_keep_order() {
    let mut fields = fields(&[("Host", "x"), ("X-A", "1"), ("x-a", "2"), ("X-AB", "3")]);
    assert_eq!(fields.values("X-a").count(), 2);
    assert_eq!(fields.known(Known::Host), Some(&b"x"[..]));
    fields.remove("x-A");
    assert_eq!(text(&fields), "Host: x\nX-AB: 3\n");
    assert_eq!(fields.get("x-a"), None);
}
