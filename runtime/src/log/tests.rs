//! The forms of RT-LOG-3 and RT-LOG-4.

use super::*;
use crate::filter::rig;

/// What `fill` adds to a line.
pub(crate) fn line(format: Format, fill: impl FnOnce(&mut Line<'_>)) -> String {
    let mut out = Vec::new();
    let mut time = line::TimeStamp::default();
    let mut line = Line::begin(&mut out, format, &mut time, Level::Info, "m");
    fill(&mut line);
    let text = String::from_utf8(out).unwrap();
    let (_, added) = match format {
        Format::Json => text.split_once("\"m\"").unwrap(),
        Format::Text => text.split_once(" m").unwrap(),
    };
    added.to_owned()
}

/// MW-LOG-6: keys and values cannot break out of their line or reach a terminal.
#[test]
fn odd_keys_and_controls() {
    let odd = |line: &mut Line<'_>| line.extra("a \"b", "x\n\u{7f}\u{9b}1m");
    assert_eq!(
        line(Format::Text, odd),
        " \"a \\\"b\"=\"x\\n\\u007f\\u009b1m\""
    );
    assert_eq!(
        line(Format::Json, odd),
        ",\"a \\\"b\":\"x\\n\\u007f\\u009b1m\""
    );
    let lone = |line: &mut Line<'_>| line.extra("k", "\u{9b}");
    assert_eq!(line(Format::Text, lone), " k=\"\\u009b\"");
}

/// RT-LOG-4: so of messages, which may name files.
#[test]
fn odd_messages() {
    for (format, said) in [
        (Format::Json, "\"msg\":\"/a\\\"b\\nc: changed\"}\n"),
        (Format::Text, " WARN /a\\\"b\\nc: changed\n"),
    ] {
        let (writer, _thread) = Writer::start(None, format).unwrap();
        let log = AccessLog::new(Level::Info, format, writer);
        log.message(Level::Warn, "/a\"b\nc: changed");
        let text = String::from_utf8(log.lines.take()).unwrap();
        assert!(text.ends_with(said), "{text}");
    }
}

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

/// RT-LOG-2: the line says what the client sent, not what filters have made of it for the backend.
#[test]
fn the_clients_own_fields() {
    let mut exchange = rig::exchange(
        "GET / HTTP/1.1\r\nHost: h\r\nReferer: http://from\r\nUser-Agent: client\r\n\r\n",
    );
    exchange.note_received();
    exchange.request.fields.remove("Referer");
    exchange.request.fields.set("User-Agent", b"inner");
    let (writer, _thread) = Writer::start(None, Format::Text).unwrap();
    let log = AccessLog::new(Level::Info, Format::Text, writer);
    let record = Record {
        received_path: exchange.routed_path,
        address: "127.0.0.1",
        status: 200,
        bytes_out: 0,
        bytes_in: None,
        backend: "",
        aborted: false,
        own: false,
        elapsed: Duration::ZERO,
    };
    log.request(&exchange, &record);
    let text = String::from_utf8(log.lines.take()).unwrap();
    assert!(text.contains(" referer=http://from"), "{text}");
    assert!(text.contains(" user_agent=client"), "{text}");
}
