//! What is kept of each revision, in a label of the container that serves: the engine keeps it for as long as the
//! gateway is deployed, and whoever reaches the engine can roll back.

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};

use crate::golden::{GOLDEN_MAX, Golden};
use crate::history::Entry;

/// Revisions that can be rolled back to, the current one included.
const KEPT_MAX: usize = 20;
/// Of the label. Linux takes arguments of twice that.
const LABEL_BYTES_MAX: usize = 64 << 10;

/// What was deployed, and how it is run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Kept {
    /// What was done, and when.
    pub(super) entry: Entry,
    /// The engine's identifier of the image, without `sha256:`.
    pub(super) image: String,
    /// Digest of the image, or of the index that it is from; behind its name, if it is taken from a registry.
    pub(super) digest: String,
    /// What it must answer before it takes over.
    pub(super) golden: Vec<Golden>,
    /// Arguments for the program that runs it.
    pub(super) args: Vec<String>,
    /// Its ports, as they are published, where goma decides that.
    pub(super) ports: Vec<String>,
}

impl Kept {
    fn read(value: &Value) -> Option<Self> {
        let text = |key: &str| value.get(key)?.as_str().map(str::to_owned);
        let list = |key: &str| -> Option<Vec<String>> {
            let list = value.get(key)?.as_array()?.iter();
            list.map(|item| item.as_str().map(str::to_owned)).collect()
        };
        let golden = list("golden")?;
        let golden = golden.iter().take(GOLDEN_MAX).map(|text| text.parse().ok());
        Some(Self {
            entry: Entry::read(value)?,
            image: text("image").filter(|image| is_hex(image))?,
            digest: text("digest")?,
            golden: golden.collect::<Option<_>>()?,
            args: list("args")?,
            ports: list("ports")?,
        })
    }

    fn json(&self) -> Value {
        let Self {
            entry,
            image,
            digest,
            golden,
            args,
            ports,
        } = self;
        let golden: Vec<String> = golden.iter().map(ToString::to_string).collect();
        let mut value = entry.json();
        let more = json!({
            "image": image, "digest": digest, "golden": golden, "args": args, "ports": ports,
        });
        if let (Some(value), Value::Object(more)) = (value.as_object_mut(), more) {
            value.extend(more);
        }
        value
    }
}

/// The history in a label; what is not one is left out.
pub(super) fn read(label: &str) -> Vec<Kept> {
    let value: Value = serde_json::from_str(label).unwrap_or_default();
    let entries = value.as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().filter_map(Kept::read).collect()
}

/// The label of a history. Those that are too many, or too much for a label, are dropped from its beginning.
///
/// # Errors
/// The last one alone is too much.
pub(super) fn label(history: &mut Vec<Kept>) -> anyhow::Result<String> {
    history.drain(..history.len().saturating_sub(KEPT_MAX));
    loop {
        let value: Vec<Value> = history.iter().map(Kept::json).collect();
        let label = Value::from(value).to_string();
        if label.len() <= LABEL_BYTES_MAX {
            return Ok(label);
        }
        ensure!(
            history.len() > 1,
            "golden requests and arguments are more than {LABEL_BYTES_MAX} bytes"
        );
        history.remove(0);
    }
}

/// The entries of a history.
pub(super) fn entries(history: &[Kept]) -> Vec<Entry> {
    history.iter().map(|kept| kept.entry.clone()).collect()
}

/// The last that was done with a revision.
pub(super) fn last(history: &[Kept], revision: &str) -> anyhow::Result<Kept> {
    let mut all = history.iter().rev();
    let found = all.find(|kept| kept.entry.revision == revision);
    found.cloned().context("it is not in the history")
}

/// It becomes an argument.
pub(super) fn is_hex(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(number: usize, arg: &str) -> Kept {
        Kept {
            entry: Entry::now(&format!("{number:012x}"), "deploy"),
            image: format!("{number:064x}"),
            digest: "sha256:x".to_owned(),
            golden: vec!["GET http://h/ 200".parse().unwrap()],
            args: vec![arg.to_owned()],
            ports: Vec::new(),
        }
    }

    #[test]
    fn a_label_is_read_again() {
        let mut history: Vec<_> = (0..30).map(|number| kept(number, "--tty=\"é\"")).collect();
        let label = label(&mut history).unwrap();
        assert_eq!(history.len(), KEPT_MAX);
        assert_eq!(read(&label), history);
        assert_eq!(read(""), []);
        assert_eq!(read("[1, {}]"), []);
        let wrong = label.replacen(&format!("{:064x}", 29), "--privileged", 1);
        assert_eq!(read(&wrong).len(), KEPT_MAX - 1);
    }

    #[test]
    fn a_label_has_an_end() {
        let long = "x".repeat(LABEL_BYTES_MAX / 3);
        let mut history: Vec<_> = (0..5).map(|number| kept(number, &long)).collect();
        let label = label(&mut history).unwrap();
        assert!(label.len() <= LABEL_BYTES_MAX);
        assert_eq!(history.len(), 2);
        assert_eq!(history[1].entry.revision, format!("{:012x}", 4));
        let mut history = vec![kept(0, &long.repeat(4))];
        assert!(super::label(&mut history).is_err());
    }
}
