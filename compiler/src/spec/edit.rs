//! Changes of YAML text that leave layout and comments alone: entries are renamed, moved, removed
//! and added by replacing the least of the source. Works in block and flow style.

use super::node::{Entry, Kind, Node};
use crate::diag::Fix;
use crate::source::Span;

/// One indentation step of what is added.
const STEP: usize = 2;

/// What stands behind a key's colon, to be written behind another's.
pub(super) struct Piece {
    /// The rest of the key's line, without a comment that ends it.
    first: String,
    /// Further lines, without the key's own indentation.
    lines: Vec<String>,
}

impl Piece {
    /// A value on one line.
    pub(super) fn inline(text: &str) -> Self {
        Self {
            first: text.to_owned(),
            lines: Vec::new(),
        }
    }

    /// The value in brackets: a list with one item.
    pub(super) fn in_list(self) -> Self {
        Self::inline(&format!("[{}]", self.first))
    }
}

/// The source that is changed.
#[derive(Clone, Copy)]
pub(super) struct Editor<'t> {
    pub(super) text: &'t str,
}

impl<'t> Editor<'t> {
    fn slice(self, start: u32, end: u32) -> &'t str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }

    /// Where the line of a place begins.
    fn line_start(self, at: u32) -> u32 {
        let before = self.slice(0, at);
        before.rfind('\n').map_or(0, |newline| to_u32(newline + 1))
    }

    /// Where the line of a place ends, before its line break.
    fn line_end(self, at: u32) -> u32 {
        let rest = self.text.get(at as usize..).unwrap_or("");
        at + to_u32(rest.find('\n').unwrap_or(rest.len()))
    }

    /// The column of a place, from 0, in characters.
    fn column(self, at: u32) -> usize {
        self.slice(self.line_start(at), at).chars().count()
    }

    /// Whether a collection is written with brackets.
    pub(super) fn is_flow(self, node: &Node) -> bool {
        let opening = self.slice(node.span.start, node.span.start + 1);
        matches!(node.kind, Kind::Map(_)) && opening == "{"
            || matches!(node.kind, Kind::Seq(_)) && opening == "["
    }

    /// Where an entry ends; a block scalar takes its last line break along.
    fn entry_end(self, entry: &Entry) -> u32 {
        let end = entry.value.span.end.max(entry.key.span.end);
        let written = self.slice(entry.key.span.start, end);
        end - to_u32(written.len() - written.trim_end().len())
    }

    /// The end of an entry without a value is behind its colon.
    fn value_end(self, entry: &Entry) -> u32 {
        let end = self.entry_end(entry);
        if end > entry.key.span.end {
            return end;
        }
        let rest = self.slice(end, self.line_end(end));
        end + to_u32(rest.find(':').map_or(0, |colon| colon + 1))
    }

    /// The value of an entry as written.
    pub(super) fn piece(self, entry: &Entry) -> Piece {
        let indent = self.column(entry.key.span.start);
        let key = self.slice(entry.key.span.end, self.line_end(entry.key.span.end));
        let colon = entry.key.span.end + to_u32(key.find(':').map_or(0, |colon| colon + 1));
        let written = self.slice(colon, self.value_end(entry).max(colon));
        let mut lines = written.lines();
        let first = lines.next().unwrap_or("").trim().to_owned();
        let dedent = |line: &str| {
            let blank = line.chars().take_while(|c| *c == ' ').count();
            line.get(blank.min(indent)..).unwrap_or("").to_owned()
        };
        Piece {
            first,
            lines: lines.map(dedent).collect(),
        }
    }

    /// An entry as lines of a block, under another name, indented; comments above it go along.
    pub(super) fn lines(self, entry: &Entry, name: &str, indent: usize) -> Vec<String> {
        let blank = " ".repeat(indent);
        let mut lines: Vec<_> = self
            .comments_above(entry)
            .into_iter()
            .map(|comment| format!("{blank}{comment}"))
            .collect();
        let piece = self.piece(entry);
        let text = block(&[name], &piece, indent, self.comment(entry));
        lines.extend(format!("{blank}{text}").lines().map(str::to_owned));
        lines
    }

