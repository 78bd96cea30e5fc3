//! Cargo's profiles, said once more: what a user's configuration of cargo says of them would win over the workspace's
//! manifest, but not over variables.

use anyhow::Context as _;
use toml::{Table, Value};

use super::{Profile, embedded};

/// Variables that say all of a profile, its packages apart.
pub(super) fn variables(profile: Profile) -> anyhow::Result<Vec<(String, String)>> {
    let manifest = embedded::file("Cargo.toml").context("no manifest is embedded")?;
    let manifest: Table = manifest
        .parse()
        .context("the embedded manifest cannot be read")?;
    let named = |name: &str| manifest.get("profile")?.get(name)?.as_table();
    let own = named(profile.name()).context("the embedded manifest has no such profile")?;
    let mut all = Table::new();
    if let Some(base) = own.get("inherits").and_then(Value::as_str) {
        all.extend(named(base).context("a profile inherits nothing")?.clone());
    }
    all.extend(own.clone());
    let prefix = format!("CARGO_PROFILE_{}_", profile.name().to_uppercase());
    let variables = all.into_iter().filter_map(|(key, value)| {
        let value = match value {
            Value::Boolean(value) => value.to_string(),
            Value::Integer(value) => value.to_string(),
            Value::String(value) if key != "inherits" => value,
            _ => return None,
        };
        let key = key.replace('-', "_").to_uppercase();
        Some((format!("{prefix}{key}"), value))
    });
    Ok(variables.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_profile_is_left_to_others() {
        // The Cargo Book, "Profile settings".
        let all = [
            "CODEGEN_UNITS",
            "DEBUG",
            "DEBUG_ASSERTIONS",
            "INCREMENTAL",
            "LTO",
            "OPT_LEVEL",
            "OVERFLOW_CHECKS",
            "PANIC",
            "RPATH",
            "STRIP",
        ];
        for (profile, prefix, lto) in [
            (Profile::Release, "CARGO_PROFILE_RELEASE_", "fat"),
            (Profile::Fast, "CARGO_PROFILE_FAST_", "off"),
        ] {
            let mut variables = variables(profile).unwrap();
            variables.sort();
            let names = variables.iter().map(|(name, _)| name.strip_prefix(prefix));
            assert_eq!(names.collect::<Option<Vec<_>>>().unwrap(), all);
            assert!(variables.contains(&(format!("{prefix}LTO"), lto.to_owned())));
        }
    }
}
