//! Keys of older releases (config.md 12 A): the tree gets the form of today, the user a warning whose
//! fix gives the file that form. After this no later stage knows of them.

mod beyond;
mod structural;
mod tree;

use super::edit::{Editor, Piece};
use super::node::{Entry, Kind, Node, Trail, join};
use crate::diag::{Code, Diagnostic, Diagnostics, Fix};
use crate::dialect::{Change, EXTRA, FILE, Section, Shape, Type};
use tree::{find, find_mut, has, inverted, path_of, put, same, stands_in, take, text_of};

/// What the walk needs everywhere.
struct Cx<'a> {
    /// Not the main file: routes stand at the top.
    extra: bool,
    editor: Editor<'a>,
    diags: &'a mut Diagnostics,
}

/// A file beside the main one.
pub(crate) struct Other<'s> {
    pub(crate) tree: Node,
    /// What it was read from.
    pub(crate) text: &'s str,
    /// Whether a provider delivered it.
    pub(crate) bundle: bool,
}

/// Gives all files today's form; `text` is the source of the main one.
pub(super) fn modernise(
    tree: &mut Node,
    text: &str,
    others: &mut [Other<'_>],
    diags: &mut Diagnostics,
) {
    // Changes of the text are made to what is written, those of the tree to what it means.
    let written = others.iter().filter(|_| structural::has_blocks(tree));
    let written: Vec<Node> = written.map(|other| other.tree.clone()).collect();
    for other in &mut *others {
        one(&mut other.tree, other.text, None, diags);
    }
    one(tree, text, Some((&written, others)), diags);
}

/// A file; `beyond`: it is the main one, and these are the others as written and as meant.
fn one(
    tree: &mut Node,
    text: &str,
    beyond: Option<(&[Node], &mut [Other<'_>])>,
    diags: &mut Diagnostics,
) {
    let extra = beyond.is_none();
    let mut cx = Cx {
        extra,
        editor: Editor { text },
        diags,
    };
    go_plugins(tree, &mut cx);
    structural::modernise(tree, beyond.unwrap_or_default(), &mut cx);
    let file = if extra { &EXTRA } else { &FILE };
    section(tree, file, &Trail::new(""), &mut cx);
    top(tree, &mut cx);
}

/// `plugins` was a mapping with a directory of Go plugins (config.md section 11).
fn go_plugins(tree: &mut Node, cx: &mut Cx<'_>) {
    let Kind::Map(entries) = &mut tree.kind else {
        return;
    };
    let is_go =
        |entry: &Entry| entry.key.value == "plugins" && matches!(entry.value.kind, Kind::Map(_));
    let Some(at) = entries.iter().position(is_go) else {
        return;
    };
    let span = entries.remove(at).key.span;
    let message = "plugins written in Go cannot be part of a gateway in Rust";
    let fault = Diagnostic::new(Code::GoPlugin, "plugins", span, message);
    let fault = fault
        .help("write a crate that implements the middleware trait, with the rule as its config struct")
        .help("name it: `plugins: [{type: myAuth, path: ./middlewares/my-auth}]`");
    cx.diags.push(fault);
}

fn section(node: &mut Node, section: &'static Section, path: &Trail<'_>, cx: &mut Cx<'_>) {
    change_old(node, section, path, cx);
    let Kind::Map(entries) = &mut node.kind else {
        return;
    };
    let kind = section
        .keys
        .iter()
        .any(|key| matches!(key.shape, Shape::Rule));
    let kind = kind.then(|| middleware_type(entries, path, cx)).flatten();
    for entry in entries {
        let Some(key) = section.key(&entry.key.value) else {
            continue;
        };
        let path = path.member(key.name);
        below(&mut entry.value, key.shape, kind, &path, cx);
    }
}

/// The old keys of a mapping itself.
fn change_old(node: &mut Node, section: &Section, path: &Trail<'_>, cx: &mut Cx<'_>) {
    let change_of = |entry: &Entry| {
        let old = section.old.iter();
        let mut old = old.filter(|(old, _)| *old == entry.key.value);
        old.next().map(|(_, change)| *change)
    };
    // Most have none: spare those the copy.
    if !matches!(&node.kind, Kind::Map(entries) if entries.iter().any(|entry| change_of(entry).is_some()))
    {
        return;
    }
    let before = node.clone();
    let Kind::Map(entries) = &before.kind else {
        return;
    };
    let path = path.to_string();
    for entry in entries {
        if let Some(change) = change_of(entry) {
            change_entry(node, &before, entry, change, &path, cx);
        }
    }
}

fn below(node: &mut Node, shape: Shape, kind: Option<&Type>, path: &Trail<'_>, cx: &mut Cx<'_>) {
    match shape {
        Shape::Section(keys) | Shape::OneOrSection(_, keys) => section(node, keys, path, cx),
        Shape::Sections(keys) | Shape::TextsOrSections(keys) => {
            if let Kind::Seq(items) = &mut node.kind {
                for (at, item) in items.iter_mut().enumerate() {
                    section(item, keys, &path.element(at), cx);
                }
            }
        }
        Shape::Named(keys) => {
            if let Kind::Map(members) = &mut node.kind {
                for member in members {
                    let path = path.member(&member.key.value);
                    section(&mut member.value, keys, &path, cx);
                }
            }
        }
        Shape::Rule => {
            if let Some(kind) = kind {
                section(node, kind.rule, path, cx);
            }
        }
        Shape::Conditions
        | Shape::List(_)
        | Shape::Names(_)
        | Shape::One(_)
        | Shape::OneOrList(_) => {}
    }
}

/// The type of a middleware, in its spelling of today.
fn middleware_type(
    entries: &mut [Entry],
    path: &Trail<'_>,
    cx: &mut Cx<'_>,
) -> Option<&'static Type> {
    let entry = entries.iter_mut().find(|entry| entry.key.value == "type")?;
    let Kind::Scalar { text, .. } = &mut entry.value.kind else {
        return None;
    };
    if let Some((kind, _)) = Type::find_folded(text) {
        return Some(kind);
    }
    let kind = Type::find_old(text)?;
    let message = format!("the type `{text}` is now `{}`", kind.name);
    let span = entry.value.span;
    let warning = Diagnostic::new(Code::DeprecatedKey, &path.member("type"), span, message);
    cx.diags.push(warning.fix(span, kind.name));
    kind.name.clone_into(text);
    Some(kind)
}

/// Applies one change to `node`; `before` is how it was written.
fn change_entry(
    node: &mut Node,
    before: &Node,
    entry: &Entry,
    change: Change,
    path: &str,
    cx: &mut Cx<'_>,
) {
    let (place, value, piece) = match change {
        Change::Delete => return delete(node, before, entry, path, "it has no effect", cx),
        Change::MoveUnless(_, others) if others.iter().any(|name| has(before, name)) => {
            let why = format!("`{}` wins", others.join("` or `"));
            return delete(node, before, entry, path, &why, cx);
        }
        // Of the whole file: see `top` and `structural`.
        Change::Middleware(_) | Change::Top(_) => return,
        Change::Invert(place) => {
            let Some(value) = inverted(&entry.value) else {
                return cannot_invert(node, entry, place, path, cx);
            };
            let piece = Piece::inline(text_of(&value));
            (place, value, piece)
        }
        Change::List(place) if matches!(entry.value.kind, Kind::Scalar { .. }) => {
            let span = entry.value.span;
            let kind = Kind::Seq(vec![entry.value.clone()]);
            let piece = cx.editor.piece(entry).in_list();
            (place, Node { span, kind }, piece)
        }
        Change::PathOf(place) => {
            let value = path_of(&entry.value);
            let piece = Piece::inline(text_of(&value));
            (place, value, piece)
        }
        Change::List(place) | Change::Move(place) | Change::MoveUnless(place, _) => {
            (place, entry.value.clone(), cx.editor.piece(entry))
        }
    };
    settle(node, before, entry, (place, value, &piece), path, cx);
}

/// Puts a value where it belongs today, or says why it cannot be put there.
fn settle(
    node: &mut Node,
    before: &Node,
    entry: &Entry,
    (place, value, piece): (&str, Node, &Piece),
    path: &str,
    cx: &mut Cx<'_>,
) {
    let segments: Vec<_> = place.split('.').collect();
    let key = join(path, &entry.key.value);
    let message = format!("`{}` is now `{place}`", entry.key.value);
    let warning = Diagnostic::new(Code::DeprecatedKey, key, entry.key.span, message);
    take(node, entry.key.span);
    match find(node, &segments).filter(|other| !other.value.is_null()) {
        Some(Entry {
            value: Node {
                kind: Kind::Map(theirs),
                ..
            },
            ..
        }) if matches!(value.kind, Kind::Map(_)) => {
            let theirs: Vec<_> = theirs.iter().map(|entry| entry.key.value.clone()).collect();
            let fixes = merge(node, before, entry, &segments, &theirs, cx.editor);
            cx.diags.push(with(warning, before, entry, fixes));
        }
        Some(other) if same(&other.value, &value) => {
            let fix = cx.editor.remove(before, entry);
            cx.diags.push(with(warning, before, entry, vec![fix]));
        }
        Some(other) => {
            let message = format!("`{}` and `{place}` disagree", entry.key.value);
            let fault = Diagnostic::new(
                Code::KeyConflict,
                join(path, place),
                entry.key.span,
                message,
            );
            let fault = fault.label(other.key.span, "today's form");
            cx.diags.push(fault.help("keep today's form"));
        }
        None => {
            let fixes = moved(before, entry, &segments, piece, cx.editor);
            cx.diags.push(with(warning, before, entry, fixes));
            put(node, &segments, entry.key.span, value);
        }
    }
}

/// Adds the members of a mapping that another one lacks; the other's own win. Gives the edits.
fn merge(
    node: &mut Node,
    before: &Node,
    entry: &Entry,
    segments: &[&str],
    theirs: &[String],
    editor: Editor<'_>,
) -> Vec<Fix> {
    let mut fixes = vec![editor.remove(before, entry)];
    let home = find(before, segments).map(|home| home.value.clone());
    let Kind::Map(ours) = &entry.value.kind else {
        return fixes;
    };
    for member in ours
        .iter()
        .filter(|member| !theirs.contains(&member.key.value))
    {
        let name = member.key.value.as_str();
        let mut place = segments.to_vec();
        place.push(name);
        put(node, &place, member.key.span, member.value.clone());
        let piece = editor.piece(member);
        fixes.extend(
            home.as_ref()
                .and_then(|home| editor.insert(home, &[name], &piece, Some(member))),
        );
    }
    fixes
}

/// Edits that write an entry at another place of the same mapping.
fn moved(
    map: &Node,
    entry: &Entry,
    segments: &[&str],
    piece: &Piece,
    editor: Editor<'_>,
) -> Vec<Fix> {
    let mut home = map;
    let mut rest = segments;
    while let [segment, tail @ ..] = rest {
        let Kind::Map(entries) = &home.kind else {
            return Vec::new();
        };
        let Some(existing) = entries.iter().find(|entry| entry.key.value == *segment) else {
            break;
        };
        if existing.value.is_null() {
            let fill = editor.fill(home, existing, tail, piece);
            return vec![fill, editor.remove(map, entry)];
        }
        home = &existing.value;
        rest = tail;
    }
    if std::ptr::eq(home, map) {
        let replace = editor.replace(map, entry, rest, piece);
        return vec![editor.claim(map), replace];
    }
    match editor.insert(home, rest, piece, Some(entry)) {
        Some(insert) => vec![insert, editor.remove(map, entry)],
        None => Vec::new(),
    }
}

/// What belongs to the whole file but stands under `gateway`.
fn top(tree: &mut Node, cx: &mut Cx<'_>) {
    const OLD: [&str; 2] = ["certManager", "certificateManager"];
    if OLD
        .iter()
        .all(|name| find(tree, &["gateway", name]).is_none())
    {
        return;
    }
    let before = &tree.clone();
    let Some(gateway) = find(before, &["gateway"]) else {
        return;
    };
    let Kind::Map(entries) = &gateway.value.kind else {
        return;
    };
    for entry in entries {
        let name = entry.key.value.as_str();
        if !OLD.contains(&name) {
            continue;
        }
        let message = format!("`gateway.{name}` is now `certManager`, at the top level");
        let key = join("gateway", name);
        if let Some(gateway) = find_mut(tree, "gateway") {
            take(gateway, entry.key.span);
        }
        if let Some(other) = find(before, &["certManager"]).filter(|other| !other.value.is_null()) {
            let fault = Diagnostic::new(Code::KeyConflict, key, entry.key.span, message);
            cx.diags.push(fault.label(other.key.span, "today's form"));
            continue;
        }
        let piece = cx.editor.piece(entry);
        let insert = cx.editor.insert(before, &["certManager"], &piece, None);
        let remove = cx.editor.remove(&gateway.value, entry);
        let warning = Diagnostic::new(Code::DeprecatedKey, key, entry.key.span, message);
        let fixes = insert.into_iter().chain([remove]).collect();
        cx.diags.push(with(warning, &gateway.value, entry, fixes));
        put(tree, &["certManager"], entry.key.span, entry.value.clone());
    }
}

fn delete(node: &mut Node, before: &Node, entry: &Entry, path: &str, why: &str, cx: &mut Cx<'_>) {
    let message = format!("`{}` is no longer used: {why}", entry.key.value);
    let key = join(path, &entry.key.value);
    let warning = Diagnostic::new(Code::DeprecatedKey, key, entry.key.span, message);
    let fix = cx.editor.remove(before, entry);
    cx.diags.push(with(warning, before, entry, vec![fix]));
    take(node, entry.key.span);
}

fn cannot_invert(node: &mut Node, entry: &Entry, place: &str, path: &str, cx: &mut Cx<'_>) {
    let message = format!(
        "`{}` is now `{place}`, with the opposite value",
        entry.key.value
    );
    let key = join(path, &entry.key.value);
    let fault = Diagnostic::new(Code::TypeMismatch, key, entry.key.span, message);
    cx.diags
        .push(fault.help("a value that is not `true` or `false` cannot be turned round"));
    take(node, entry.key.span);
}

/// Adds the changes; an entry that an alias has brought in is not changed here.
fn with(mut diagnostic: Diagnostic, map: &Node, entry: &Entry, fixes: Vec<Fix>) -> Diagnostic {
    if !stands_in(map, entry) {
        return diagnostic.help("it comes from an alias: change it where the anchor is");
    }
    diagnostic.fixes = fixes;
    diagnostic
}
