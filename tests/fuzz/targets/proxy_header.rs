//! Any bytes as the beginning of a connection with a PROXY header.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| goma_runtime::fuzzing::proxy_header(bytes));
