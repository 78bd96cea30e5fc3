//! A mapping of the dialect as a flat list of keys with values in one spelling: defaults are filled
//! in, `10s` is `10`, `1Mi` is `1048576`, and the order of sets is forgotten. Two mappings with the same
//! list mean the same. `diff` compares them. Says nothing: both were checked before.

use std::collections::BTreeMap;

use goma_openpgp::is_message;

use super::env::{self, Variables};
use crate::diag::Diagnostics;
use crate::dialect::{CONDITION, Class, Key, Scalar, Section, Shape};
use crate::model::recorder::is_sensitive_header;
use crate::model::scalar;
use crate::source::Span;
use crate::spec::fields::{self, Leaf};
use crate::spec::node::{Entry, Kind, Node, join};

/// The value of a key.
#[derive(Clone, Debug)]
pub(crate) struct Cell {
    /// One text, or the items of a list; to be compared, not to be shown.
    pub(crate) items: Vec<String>,
    /// What may be shown of each.
    pub(crate) shown: Vec<String>,
    /// Of the key; none: the default.
    pub(crate) span: Option<Span>,
}

/// Keys by dotted place.
pub(crate) type Flat = BTreeMap<String, Cell>;

/// Flattens a mapping; `skip` are dotted places that are left out.
pub(crate) fn flatten(
    node: Option<&Node>,
    section: &'static Section,
    skip: &[&str],
    env: &BTreeMap<String, String>,
) -> Flat {
    let mut flat = Flat::new();
    let reader = Reader { env, skip };
    reader.section(node, section, "", &mut flat);
    flat
}

/// The texts of a list of single values.
pub(crate) fn texts(
    node: Option<&Node>,
    scalar: Scalar,
    env: &BTreeMap<String, String>,
) -> Vec<String> {
    let reader = Reader { env, skip: &[] };
    let items = node.map(|node| {
        reader.items(
            node,
            scalar,
            Class::Structural,
            Span::new(node.span.source, 0, 0),
        )
    });
    items.unwrap_or_default()
}

/// A single text.
pub(crate) fn text(node: Option<&Node>, env: &BTreeMap<String, String>) -> String {
    texts(node, Scalar::Text, env).pop().unwrap_or_default()
}

struct Reader<'a> {
    env: &'a BTreeMap<String, String>,
    skip: &'a [&'a str],
}

