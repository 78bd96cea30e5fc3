//! The dialect as a page for people: docs/reference.md.

use std::fmt::Write as _;

use super::{Change, Class, FILE, Key, Scalar, Section, Shape, TYPES};

const ABOUT: &str = "\
# Keys

<!-- generated: GOMA_BLESS=1 cargo test -p goma-compiler --test docs -->

Every key of the dialect `version: 2`. **V**: may hold `${NAME}`, read when the gateway starts; all others
are structural and resolved when it is built. A secret (**!**) is never shown. **+**: not in Goma Gateway
1.0. What is struck through is checked, but not supported yet; `goma check --list-unsupported` lists it.

";

/// The page.
#[must_use]
pub fn reference() -> String {
    let mut page = ABOUT.to_owned();
    let file = At {
        rule: "",
        path: "",
        later: false,
    };
    section(&FILE, file, &mut page);
    page.push_str("# Rules of middleware types\n\n");
    for kind in TYPES {
        let spellings: Vec<_> = kind.spellings().skip(1).collect();
        let mut title = format!("`{}`", kind.name);
        if kind.later {
            title = format!("~~{title}~~");
        }
        if !spellings.is_empty() {
            title.push_str(&format!(" (`{}`)", spellings.join("`, `")));
        }
        let rule = At {
            rule: &title,
            path: "",
            later: kind.later,
        };
        section(kind.rule, rule, &mut page);
    }
    let end = page.trim_end().len();
    page.truncate(end);
    page.push('\n');
    page
}

/// Where a mapping stands.
#[derive(Clone, Copy)]
struct At<'a> {
    /// Title of the middleware type whose rule it belongs to, or "".
    rule: &'a str,
    /// Dotted, from the file or the rule; "" for these themselves.
    path: &'a str,
    /// It is not supported yet.
    later: bool,
}

/// A mapping's table, then those of the mappings in it.
fn section(section: &Section, at: At<'_>, page: &mut String) {
    let title = match (at.rule, at.path) {
        ("", "") => "The file".to_owned(),
        ("", path) => format!("`{path}`"),
        (rule, "") => rule.to_owned(),
        (rule, path) => format!("{rule}: `{path}`"),
    };
    // Writing to a `String` cannot fail.
    let _ = write!(page, "## {title}\n\n{}\n\n", section.doc);
    page.push_str("| key | type | default | | meaning |\n|---|---|---|---|---|\n");
    for key in section.keys {
        page.push_str(&row(key, at.later || key.later));
    }
    page.push('\n');
    for (old, change) in section.old {
        let _ = writeln!(page, "- `{old}` is deprecated: {}", now(*change));
    }
    if !section.old.is_empty() {
        page.push('\n');
    }
    for key in section.keys {
        let (inner, mark) = match key.shape {
            Shape::Section(inner) | Shape::OneOrSection(_, inner) => (inner, ""),
            Shape::Sections(inner) | Shape::TextsOrSections(inner) => (inner, "[]"),
            Shape::Named(inner) => (inner, ".<name>"),
            Shape::Conditions
            | Shape::List(_)
            | Shape::Names(_)
            | Shape::One(_)
            | Shape::OneOrList(_)
            | Shape::Rule => continue,
        };
        let dot = if at.path.is_empty() { "" } else { "." };
        let path = format!("{}{dot}{}{mark}", at.path, key.name);
        let below = At {
            path: &path,
            later: at.later || key.later,
            ..at
        };
        self::section(inner, below, page);
    }
}

fn row(key: &Key, later: bool) -> String {
    let name = if later {
        format!("~~`{}`~~", key.name)
    } else {
        format!("`{}`", key.name)
    };
    let default = match (key.required, key.default) {
        (true, _) => "required".to_owned(),
        (false, "") => String::new(),
        (false, text) => format!("`{text}`"),
    };
    let mut marks = String::new();
    if key.class == Class::Value {
        marks.push('V');
    }
    if key.secret {
        marks.push('!');
    }
    if key.extension {
        marks.push('+');
    }
    let kind = shape(key.shape);
    format!(
        "| {name} | {kind} | {default} | {marks} | {} |\n",
        key.doc.replace('|', "\\|")
    )
}

