//! What stands behind `--`: what goma does not know of the machine, in the words of systemd's unit files.

use std::str::FromStr;

use clap::Parser;

/// Settings that goma decides on, or that have an option of their own.
const TAKEN: [&str; 10] = [
    "DynamicUser",
    "EnvironmentFile",
    "ExecReload",
    "ExecStart",
    "NotifyAccess",
    "PIDFile",
    "RuntimeDirectory",
    "RuntimeDirectoryPreserve",
    "Type",
    "User",
];
/// Settings that hold values, which a unit would show to everybody.
const SECRET: [&str; 3] = ["Environment", "SetCredential", "SetCredentialEncrypted"];
/// The longest name of a user.
pub(super) const USER_BYTES_MAX: usize = 31;

/// What is decided.
#[derive(Clone, Debug, Default, Parser)]
#[command(
    no_binary_name = true,
    disable_help_flag = true,
    disable_version_flag = true
)]
pub(super) struct Options {
    /// A file with variables; once for each
    #[arg(long, value_name = "FILE", value_parser = absolute)]
    pub(super) env_file: Vec<String>,

    /// A setting of the unit's `[Service]`; once for each
    #[arg(long, value_name = "NAME=VALUE")]
    pub(super) property: Vec<Property>,

    /// Whom it runs as; none: a user that systemd makes up
    #[arg(long, value_name = "NAME", value_parser = user)]
    pub(super) user: Option<String>,
}

/// A line of a unit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Property(pub(super) String);

impl FromStr for Property {
    type Err = String;

    /// `MemoryMax=256M`
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let Some((name, value)) = text.split_once('=') else {
            return Err("expected NAME=VALUE, such as MemoryMax=256M".to_owned());
        };
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !is_name || !is_one_line(value) {
            return Err("expected NAME=VALUE in one line, such as MemoryMax=256M".to_owned());
        }
        if TAKEN.contains(&name) {
            return Err(format!("goma decides on {name}, or has an option for it"));
        }
        if SECRET.contains(&name) {
            return Err(format!(
                "{name} would show its value to everybody: name a file, with --env-file"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// It ends where it seems to.
fn is_one_line(text: &str) -> bool {
    !text.contains(char::is_control) && !text.ends_with('\\')
}

fn absolute(text: &str) -> Result<String, String> {
    let path = text.strip_prefix('-').unwrap_or(text);
    let is_good = path.starts_with('/') && is_one_line(text) && text.trim() == text;
    let expected = || "expected a full path, or one behind `-` that may be missing".to_owned();
    // A percent sign begins what systemd replaces.
    let written = text.replace('%', "%%");
    is_good.then_some(written).ok_or_else(expected)
}

fn user(text: &str) -> Result<String, String> {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte == b'_';
    let rest = |byte: u8| letter(byte) || byte.is_ascii_digit() || byte == b'-';
    let is_good = text.bytes().next().is_some_and(letter)
        && text.bytes().all(rest)
        && text.len() <= USER_BYTES_MAX;
    let expected = || format!("expected up to {USER_BYTES_MAX} of a-z, 0-9, `-` and `_`");
    is_good.then(|| text.to_owned()).ok_or_else(expected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_stand_behind() {
        let parse = |text: &str| Options::try_parse_from(text.split(' ')).is_ok();
        for good in [
            "--env-file /etc/shop.env --env-file=-/etc/more.env",
            "--user www-data --property MemoryMax=256M --property=AmbientCapabilities=",
        ] {
            assert!(parse(good), "{good}");
        }
        for wrong in [
            "--env-file shop.env",
            "--env-file /a\n[Install]",
            "--property MemoryMax",
            "--property =1",
            "--property ExecStart=/bin/sh",
            "--property Environment=A=secret",
            "--property Memory\\Max=1",
            "--property LogsDirectory=a\\",
            "--property A=b\nExecStart=/bin/sh",
            "--user root\nx",
            "--user 0",
            "shop",
        ] {
            assert!(!parse(wrong), "{wrong}");
        }
        let percent = Options::try_parse_from(["--env-file", "/a%b"]).unwrap();
        assert_eq!(percent.env_file, ["/a%%b"]);
    }
}
