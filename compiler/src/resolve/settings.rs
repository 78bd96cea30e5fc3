//! A mapping as it was meant: every key that is given, with its value resolved as far as that is
//! known when building, and the dialect's default for every other. Rules about several keys read
//! it (see `check`), whether or not this release can build those keys. Says nothing: what is wrong
//! with a single value is reported where it is read ([`super::pending`], `spec::shape`).

use std::collections::BTreeMap;
use std::time::Duration;

use super::env::{self, Variables};
use super::grammar;
use super::read::constant;
use crate::diag::Diagnostics;
use crate::dialect::{CONDITION, Class, Key, Scalar, Section, Shape};
use crate::model::scalar;
use crate::source::{Span, Spanned};
use crate::spec::fields::{self, Leaf, Leaves};
use crate::spec::node::{Entry, Kind, Node, element, join};

/// A single value.
#[derive(Clone, Debug)]
pub(crate) struct Given {
    /// Dotted: `gateway.redis.addr`.
    pub(crate) key: String,
    pub(crate) span: Span,
    /// `None`: known only when the gateway starts, or no value of its type.
    pub(crate) text: Option<String>,
}

impl Given {
    /// Whether it is certainly this bool.
    pub(crate) fn is_bool(&self, value: bool) -> bool {
        let text = self.text.as_deref();
        text.is_some_and(|text| scalar::parse_bool(text) == Ok(value))
    }

    /// The text, as far as it is known; otherwise empty.
    pub(crate) fn known(&self) -> &str {
        self.text.as_deref().unwrap_or("")
    }
}

/// A mapping of the dialect.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    /// Dotted; "" for the file.
    pub(crate) key: String,
    /// What to blame for something missing.
    pub(crate) head: Span,
    section: &'static Section,
    members: Vec<Member>,
}

#[derive(Clone, Debug)]
struct Member {
    key: &'static Key,
    /// Of the key.
    span: Span,
    value: Setting,
}

#[derive(Clone, Debug)]
enum Setting {
    /// Of the wrong shape, which is reported.
    Broken,
    List(Vec<Given>),
    /// A mapping from names to values.
    Names(Vec<(Spanned<String>, Given)>),
    /// A mapping from names to mappings.
    Named(Vec<(Spanned<String>, Settings)>),
    One(Given),
    Section(Settings),
    /// A list of mappings; texts among them are in the second list.
    Sections(Vec<Settings>, Vec<Given>),
}

/// Where values come from.
#[derive(Clone, Copy)]
struct Source<'a> {
    env: &'a BTreeMap<String, String>,
}

/// Reads a mapping; anything else counts as an empty one. `head` is blamed when it has no keys.
pub(super) fn read(
    node: &Node,
    section: &'static Section,
    key: &str,
    head: Span,
    env: &BTreeMap<String, String>,
) -> Settings {
    Source { env }.section(node, section, key, head)
}

