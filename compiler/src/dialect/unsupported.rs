//! What of the dialect this release cannot do yet: the list behind `goma check --list-unsupported`.

use super::{FILE, Section, Shape, TYPES};

/// A key or middleware type that is checked, and then refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// Dotted key, `[]` for items of a list; or `type: name`.
    pub place: String,
    /// What it is for, one line.
    pub doc: &'static str,
}

/// All of them: keys in the order of the specification, then middleware types and their keys.
#[must_use]
pub fn unsupported() -> Vec<Unsupported> {
    let mut found = Vec::new();
    walk(&FILE, "", &mut found);
    for kind in TYPES {
        if kind.later {
            found.push(Unsupported {
                place: format!("type: {}", kind.name),
                doc: kind.rule.doc,
            });
        } else {
            let path = format!("{}.rule", kind.name);
            walk(kind.rule, &path, &mut found);
        }
    }
    found
}

fn walk(section: &Section, path: &str, found: &mut Vec<Unsupported>) {
    for key in section.keys {
        let place = if path.is_empty() {
            key.name.to_owned()
        } else {
            format!("{path}.{}", key.name)
        };
        if key.later {
            found.push(Unsupported {
                place,
                doc: key.doc,
            });
            continue;
        }
        match key.shape {
            Shape::Section(section) | Shape::OneOrSection(_, section) => {
                walk(section, &place, found);
            }
            Shape::Sections(section) | Shape::TextsOrSections(section) => {
                walk(section, &format!("{place}[]"), found);
            }
            Shape::Named(section) => walk(section, &format!("{place}.<name>"), found),
            Shape::Conditions
            | Shape::List(_)
            | Shape::Names(_)
            | Shape::One(_)
            | Shape::OneOrList(_)
            | Shape::Rule => {}
        }
    }
}
