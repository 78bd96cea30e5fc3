//! What a specification means as far as rules about several keys and about order need it: settings,
//! middlewares and chains, those included that this release cannot build. The [`Model`] has only
//! what can be built. Says nothing; whatever is faulty is reported elsewhere and left out here.
//!
//! [`Model`]: crate::model::Model

use std::collections::BTreeMap;

use super::env::Variables;
use super::read::Cx;
use super::settings::{self, Given, Settings};
use crate::diag::Diagnostics;
use crate::dialect::rules::Effect;
use crate::dialect::{FILE, ROUTE, Type};
use crate::model::scope::{Pattern, Scope};
use crate::model::{RoutePath, witness};
use crate::source::{SourceMap, Span};
use crate::spec::fields::{Leaf, Leaves};
use crate::spec::node::{Kind, Node};
use crate::spec::{self, Spec};

/// A whole specification.
pub(crate) struct Outline {
    /// The main file without routes and middlewares.
    pub(crate) file: Settings,
    /// Those whose name and type are known, in spec order.
    pub(crate) middlewares: Vec<Entry>,
    pub(crate) routes: Vec<Route>,
}

/// A middleware.
pub(crate) struct Entry {
    /// Dotted: `middlewares[2]`.
    pub(crate) key: String,
    pub(crate) name: String,
    /// Of the name.
    pub(crate) span: Span,
    pub(crate) kind: &'static Type,
    /// As written.
    pub(crate) paths: Vec<Given>,
    pub(crate) scope: Whole,
    /// `None`: encrypted, or no mapping.
    pub(crate) rule: Option<Settings>,
}

/// Where on its routes an entry acts.
pub(crate) enum Whole {
    /// Everywhere.
    Route,
    /// On these paths.
    Part(Scope),
    /// Faulty.
    Unknown,
}

/// A route.
pub(crate) struct Route {
    pub(crate) name: String,
    /// Of the name.
    pub(crate) span: Span,
    /// `None`: faulty, or no prefix.
    pub(crate) path: Option<RoutePath>,
    pub(crate) hosts: Vec<Given>,
    /// Its keys but for those that say which requests it gets.
    pub(crate) settings: Settings,
    /// Places in [`Outline::middlewares`], outermost first, and where each is named.
    chain: Vec<(usize, Span)>,
}

/// An entry in the list of a route.
#[derive(Clone, Copy)]
pub(crate) struct Link<'o> {
    pub(crate) entry: &'o Entry,
    /// Where it is named.
    pub(crate) span: Span,
}

impl Whole {
    /// For [`crate::model::witness`]; `None`: not known.
    pub(crate) const fn scope(&self) -> Option<Option<&Scope>> {
        match self {
            Self::Part(scope) => Some(Some(scope)),
            Self::Route => Some(None),
            Self::Unknown => None,
        }
    }
}

impl Entry {
    /// Whether it acts on part of its routes only.
    pub(crate) const fn is_scoped(&self) -> bool {
        matches!(self.scope, Whole::Part(_))
    }

    /// Whether an entry of `paths` is a literal without `*`.
    pub(crate) fn is_literal(given: &Given) -> bool {
        let pattern = Pattern::new(given.known());
        pattern
            .is_ok_and(|pattern| matches!(pattern, Pattern::Literal(text) if !text.contains('*')))
    }

    /// A path of a route on which both act.
    pub(crate) fn meets(&self, other: &Self, route: &Route) -> Option<String> {
        let path = route.path.as_ref()?;
        witness::common(self.scope.scope()?, other.scope.scope()?, path)
    }

    /// Whether it does something, by its type.
    pub(crate) fn does(&self, effect: Effect) -> bool {
        self.kind.does(effect)
    }

    /// Its rule, if it has this type.
    pub(crate) fn rule_of(&self, kind: &str) -> Option<&Settings> {
        self.rule.as_ref().filter(|_| self.kind.name == kind)
    }
}

impl Outline {
    /// The chain of a route, outermost first.
    pub(crate) fn chain(&self, route: &Route) -> Vec<Link<'_>> {
        let link = |&(at, span): &(usize, Span)| {
            let entry = self.middlewares.get(at)?;
            Some(Link { entry, span })
        };
        route.chain.iter().filter_map(link).collect()
    }

    /// The rules of one type, with their middlewares.
    pub(crate) fn rules_of(&self, kind: &str) -> impl Iterator<Item = (&Entry, &Settings)> {
        let rule = move |entry: &'_ Entry| entry.kind.name == kind;
        self.middlewares
            .iter()
            .filter(move |entry| rule(entry))
            .filter_map(|entry| Some((entry, entry.rule.as_ref()?)))
    }

    /// Whether `gateway.redis` is there.
    pub(crate) fn has_redis(&self) -> bool {
        self.file.has("gateway.redis.addr")
    }
}

