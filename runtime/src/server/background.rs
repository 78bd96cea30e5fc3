//! `--background`: what was called ends once the gateway serves, which then is nobody's child. A service manager
//! reloads so: its call comes to an end, and what serves becomes a child of the manager.
//!
//! ```text
//! gateway --background                waits for a word at one end of a pipe, or for its end
//!  └ gateway --background=leave       ends at once, so that the next one has no parent
//!     └ gateway --background=serve    the gateway: the other end of the pipe is its standard input
//! ```

use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::fd::AsFd as _;
use std::process::{Child, Command, Stdio};

use crate::values::StartError;

/// What is said last.
const SERVES: &str = "serves";

/// Which of them a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Leave,
    Serve,
    Wait,
}

impl Step {
    /// Reads an argument.
    pub(super) fn parse(argument: &str) -> Option<Self> {
        let all = [Self::Leave, Self::Serve, Self::Wait];
        all.into_iter().find(|step| step.argument() == argument)
    }

    const fn argument(self) -> &'static str {
        match self {
            Self::Leave => "--background=leave",
            Self::Serve => "--background=serve",
            Self::Wait => "--background",
        }
    }
}

/// Starts a gateway with the arguments of this process, and waits until it serves.
///
/// # Errors
/// `not-started`: it does not, and has said why.
pub(super) fn wait() -> Result<(), StartError> {
    match begin() {
        Ok(true) => Ok(()),
        Ok(false) => Err(failed("the gateway does not serve".to_owned())),
        Err(error) => Err(failed(error.to_string())),
    }
}

fn begin() -> io::Result<bool> {
    let (reader, writer) = io::pipe()?;
    again(Step::Leave, writer.into())?.wait()?;
    let mut words = BufReader::new(reader).lines();
    Ok(words.any(|word| word.is_ok_and(|word| word == SERVES)))
}

/// Starts the gateway, and does not wait.
///
/// # Errors
/// `not-started`
pub(super) fn leave() -> Result<(), StartError> {
    let started = again(Step::Serve, Stdio::inherit());
    started
        .map(|_| ())
        .map_err(|error| failed(error.to_string()))
}

fn failed(text: String) -> StartError {
    StartError::without_place("not-started", text)
}

/// This program once more, as another of the three.
fn again(step: Step, stdin: Stdio) -> io::Result<Child> {
    let arguments = std::env::args_os().skip(1).map(|argument| {
        let is_ours = argument.to_str().and_then(Step::parse).is_some();
        if is_ours {
            step.argument().into()
        } else {
            argument
        }
    });
    Command::new(std::env::current_exe()?)
        .args(arguments)
        .stdin(stdin)
        .spawn()
}

/// Who waits for this gateway.
#[derive(Debug)]
pub(super) struct Waiting(File);

impl Waiting {
    /// Somebody, if this process is that one of the three.
    ///
    /// # Errors
    /// `not-started`
    pub(super) fn of(step: Option<Step>) -> Result<Option<Self>, StartError> {
        if step != Some(Step::Serve) {
            return Ok(None);
        }
        let pipe = io::stdin().as_fd().try_clone_to_owned();
        let pipe = pipe.map_err(|error| failed(error.to_string()))?;
        Ok(Some(Self(pipe.into())))
    }

    /// Says that all is prepared.
    ///
    /// # Errors
    /// `not-started`: nobody waits any more.
    pub(super) fn is_ready(&self) -> Result<(), StartError> {
        let said = self.say("ready");
        said.map_err(|error| failed(format!("nobody waits for it any more: {error}")))
    }

    /// Says that it serves. Nobody must hear it.
    pub(super) fn serves(&self) {
        let _ = self.say(SERVES);
    }

    fn say(&self, word: &str) -> io::Result<()> {
        let Self(pipe) = self;
        let mut pipe = pipe;
        pipe.write_all(format!("{word}\n").as_bytes())
    }
}