    /// Whole lines of comment directly above an entry.
    fn comments_above(self, entry: &Entry) -> Vec<&'t str> {
        let line = self.line_start(entry.key.span.start);
        let above = self.slice(0, line).lines().rev();
        let mut comments: Vec<_> = above
            .map(str::trim)
            .take_while(|line| line.starts_with('#'))
            .collect();
        comments.reverse();
        // A key that shares its line with a dash has no comments of its own.
        if self.slice(line, entry.key.span.start).trim().is_empty() {
            comments
        } else {
            Vec::new()
        }
    }

    /// Writes the value of a key that has none.
    pub(super) fn set(self, entry: &Entry, value: &str) -> Fix {
        if entry.value.span.end > entry.value.span.start {
            return fix_range(
                entry.key.span,
                entry.value.span.start,
                entry.value.span.end,
                value,
            );
        }
        let at = self.value_end(entry);
        fix_range(entry.key.span, at, at, &format!(" {value}"))
    }

    /// Adds an entry as the last of a mapping.
    pub(super) fn insert_behind(self, map: &Node, key: &str, piece: &Piece) -> Option<Fix> {
        let entries = written(map);
        let last = entries.iter().max_by_key(|entry| entry.key.span.start)?;
        if self.is_flow(map) {
            let at = self.value_end(last);
            return Some(fix_range(
                map.span,
                at,
                at,
                &format!(", {}", flow(&[key], piece)),
            ));
        }
        let column = self.column(last.key.span.start);
        let at = self.line_end(self.value_end(last));
        let text = block(&[key], piece, column, "");
        let blank = " ".repeat(column);
        Some(fix_range(map.span, at, at, &format!("\n{blank}{text}")))
    }

    /// A comment at the end of an entry's line.
    fn comment(self, entry: &Entry) -> &'t str {
        let end = self.value_end(entry);
        let rest = self.slice(end, self.line_end(end));
        if rest.trim_start().starts_with('#') {
            rest.trim_end()
        } else {
            ""
        }
    }

    /// Takes an entry out of its mapping.
    pub(super) fn remove(self, map: &Node, entry: &Entry) -> Fix {
        let entries = written(map);
        let (start, end) = (entry.key.span.start, self.value_end(entry));
        let next = entries.iter().map(|other| other.key.span.start);
        let next = next.filter(|other| *other > start).min();
        if self.is_flow(map) {
            let previous = entries.iter().map(|other| self.value_end(other));
            let previous = previous.filter(|other| *other <= start).max();
            return match (next, previous) {
                (Some(next), _) => fix_range(map.span, start, next, ""),
                (None, Some(previous)) => fix_range(map.span, previous, end, ""),
                (None, None) => fix_range(map.span, start, end, ""),
            };
        }
        let line = self.line_start(start);
        let alone = self.slice(line, start).trim().is_empty();
        match next {
            // The first key of a list's item: the next takes its place behind the dash.
            Some(next) if !alone => fix_range(map.span, start, next, ""),
            None if !alone || entries.len() == 1 => fix_range(map.span, start, end, "{}"),
            Some(_) | None => {
                let after = self.line_end(end);
                let after = (after + 1).min(to_u32(self.text.len()));
                fix_range(map.span, line, after, "")
            }
        }
    }

    /// Writes another entry in place of one.
    pub(super) fn replace(self, map: &Node, entry: &Entry, path: &[&str], piece: &Piece) -> Fix {
        let (start, end) = (entry.key.span.start, self.value_end(entry));
        let text = if self.is_flow(map) {
            flow(path, piece)
        } else {
            block(path, piece, self.column(start), "")
        };
        fix_range(map.span, start, end, &text)
    }

    /// As [`Editor::replace`] where the old value goes elsewhere with the comments in it: only the
    /// comment on the key's line stays.
    pub(super) fn replace_block(
        self,
        map: &Node,
        entry: &Entry,
        path: &[&str],
        piece: &Piece,
    ) -> Fix {
        let mut fix = self.replace(map, entry, path, piece);
        if self.is_flow(map) || self.is_flow(&entry.value) {
            return fix;
        }
        let comment = self.piece(entry).first;
        if comment.starts_with('#') {
            fix.text.push_str("  ");
            fix.text.push_str(&comment);
        }
        fix.span.end = self.line_end(fix.span.end);
        fix
    }

    /// An empty change at the start of a mapping that gets a new section: two findings that would
    /// both make it get in each other's way, so that it is made once.
    pub(super) fn claim(self, map: &Node) -> Fix {
        fix(map.span, map.span.start, "")
    }

    /// Adds an entry as the first of a mapping; `moved`: whose comment goes along.
    pub(super) fn insert(
        self,
        map: &Node,
        path: &[&str],
        piece: &Piece,
        moved: Option<&Entry>,
    ) -> Option<Fix> {
        let entries = written(map);
        if self.is_flow(map) {
            let separator = if entries.is_empty() { "" } else { ", " };
            let text = flow(path, piece) + separator;
            return Some(fix_range(
                map.span,
                map.span.start + 1,
                map.span.start + 1,
                &text,
            ));
        }
        let first = entries.iter().map(|entry| entry.key.span.start).min()?;
        let column = self.column(first);
        let comment = moved.map_or("", |entry| self.comment(entry));
        let mut text = block(path, piece, column, comment);
        text.push('\n');
        text.push_str(&" ".repeat(column));
        Some(fix_range(map.span, first, first, &text))
    }

    /// Gives a key without a value one.
    pub(super) fn fill(self, map: &Node, entry: &Entry, path: &[&str], piece: &Piece) -> Fix {
        match path {
            [] if piece.lines.is_empty() => self.set(entry, &piece.first),
            _ if self.is_flow(map) => self.set(entry, &format!("{{{}}}", flow(path, piece))),
            [] => {
                let column = self.column(entry.key.span.start);
                let text = block(&[&entry.key.value], piece, column, "");
                fix_range(map.span, entry.key.span.start, self.value_end(entry), &text)
            }
            path => {
                let column = self.column(entry.key.span.start) + STEP;
                let at = self.line_end(self.value_end(entry));
                let text = block(path, piece, column, "");
                let blank = " ".repeat(column);
                fix_range(map.span, at, at, &format!("\n{blank}{text}"))
            }
        }
    }

    /// Puts a text first in a list.
    pub(super) fn push_front(self, list: &Node, item: &str) -> Option<Fix> {
        let Kind::Seq(items) = &list.kind else {
            return None;
        };
        if self.is_flow(list) {
            let separator = if items.is_empty() { "" } else { ", " };
            let at = list.span.start + 1;
            return Some(fix_range(list.span, at, at, &format!("{item}{separator}")));
        }
        let dash = self.dash(items.first()?)?;
        let indent = " ".repeat(self.column(dash));
        Some(fix_range(
            list.span,
            dash,
            dash,
            &format!("- {item}\n{indent}"),
        ))
    }

    /// Adds items, each given as the lines of a mapping, to the end of a list.
    pub(super) fn push_back(self, list: &Node, items_lines: &[&[String]]) -> Option<Fix> {
        let Kind::Seq(items) = &list.kind else {
            return None;
        };
        if self.is_flow(list) {
            return None;
        }
        let last = items.last()?;
        let indent = " ".repeat(self.column(self.dash(last)?));
        let written = self.slice(last.span.start, last.span.end);
        let end = last.span.end - to_u32(written.len() - written.trim_end().len());
        let at = self.line_end(end);
        Some(fix_range(
            list.span,
            at,
            at,
            &items_text(&indent, items_lines),
        ))
    }

    /// Adds a list with these items at the end of the file.
    pub(super) fn append_list(self, any: Span, key: &str, items: &[&[String]]) -> Fix {
        let end = to_u32(self.text.trim_end().len());
        let text = format!("\n\n{key}:{}", items_text("  ", items));
        fix_range(any, end, end, &text)
    }

    /// The dash of a list's item.
    fn dash(self, item: &Node) -> Option<u32> {
        let before = self.slice(self.line_start(item.span.start), item.span.start);
        let dash = before.rfind('-')?;
        Some(self.line_start(item.span.start) + to_u32(dash))
    }
}