impl Source<'_> {
    fn section(self, node: &Node, section: &'static Section, key: &str, head: Span) -> Settings {
        let entries: &[Entry] = match &node.kind {
            Kind::Map(entries) => entries,
            Kind::Scalar { .. } | Kind::Seq(_) => &[],
        };
        let member = |known: &'static Key| {
            let entry = fields::find(entries, section, known.name)?;
            if entry.value.is_null() {
                return None;
            }
            let path = join(key, known.name);
            Some(Member {
                key: known,
                span: entry.key.span,
                value: self.value(entry, known, known.shape, &path),
            })
        };
        Settings {
            key: key.to_owned(),
            head: entries.first().map_or(head, |entry| entry.key.span),
            section,
            members: section.keys.iter().filter_map(member).collect(),
        }
    }

    fn value(self, entry: &Entry, key: &Key, shape: Shape, path: &str) -> Setting {
        let node = &entry.value;
        let head = entry.key.span;
        let single = |node: &Node| self.one(&fields::leaf(node, path.to_owned(), head), key);
        match (shape, &node.kind) {
            (Shape::Conditions, Kind::Map(members)) => {
                let named = members.iter().filter(|member| is_map(&member.value));
                let named = named.map(|member| {
                    let path = join(path, &member.key.value);
                    let span = member.key.span;
                    (
                        member.key.clone(),
                        self.section(&member.value, &CONDITION, &path, span),
                    )
                });
                Setting::Named(named.collect())
            }
            (Shape::Named(section), Kind::Map(members)) => {
                let named = members.iter().map(|member| {
                    let path = join(path, &member.key.value);
                    let span = member.key.span;
                    (
                        member.key.clone(),
                        self.section(&member.value, section, &path, span),
                    )
                });
                Setting::Named(named.collect())
            }
            (Shape::Names(_), Kind::Map(members)) => {
                let pairs = members.iter().map(|member| {
                    let pair = fields::pair(member, path);
                    (pair.name, self.one(&pair.value, key))
                });
                Setting::Names(pairs.collect())
            }
            (Shape::List(_), Kind::Seq(_) | Kind::Scalar { .. })
            | (Shape::OneOrList(_), Kind::Seq(_)) => fields::leaves(node, path, head)
                .map_or(Setting::Broken, |leaves| {
                    Setting::List(self.list(&leaves, key))
                }),
            (Shape::OneOrList(_), Kind::Scalar { .. }) => Setting::List(vec![single(node)]),
            (Shape::One(_) | Shape::OneOrSection(..), Kind::Scalar { .. }) => {
                Setting::One(single(node))
            }
            (Shape::Section(section) | Shape::OneOrSection(_, section), Kind::Map(_)) => {
                Setting::Section(self.section(node, section, path, head))
            }
            (Shape::Sections(section) | Shape::TextsOrSections(section), Kind::Seq(items)) => {
                self.sections(items, section, key, path)
            }
            (
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
                | Shape::TextsOrSections(_),
                _,
            ) => Setting::Broken,
        }
    }

    fn sections(self, items: &[Node], section: &'static Section, key: &Key, path: &str) -> Setting {
        let (mut sections, mut texts) = (Vec::new(), Vec::new());
        for (at, item) in items.iter().enumerate() {
            let path = element(path, at);
            match &item.kind {
                Kind::Map(_) => sections.push(self.section(item, section, &path, item.span)),
                Kind::Scalar { .. } => {
                    texts.push(self.one(&fields::leaf(item, path, item.span), key))
                }
                Kind::Seq(_) => {}
            }
        }
        Setting::Sections(sections, texts)
    }

    fn list(self, leaves: &Leaves, key: &Key) -> Vec<Given> {
        let mut items: Vec<Given> = leaves
            .items
            .iter()
            .map(|leaf| self.one(leaf, key))
            .collect();
        if leaves.joined {
            let split = |item: Given| {
                let texts: Vec<_> = match &item.text {
                    None => vec![None],
                    Some(text) => text
                        .split(',')
                        .map(|part| Some(part.trim().to_owned()))
                        .collect(),
                };
                texts.into_iter().map(move |text| Given {
                    text,
                    ..item.clone()
                })
            };
            items = items.into_iter().flat_map(split).collect();
        }
        items
    }

    fn one(self, leaf: &Leaf, key: &Key) -> Given {
        Given {
            key: leaf.key.clone(),
            span: leaf.span,
            text: self.text(leaf, key),
        }
    }

    fn text(self, leaf: &Leaf, key: &Key) -> Option<String> {
        // Whoever reads the value for itself reports what is wrong with it.
        let mut unheard = Diagnostics::new();
        let (text, expanded) = match key.class {
            Class::Structural => {
                let mut variables = Variables::new(self.env);
                let text = env::structural(leaf, key.secret, &mut variables, &mut unheard)?;
                (text.text, text.expanded)
            }
            Class::Value => {
                let value = env::value(leaf, true, &mut unheard);
                let expanded = value.text().is_none();
                (constant(&value)?.to_owned(), expanded)
            }
        };
        let scalar = key.shape.scalar();
        let quoted = matches!(scalar, Scalar::Bool) && !leaf.plain && !expanded;
        let several = matches!(key.shape, Shape::List(_)) && text.contains(',');
        let fits = text.is_empty() || several || grammar::check(scalar, &text).is_ok();
        (fits && !quoted && unheard.is_empty()).then_some(text)
    }
}

fn is_map(node: &Node) -> bool {
    matches!(node.kind, Kind::Map(_))
}

impl Settings {
    fn member(&self, name: &str) -> Option<&Member> {
        let found = self.members.iter().find(|member| member.key.name == name);
        debug_assert!(
            found.is_some() || self.section.key(name).is_some(),
            "{} has no `{name}`",
            self.section.doc
        );
        found
    }

