//! Any bytes as a path.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| goma_runtime::fuzzing::path(bytes));