/// The entries that stand in a mapping's own text; others have come from elsewhere.
fn written(map: &Node) -> Vec<&Entry> {
    let Kind::Map(entries) = &map.kind else {
        return Vec::new();
    };
    let inside = |entry: &&Entry| (map.span.start..map.span.end).contains(&entry.key.span.start);
    entries.iter().filter(inside).collect()
}

fn items_text(indent: &str, items: &[&[String]]) -> String {
    let mut text = String::new();
    for lines in items {
        for (at, line) in lines.iter().enumerate() {
            text.push('\n');
            text.push_str(indent);
            text.push_str(if at == 0 { "- " } else { "  " });
            text.push_str(line);
        }
    }
    text
}

/// `a: {b: value}`; further lines are joined, which is right for all but block collections.
fn flow(path: &[&str], piece: &Piece) -> String {
    let mut value = piece.first.clone();
    for line in &piece.lines {
        value.push(' ');
        value.push_str(line.trim());
    }
    let mut keys = path.iter().rev();
    let Some(last) = keys.next() else {
        return value;
    };
    let text = format!("{last}: {value}");
    keys.fold(text, |text, key| format!("{key}: {{{text}}}"))
}

/// `a:` and below it `b: value`, indented; the first line stands at `column` already.
fn block(path: &[&str], piece: &Piece, column: usize, comment: &str) -> String {
    let mut text = String::new();
    let mut indent = column;
    for (depth, key) in path.iter().enumerate() {
        if depth > 0 {
            indent += STEP;
            text.push('\n');
            text.push_str(&" ".repeat(indent));
        }
        text.push_str(key);
        text.push(':');
    }
    if !piece.first.is_empty() {
        text.push(' ');
        text.push_str(&piece.first);
    }
    for line in &piece.lines {
        text.push('\n');
        if !line.is_empty() {
            text.push_str(&" ".repeat(indent));
            text.push_str(line);
        }
    }
    text.push_str(comment);
    text
}

fn fix(span: Span, end: u32, text: &str) -> Fix {
    fix_range(span, span.start, end, text)
}

fn fix_range(span: Span, start: u32, end: u32, text: &str) -> Fix {
    Fix {
        span: Span { start, end, ..span },
        text: text.to_owned(),
    }
}

fn to_u32(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}
