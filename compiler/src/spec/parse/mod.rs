//! Text → [`Node`]: drives serde-saphyr's event parser, resolves aliases and merge keys, and holds
//! the bounds. Only here may reading a file stop at its first fault.

mod json;
mod marks;

use std::collections::btree_map::Entry as MapEntry;
use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{Event, Parser, ScalarStyle, ScanError, StructureStyle, Tag};

use super::node::{Entry, Kind, Node};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::source::{BOM, SOURCE_BYTES_MAX, SourceId, SourceMap, Span, Spanned};

pub(crate) use marks::marks;

/// The most values that are written in a document: some 60,000 routes.
const NODES_MAX: usize = 1_000_000;
/// The most values that anchors and aliases copy (C-FILE-3, which means bombs, not long files).
const COPIES_MAX: usize = 100_000;
/// The deepest nesting of lists and mappings; the dialect needs 9.
const NESTING_MAX: usize = 64;
/// The prefix of the tags every YAML has.
const CORE_TAGS: &str = "tag:yaml.org,2002:";

/// Reads one file. `None`: not even a tree could be made, and why is in `diags`.
pub(crate) fn parse(sources: &SourceMap, id: SourceId, diags: &mut Diagnostics) -> Option<Node> {
    let text = sources.text(id);
    let start = if text.starts_with(BOM) { BOM.len() } else { 0 };
    let at = |start: usize| Span::new(id, start, start + 1);
    if let Some(invalid) = sources.invalid_at(id) {
        diags.push(Diagnostic::new(
            Code::YamlSyntax,
            "",
            at(invalid),
            "the file is not UTF-8",
        ));
        return None;
    }
    if text.len() > SOURCE_BYTES_MAX {
        let message = format!("the file is larger than {} MiB", SOURCE_BYTES_MAX >> 20);
        diags.push(Diagnostic::new(Code::YamlSyntax, "", at(0), message));
        return None;
    }
    let body = text.get(start..).unwrap_or("");
    let body = &*json::with_yaml_escapes(body);
    let mut builder = Builder::new(id, start, body, diags);
    let options = granit_parser::options! {
        flow_nesting_limit: NESTING_MAX,
        block_nesting_limit: NESTING_MAX,
    };
    for event in Parser::new_from_str_with_options(body, options) {
        let taken = match event {
            Ok((event, span)) => builder.take(event, &span),
            Err(fault) => Err(builder.scan_fault(&fault)),
        };
        if let Err(fault) = taken {
            builder.diags.push(*fault);
            return None;
        }
    }
    let empty = Node {
        span: at(start),
        kind: Kind::Map(Vec::new()),
    };
    Some(builder.root.unwrap_or(empty))
}

/// A fault that ends the reading.
type Stop = Box<Diagnostic>;

/// A collection that is being read.
struct Open {
    span: Span,
    /// `[…]` or `{…}`: ends where its bracket does; a block ends with its last value.
    flow: bool,
    anchor: usize,
    /// Values counted before this one began, those of aliases included.
    nodes_before: usize,
    /// Deepest nesting below and including this one.
    depth: usize,
    content: Content,
}

enum Content {
    Map {
        entries: Vec<Entry>,
        key: Option<Spanned<String>>,
        merges: Vec<Node>,
        merge: Option<Span>,
    },
    Seq(Vec<Node>),
}

/// A finished anchored node and what a copy of it costs.
struct Anchored {
    node: Node,
    nodes: usize,
    depth: usize,
}

struct Builder<'a> {
    id: SourceId,
    /// Where `text` begins in the file.
    base: usize,
    text: &'a str,
    diags: &'a mut Diagnostics,
    stack: Vec<Open>,
    anchors: BTreeMap<usize, Anchored>,
    /// Values that are written, and values that copying made.
    nodes: usize,
    copies: usize,
    documents: usize,
    root: Option<Node>,
}

impl<'a> Builder<'a> {
    fn new(id: SourceId, base: usize, text: &'a str, diags: &'a mut Diagnostics) -> Self {
        let (stack, anchors) = (Vec::new(), BTreeMap::new());
        Self {
            id,
            base,
            text,
            diags,
            stack,
            anchors,
            nodes: 0,
            copies: 0,
            documents: 0,
            root: None,
        }
    }

