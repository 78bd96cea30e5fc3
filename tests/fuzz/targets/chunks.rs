//! Any bytes as a chunked body.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| goma_runtime::fuzzing::chunks(bytes));
