//! Any bytes as a configuration: findings, never a panic; and every form of them can be drawn.
#![no_main]

use goma_compiler::diag::render;
use goma_compiler::source::SourceMap;
use goma_compiler::{Options, compile};

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut sources = SourceMap::new();
    // Two files where a NUL parts them: the second is one of `extraConfig`.
    for part in bytes.splitn(2, |byte| *byte == 0) {
        sources.add("goma.yml", part);
    }
    let compiled = compile(&sources, &Options::default());
    let findings = compiled.diagnostics;
    assert_eq!(compiled.output.is_none(), findings.has_errors() || sources.main().is_none());
    let forms = [
        render::human(&findings, &sources, true),
        render::json(&findings, &sources),
        render::sarif(&findings, &sources),
        render::github(&findings, &sources),
    ];
    assert!(!forms.iter().any(|form| form.contains("hunter2")));
});
