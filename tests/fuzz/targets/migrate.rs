//! Any text: migrating ends, and migrating the result changes nothing.
#![no_main]

use goma_compiler::Options;
use goma_compiler::migrate::migrate;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let options = Options::default();
    let once = migrate("goma.yml", text, false, &options);
    let twice = migrate("goma.yml", &once.text, false, &options);
    assert_eq!(once.text, twice.text);
});
