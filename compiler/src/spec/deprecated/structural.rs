//! `cors` and `errorInterceptor` of routes and of the gateway, which are middlewares today
//! (MW-LEG-1, MW-LEG-2).

use std::collections::BTreeSet;

use super::beyond::reach;
use super::tree::{entry_of, find, find_mut, has, put, same, scalar, stands_in, take, text_of};
use super::{Cx, Other, moved};
use crate::diag::{Code, Diagnostic, Fix};
use crate::dialect::Type;
use crate::source::{Span, Spanned};
use crate::spec::edit::{Editor, Piece};
use crate::spec::node::{Entry, Kind, Node, join};

const BLOCKS: [Block; 2] = [Block::Cors, Block::Errors];

/// Whether the gateway of a main file has a block.
pub(super) fn has_blocks(tree: &Node) -> bool {
    let gateway = entry_of(tree, "gateway").map(|entry| &entry.value);
    gateway.is_some_and(|gateway| BLOCKS.iter().any(|block| has(gateway, block.key())))
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Block {
    Cors,
    Errors,
}

/// Where a block stands.
#[derive(Clone, Copy)]
enum Owner {
    Gateway,
    Route(usize),
}

/// A middleware that takes the place of a block.
struct Made {
    name: String,
    rule: Node,
    /// The same as lines of YAML.
    lines: Vec<String>,
}

/// One kind of block in the whole file, and what is made of it.
struct Work<'n> {
    before: &'n Node,
    block: Block,
    /// Middlewares in place of blocks.
    made: Vec<(Made, Owner, &'n Entry)>,
    fixes: Vec<Fix>,
    /// Some block comes from an alias, so the text is not changed here.
    aliased: bool,
}

/// The gateway, which in another file than the main one is the file itself, and its routes.
fn parts(tree: &Node, extra: bool) -> Option<(&Node, &[Node])> {
    let gateway = match extra {
        true => tree,
        false => &entry_of(tree, "gateway")?.value,
    };
    let routes = entry_of(gateway, "routes").map(|entry| &entry.value.kind);
    match routes {
        Some(Kind::Seq(routes)) => Some((gateway, routes)),
        Some(Kind::Map(_) | Kind::Scalar { .. }) | None => Some((gateway, &[])),
    }
}

fn owns_block(node: &Node) -> bool {
    let mut keys = BLOCKS.iter().map(|block| block.key());
    keys.any(|key| entry_of(node, key).is_some())
}

/// Turns every block into a middleware, or takes it away where it does nothing.
/// `beyond`: other files, as written and as meant.
pub(super) fn modernise(
    tree: &mut Node,
    (beyond, others): (&[Node], &mut [Other<'_>]),
    cx: &mut Cx<'_>,
) {
    // Most files have no block: spare them the copy.
    match parts(tree, cx.extra) {
        Some((gateway, routes)) if owns_block(gateway) || routes.iter().any(owns_block) => {}
        Some(_) | None => return,
    }
    let before = tree.clone();
    let Some((gateway, routes)) = parts(&before, cx.extra) else {
        return;
    };
    let mut names = names(&before);
    for block in BLOCKS {
        let mut work = Work {
            before: &before,
            block,
            made: Vec::new(),
            fixes: Vec::new(),
            aliased: false,
        };
        let common = entry_of(gateway, block.key()).filter(|_| !cx.extra);
        let acting = common.filter(|common| block.acts(&common.value));
        let mut bare = Vec::new();
        for (at, route) in routes.iter().enumerate() {
            match entry_of(route, block.key()) {
                Some(entry) if block.acts(&entry.value) && !lists(&before, route, block) => {
                    let stem = entry_of(route, "name").map_or("route", |name| text_of(&name.value));
                    let made = make(block, free(stem, block, &mut names), entry, acting, cx);
                    work.replace(tree, route, Owner::Route(at), entry, made, cx);
                    // With a block of the gateway all change together; see below.
                    if acting.is_none() {
                        work.report(cx);
                    }
                    continue;
                }
                Some(entry) => drop_block(tree, route, Owner::Route(at), entry, cx),
                None => {}
            }
            if !lists(&before, route, block) {
                bare.push((at, route));
            }
        }
        let Some(entry) = common else { continue };
        if acting.is_none() {
            drop_block(tree, gateway, Owner::Gateway, entry, cx);
            continue;
        }
        let made = make(block, free("gateway", block, &mut names), entry, None, cx);
        let reach = reach(beyond, block);
        if bare.len() == routes.len() && !reach.own {
            work.replace(tree, gateway, Owner::Gateway, entry, made, cx);
        } else {
            let name = &made.name;
            work.fixes.extend(reach.list(name, entry.key.span, others));
            work.spread(tree, gateway, entry, made, &bare, cx);
        }
        work.report(cx);
    }
}

impl Block {
    pub(super) const fn key(self) -> &'static str {
        match self {
            Self::Cors => "cors",
            Self::Errors => "errorInterceptor",
        }
    }

    const fn kind(self) -> &'static str {
        match self {
            Self::Cors => "responseHeaders",
            Self::Errors => "errorInterceptor",
        }
    }

    /// Whether a block does anything: an interceptor only when it is enabled.
    pub(super) fn acts(self, value: &Node) -> bool {
        let Kind::Map(entries) = &value.kind else {
            return false;
        };
        let enabled = entry_of(value, "enabled").map(|entry| text_of(&entry.value));
        match self {
            Self::Cors => !entries.is_empty(),
            Self::Errors => enabled.is_some_and(|text| {
                !matches!(
                    text.to_ascii_lowercase().as_str(),
                    "false" | "no" | "off" | "n" | ""
                )
            }),
        }
    }
}

/// Names of middlewares that are taken.
fn names(tree: &Node) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    if let Some(Kind::Seq(items)) = find(tree, &["middlewares"]).map(|entry| &entry.value.kind) {
        let name = |item| entry_of(item, "name").map(|name| text_of(&name.value).to_owned());
        names.extend(items.iter().filter_map(name));
    }
    names
}

