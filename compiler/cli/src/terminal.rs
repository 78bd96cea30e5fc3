//! Writing results to stdout.

use std::fmt::Arguments;
use std::io::{ErrorKind, Write as _};

use crate::failure::FAILED;

/// Writes a text. A reader that went away, as in `goma schema | head`, has what it wanted; where
/// stdout takes nothing for another reason, such as a full disk, the command ends.
#[allow(
    clippy::exit,
    reason = "there is nowhere left to say anything, and nothing to undo"
)]
pub(crate) fn print(text: Arguments<'_>) {
    match std::io::stdout().write_fmt(text) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write to stdout: {error}");
            std::process::exit(FAILED.into());
        }
        Ok(()) | Err(_) => {}
    }
}

/// As `println!`, by [`print`].
macro_rules! say {
    ($($text:tt)*) => {
        $crate::terminal::print(format_args!("{}\n", format_args!($($text)*)))
    };
}

pub(crate) use say;