    fn take(&mut self, event: Event<'_>, span: &granit_parser::Span) -> Result<(), Stop> {
        let span = self.span(span);
        match event {
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd | Event::Anchor(..) => {
                Ok(())
            }
            Event::DocumentStart(..) => self.document(span),
            Event::Alias(anchor) => self.alias(anchor, span),
            Event::UnresolvedAlias(name) => {
                Err(stop(span, format!("the alias `*{name}` names no anchor")))
            }
            Event::Scalar(text, style, anchor, tag) => {
                let plain = matches!(style, ScalarStyle::Plain) && !has_tag(tag.as_deref(), "str");
                known_tag(tag.as_deref(), span)?;
                self.count(1, span)?;
                let node = Node {
                    span,
                    kind: Kind::Scalar {
                        text: text.into_owned(),
                        plain,
                    },
                };
                self.finish(node, anchor, 1, 0)
            }
            Event::SequenceStart(style, anchor, tag) => {
                known_tag(tag.as_deref(), span)?;
                self.open(Content::Seq(Vec::new()), style, anchor, span)
            }
            Event::MappingStart(style, anchor, tag) => {
                known_tag(tag.as_deref(), span)?;
                let (entries, merges) = (Vec::new(), Vec::new());
                self.open(
                    Content::Map {
                        entries,
                        key: None,
                        merges,
                        merge: None,
                    },
                    style,
                    anchor,
                    span,
                )
            }
            Event::SequenceEnd | Event::MappingEnd => self.close(span),
            // The enum is open; what a later parser adds carries no value.
            _ => Ok(()),
        }
    }

    fn document(&mut self, span: Span) -> Result<(), Stop> {
        self.documents += 1;
        if self.documents > 1 {
            return Err(stop(
                span,
                "a file holds one document; here a second one begins",
            ));
        }
        Ok(())
    }

    fn alias(&mut self, anchor: usize, span: Span) -> Result<(), Stop> {
        let Some(target) = self.anchors.get(&anchor) else {
            return Err(stop(
                span,
                "an alias cannot stand inside the value it refers to",
            ));
        };
        let (nodes, depth) = (target.nodes, target.depth);
        if self.stack.len() + depth > NESTING_MAX {
            return Err(stop(
                span,
                format!("values are nested more than {NESTING_MAX} deep"),
            ));
        }
        self.copy(nodes, span)?;
        let node = self.anchors.get(&anchor).map(|target| target.node.clone());
        node.map_or(Ok(()), |node| self.finish(node, 0, nodes, depth))
    }

    fn open(
        &mut self,
        content: Content,
        style: StructureStyle,
        anchor: usize,
        span: Span,
    ) -> Result<(), Stop> {
        let nodes_before = self.nodes + self.copies;
        self.count(1, span)?;
        if self.stack.len() >= NESTING_MAX {
            return Err(stop(
                span,
                format!("values are nested more than {NESTING_MAX} deep"),
            ));
        }
        let flow = matches!(style, StructureStyle::Flow);
        self.stack.push(Open {
            span,
            flow,
            anchor,
            nodes_before,
            depth: 1,
            content,
        });
        Ok(())
    }

    fn close(&mut self, end: Span) -> Result<(), Stop> {
        let Some(open) = self.stack.pop() else {
            return Ok(());
        };
        let (kind, last) = match open.content {
            Content::Seq(items) => {
                let last = items.last().map(|item| item.span.end);
                (Kind::Seq(items), last)
            }
            Content::Map {
                entries, merges, ..
            } => {
                let last = entries
                    .last()
                    .map(|entry| entry.value.span.end.max(entry.key.span.end));
                (Kind::Map(self.merged(entries, merges)), last)
            }
        };
        let last = last.filter(|_| !open.flow).unwrap_or(end.end);
        let span = Span {
            end: last.max(open.span.end),
            ..open.span
        };
        self.finish(
            Node { span, kind },
            open.anchor,
            self.nodes + self.copies - open.nodes_before,
            open.depth,
        )
    }

    /// Puts a finished node where it belongs.
    fn finish(
        &mut self,
        node: Node,
        anchor: usize,
        nodes: usize,
        depth: usize,
    ) -> Result<(), Stop> {
        if anchor > 0 {
            self.copy(nodes, node.span)?;
            self.anchors.insert(
                anchor,
                Anchored {
                    node: node.clone(),
                    nodes,
                    depth,
                },
            );
        }
        let Some(open) = self.stack.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.depth = open.depth.max(depth + 1);
        match &mut open.content {
            Content::Seq(items) => items.push(node),
            Content::Map {
                entries,
                key,
                merges,
                merge,
            } => match key.take() {
                None => {
                    let Kind::Scalar { text, plain } = node.kind else {
                        return Err(stop(
                            node.span,
                            format!("a key is text, not {}", node.describe()),
                        ));
                    };
                    let is_merge = plain && text == "<<";
                    if let Some(first) = is_merge.then(|| merge.replace(node.span)).flatten() {
                        self.diags.push(duplicate("<<", node.span, first));
                    }
                    *key = Some(Spanned::new(text, node.span));
                }
                Some(name) if merge.is_some_and(|merge| merge == name.span) => merges.push(node),
                Some(name) => entries.push(Entry {
                    key: name,
                    value: node,
                }),
            },
        }
        Ok(())
    }

