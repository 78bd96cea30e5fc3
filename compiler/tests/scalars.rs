//! The grammars of literals against the table that the runtime's start-time parsers share.

#![allow(clippy::panic, reason = "a test may fail")]

use goma_compiler::model::address;
use goma_compiler::model::endpoint::{self, Endpoint};
use goma_compiler::model::scalar::{self, Invalid};

#[test]
fn agrees_with_the_shared_table() {
    let table = include_str!("../../specs/scalars.tsv");
    let rows = table
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    for row in rows {
        let columns: Vec<_> = row.split('\t').collect();
        let [kind, text, expected] = columns.as_slice() else {
            panic!("{row}")
        };
        assert_eq!(&read(kind, text), expected, "{row}");
    }
}

fn read(kind: &str, text: &str) -> String {
    let (code, result) = match kind {
        "secs" => (
            "bad-duration",
            scalar::parse_seconds(text).map(|time| time.as_millis().to_string()),
        ),
        "bool" => (
            "type-mismatch",
            scalar::parse_bool(text).map(|value| value.to_string()),
        ),
        "size" => (
            "bad-size",
            scalar::parse_size(text).map(|size| size.to_string()),
        ),
        "addr" => (
            "bad-address",
            address::parse_address(text).map(|address| address.replace("localhost", "127.0.0.1")),
        ),
        "hostport" => (
            "bad-address",
            address::parse_host_port(text).map(|(host, port)| format!("{host}:{port}")),
        ),
        "dnsserver" => (
            "bad-address",
            address::parse_dns_server(text).map(|server| server.to_string()),
        ),
        "network" => (
            "bad-cidr",
            address::parse_network(text).map(|range| format!("{}-{}", range.first, range.last)),
        ),
        "url" => return url(text),
        "location" => (
            "bad-url",
            address::parse_location(text).map(|()| text.to_owned()),
        ),
        "int" => (
            "type-mismatch",
            scalar::parse_int(text).map(|value| value.to_string()),
        ),
        "level" => (
            "bad-value",
            scalar::parse_word(
                text,
                &["trace", "debug", "info", "warn", "error", "off"],
                true,
            )
            .map(str::to_owned),
        ),
        "format" => (
            "bad-value",
            scalar::parse_word(text, &["text", "json"], false).map(str::to_owned),
        ),
        kind => panic!("no grammar {kind}"),
    };
    answer(code, result)
}

fn url(text: &str) -> String {
    let result = endpoint::parse(text).map(|mut endpoint| {
        if let Endpoint::Url(url) = &mut endpoint {
            url.port = url.port.filter(|port| *port != url.scheme.port());
        }
        endpoint.to_string()
    });
    answer("bad-url", result)
}

fn answer(code: &str, result: Result<String, Invalid>) -> String {
    result
        .unwrap_or_else(|invalid| format!("!{}", if invalid.range { "out-of-range" } else { code }))
}
