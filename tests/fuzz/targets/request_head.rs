//! Any bytes as the head of a request.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| goma_runtime::fuzzing::request_head(bytes));