fn free(stem: &str, block: Block, names: &mut BTreeSet<String>) -> String {
    let suffix = match block {
        Block::Cors => "cors",
        Block::Errors => "errors",
    };
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let stem: String = stem
        .chars()
        .map(|c| if fits(c) { c } else { '-' })
        .collect();
    let base = format!("{stem}-{suffix}");
    let numbered = (2..).map(|number| format!("{base}-{number}"));
    let name = std::iter::once(base.clone())
        .chain(numbered)
        .find(|name| !names.contains(name))
        .unwrap_or(base);
    names.insert(name.clone());
    name
}

/// Whether a route lists a middleware of the block's type, which then replaces the block.
pub(super) fn lists(tree: &Node, route: &Node, block: Block) -> bool {
    if block == Block::Cors {
        return false;
    }
    let Some(Kind::Seq(listed)) = entry_of(route, "middlewares").map(|entry| &entry.value.kind)
    else {
        return false;
    };
    let Some(Kind::Seq(defined)) = find(tree, &["middlewares"]).map(|entry| &entry.value.kind)
    else {
        return false;
    };
    defined.iter().any(|item| {
        let field = |name| entry_of(item, name).map_or("", |entry| text_of(&entry.value));
        let kind = || Type::find_folded(field("type")).map(|(kind, _)| kind.name);
        let name = field("name");
        listed.iter().any(|listed| text_of(listed) == name) && kind() == Some(block.kind())
    })
}

/// The middleware of a block; `common`: the gateway's block, whose errors come after the route's.
fn make(block: Block, name: String, entry: &Entry, common: Option<&Entry>, cx: &Cx<'_>) -> Made {
    let place = entry.key.span;
    let Kind::Map(fields) = &entry.value.kind else {
        return Made {
            name,
            rule: entry.value.clone(),
            lines: Vec::new(),
        };
    };
    let mut lines = vec![
        format!("name: {name}"),
        format!("type: {}", block.kind()),
        "rule:".to_owned(),
    ];
    let mut rule = map(place);
    match block {
        Block::Cors => {
            let mut cors = map(place);
            lines.push("  cors:".to_owned());
            if entry_of(&entry.value, "enabled").is_none() {
                put(&mut cors, &["enabled"], place, scalar("true", place));
                lines.push("    enabled: true".to_owned());
            }
            let (headers, fields): (Vec<_>, Vec<_>) = fields
                .iter()
                .partition(|field| field.key.value == "headers");
            for field in fields {
                put(
                    &mut cors,
                    &[&field.key.value],
                    field.key.span,
                    field.value.clone(),
                );
                lines.extend(cx.editor.lines(field, &field.key.value, 4));
            }
            put(&mut rule, &["cors"], place, cors);
            for field in headers {
                put(
                    &mut rule,
                    &["setHeaders"],
                    field.key.span,
                    field.value.clone(),
                );
                lines.extend(cx.editor.lines(field, "setHeaders", 2));
            }
        }
        Block::Errors => {
            for field in fields {
                let mut value = field.value.clone();
                lines.extend(cx.editor.lines(field, &field.key.value, 2));
                let more = common.and_then(|common| entry_of(&common.value, "errors"));
                if let (Kind::Seq(items), "errors", Some(more)) =
                    (&mut value.kind, field.key.value.as_str(), more)
                {
                    if let Kind::Seq(more) = &more.value.kind {
                        items.extend(more.iter().cloned());
                    }
                    let more = cx.editor.lines(more, "errors", 2);
                    lines.extend(more.into_iter().skip(1));
                }
                put(&mut rule, &[&field.key.value], field.key.span, value);
            }
        }
    }
    Made { name, rule, lines }
}

