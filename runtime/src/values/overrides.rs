//! The `GOMA_*` variables (config.md section 4): which there are, and what is said about the others.

use super::Environment;

/// Variables that this release acts on.
const ACTIVE: &[&str] = &[
    "GOMA_CONFIG_ENCRYPTION_KEY",
    "GOMA_ENABLE_LIVENESS",
    "GOMA_ENABLE_READINESS",
    "GOMA_ENTRYPOINT_WEB_ADDRESS",
    "GOMA_LOG_FILE",
    "GOMA_LOG_FORMAT",
    "GOMA_LOG_LEVEL",
    "GOMA_LOG_MAX_AGE_DAYS",
    "GOMA_LOG_MAX_BACKUPS",
    "GOMA_LOG_MAX_SIZE_MB",
    "GOMA_OVERLAY_FILE",
    "GOMA_TAKEOVER_SOCKET",
    "GOMA_TIMEOUT_IDLE",
    "GOMA_TIMEOUT_READ",
    "GOMA_TIMEOUT_READ_HEADER",
    "GOMA_TIMEOUT_WRITE",
];

/// Older names, and what is to be used instead.
const DEPRECATED: &[(&str, &str)] = &[
    ("GOMA_IDLE_TIMEOUT", "GOMA_TIMEOUT_IDLE"),
    ("GOMA_READ_TIMEOUT", "GOMA_TIMEOUT_READ"),
    ("GOMA_WRITE_TIMEOUT", "GOMA_TIMEOUT_WRITE"),
];

/// Variables of the dialect whose keys this release cannot do yet.
const LATER: &[&str] = &[
    "GOMA_ANALYTICS_ENABLED",
    "GOMA_ANALYTICS_MAXLEN",
    "GOMA_ANALYTICS_SAMPLE",
    "GOMA_ANALYTICS_STREAM",
    "GOMA_CREDENTIALS_API_TOKEN",
    "GOMA_ENABLE_METRICS",
    "GOMA_ENTRYPOINT_WEB_SECURE_ADDRESS",
    "GOMA_GATEWAY_ID",
    "GOMA_GEOIP_DB",
    "GOMA_PPROF_ADDR",
    "GOMA_REDIS_ADDR",
    "GOMA_REDIS_DB",
    "GOMA_REDIS_PASSWORD",
    "GOMA_RELOAD_TOKEN",
];

/// Variables of the `goma` commands, which may well be set where a gateway runs.
const OF_TOOLS: &[&str] = &[
    "GOMA_BUNDLE_SIGNING_KEY",
    "GOMA_CACHE_DIR",
    "GOMA_CONFIG_FILE",
    "GOMA_EXTRA_CONFIG_DIR",
    "GOMA_EXTRA_CONFIG_WATCH",
    "GOMA_FILE_PROVIDER_DIRECTORY",
    "GOMA_FILE_PROVIDER_ENABLED",
    "GOMA_FILE_PROVIDER_WATCH",
];

impl Environment {
    /// What is to be said at start about `GOMA_*` variables that are set: older names, and in one line
    /// each the ones without effect. Empty counts as unset.
    #[must_use]
    pub fn notices(&self) -> Vec<String> {
        let names = self.names().filter(|name| name.starts_with("GOMA_"));
        let set: Vec<&str> = names
            .filter(|name| self.override_of(name).is_some())
            .collect();
        let old = DEPRECATED.iter().filter(|(name, _)| set.contains(name));
        let mut notices: Vec<String> = old
            .map(|(name, now)| format!("{name} is deprecated: use {now}"))
            .collect();
        let is_old = |name: &str| DEPRECATED.iter().any(|(old, _)| *old == name);
        let known = |name: &str| {
            ACTIVE.contains(&name) || OF_TOOLS.contains(&name) || LATER.contains(&name)
        };
        let mut one_line = |wanted: &dyn Fn(&str) -> bool, what: &str| {
            let found: Vec<&str> = set.iter().copied().filter(|name| wanted(name)).collect();
            if !found.is_empty() {
                notices.push(format!("{what}: {}", found.join(", ")));
            }
        };
        let later = |name: &str| LATER.contains(&name);
        one_line(&later, "Variables without effect in this release");
        one_line(&|name| !known(name) && !is_old(name), "Unknown variables");
        notices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// config.md section 4
    #[test]
    fn one_line_for_what_has_no_effect() {
        let environment = Environment::of([
            ("GOMA_READ_TIMEOUT", "5"),
            ("GOMA_REDIS_DB", "1"),
            ("GOMA_TIMEOUT_REED", "5"),
            ("GOMA_A", "1"),
            ("GOMA_B", ""),
            ("GOMA_CONFIG_FILE", "x"),
            ("GOMA_LOG_LEVEL", "info"),
            ("PATH", "/bin"),
        ]);
        assert_eq!(
            environment.notices(),
            [
                "GOMA_READ_TIMEOUT is deprecated: use GOMA_TIMEOUT_READ",
                "Variables without effect in this release: GOMA_REDIS_DB",
                "Unknown variables: GOMA_A, GOMA_TIMEOUT_REED",
            ]
        );
        assert!(Environment::of([]).notices().is_empty());
    }
}