fn shape(shape: Shape) -> String {
    match shape {
        Shape::Conditions => "map of conditions".to_owned(),
        Shape::List(item) => format!("list of {}", scalar(item)),
        Shape::Named(_) => "map of maps".to_owned(),
        Shape::Names(item) => format!("map of {}", scalar(item)),
        Shape::One(item) => scalar(item),
        Shape::OneOrList(item) => format!("{}, or a list", scalar(item)),
        Shape::OneOrSection(item, _) => format!("{}, or a map", scalar(item)),
        Shape::Rule => "map by `type`".to_owned(),
        Shape::Section(_) => "map".to_owned(),
        Shape::Sections(_) => "list of maps".to_owned(),
        Shape::TextsOrSections(_) => "list of texts or maps".to_owned(),
    }
}

fn scalar(scalar: Scalar) -> String {
    let words = |words: &[&str]| format!("`{}`", words.join("`, `"));
    let at_least = |least: u64, most: u64, unit: &str| {
        if most >= super::MOST {
            format!("{unit}, at least {least}")
        } else {
            format!("{unit}, {least} to {most}")
        }
    };
    match scalar {
        Scalar::Address => "listen address".to_owned(),
        Scalar::Bool => "bool".to_owned(),
        Scalar::Claims => "claims expression".to_owned(),
        Scalar::Codes => "status codes".to_owned(),
        Scalar::Country => "country".to_owned(),
        Scalar::Directory => "directory".to_owned(),
        Scalar::Duration(0) => "duration".to_owned(),
        Scalar::Duration(1) => "duration above 0".to_owned(),
        Scalar::Duration(least) => format!("duration, at least {}s", least / 1000),
        Scalar::Enum(list) | Scalar::EnumFold(list) => words(list),
        Scalar::File => "file".to_owned(),
        Scalar::Float(least, most) => format!("number, {least} to {most}"),
        Scalar::FloatAbove(bound, most) => format!("number above {bound}, up to {most}"),
        Scalar::Header => "header".to_owned(),
        Scalar::Host => "host".to_owned(),
        Scalar::DnsServer => "IP or `IP:port`".to_owned(),
        Scalar::HostPort => "`host:port`".to_owned(),
        Scalar::Int(least, super::ANY) if least < 0 => "integer".to_owned(),
        Scalar::Int(least, super::ANY) => format!("integer, at least {least}"),
        Scalar::Int(least, most) => format!("integer, {least} to {most}"),
        Scalar::Ip => "IP address".to_owned(),
        Scalar::Kind => "middleware type".to_owned(),
        Scalar::LdapFilter => "LDAP filter".to_owned(),
        Scalar::Method => "method".to_owned(),
        Scalar::Name => "name".to_owned(),
        Scalar::Network => "IP or CIDR".to_owned(),
        Scalar::Path => "path".to_owned(),
        Scalar::Pattern => "path scope".to_owned(),
        Scalar::Pem => "PEM".to_owned(),
        Scalar::Range => "IP, CIDR or range".to_owned(),
        Scalar::Regex => "regular expression".to_owned(),
        Scalar::Seconds(0, _) => "seconds".to_owned(),
        Scalar::Seconds(least, most) => at_least(least, most, "seconds"),
        Scalar::Size(0, _) => "size".to_owned(),
        Scalar::Size(1, _) => "size above 0".to_owned(),
        Scalar::Size(least, most) => at_least(least, most, "bytes"),
        Scalar::Text => "text".to_owned(),
        Scalar::Time => "point in time".to_owned(),
        Scalar::Url(schemes) => format!("URL: `{}`", schemes.join("`, `")),
        Scalar::UrlOrPath => "URL or path".to_owned(),
    }
}

fn now(change: Change) -> String {
    match change {
        Change::Delete => "it has no effect".to_owned(),
        Change::Invert(place) => format!("`{place}`, with the opposite value"),
        Change::List(place) => format!("`{place}`, a list"),
        Change::Middleware(kind) => format!("a middleware of `type: {kind}`"),
        Change::Move(place) | Change::MoveUnless(place, _) => format!("`{place}`"),
        Change::PathOf(place) => format!("`{place}`, the URL's path only"),
        Change::Top(place) => format!("`{place}`, at the top level"),
    }
}