impl<'n> Work<'n> {
    /// Puts a middleware in place of a block.
    fn replace(
        &mut self,
        tree: &mut Node,
        map: &Node,
        owner: Owner,
        entry: &'n Entry,
        made: Made,
        cx: &Cx<'_>,
    ) {
        self.aliased |= !stands_in(map, entry);
        let segments: &[&str] = match owner {
            Owner::Gateway => &["defaults", "middlewares"],
            Owner::Route(_) => &["middlewares"],
        };
        match find(map, segments).filter(|list| !list.value.is_null()) {
            Some(list) => {
                self.fixes
                    .extend(cx.editor.push_front(&list.value, &made.name));
                self.fixes.push(cx.editor.remove(map, entry));
            }
            None if segments.first().is_none_or(|first| !has(map, first)) => {
                let piece = Piece::inline(&made.name).in_list();
                self.fixes.push(cx.editor.claim(map));
                let fix = cx.editor.replace_block(map, entry, segments, &piece);
                self.fixes.push(fix);
            }
            None => {
                let piece = Piece::inline(&made.name).in_list();
                self.fixes
                    .extend(moved(map, entry, segments, &piece, cx.editor));
            }
        }
        if let Some(owner) = owner.find(tree, cx.extra) {
            take(owner, entry.key.span);
            list_first(owner, segments, &made.name, entry.key.span);
        }
        add(tree, &made, self.block, entry.key.span);
        self.made.push((made, owner, entry));
    }

    /// The gateway's block, where some routes have their own: listed on all others.
    fn spread(
        &mut self,
        tree: &mut Node,
        gateway: &Node,
        entry: &'n Entry,
        made: Made,
        bare: &[(usize, &Node)],
        cx: &Cx<'_>,
    ) {
        self.fixes.push(cx.editor.remove(gateway, entry));
        for &(at, route) in bare {
            self.fixes.extend(listing(route, &made.name, cx.editor));
            if let Some(route) = Owner::Route(at).find(tree, cx.extra) {
                list_first(route, &["middlewares"], &made.name, entry.key.span);
            }
        }
        if let Some(gateway) = Owner::Gateway.find(tree, cx.extra) {
            take(gateway, entry.key.span);
        }
        add(tree, &made, self.block, entry.key.span);
        self.made.push((made, Owner::Gateway, entry));
    }

    /// One finding per block; the last carries the changes of all.
    fn report(&mut self, cx: &mut Cx<'_>) {
        let mut fixes = std::mem::take(&mut self.fixes);
        let made = std::mem::take(&mut self.made);
        let lines: Vec<&[String]> = made.iter().map(|(made, ..)| &*made.lines).collect();
        let Some((.., last)) = made.last() else {
            return;
        };
        let definitions = match entry_of(self.before, "middlewares") {
            None => Some(cx.editor.append_list(last.key.span, "middlewares", &lines)),
            Some(list) => cx.editor.push_back(&list.value, &lines),
        };
        let whole = definitions.is_some() && !std::mem::take(&mut self.aliased);
        fixes.extend(definitions);
        let count = made.len();
        for (at, (made, owner, entry)) in made.iter().enumerate() {
            let key = join(&owner.path(cx.extra), &entry.key.value);
            let name = &made.name;
            let message = format!("`{}` is now the middleware `{name}`", entry.key.value);
            let warning = Diagnostic::new(Code::DeprecatedKey, key, entry.key.span, message);
            cx.diags.push(if !whole {
                warning
                    .help("write it out, without aliases, and `middlewares` with one `- ` per item")
            } else if at + 1 < count {
                warning.help("it changes together with the gateway's")
            } else {
                Diagnostic {
                    fixes: std::mem::take(&mut fixes),
                    ..warning
                }
            });
        }
    }
}

