//! The trees of a configuration's files → a [`Side`].

use std::collections::BTreeMap;

use super::{Link, Route, Side};
use crate::dialect::rules::Type;
use crate::dialect::{FILE, ROUTE, Scalar};
use crate::model::Model;
use crate::resolve::flat::{self, Flat};
use crate::source::SourceMap;
use crate::spec::node::{Kind, Node};

type Env = BTreeMap<String, String>;

/// Places that are compared elsewhere: as routes, and in their chains.
const APART: &[&str] = &[
    "version",
    "middlewares",
    "gateway.routes",
    "gateway.defaults",
    "gateway.monitoring.middleware",
];
/// Of a route.
const APART_OF_ROUTE: &[&str] = &["name", "middlewares", "target"];

/// Endpoints about the gateway itself that have guards: the path or its key, the switch, and the list of guards.
const ENDPOINTS: &[(&str, &str, &str)] = &[
    ("metricsPath", "enableMetrics", "metrics"),
    (
        "/healthz/routes",
        "enableRouteHealthCheck",
        "routeHealthCheck",
    ),
    ("/healthz/build", "enableBuildInfo", "routeHealthCheck"),
];

/// Draws a configuration without errors; `shown` names its files.
pub(crate) fn draw(
    main: &Node,
    others: &[&Node],
    env: &Env,
    model: Option<Model>,
    shown: &SourceMap,
) -> Side {
    let gateway = member(main, "gateway");
    let routes = items(gateway.and_then(|node| member(node, "routes")));
    let middlewares = items(member(main, "middlewares"));
    let more = |name: &'static str| {
        others
            .iter()
            .flat_map(move |node| items(member(node, name)))
    };
    let mut links = BTreeMap::new();
    for node in middlewares.iter().chain(more("middlewares")) {
        if let Some(link) = link(node, env) {
            links.entry(link.name.clone()).or_insert(link);
        }
    }
    let defaults = gateway.and_then(|node| member(node, "defaults"));
    let defaults = defaults.and_then(|node| member(node, "middlewares"));
    let defaults = flat::texts(defaults, Scalar::Name, env);
    let routes = routes.iter().chain(more("routes"));
    let settings = flat::flatten(Some(main), &FILE, APART, env);
    let monitoring = gateway.and_then(|node| member(node, "monitoring"));
    let endpoints = ENDPOINTS.iter().map(|(path, switch, guards)| {
        let guards = monitoring
            .and_then(|node| member(node, "middleware"))
            .and_then(|node| member(node, guards));
        Route {
            name: String::new(),
            place: monitoring.map_or_else(String::new, |node| shown.place(node.span)),
            settings: endpoint(&settings, path, switch),
            chain: chain(flat::texts(guards, Scalar::Name, env).iter(), &links),
        }
    });
    Side {
        endpoints: endpoints.collect(),
        settings,
        routes: routes
            .map(|node| route(node, &defaults, &links, env, shown))
            .collect(),
        model,
    }
}

fn route(
    node: &Node,
    defaults: &[String],
    links: &BTreeMap<String, Link>,
    env: &Env,
    shown: &SourceMap,
) -> Route {
    let own = flat::texts(member(node, "middlewares"), Scalar::Name, env);
    let inherited = defaults.iter().filter(|name| !own.contains(name));
    let mut settings = flat::flatten(Some(node), &ROUTE, APART_OF_ROUTE, env);
    target(member(node, "target"), env, &mut settings);
    // They take turns, or have weights: their order means nothing.
    if let Some(cell) = settings.get_mut("backends") {
        cell.items.sort();
        cell.shown.sort();
    }
    let name = member(node, "name");
    Route {
        name: flat::text(name, env),
        place: shown.place(name.unwrap_or(node).span),
        settings,
        chain: chain(inherited.chain(&own), links),
    }
}

/// What stands in front of a route, by the names in its list.
fn chain<'a>(names: impl Iterator<Item = &'a String>, links: &BTreeMap<String, Link>) -> Vec<Link> {
    let mut chain: Vec<Link> = Vec::new();
    for name in names {
        let listed = chain.iter().any(|link| link.name == *name);
        let link = links.get(name).filter(|link| !listed && !is_off(link));
        chain.extend(link.map(copy));
    }
    chain
}