    /// Reports repeated keys and adds what merge keys bring in; the mapping's own keys win.
    fn merged(&mut self, mut entries: Vec<Entry>, merges: Vec<Node>) -> Vec<Entry> {
        self.once(&mut entries);
        if merges.is_empty() {
            return entries;
        }
        let own = entries.iter().map(|entry| entry.key.value.clone());
        let mut present: BTreeSet<String> = own.collect();
        for node in merges {
            let maps = match node.kind {
                Kind::Seq(items) => items,
                Kind::Map(_) | Kind::Scalar { .. } => vec![node],
            };
            for map in maps {
                let Kind::Map(more) = map.kind else {
                    let message = format!("`<<` merges mappings, not {}", map.describe());
                    self.diags
                        .push(Diagnostic::new(Code::TypeMismatch, "<<", map.span, message));
                    continue;
                };
                for entry in more {
                    if present.insert(entry.key.value.clone()) {
                        entries.push(entry);
                    }
                }
            }
        }
        entries
    }

    /// Reports repeated keys; the first of each stays.
    fn once(&mut self, entries: &mut Vec<Entry>) {
        let mut first: BTreeMap<&str, Span> = BTreeMap::new();
        let mut repeated = BTreeSet::new();
        for (at, entry) in entries.iter().enumerate() {
            let (key, span) = (entry.key.value.as_str(), entry.key.span);
            match first.entry(key) {
                MapEntry::Occupied(known) => {
                    self.diags.push(duplicate(key, span, *known.get()));
                    repeated.insert(at);
                }
                MapEntry::Vacant(new) => {
                    new.insert(span);
                }
            }
        }
        let mut places = 0..;
        if !repeated.is_empty() {
            entries.retain(|_| places.next().is_some_and(|at| !repeated.contains(&at)));
        }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        // Keys are no values: a mapping that waits for a key does not count it.
        let is_key = matches!(
            self.stack.last(),
            Some(Open {
                content: Content::Map { key: None, .. },
                ..
            })
        );
        self.nodes += if is_key { 0 } else { nodes };
        if self.nodes > NODES_MAX {
            let message = format!("the file has more than {NODES_MAX} values");
            return Err(stop(span, message));
        }
        Ok(())
    }

    /// Counts values that are about to be copied.
    fn copy(&mut self, nodes: usize, span: Span) -> Result<(), Stop> {
        self.copies = self.copies.saturating_add(nodes);
        if self.copies > COPIES_MAX {
            let message = format!("aliases copy more than {COPIES_MAX} values");
            return Err(stop(span, message));
        }
        Ok(())
    }

    fn scan_fault(&self, fault: &ScanError) -> Stop {
        let at = self.offset(fault.marker());
        let whole = self.base + self.text.len();
        let span = Span::new(self.id, at.min(whole), (at + 1).min(whole));
        let text = fault.info();
        stop(
            span,
            text.lines().next().unwrap_or("malformed YAML").to_owned(),
        )
    }

    fn span(&self, span: &granit_parser::Span) -> Span {
        Span::new(self.id, self.offset(&span.start), self.offset(&span.end))
    }

    fn offset(&self, marker: &granit_parser::Marker) -> usize {
        self.base + byte_offset(self.text, marker)
    }
}

/// Where in a text a place of the parser is.
fn byte_offset(text: &str, marker: &granit_parser::Marker) -> usize {
    let of_char = || {
        let mut places = text.char_indices();
        places.nth(marker.index()).map_or(text.len(), |(at, _)| at)
    };
    marker.byte_offset().unwrap_or_else(of_char)
}

fn stop(span: Span, message: impl Into<String>) -> Stop {
    Box::new(Diagnostic::new(Code::YamlSyntax, "", span, message))
}

fn duplicate(key: &str, span: Span, first: Span) -> Diagnostic {
    let message = format!("the key `{}` is given twice", key.escape_debug());
    Diagnostic::new(Code::DuplicateKey, key, span, message).label(first, "first given here")
}

fn has_tag(tag: Option<&Tag>, suffix: &str) -> bool {
    tag.is_some_and(|tag| tag.handle() == CORE_TAGS && tag.suffix() == suffix)
}

fn known_tag(tag: Option<&Tag>, span: Span) -> Result<(), Stop> {
    let known = ["bool", "float", "int", "map", "merge", "null", "seq", "str"];
    match tag {
        Some(tag) if !known.iter().any(|suffix| has_tag(Some(tag), suffix)) => {
            Err(stop(span, "tags have no meaning here"))
        }
        Some(_) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
