//! What types do, as far as their order in a list matters (middlewares.md 1.2, 1.3, section 7).

use super::Type;

/// Something that a type does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Asks who the client is (MW-GEN-20).
    Authenticates,
    /// Answers from stored responses.
    Caches,
    /// Later entries see another path (MW-PATH-8).
    ChangesPath,
    /// Answers every request of its scope.
    Ends,
    /// Refuses requests that others may make: authentication and access (MW-CACHE-18).
    Guards,
    /// Runs around the whole route, wherever it is listed (MW-GEN-7).
    Records,
}

/// Which types do it, in alphabetical order.
const EFFECTS: &[(Effect, &[&str])] = &[
    (Effect::Authenticates, AUTHENTICATION),
    (Effect::Caches, &["httpCache"]),
    (
        Effect::ChangesPath,
        &["addPrefix", "replacePath", "rewriteRegex", "stripPrefix"],
    ),
    (Effect::Ends, &["access", "redirect"]),
    (Effect::Guards, AUTHENTICATION),
    (
        Effect::Guards,
        &[
            "access",
            "accessPolicy",
            "geoBlock",
            "ipAllowList",
            "ipDenyList",
        ],
    ),
    (
        Effect::Records,
        &[
            "accessLog",
            "compress",
            "errorInterceptor",
            "requestId",
            "responseHeaders",
            "securityHeaders",
        ],
    ),
];

const AUTHENTICATION: &[&str] = &[
    "apiKey",
    "basicAuth",
    "forwardAuth",
    "hmacAuth",
    "jwtAuth",
    "ldapAuth",
    "oidc",
];

impl Type {
    /// Whether entries of this type do something, whatever their rule says.
    #[must_use]
    pub fn does(&self, effect: Effect) -> bool {
        EFFECTS
            .iter()
            .any(|(known, names)| *known == effect && names.contains(&self.name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_names_types() {
        for (effect, names) in EFFECTS {
            for name in *names {
                assert!(Type::find(name).is_some(), "{effect:?}: {name}");
            }
        }
    }
}
