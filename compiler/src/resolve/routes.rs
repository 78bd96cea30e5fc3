//! Entries of `gateway.routes`.

use std::collections::{BTreeMap, BTreeSet};

use super::names::{Found, Names};
use super::read::Cx;
use super::{canary, maintenance, matching, resilience, route_path, sticky, transport, upstream};
use crate::diag::{Code, Diagnostic};
use crate::model::{HostPattern, Method, MiddlewareId, Name, Route};
use crate::source::Span;
use crate::spec;
use crate::spec::fields::Leaves;

/// The largest `priority`, and the negative of the smallest.
const PRIORITY_MAX: i64 = u32::MAX as i64;

/// All routes without fault, and the middlewares that any route names (see `Resolved::mentioned`).
pub(super) fn resolve(
    spec: &spec::Gateway,
    names: &Names,
    cx: &mut Cx<'_>,
) -> (Vec<Route>, Option<BTreeSet<String>>) {
    let defaults = listed(spec.default_middlewares.as_ref(), names, cx);
    let mut known = spec.routes_readable && defaults.whole;
    let mut mentioned = defaults.names.clone();
    let mut taken = BTreeMap::new();
    let mut routes = Vec::new();
    for route in spec.routes.iter().flatten() {
        let name = name(route, &mut taken, cx);
        let own = listed(route.middlewares.as_ref(), names, cx);
        let chain = own.after(&defaults);
        chain.check_length(route, cx);
        known &= chain.whole;
        mentioned.extend(chain.names.iter().cloned());
        routes.extend(resolve_route(route, name, chain, cx));
    }
    (routes, known.then_some(mentioned))
}

fn resolve_route(
    spec: &spec::Route,
    name: Option<(Name, Span)>,
    chain: ListedChain,
    cx: &mut Cx<'_>,
) -> Option<Route> {
    let pattern = route_path::pattern(spec, cx);
    let rewrite = match &pattern {
        Some((pattern, _)) => route_path::rewrite(spec, pattern, cx),
        None => None,
    };
    let priority = match spec.priority.as_ref().filter(|leaf| !leaf.null) {
        Some(leaf) => cx.int(leaf, -PRIORITY_MAX, PRIORITY_MAX).map(Some),
        None => Some(None),
    };
    let conditions = matching::resolve(&spec.matching, cx);
    let enabled = cx.boolean(spec.enabled.as_ref(), true);
    let forward_host = cx.boolean(spec.security.forward_host_headers.as_ref(), true);
    let maintenance = maintenance::resolve(spec.maintenance.as_ref(), cx);
    let hosts = hosts(spec, cx);
    let methods = methods(spec.methods.as_ref(), cx);
    let backends = upstream::backends(spec, cx);
    let policy = canary::policy(spec.load_balancer.as_ref(), cx);
    let sticky = sticky::resolve(spec.load_balancer.as_ref(), cx);
    let tls = transport::tls(&spec.security.tls, cx);
    let health_check = upstream::health_check(spec.health_check.as_ref(), cx);
    let resilience = resilience::resolve(&spec.resilience, cx);
    let (name, span) = name?;
    let (path, path_span) = pattern?;
    Some(Route {
        key: spec.path_key.clone(),
        name,
        span,
        path_span,
        enabled,
        priority: priority?,
        path,
        hosts: hosts?,
        conditions: conditions?,
        methods: methods?,
        rewrite: rewrite?,
        maintenance: maintenance?,
        forward_host,
        backends,
        policy: policy?,
        sticky: sticky?,
        tls,
        health_check: health_check?,
        resilience: resilience?,
        middlewares: chain.ids,
        middleware_spans: chain.spans,
    })
}

fn name(
    spec: &spec::Route,
    taken: &mut BTreeMap<String, Span>,
    cx: &mut Cx<'_>,
) -> Option<(Name, Span)> {
    let leaf = spec.name.as_ref();
    let text = cx.required(
        leaf,
        &spec.path_key,
        "name",
        spec.head,
        "a route has a unique name, used in logs and metrics",
    )?;
    let leaf = leaf?;
    if let Some(&first) = taken.get(&text.text) {
        let message = format!("the route name `{}` is taken", text.text.escape_debug());
        let fault = Diagnostic::new(Code::DuplicateName, leaf.key.as_str(), leaf.span, message);
        cx.diags.push(fault.label(first, "first used here"));
        return None;
    }
    taken.insert(text.text.clone(), leaf.span);
    match Name::new(&text.text, true) {
        Ok(name) => {
            if name.is_odd() {
                let message = format!("the route name `{name}` has spaces");
                let better = name.as_str().replace(' ', "-");
                let odd = Diagnostic::new(Code::OddName, leaf.key.as_str(), leaf.span, message);
                cx.diags
                    .push(odd.help(format!("write `{better}`")).fix(leaf.span, better));
            }
            Some((name, leaf.span))
        }
        Err(invalid) => {
            cx.fault(Code::BadName, leaf, invalid);
            None
        }
    }
}

