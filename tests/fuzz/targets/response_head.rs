//! Any bytes as the head of a response.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| goma_runtime::fuzzing::response_head(bytes));
