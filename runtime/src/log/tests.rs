//! The forms of RT-LOG-3 and RT-LOG-4.

use super::*;

fn written(format: Format) -> String {
    let mut out = Vec::new();
    let mut time = line::TimeStamp::default();
    let mut line = Line::begin(&mut out, format, &mut time, Level::Info, "Proxied request");
    line.text("plain", "/a");
    line.text("empty", "");
    line.text("quoted", "a \"b\" =\n");
    line.number("status", 200);
    line.milliseconds("duration_ms", Duration::from_micros(1_034));
    line.end();
    String::from_utf8(out).unwrap()
}

/// RT-LOG-4
#[test]
fn text_and_json() {
    let text = written(Format::Text);
    let (time, rest) = text.split_at("2025/07/15 17:58:04".len());
    assert!(
        time.bytes().filter(u8::is_ascii_digit).count() == 14,
        "{time}"
    );
    assert_eq!(
        rest,
        " INFO Proxied request plain=/a empty=\"\" quoted=\"a \\\"b\\\" =\\n\" status=200 \
         duration_ms=1.034\n"
    );
    let json = written(Format::Json);
    assert!(json.starts_with("{\"time\":\"20"), "{json}");
    assert!(
        json.ends_with(
            "Z\",\"level\":\"INFO\",\"msg\":\"Proxied request\",\"plain\":\"/a\",\"empty\":\"\",\
             \"quoted\":\"a \\\"b\\\" =\\n\",\"status\":200,\"duration_ms\":1.034}\n"
        ),
        "{json}"
    );
}

/// RT-LOG-3
#[test]
fn durations() {
    for (duration, text) in [
        (Duration::from_nanos(999_999), "999999ns"),
        (Duration::from_millis(1), "1.00ms"),
        (Duration::from_micros(12_345), "12.35ms"),
        (Duration::from_millis(1500), "1.50s"),
        (Duration::from_secs(90), "1.50m"),
        (Duration::from_secs(5400), "1.50h"),
    ] {
        assert_eq!(duration_text(duration), text);
    }
}

#[test]
fn civil_dates() {
    assert_eq!(line::civil_date(0), (1970, 1, 1));
    assert_eq!(line::civil_date(11_016), (2000, 2, 29));
    assert_eq!(line::civil_date(20_781), (2026, 11, 24));
}
