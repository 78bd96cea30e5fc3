//! The finding `file-missing` (C-FILE-2). Apart from the library's findings, because it is about the
//! disk and there is no source to point into.

use serde_json::json;

use crate::commands::Format;

/// The text of the code.
pub(crate) const CODE: &str = "file-missing";

/// What `goma explain file-missing` says; same form as the library's pages.
pub(crate) const PAGE: &str = "\
What: the configuration does not exist or cannot be read.
Why: there is nothing to check or build.
Example: `goma check gome.yml`
Instead: `goma check goma.yml`; `goma init` writes a first one.";

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
    pub(crate) fn print(&self, format: Format) {
        match format {
            Format::Human => println!("{}", self.human()),
            Format::Json => println!("{:#}", self.json()),
        }
    }

    fn message(&self) -> String {
        format!("`{}` {}", self.file, self.why)
    }

    fn human(&self) -> String {
        format!(
            "error[{CODE}]: {}\n  = help: {HELP}\n1 error, 0 warnings",
            self.message()
        )
    }

    fn json(&self) -> serde_json::Value {
        let finding = json!({
            "code": CODE,
            "severity": "error",
            "message": self.message(),
            "file": self.file,
            "line": 1,
            "column": 1,
            "endLine": 1,
            "endColumn": 1,
            "path": "",
            "help": HELP,
            "related": [],
            "fixes": [],
        });
        json!({"findings": [finding], "errors": 1, "warnings": 0})
    }
}
