//! A configuration that is not there: the finding `file-missing` (C-FILE-2).

use goma_compiler::diag::{Code, Diagnostic, Diagnostics};
use goma_compiler::source::{SourceMap, Span};

use crate::commands::{Color, FindingsFormat};
use crate::findings;

const HELP: &str = "name the file with --config FILE, or write a first one with `goma init`";

/// A configuration that is not there.
#[derive(Debug)]
pub(crate) struct Missing {
    /// As the user would name it.
    pub(crate) file: String,
    /// What the system says, to follow the name.
    pub(crate) why: String,
}

impl Missing {
    /// Prints the finding to stdout.
    pub(crate) fn print(&self, format: FindingsFormat, color: Color) {
        let (diagnostics, sources) = self.finding();
        findings::print(&diagnostics, &sources, format, color);
    }

    /// The finding, and the file that is not there.
    pub(crate) fn finding(&self) -> (Diagnostics, SourceMap) {
        let mut sources = SourceMap::new();
        let id = sources.add(self.file.as_str(), "");
        let message = format!("`{}` {}", self.file, self.why);
        let finding = Diagnostic::new(Code::FileMissing, "", Span::new(id, 0, 0), message);
        let mut diagnostics = Diagnostics::new();
        diagnostics.push(finding.help(HELP));
        (diagnostics, sources)
    }
}
