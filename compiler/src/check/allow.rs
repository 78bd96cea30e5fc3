//! `# goma:allow CODE…` on the line of a finding or the line above silences warnings and notes
//! (C-DIAG-3).

use crate::diag::{Diagnostics, Severity};
use crate::source::SourceMap;

const MARK: &str = "# goma:allow ";

/// Removes what the file itself allows.
pub(crate) fn allow(sources: &SourceMap, diags: &mut Diagnostics) {
    let mut files = sources.main().into_iter().chain(sources.others());
    if !files.any(|id| sources.text(id).contains(MARK)) {
        return;
    }
    diags.retain(|finding| {
        let line = sources.locate(finding.span).line;
        let here = [line, line.saturating_sub(1)];
        let code = finding.code.as_str();
        finding.severity == Severity::Error
            || !here
                .iter()
                .any(|&line| allows(sources.line(finding.span.source, line), code))
    });
}

fn allows(line: &str, code: &str) -> bool {
    let Some((_, codes)) = line.split_once(MARK) else {
        return false;
    };
    codes.split([' ', ',', ':']).any(|word| word == code)
}
