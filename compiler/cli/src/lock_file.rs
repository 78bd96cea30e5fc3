//! `goma.lock` on disk, beside the main file (config.md section 16).

use goma_compiler::diag::{Code, Diagnostic, Diagnostics};
use goma_compiler::lock::{FILE_NAME, Lock, Written};
use goma_compiler::source::Span;

use crate::build::write_if_changed;
use crate::failure::Failure;
use crate::input::Input;

/// What `goma.lock` says, if there is one that can be read.
pub(crate) fn read(input: &Input) -> Option<Written> {
    Written::parse(&std::fs::read_to_string(input.home.join(FILE_NAME)).ok()?).ok()
}

/// Writes it unless it says the same already; whether it wrote.
pub(crate) fn write(input: &Input, lock: &Lock) -> Result<bool, Failure> {
    Ok(write_if_changed(&input.home.join(FILE_NAME), &lock.text())?)
}

/// The findings `lock-mismatch` of `--locked` (C-LOCK-2); the file becomes one that findings may show.
pub(crate) fn mismatches(input: &mut Input, lock: &Lock) -> Diagnostics {
    let path = input.home.join(FILE_NAME);
    let text = std::fs::read_to_string(&path).ok();
    let id = input.show(&path, text.clone().unwrap_or_default());
    let mut found = Diagnostics::new();
    match text.as_deref().map(Written::parse) {
        Some(Ok(written)) => return written.mismatches(lock, id),
        Some(Err(faulty)) => found.push(faulty.finding(id)),
        None => {
            let message = format!("`--locked`, but there is no `{FILE_NAME}`");
            let fault = Diagnostic::new(Code::LockMismatch, "", Span::new(id, 0, 0), message);
            found.push(fault.help("write it with `goma lock`, and commit it"));
        }
    }
    found
}
