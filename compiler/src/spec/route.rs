//! Entries of `gateway.routes` (config.md section 7).

use super::fields::{Fields, Item, Leaf, Leaves, Others};
use super::node::Kind;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::Span;

/// One route.
pub(crate) struct Route {
    /// Dotted key: `gateway.routes[2]`.
    pub(crate) path_key: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    pub(crate) name: Option<Leaf>,
    pub(crate) path: Option<Leaf>,
    pub(crate) rewrite: Option<Leaf>,
    pub(crate) enabled: Option<Leaf>,
    pub(crate) hosts: Option<Leaves>,
    pub(crate) methods: Option<Leaves>,
    pub(crate) target: Option<Leaf>,
    /// The key `target`.
    pub(crate) target_span: Option<Span>,
    /// `None`: absent.
    pub(crate) backends: Option<Vec<Backend>>,
    pub(crate) middlewares: Option<Leaves>,
}

/// One entry of `backends`.
pub(crate) struct Backend {
    /// Dotted key: `gateway.routes[2].backends[0]`.
    pub(crate) path_key: String,
    pub(crate) head: Span,
    pub(crate) endpoint: Option<Leaf>,
    /// Already reported: not even a mapping, or without a readable endpoint.
    pub(crate) broken: bool,
}

const OTHERS: Others = Others {
    later: &[
        ("blockCommonExploits", ""),
        ("circuitBreaker", ""),
        ("cors", "use a `responseHeaders` middleware with `cors`"),
        ("destination", "write `target`"),
        ("disableHostForwarding", ""),
        ("disableMetrics", ""),
        ("disabled", "write `enabled: false`"),
        ("errorInterceptor", ""),
        ("healthCheck", ""),
        ("insecureSkipVerify", ""),
        ("loadBalancer", ""),
        ("maintenance", ""),
        ("match", ""),
        ("maxInFlight", ""),
        ("pathType", "paths are prefixes"),
        ("priority", "the longest path wins"),
        ("retry", ""),
        ("security", ""),
        ("timeouts", "use `gateway.timeouts`"),
        ("tls", ""),
    ],
    hints: &[
        ("host", "write `hosts: [example.com]`"),
        ("interceptErrors", "use an `errorInterceptor` middleware"),
        ("method", "write `methods: [GET]`"),
        ("middleware", "write `middlewares: [name]`"),
        ("retryPolicy", "its name is `retry`"),
        ("upstream", "write `target: http://backend:8080`"),
        ("url", "write `target: http://backend:8080`"),
    ],
};

const BACKEND: Others = Others {
    later: &[
        ("exclusive", ""),
        ("match", ""),
        ("priority", ""),
        ("weight", "backends are used in turn"),
    ],
    hints: &[("target", "write `endpoint`"), ("url", "write `endpoint`")],
};

/// Reads one item of the list.
pub(super) fn decode(item: &Item<'_>, diags: &mut Diagnostics) -> Route {
    let mut fields = Fields::new(item.node, item.path.as_str(), diags);
    let target_span = fields.key_span("target");
    let mut route = Route {
        path_key: item.path.clone(),
        head: fields.head,
        name: fields.leaf("name", diags),
        path: fields.leaf("path", diags),
        rewrite: fields.leaf("rewrite", diags),
        enabled: fields.leaf("enabled", diags),
        hosts: fields.leaves("hosts", diags),
        methods: fields.leaves("methods", diags),
        target: fields.leaf("target", diags),
        target_span,
        backends: None,
        middlewares: fields.leaves("middlewares", diags),
    };
    let has_backends = fields.has("backends");
    let backends = fields.list("backends", diags);
    // A `backends` of the wrong shape is reported; it is not a missing target as well.
    route.backends = match backends {
        Some(items) => Some(items.iter().map(|item| backend(item, diags)).collect()),
        None if has_backends => Some(vec![Backend {
            path_key: fields.key("backends"),
            head: fields.head,
            endpoint: None,
            broken: true,
        }]),
        None => None,
    };
    fields.finish(&OTHERS, diags);
    route
}

fn backend(item: &Item<'_>, diags: &mut Diagnostics) -> Backend {
    let path_key = item.path.clone();
    if let Kind::Scalar { text, .. } = &item.node.kind {
        let span = item.node.span;
        let message = "expected a mapping with `endpoint`, found a single value";
        let fault = Diagnostic::new(Code::TypeMismatch, path_key.as_str(), span, message);
        let form = format!("{{endpoint: {}}}", quoted(text));
        diags.push(
            fault
                .help("write `- endpoint: http://backend:8080`")
                .fix(span, form),
        );
        return Backend {
            path_key,
            head: span,
            endpoint: None,
            broken: true,
        };
    }
    let mut fields = Fields::new(item.node, item.path.as_str(), diags);
    let endpoint = fields.leaf("endpoint", diags);
    let broken = endpoint.as_ref().is_some_and(|leaf| leaf.broken)
        || !matches!(item.node.kind, Kind::Map(_));
    let head = fields.head;
    fields.finish(&BACKEND, diags);
    Backend {
        path_key,
        head,
        endpoint,
        broken,
    }
}

/// As a double-quoted YAML scalar.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