/// Draws the outline; `file` is the place of the main file.
pub(super) fn draw(
    spec: &Spec,
    file: Span,
    sources: &SourceMap,
    env: &BTreeMap<String, String>,
) -> Outline {
    // Whoever reads a value for the model reports what is wrong with it.
    let mut unheard = Diagnostics::new();
    let mut cx = Cx {
        variables: Variables::new(env),
        sources,
        diags: &mut unheard,
    };
    let mut names = BTreeMap::new();
    let mut middlewares = Vec::new();
    for entry in spec.middlewares.iter().flatten() {
        if let Some(entry) = middleware(entry, env, &mut cx)
            && !names.contains_key(&entry.name)
        {
            names.insert(entry.name.clone(), middlewares.len());
            middlewares.push(entry);
        }
    }
    let defaults = listed(spec.gateway.default_middlewares.as_ref(), &names, &mut cx);
    let routes = spec.gateway.routes.iter().flatten();
    let routes = routes.map(|route| draw_route(route, env, (&names, &defaults), &mut cx));
    Outline {
        routes: routes.collect(),
        file: settings::read(&spec.rest, &FILE, "", file, env),
        middlewares,
    }
}

type Env = BTreeMap<String, String>;

fn middleware(spec: &spec::Middleware, env: &Env, cx: &mut Cx<'_>) -> Option<Entry> {
    let name = spec.name.as_ref()?;
    let kind_leaf = spec.kind.as_ref()?;
    let kind = cx.text(kind_leaf)?.text;
    let kind = Type::find(&kind).or_else(|| Type::find_folded(&kind).map(|(kind, _)| kind))?;
    let key = format!("{}.rule", spec.path_key);
    let rule = match &spec.rule {
        Some((head, node)) => (matches!(node.kind, Kind::Map(_)) || node.is_null())
            .then(|| settings::read(node, kind.rule, &key, *head, env)),
        None => {
            let none = Node {
                span: kind_leaf.span,
                kind: Kind::Map(Vec::new()),
            };
            Some(settings::read(&none, kind.rule, &key, kind_leaf.span, env))
        }
    };
    Some(Entry {
        key: spec.path_key.clone(),
        name: cx.text(name)?.text,
        span: name.span,
        kind,
        paths: all(spec.paths.as_ref(), cx),
        scope: scope(spec, cx),
        rule,
    })
}

fn scope(spec: &spec::Middleware, cx: &mut Cx<'_>) -> Whole {
    let texts = cx.texts(spec.paths.as_ref());
    let patterns: Result<Vec<_>, _> = texts
        .items
        .iter()
        .map(|(_, text)| Pattern::new(text))
        .collect();
    match patterns {
        Ok(patterns) if texts.whole && patterns.is_empty() => Whole::Route,
        Ok(patterns) if texts.whole => Whole::Part(Scope { patterns }),
        Ok(_) | Err(_) => Whole::Unknown,
    }
}

fn draw_route(
    spec: &spec::Route,
    env: &Env,
    (names, defaults): (&BTreeMap<String, usize>, &[(usize, Span)]),
    cx: &mut Cx<'_>,
) -> Route {
    let own = listed(spec.middlewares.as_ref(), names, cx);
    let inherited = defaults
        .iter()
        .filter(|(at, _)| !own.iter().any(|(other, _)| other == at));
    let chain = inherited.chain(&own).copied().collect();
    let text = |leaf: &Option<Leaf>, cx: &mut Cx<'_>| {
        let text = leaf.as_ref().and_then(|leaf| cx.text(leaf));
        text.map_or_else(String::new, |text| text.text)
    };
    let span = spec.name.as_ref().map_or(spec.head, |name| name.span);
    let settings = settings::read(&spec.rest, &ROUTE, &spec.path_key, spec.head, env);
    let prefix = settings.is("pathType", "prefix");
    let path = text(&spec.path, cx);
    Route {
        hosts: all(spec.hosts.as_ref(), cx),
        name: text(&spec.name, cx),
        span,
        path: RoutePath::new(&path).ok().filter(|_| prefix),
        settings,
        chain,
    }
}

/// The readable texts of a list.
fn all(list: Option<&Leaves>, cx: &mut Cx<'_>) -> Vec<Given> {
    let given = |(leaf, text): (&Leaf, String)| Given {
        key: leaf.key.clone(),
        span: leaf.span,
        text: Some(text),
    };
    cx.texts(list).items.into_iter().map(given).collect()
}

/// The middlewares of a list, each at its first place (MW-GEN-9).
fn listed(
    list: Option<&Leaves>,
    names: &BTreeMap<String, usize>,
    cx: &mut Cx<'_>,
) -> Vec<(usize, Span)> {
    let mut found: Vec<(usize, Span)> = Vec::new();
    for (leaf, name) in cx.texts(list).items {
        if let Some(&at) = names.get(&name)
            && !found.iter().any(|(other, _)| *other == at)
        {
            found.push((at, leaf.span));
        }
    }
    found
}

impl Given {
    /// The names of middlewares that a list of texts holds.
    pub(crate) fn find<'o>(&self, outline: &'o Outline) -> Option<&'o Entry> {
        let mut entries = outline.middlewares.iter();
        entries.find(|entry| Some(entry.name.as_str()) == self.text.as_deref())
    }
}