    /// The mapping around the last name of a dotted place, and that name.
    fn around<'p>(&self, place: &'p str) -> Option<(&Self, &'p str)> {
        match place.split_once('.') {
            None => Some((self, place)),
            Some((first, rest)) => self.section(first)?.around(rest),
        }
    }

    fn at(&self, place: &str) -> Option<&Member> {
        let (section, name) = self.around(place)?;
        section.member(name)
    }

    /// Where a key is given, if it is; an empty text or list counts as absent.
    pub(crate) fn place(&self, place: &str) -> Option<Span> {
        let member = self.at(place)?;
        let empty = match &member.value {
            Setting::One(given) => given.text.as_deref() == Some(""),
            Setting::List(items) => items.is_empty(),
            Setting::Sections(items, texts) => items.is_empty() && texts.is_empty(),
            Setting::Broken | Setting::Named(_) | Setting::Names(_) | Setting::Section(_) => false,
        };
        (!empty).then_some(member.span)
    }

    /// Whether a key is given.
    pub(crate) fn has(&self, place: &str) -> bool {
        self.place(place).is_some()
    }

    /// Whether a key is there, even with an empty text, where that means something of its own.
    pub(crate) fn is_written(&self, place: &str) -> bool {
        self.at(place).is_some()
    }

    /// The place of a key that is there, even with an empty value.
    pub(crate) fn written(&self, place: &str) -> Option<Span> {
        self.at(place).map(|member| member.span)
    }

    /// A single value that is given; an empty one counts as absent.
    pub(crate) fn given(&self, place: &str) -> Option<&Given> {
        let Setting::One(given) = &self.at(place)?.value else {
            return None;
        };
        Some(given).filter(|given| given.text.as_deref() != Some(""))
    }

    /// A single value, the default included; `None`: not known when building, or there is none.
    pub(crate) fn text(&self, place: &str) -> Option<&str> {
        if let Some(given) = self.given(place) {
            return given.text.as_deref();
        }
        match self.at(place).map(|member| &member.value) {
            None | Some(Setting::One(_)) => self.default(place).filter(|text| !text.is_empty()),
            Some(_) => None,
        }
    }

    fn default(&self, place: &str) -> Option<&'static str> {
        let (mut section, mut rest) = (self.section, place);
        while let Some((first, behind)) = rest.split_once('.') {
            let (Shape::Section(inner) | Shape::OneOrSection(_, inner)) = section.key(first)?.shape
            else {
                return None;
            };
            (section, rest) = (inner, behind);
        }
        let key = section.key(rest);
        debug_assert!(key.is_some(), "{} has no `{rest}`", section.doc);
        Some(key?.default)
    }

    /// Whether a text is certainly this word, in any letter case.
    pub(crate) fn is(&self, place: &str, word: &str) -> bool {
        let text = self.text(place);
        text.is_some_and(|text| text.eq_ignore_ascii_case(word))
    }

    /// Whether a bool is certainly true, by itself or by default.
    pub(crate) fn on(&self, place: &str) -> bool {
        let text = self.text(place);
        text.is_some_and(|text| scalar::parse_bool(text) == Ok(true))
    }

    /// A number.
    pub(crate) fn int(&self, place: &str) -> Option<i64> {
        scalar::parse_int(self.text(place)?).ok()
    }

    /// A time, whether of type `dur` or `secs`.
    pub(crate) fn time(&self, place: &str) -> Option<Duration> {
        scalar::parse_seconds(self.text(place)?).ok()
    }

    /// A list as it is given; of a list that mixes texts and mappings the texts.
    pub(crate) fn list(&self, place: &str) -> &[Given] {
        match self.at(place).map(|member| &member.value) {
            Some(Setting::List(items) | Setting::Sections(_, items)) => items,
            Some(_) | None => &[],
        }
    }

    /// A nested mapping that is given.
    pub(crate) fn section(&self, name: &str) -> Option<&Self> {
        let Setting::Section(section) = &self.member(name)?.value else {
            return None;
        };
        Some(section)
    }

    /// The nested mapping at a dotted place, if it is given.
    pub(crate) fn inner(&self, place: &str) -> Option<&Self> {
        let (section, name) = self.around(place)?;
        section.section(name)
    }

    /// A list of mappings.
    pub(crate) fn sections(&self, place: &str) -> &[Self] {
        match self.at(place).map(|member| &member.value) {
            Some(Setting::Sections(items, _)) => items,
            Some(_) | None => &[],
        }
    }

    /// A mapping from names to mappings.
    pub(crate) fn named(&self, place: &str) -> &[(Spanned<String>, Self)] {
        match self.at(place).map(|member| &member.value) {
            Some(Setting::Named(items)) => items,
            Some(_) | None => &[],
        }
    }

    /// A mapping from names to values.
    pub(crate) fn names(&self, place: &str) -> &[(Spanned<String>, Given)] {
        match self.at(place).map(|member| &member.value) {
            Some(Setting::Names(items)) => items,
            Some(_) | None => &[],
        }
    }

    /// This mapping and all below it, each once.
    pub(crate) fn each<'s>(&'s self, visit: &mut impl FnMut(&'s Self)) {
        visit(self);
        for member in &self.members {
            match &member.value {
                Setting::Section(section) => section.each(visit),
                Setting::Sections(items, _) => items.iter().for_each(|item| item.each(visit)),
                Setting::Named(items) => items.iter().for_each(|(_, item)| item.each(visit)),
                Setting::Broken | Setting::List(_) | Setting::Names(_) | Setting::One(_) => {}
            }
        }
    }

    /// The single values of this mapping alone, with their keys.
    pub(crate) fn values(&self) -> impl Iterator<Item = (&'static Key, &Given)> {
        self.members.iter().filter_map(|member| {
            let Setting::One(given) = &member.value else {
                return None;
            };
            Some((member.key, given))
        })
    }

    /// The dotted key of a member.
    pub(crate) fn path(&self, name: &str) -> String {
        join(&self.key, name)
    }
}