/// `None`: one is faulty, and a route without it would match more.
fn hosts(spec: &spec::Route, cx: &mut Cx<'_>) -> Option<Vec<HostPattern>> {
    let texts = cx.texts(spec.hosts.as_ref());
    let mut whole = texts.whole;
    let mut hosts: Vec<HostPattern> = Vec::new();
    for (leaf, text) in texts.items {
        match HostPattern::new(&text) {
            Ok(host) if hosts.iter().any(|other| other.same(&host)) => {}
            Ok(host) => hosts.push(host),
            Err(invalid) => {
                whole = false;
                cx.fault(Code::BadHost, leaf, invalid);
            }
        }
    }
    whole.then_some(hosts)
}

/// `None`: one is faulty.
pub(super) fn methods(leaves: Option<&Leaves>, cx: &mut Cx<'_>) -> Option<Vec<Method>> {
    let texts = cx.texts(leaves);
    let mut whole = texts.whole;
    let mut methods = Vec::new();
    for (leaf, text) in texts.items {
        match Method::new(&text) {
            Ok(method) if methods.contains(&method) => {}
            Ok(method) => methods.push(method),
            Err(invalid) => {
                whole = false;
                cx.fault(Code::BadMethod, leaf, invalid);
            }
        }
    }
    whole.then_some(methods)
}

/// The most middlewares of a route.
const CHAIN_MAX: usize = 128;

/// A list of middlewares: of a route, or the defaults.
struct ListedChain {
    /// In list order, each once.
    ids: Vec<MiddlewareId>,
    /// Where each of `ids` is named.
    spans: Vec<Span>,
    /// All names, undefined ones included.
    names: BTreeSet<String>,
    /// False: some names could not be read.
    whole: bool,
}

impl ListedChain {
    /// The whole chain: the defaults that the route does not list itself, then its own
    /// (MW-GEN-8, RT-CHAIN-3).
    fn after(self, defaults: &Self) -> Self {
        let mut chain = Self {
            ids: Vec::new(),
            spans: Vec::new(),
            names: self.names,
            whole: self.whole,
        };
        let inherited = defaults.ids.iter().zip(&defaults.spans);
        let inherited = inherited.filter(|(id, _)| !self.ids.contains(id));
        for (&id, &span) in inherited.chain(self.ids.iter().zip(&self.spans)) {
            chain.ids.push(id);
            chain.spans.push(span);
        }
        chain
    }
}

impl ListedChain {
    /// The runtime counts the filters of a chain in bits.
    fn check_length(&self, route: &spec::Route, cx: &mut Cx<'_>) {
        if self.ids.len() <= CHAIN_MAX {
            return;
        }
        let message = format!("a route has at most {CHAIN_MAX} middlewares");
        let key = format!("{}.middlewares", route.path_key);
        cx.diags
            .push(Diagnostic::new(Code::OutOfRange, key, route.head, message));
    }
}

fn listed(list: Option<&Leaves>, names: &Names, cx: &mut Cx<'_>) -> ListedChain {
    let texts = cx.texts(list);
    let whole = texts.whole;
    let mut chain = ListedChain {
        ids: Vec::new(),
        spans: Vec::new(),
        names: BTreeSet::new(),
        whole,
    };
    let mut first: BTreeMap<String, Span> = BTreeMap::new();
    for (leaf, name) in texts.items.into_iter().filter(|(_, name)| !name.is_empty()) {
        if let Some(&first) = first.get(&name) {
            let message = format!("`{}` is listed twice", name.escape_debug());
            let warning = Diagnostic::new(
                Code::MiddlewareListedTwice,
                leaf.key.as_str(),
                leaf.span,
                message,
            );
            let warning = warning.label(first, "first listed here");
            cx.diags
                .push(warning.help("it runs once, at its first place"));
            continue;
        }
        match names.find(&name) {
            Found::Middleware(id) => {
                chain.ids.push(id);
                chain.spans.push(leaf.span);
            }
            Found::Faulty => {}
            Found::Undefined => names.report_undefined(leaf, &name, cx),
        }
        first.insert(name.clone(), leaf.span);
        chain.names.insert(name);
    }
    chain
}
