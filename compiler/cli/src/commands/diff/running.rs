//! A gateway that runs, asked what it is. It says its revision and nothing of its specification: what is public
//! must not tell who is let in.

use goma_compiler::expect::Answer;
use serde_json::Value;

use crate::ask::{Asker, Question, parse_url};
use crate::failure::Failure;
use crate::history::is_revision;

/// Where a gateway says it (RT-OBS-8).
const PATH: &str = "/healthz/build";
/// The longest version and the longest hash that are believed.
const WORD_BYTES_MAX: usize = 128;

/// What a gateway says of itself.
pub(super) struct Running {
    /// Its URL, without a path.
    pub(super) url: String,
    /// Of the goma that built it.
    pub(super) version: String,
    /// Its revision.
    pub(super) revision: String,
}

/// Whether a side is a gateway that runs.
pub(super) fn is_url(text: &str) -> bool {
    text.starts_with("http://") || text.starts_with("https://")
}

/// Asks the gateway at a URL; `host`: the name that it answers by, if that is another.
///
/// # Errors
/// It does not answer, or not as a gateway does that says what it is.
pub(super) fn ask(text: &str, host: Option<&str>) -> Result<Running, Failure> {
    let base = text.strip_suffix(PATH).unwrap_or(text);
    let url = parse_url(base).map_err(|_| {
        let shown = text.escape_debug();
        Failure::Usage(format!(
            "`{shown}`: expected http://HOST[:PORT]{PATH} or https://HOST[:PORT]{PATH}"
        ))
    })?;
    let question = Question {
        method: "GET",
        host,
        target: PATH,
        fields: &[],
        body: "",
    };
    let shown = base.trim_end_matches('/').to_owned();
    let asked = Asker::new(&url).and_then(|asker| asker.ask(question));
    let answer = asked.map_err(|error| error.context(shown.clone()))?;
    let said = read(&answer).ok_or_else(|| {
        let message = format!("{shown} does not say what it is: {PATH} answers {}", answer.status);
        let help = "`monitoring.enableBuildInfo` has it say so, on `monitoring.host` only if that is set (`--host`)";
        Failure::with_help(message, help)
    })?;
    let Said {
        version,
        revision,
        overlay,
    } = said;
    if !overlay.is_empty() {
        eprintln!("note: {shown} has an overlay ({overlay}): what that changes is not seen here");
    }
    Ok(Running {
        url: shown,
        version,
        revision,
    })
}

/// The words of the answer.
struct Said {
    version: String,
    revision: String,
    overlay: String,
}

/// Another server may answer anything.
fn read(answer: &Answer) -> Option<Said> {
    let said: Value = serde_json::from_str(&answer.body).ok()?;
    let word = |name: &str| {
        let word = said.get(name)?.as_str()?;
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b".+-".contains(&byte);
        let fits = word.len() <= WORD_BYTES_MAX && word.bytes().all(plain);
        fits.then(|| word.to_owned())
    };
    let revision = word("revision").filter(|revision| is_revision(revision))?;
    (answer.status == 200).then_some(())?;
    Some(Said {
        version: word("version")?,
        revision,
        overlay: word("overlay")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_read(status: u16, body: &str) -> bool {
        let answer = Answer {
            status,
            headers: Vec::new(),
            body: body.to_owned(),
        };
        read(&answer).is_some()
    }

    /// A route's backend answers at the same path if the endpoint is off.
    #[test]
    fn what_is_believed() {
        let said = |revision: &str, overlay: &str| {
            format!(
                r#"{{"name":"x","version":"1.0.0","revision":"{revision}","overlay":"{overlay}"}}"#
            )
        };
        let good = said("00000000000a", "");
        assert!(is_read(200, &good) && is_read(200, &said("00000000000a", "f00d")));
        assert!(!is_read(404, &good));
        for bad in [
            said("../../../../x", ""),
            said("00000000000a", "\\u001b[31m"),
            said("00000000000a", &"a".repeat(200)),
            r#"{"revision":"00000000000a"}"#.to_owned(),
            "<html>".to_owned(),
            "[]".to_owned(),
        ] {
            assert!(!is_read(200, &bad), "{bad}");
        }
    }
}
