//! What all that asks another server has in common: it is repeated while that may help, an answer is read up to a
//! bound, and what goes wrong is told on one line, without the URL, which may hold a secret.

use std::time::Duration;

use reqwest::header::RETRY_AFTER;
use reqwest::{Error, Response, StatusCode};

/// How often a request is made in all.
const TRIES: u32 = 4;
/// Pause before the second; it doubles. Also for what is begun anew by other rules.
pub(crate) const PAUSE: Duration = Duration::from_millis(250);
/// The longest pause, whatever the server asks for.
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Does something until `pause` says no more that it may help to do it again, a few times at most. `pause` gets
/// what came of it, and how long would be waited.
pub(crate) async fn repeated<T>(
    mut act: impl AsyncFnMut() -> T,
    pause: impl Fn(&T, Duration) -> Option<Duration>,
) -> T {
    let mut usual = PAUSE;
    for _ in 1..TRIES {
        let done = act().await;
        let Some(pause) = pause(&done, usual) else {
            return done;
        };
        tokio::time::sleep(pause.min(PAUSE_MAX)).await;
        usual *= 2;
    }
    act().await
}

/// For [`repeated`]: how long to wait after an answer, or after none.
pub(crate) fn pause_after(answer: &anyhow::Result<Response>, usual: Duration) -> Option<Duration> {
    let Ok(answer) = answer else {
        return Some(usual);
    };
    let asked = || {
        let value = answer.headers().get(RETRY_AFTER)?.to_str().ok()?;
        value.parse().ok().map(Duration::from_secs)
    };
    may_pass(answer.status()).then(|| asked().unwrap_or(usual))
}

/// Whether what this status says may be over soon.
pub(crate) fn may_pass(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// The whole body; `None`: it is larger.
///
/// # Errors
/// The connection breaks.
pub(crate) async fn body(mut answer: Response, bytes_max: usize) -> Result<Option<Vec<u8>>, Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        if bytes.len() + chunk.len() > bytes_max {
            return Ok(None);
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(bytes))
}

/// Says that this server could not be asked, and why: what lies behind all causes.
pub(crate) fn describe(error: Error, server: &str) -> String {
    let error = error.without_url();
    if error.is_timeout() {
        return format!("{server} did not answer in time");
    }
    format!("{server} cannot be asked: {}", cause(&error))
}

/// The innermost cause, on one line.
pub(crate) fn cause(error: &Error) -> String {
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string().replace(char::is_control, " ")
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;

    /// A few times, after pauses that double.
    #[tokio::test]
    async fn it_is_repeated_while_that_may_help() {
        const USUAL: [Duration; 3] = [PAUSE, Duration::from_millis(500), Duration::from_secs(1)];
        for (fails, times) in [(0, 1), (2, 3), (9, 4)] {
            let (done, pauses) = (Cell::new(0), RefCell::new(Vec::new()));
            let act = async || {
                done.set(done.get() + 1);
                done.get()
            };
            let pause = |done: &u32, usual| {
                pauses.borrow_mut().push(usual);
                (*done <= fails).then_some(Duration::ZERO)
            };
            assert_eq!(repeated(act, pause).await, times);
            assert_eq!(done.get(), times);
            assert!(USUAL.starts_with(&pauses.borrow()), "{pauses:?}");
        }
    }
}
