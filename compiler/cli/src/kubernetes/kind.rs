//! The kinds of objects that a gateway consists of, and where the API has them.

use serde_json::Value;

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
    pub(super) fn path(self, namespace: &str, name: &str) -> String {
        format!("{}/{name}", self.collection(namespace))
    }
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
