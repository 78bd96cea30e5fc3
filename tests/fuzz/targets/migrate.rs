//! Any text: migrating ends, and migrating the result changes nothing.
#![no_main]

use goma_compiler::Options;
use goma_compiler::migrate::migrate;
use goma_compiler::source::SourceMap;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let migrated = |text: &str| {
        let mut sources = SourceMap::new();
        sources.add("goma.yml", text);
        let file = migrate(&sources, &Options::default()).pop();
        file.map(|file| file.text)
    };
    let once = migrated(text);
    assert_eq!(once, once.as_deref().and_then(migrated));
});
