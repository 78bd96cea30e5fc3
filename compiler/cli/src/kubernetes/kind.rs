//! The kinds of objects that a gateway consists of, and where the API has them.

use anyhow::ensure;
use serde_json::Value;

/// The longest name of an object.
const NAME_BYTES_MAX: usize = 253;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Of an overlay.
    ConfigMap,
    /// An entry of the history.
    ControllerRevision,
    /// The pods, and how one kind of them takes the place of another.
    Deployment,
    /// How many pods there are.
    HorizontalPodAutoscaler,
    /// Who reaches them.
    NetworkPolicy,
    /// A gateway that runs.
    Pod,
    /// How many of them maintenance leaves.
    PodDisruptionBudget,
    /// Where they are reached.
    Service,
    /// Who they are for the cluster.
    ServiceAccount,
}

impl Kind {
    /// All that a gateway may consist of.
    const ALL: [Self; 9] = [
        Self::ConfigMap,
        Self::ControllerRevision,
        Self::Deployment,
        Self::HorizontalPodAutoscaler,
        Self::NetworkPolicy,
        Self::Pod,
        Self::PodDisruptionBudget,
        Self::Service,
        Self::ServiceAccount,
    ];

    /// The name, the API, and what several are called there.
    const fn names(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::ConfigMap => ("ConfigMap", "api/v1", "configmaps"),
            Self::ControllerRevision => {
                ("ControllerRevision", "apis/apps/v1", "controllerrevisions")
            }
            Self::Deployment => ("Deployment", "apis/apps/v1", "deployments"),
            Self::HorizontalPodAutoscaler => (
                "HorizontalPodAutoscaler",
                "apis/autoscaling/v2",
                "horizontalpodautoscalers",
            ),
            Self::NetworkPolicy => (
                "NetworkPolicy",
                "apis/networking.k8s.io/v1",
                "networkpolicies",
            ),
            Self::Pod => ("Pod", "api/v1", "pods"),
            Self::PodDisruptionBudget => (
                "PodDisruptionBudget",
                "apis/policy/v1",
                "poddisruptionbudgets",
            ),
            Self::Service => ("Service", "api/v1", "services"),
            Self::ServiceAccount => ("ServiceAccount", "api/v1", "serviceaccounts"),
        }
    }

    /// As people call it.
    pub(super) const fn name(self) -> &'static str {
        self.names().0
    }

    /// Of an object.
    pub(super) fn of(object: &Value) -> Option<Self> {
        let name = object.get("kind")?.as_str()?;
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// Where all of a namespace are. INVARIANT: namespaces and names are labels of DNS.
    pub(super) fn collection(self, namespace: &str) -> String {
        let (_, api, plural) = self.names();
        format!("/{api}/namespaces/{namespace}/{plural}")
    }

    /// Where one is.
    ///
    /// # Errors
    /// It is no name of an object: it would lead elsewhere.
    pub(super) fn path(self, namespace: &str, name: &str) -> anyhow::Result<String> {
        ensure!(
            is_object_name(name),
            "`{}` is no name of an object",
            line(name, NAME_BYTES_MAX).escape_debug()
        );
        Ok(format!("{}/{name}", self.collection(namespace)))
    }
}

/// A name of DNS (RFC 1123), as all objects have it that are used here.
pub(super) fn is_object_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let is_label = |label: &str| {
        !label.is_empty()
            && label.bytes().all(fits)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= NAME_BYTES_MAX && text.split('.').all(is_label)
}

/// The name of an object.
pub(super) fn name(object: &Value) -> &str {
    text(object, "/metadata/name")
}

/// A text of an object; empty, if there is none.
pub(super) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    let text = object.pointer(pointer).and_then(Value::as_str);
    text.unwrap_or_default()
}

/// A number of an object; 0, if there is none.
pub(super) fn number(object: &Value, pointer: &str) -> u64 {
    let number = object.pointer(pointer).and_then(Value::as_u64);
    number.unwrap_or_default()
}

/// The items of a list.
pub(super) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    let items = object.pointer(pointer).and_then(Value::as_array);
    items.map(Vec::as_slice).unwrap_or_default()
}

/// A text of others on one line, without what a terminal obeys.
pub(super) fn line(text: &str, chars_max: usize) -> String {
    let words = text.split(|char: char| char.is_whitespace() || char.is_control());
    let words: Vec<&str> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(chars_max).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        let path = Kind::Pod.path("web", "shop-trial-00000000000a").unwrap();
        assert_eq!(path, "/api/v1/namespaces/web/pods/shop-trial-00000000000a");
        assert!(is_object_name("a.b-c.1"));
        let long = "s".repeat(NAME_BYTES_MAX + 1);
        for bad in [
            "",
            ".",
            "..",
            "a/../../services/db",
            "a%2fb",
            "a?b",
            "a#b",
            "A",
            "a..b",
            "-a",
            "a-",
            &long,
        ] {
            assert!(Kind::Pod.path("web", bad).is_err(), "{bad}");
        }
    }
}