impl Reader<'_> {
    fn section(&self, node: Option<&Node>, section: &'static Section, path: &str, flat: &mut Flat) {
        let entries: &[Entry] = match node.map(|node| &node.kind) {
            Some(Kind::Map(entries)) => entries,
            Some(Kind::Scalar { .. } | Kind::Seq(_)) | None => &[],
        };
        for key in section.keys {
            let place = join(path, key.name);
            if self.skip.contains(&place.as_str()) {
                continue;
            }
            let entry =
                fields::find(entries, section, key.name).filter(|entry| !entry.value.is_null());
            match entry {
                Some(entry) => self.value(entry, key, key.shape, &place, flat),
                None => self.absent(key, &place, flat),
            }
        }
    }

    fn value(&self, entry: &Entry, key: &Key, shape: Shape, place: &str, flat: &mut Flat) {
        let node = &entry.value;
        match (shape, &node.kind) {
            (Shape::Section(section) | Shape::OneOrSection(_, section), Kind::Map(_)) => {
                if key.by_presence {
                    flat.insert(place.to_owned(), cell("on", entry.key.span));
                }
                self.section(Some(node), section, place, flat);
            }
            (Shape::Names(_) | Shape::Conditions | Shape::Named(_), Kind::Map(members)) => {
                for member in members {
                    let place = join(place, &member.key.value);
                    self.member(member, key, shape, &place, flat);
                }
            }
            (Shape::Sections(section) | Shape::TextsOrSections(section), Kind::Seq(items)) => {
                let mut all = Cell {
                    items: Vec::new(),
                    shown: Vec::new(),
                    span: Some(entry.key.span),
                };
                for item in items {
                    let (text, shown) = self.item(item, section, key);
                    all.items.push(text);
                    all.shown.push(shown);
                }
                flat.insert(place.to_owned(), all);
            }
            (Shape::Rule, _) => {}
            (_, _) => {
                let mut items = self.items(node, shape.scalar(), key.class, entry.key.span);
                if is_set(shape) {
                    items.sort();
                    items.dedup();
                }
                let hidden = key.secret || node.span.source.is_decrypted();
                let shown = items.iter().map(|item| masked(item, hidden)).collect();
                let span = Some(entry.key.span);
                flat.insert(place.to_owned(), Cell { items, shown, span });
            }
        }
    }

    /// An entry of a mapping with names of the user's.
    fn member(&self, member: &Entry, key: &Key, shape: Shape, place: &str, flat: &mut Flat) {
        match (shape, &member.value.kind) {
            (Shape::Conditions, Kind::Map(_)) => {
                self.section(Some(&member.value), &CONDITION, place, flat);
            }
            (Shape::Named(section), _) => self.section(Some(&member.value), section, place, flat),
            (Shape::Conditions, _) => {
                self.value(
                    member,
                    key,
                    Shape::One(Scalar::Text),
                    &join(place, "equals"),
                    flat,
                );
            }
            (_, _) => {
                self.value(member, key, Shape::One(shape.scalar()), place, flat);
                if let Some(cell) = flat.get_mut(place)
                    && is_sensitive_header(&member.key.value)
                {
                    cell.shown = vec!["****".to_owned()];
                }
            }
        }
    }

    /// An item of a list of mappings: to be compared, and to be shown.
    fn item(&self, item: &Node, section: &'static Section, key: &Key) -> (String, String) {
        if matches!(item.kind, Kind::Scalar { .. }) {
            let texts = self.items(item, Scalar::Text, key.class, item.span);
            let text = texts.into_iter().next().unwrap_or_default();
            // `user:password`
            let shown = match text.split_once(':') {
                Some((name, _)) if key.secret => format!("{name}:****"),
                Some(_) | None => masked(&text, key.secret),
            };
            return (text, shown);
        }
        let mut flat = Flat::new();
        let reader = Reader {
            env: self.env,
            skip: &[],
        };
        reader.section(Some(item), section, "", &mut flat);
        let written = |part: fn(&Cell) -> &Vec<String>| {
            let given = flat.iter().filter(|(_, cell)| cell.span.is_some());
            let given = given.map(|(name, cell)| match part(cell).as_slice() {
                [one] => format!("{name}: {one}"),
                items => format!("{name}: [{}]", items.join(", ")),
            });
            given.collect::<Vec<_>>().join(", ")
        };
        // Whatever is not given is the default on both sides.
        (written(|cell| &cell.items), written(|cell| &cell.shown))
    }

    fn absent(&self, key: &Key, place: &str, flat: &mut Flat) {
        match key.shape {
            Shape::Section(section) | Shape::OneOrSection(_, section) if !key.by_presence => {
                self.section(None, section, place, flat);
            }
            Shape::List(scalar) | Shape::OneOrList(scalar) if !key.default.is_empty() => {
                let inner = key.default.trim_matches(['[', ']']);
                let items = inner
                    .split(',')
                    .map(str::trim)
                    .filter(|item| !item.is_empty());
                let mut items: Vec<_> = items.map(|item| canonical(scalar, item)).collect();
                if is_set(key.shape) {
                    items.sort();
                }
                let shown = items.clone();
                flat.insert(
                    place.to_owned(),
                    Cell {
                        items,
                        shown,
                        span: None,
                    },
                );
            }
            Shape::One(scalar) if !key.default.is_empty() => {
                let text = canonical(scalar, key.default);
                let (items, shown) = (vec![text.clone()], vec![text]);
                flat.insert(
                    place.to_owned(),
                    Cell {
                        items,
                        shown,
                        span: None,
                    },
                );
            }
            Shape::Conditions
            | Shape::List(_)
            | Shape::Named(_)
            | Shape::Names(_)
            | Shape::One(_)
            | Shape::OneOrList(_)
            | Shape::OneOrSection(..)
            | Shape::Rule
            | Shape::Section(_)
            | Shape::Sections(_)
            | Shape::TextsOrSections(_) => {}
        }
    }

    /// One value, or the values of a list, in their canonical spelling.
    fn items(&self, node: &Node, scalar: Scalar, class: Class, head: Span) -> Vec<String> {
        let Some(leaves) = fields::leaves(node, "", head) else {
            return Vec::new();
        };
        let texts = leaves.items.iter().map(|leaf| self.text(leaf, class));
        let texts: Vec<String> = if leaves.joined {
            texts.flat_map(|text| split(&text)).collect()
        } else {
            texts.collect()
        };
        let texts = texts.iter().filter(|text| !text.is_empty());
        texts.map(|text| canonical(scalar, text)).collect()
    }

    /// What is known of a text: class V keeps its references.
    fn text(&self, leaf: &Leaf, class: Class) -> String {
        if is_message(&leaf.text) || class == Class::Value {
            return leaf.text.clone();
        }
        let mut unheard = Diagnostics::new();
        let mut variables = Variables::new(self.env);
        let text = env::structural(leaf, false, &mut variables, &mut unheard);
        text.map_or_else(|| leaf.text.clone(), |text| text.text)
    }
}