/// The path of an endpoint, and whether it is there, as a route says it.
fn endpoint(settings: &Flat, path: &str, switch: &str) -> Flat {
    let of = |key: &str| settings.get(&format!("gateway.monitoring.{key}"));
    let fixed = || flat::Cell {
        items: vec![path.to_owned()],
        shown: vec![path.to_owned()],
        span: None,
    };
    let path = of(path).cloned().unwrap_or_else(fixed);
    let enabled = of(switch).cloned();
    let enabled = enabled.map(|enabled| ("enabled".to_owned(), enabled));
    let path = ("path".to_owned(), path);
    enabled.into_iter().chain([path]).collect()
}

/// `target` is a backend.
fn target(node: Option<&Node>, env: &Env, settings: &mut Flat) {
    let has = settings
        .get("backends")
        .is_some_and(|cell| !cell.items.is_empty());
    if has || node.is_none() {
        return;
    }
    // Its references are read when the gateway starts.
    let text = match node.map(|node| &node.kind) {
        Some(Kind::Scalar { text, .. }) => text.clone(),
        _ => flat::text(node, env),
    };
    let item = format!("endpoint: {text}");
    let (items, shown, span) = (vec![item.clone()], vec![item], node.map(|node| node.span));
    settings.insert("backends".to_owned(), flat::Cell { items, shown, span });
}

fn link(node: &Node, env: &Env) -> Option<Link> {
    let kind = flat::text(member(node, "type"), env);
    let kind = Type::find(&kind).or_else(|| Type::find_folded(&kind).map(|(kind, _)| kind))?;
    let rule = member(node, "rule");
    let mut paths = flat::texts(member(node, "paths"), Scalar::Pattern, env);
    paths.sort();
    let mut link = Link {
        name: flat::text(member(node, "name"), env),
        kind,
        paths,
        rule: flat::flatten(rule, kind.rule, &[], env),
        encrypted: rule.is_some_and(|rule| {
            rule.span.source.is_decrypted()
                || matches!(rule.kind, Kind::Scalar { .. }) && !rule.is_null()
        }),
    };
    if let Some(Kind::Scalar { text, .. }) = rule.map(|rule| &rule.kind) {
        // Not decrypted: the message is all there is to compare.
        let (items, shown) = (vec![text.clone()], vec!["****".to_owned()]);
        link.rule.insert(
            "rule".to_owned(),
            flat::Cell {
                items,
                shown,
                span: None,
            },
        );
    }
    one_policy(&mut link);
    Some(link)
}

/// `ipAllowList` and `ipDenyList` are an `accessPolicy`.
fn one_policy(link: &mut Link) {
    let action = match link.kind.name {
        "ipAllowList" => "allow",
        "ipDenyList" => "deny",
        _ => return,
    };
    if let Some(kind) = Type::find("accessPolicy") {
        link.kind = kind;
    }
    if let Some(ranges) = link.rule.remove("sourceRange") {
        link.rule.insert("sourceRanges".to_owned(), ranges);
    }
    let (items, shown) = (vec![action.to_owned()], vec![action.to_owned()]);
    link.rule.insert(
        "action".to_owned(),
        flat::Cell {
            items,
            shown,
            span: None,
        },
    );
}

fn is_off(link: &Link) -> bool {
    let off = |key: &str| {
        let cell = link.rule.get(key);
        cell.is_some_and(|cell| cell.items.first().is_some_and(|text| text == "false"))
    };
    link.kind.name == "errorInterceptor" && off("enabled")
}

fn copy(link: &Link) -> Link {
    Link {
        name: link.name.clone(),
        kind: link.kind,
        paths: link.paths.clone(),
        rule: link.rule.clone(),
        encrypted: link.encrypted,
    }
}

fn member<'n>(node: &'n Node, name: &str) -> Option<&'n Node> {
    let Kind::Map(entries) = &node.kind else {
        return None;
    };
    let entry = entries.iter().find(|entry| entry.key.value == name)?;
    Some(&entry.value).filter(|value| !value.is_null())
}

fn items(node: Option<&Node>) -> &[Node] {
    match node.map(|node| &node.kind) {
        Some(Kind::Seq(items)) => items,
        Some(Kind::Map(_) | Kind::Scalar { .. }) | None => &[],
    }
}