/// Takes a block away that does nothing.
fn drop_block(tree: &mut Node, map: &Node, owner: Owner, entry: &Entry, cx: &mut Cx<'_>) {
    let key = join(&owner.path(cx.extra), &entry.key.value);
    let message = format!(
        "`{}` does nothing here and is now a middleware",
        entry.key.value
    );
    let fix = cx.editor.remove(map, entry);
    let warning = Diagnostic::new(Code::DeprecatedKey, key, entry.key.span, message);
    cx.diags.push(warning.fix(fix.span, fix.text));
    if let Some(owner) = owner.find(tree, cx.extra) {
        take(owner, entry.key.span);
    }
}

impl Owner {
    fn path(self, extra: bool) -> String {
        match self {
            Self::Gateway => "gateway".to_owned(),
            Self::Route(at) if extra => format!("routes[{at}]"),
            Self::Route(at) => format!("gateway.routes[{at}]"),
        }
    }

    fn find(self, tree: &mut Node, extra: bool) -> Option<&mut Node> {
        let gateway = if extra {
            tree
        } else {
            find_mut(tree, "gateway")?
        };
        match self {
            Self::Gateway => Some(gateway),
            Self::Route(at) => match &mut find_mut(gateway, "routes")?.kind {
                Kind::Seq(routes) => routes.get_mut(at),
                Kind::Map(_) | Kind::Scalar { .. } => None,
            },
        }
    }
}

/// Puts a name first in the list of a route, in the text.
pub(super) fn listing(route: &Node, name: &str, editor: Editor<'_>) -> Vec<Fix> {
    let piece = Piece::inline(name).in_list();
    match entry_of(route, "middlewares") {
        Some(list) if !list.value.is_null() => {
            editor.push_front(&list.value, name).into_iter().collect()
        }
        Some(list) => vec![editor.fill(route, list, &[], &piece)],
        None => {
            let inserted = editor.insert_behind(route, "middlewares", &piece);
            std::iter::once(editor.claim(route))
                .chain(inserted)
                .collect()
        }
    }
}

/// Puts a name first in a list of the tree.
fn list_first(map: &mut Node, segments: &[&str], name: &str, place: Span) {
    list_at(map, segments, name, place, 0);
}

/// Puts a name into a list of the tree, at this place or at the end.
pub(super) fn list_at(map: &mut Node, segments: &[&str], name: &str, place: Span, at: usize) {
    let item = scalar(name, place);
    let mut items = match find(map, segments).map(|list| list.value.kind.clone()) {
        Some(Kind::Seq(items)) => items,
        Some(Kind::Map(_) | Kind::Scalar { .. }) | None => Vec::new(),
    };
    if !items.iter().any(|other| same(other, &item)) {
        items.insert(at.min(items.len()), item);
    }
    let kind = Kind::Seq(items);
    put(map, segments, place, Node { span: place, kind });
}

/// Adds a definition to the tree.
fn add(tree: &mut Node, made: &Made, block: Block, place: Span) {
    let mut item = map(place);
    put(&mut item, &["name"], place, scalar(&made.name, place));
    put(&mut item, &["type"], place, scalar(block.kind(), place));
    put(&mut item, &["rule"], place, made.rule.clone());
    if let Some(Node {
        kind: Kind::Seq(items),
        ..
    }) = find_mut(tree, "middlewares")
    {
        items.push(item);
        return;
    }
    let list = Node {
        span: place,
        kind: Kind::Seq(vec![item]),
    };
    if let Kind::Map(entries) = &mut tree.kind {
        entries.retain(|entry| entry.key.value != "middlewares");
        entries.push(Entry {
            key: Spanned::new("middlewares".to_owned(), place),
            value: list,
        });
    }
}

const fn map(place: Span) -> Node {
    Node {
        span: place,
        kind: Kind::Map(Vec::new()),
    }
}
