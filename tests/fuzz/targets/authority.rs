//! Any bytes as the authority of a request.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| goma_runtime::fuzzing::authority(bytes));
