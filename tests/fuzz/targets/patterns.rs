//! Any text as an expression, a regular expression, a host, a path, an address or a number.
#![no_main]

use goma_compiler::model::claims::Claims;
use goma_compiler::model::regex::Regex;
use goma_compiler::model::{HostPattern, RoutePath, address, scalar};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let _ = Claims::new(text);
    let _ = Regex::new(text);
    if let Ok(path) = RoutePath::new(text) {
        // Canonical once, canonical for ever.
        assert_eq!(RoutePath::new(path.as_str()).as_ref(), Ok(&path));
    }
    let _ = HostPattern::new(text);
    if let Ok(range) = address::parse_range(text) {
        assert!(range.first <= range.last);
    }
    let _ = address::parse_host_port(text);
    let _ = address::parse_url(text);
    let _ = scalar::parse_codes(text);
    let _ = scalar::parse_duration(text);
    let _ = scalar::parse_size(text);
});