fn split(text: &str) -> Vec<String> {
    text.split(',').map(|part| part.trim().to_owned()).collect()
}

fn cell(text: &str, span: Span) -> Cell {
    Cell {
        items: vec![text.to_owned()],
        shown: vec![text.to_owned()],
        span: Some(span),
    }
}

fn masked(text: &str, secret: bool) -> String {
    if secret || is_message(text) {
        "****".to_owned()
    } else {
        text.to_owned()
    }
}

/// Lists whose order has no meaning.
const fn is_set(shape: Shape) -> bool {
    matches!(
        shape,
        Shape::List(
            Scalar::Codes
                | Scalar::Country
                | Scalar::Host
                | Scalar::Int(..)
                | Scalar::Method
                | Scalar::Network
                | Scalar::Pattern
                | Scalar::Range
        )
    )
}

/// One spelling of everything that means the same.
fn canonical(scalar: Scalar, text: &str) -> String {
    let other = match scalar {
        Scalar::Bool => scalar::parse_bool(text).ok().map(|value| value.to_string()),
        Scalar::Duration(_) => scalar::parse_duration(text).ok().map(time),
        Scalar::Seconds(..) => scalar::parse_seconds(text).ok().map(time),
        Scalar::Size(..) => scalar::parse_size(text).ok().map(size),
        Scalar::Int(..) => scalar::parse_int(text).ok().map(|value| value.to_string()),
        Scalar::Float(..) | Scalar::FloatAbove(..) => scalar::parse_float(text)
            .ok()
            .map(|value| value.to_string()),
        Scalar::Method | Scalar::Country => Some(text.to_ascii_uppercase()),
        Scalar::EnumFold(_) | Scalar::Host => Some(text.to_ascii_lowercase()),
        _ => None,
    };
    other.unwrap_or_else(|| text.to_owned())
}

fn time(time: std::time::Duration) -> String {
    match time.subsec_nanos() {
        0 => format!("{}s", time.as_secs()),
        _ => format!("{}ms", time.as_millis()),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0 => "0".to_owned(),
        bytes if bytes % (1 << 20) == 0 => format!("{}MiB", bytes >> 20),
        bytes if bytes % (1 << 10) == 0 => format!("{}KiB", bytes >> 10),
        bytes => bytes.to_string(),
    }
}
