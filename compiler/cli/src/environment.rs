//! Variables for `${NAME}` in structural keys: the process environment, `--env-file`, `--env`, the
//! later winning over the earlier (C-ENV-3).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use crate::failure::Failure;

/// The largest `--env-file`, in bytes.
const ENV_FILE_BYTES_MAX: u64 = 1024 * 1024;

/// `NAME=VALUE` as `--env` takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assignment {
    name: String,
    value: String,
}

impl FromStr for Assignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
        if !is_name(name) {
            return Err(format!("`{name}` is not a variable name"));
        }
        Ok(Self {
            name: name.to_owned(),
            value: value.to_owned(),
        })
    }
}

/// Everything a build sees. Variables of the process that are not UTF-8 are left out.
pub(crate) fn collect(
    files: &[PathBuf],
    flags: &[Assignment],
) -> Result<BTreeMap<String, String>, Failure> {
    let process = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    let mut variables: BTreeMap<String, String> = process.collect();
    variables.extend(given(files, flags)?);
    Ok(variables)
}

/// Only what the flags set: `goma run` hands it to the gateway too.
pub(crate) fn given(
    files: &[PathBuf],
    flags: &[Assignment],
) -> Result<BTreeMap<String, String>, Failure> {
    let mut variables = BTreeMap::new();
    for file in files {
        variables.extend(read(file)?);
    }
    variables.extend(
        flags
            .iter()
            .map(|flag| (flag.name.clone(), flag.value.clone())),
    );
    Ok(variables)
}

fn read(file: &Path) -> Result<Vec<(String, String)>, Failure> {
    let usage = |what: String| Failure::Usage(format!("--env-file {}: {what}", file.display()));
    let size = std::fs::metadata(file)
        .map_err(|error| usage(error.to_string()))?
        .len();
    if size > ENV_FILE_BYTES_MAX {
        return Err(usage(format!("larger than {ENV_FILE_BYTES_MAX} bytes")));
    }
    let text = std::fs::read_to_string(file).map_err(|error| usage(error.to_string()))?;
    let lines = text.lines().enumerate();
    let parsed = lines.map(|(at, line)| {
        parse_line(line).map_err(|what| usage(format!("line {}: {what}", at + 1)))
    });
    Ok(parsed
        .collect::<Result<Vec<_>, _>>()?
        .into_iter()
        .flatten()
        .collect())
}

/// `NAME=VALUE`, `NAME='VALUE'`, `NAME="VALUE"`, `export NAME=VALUE`; nothing for blank lines and
/// comments. A value is never part of the message: it may be a secret.
fn parse_line(line: &str) -> Result<Option<(String, String)>, String> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("expected NAME=VALUE")?;
    let (name, value) = (name.trim(), value.trim());
    if !is_name(name) {
        return Err("what stands before `=` is not a variable name".to_owned());
    }
    Ok(Some((name.to_owned(), unquote(value)?.to_owned())))
}

fn unquote(value: &str) -> Result<&str, String> {
    let Some(quote) = value
        .chars()
        .next()
        .filter(|first| ['"', '\''].contains(first))
    else {
        return Ok(value);
    };
    let inner = value.get(1..).and_then(|rest| rest.strip_suffix(quote));
    inner.ok_or_else(|| format!("the closing {quote} is missing"))
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars
        .next()
        .is_some_and(|first| first.is_ascii_alphabetic() || first == '_')
        && chars.all(|char| char.is_ascii_alphanumeric() || char == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Option<(String, String)> {
        parse_line(line).unwrap()
    }

    #[test]
    fn reads_lines() {
        let pair = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        assert_eq!(parsed("A=1"), pair("A", "1"));
        assert_eq!(parsed(" export A = 'x y' "), pair("A", "x y"));
        assert_eq!(parsed("A=\"it's\""), pair("A", "it's"));
        assert_eq!(parsed("A="), pair("A", ""));
        assert_eq!(parsed("A=b=c"), pair("A", "b=c"));
        assert_eq!(parsed("  # A=1"), None);
        assert!(parse_line("A='x").is_err());
        assert!(parse_line("A").is_err());
        assert!(parse_line("1A=x").is_err());
    }
}
