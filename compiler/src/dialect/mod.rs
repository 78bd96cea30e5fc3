//! The dialect as data: every mapping with its keys, and of each key the shape, default, class and
//! meaning (config.md sections 5 to 11, middlewares.md sections 5 and 6). One description from
//! which shapes are checked, the JSON Schema and the key reference are made, and by which
//! `not-yet-supported` is decided. What a value means is `resolve`'s part. The files of sections
//! are tables, one row per key, so rustfmt leaves them alone.

#[rustfmt::skip]
mod cert;
#[rustfmt::skip]
mod expect;
#[rustfmt::skip]
mod gateway;
#[rustfmt::skip]
mod monitoring;
#[rustfmt::skip]
mod providers;
#[rustfmt::skip]
mod route;
pub mod rules;

mod reference;
mod schema;
mod unsupported;

use Scalar::Text;
use Shape::{One, Section as Map, Sections};

pub(crate) use expect::TESTS;
pub use reference::reference;
pub(crate) use route::{CONDITION, ROUTE};
pub use rules::{TYPES, Type};
pub use schema::schema;

pub use unsupported::{Unsupported, unsupported};

/// A mapping of the dialect.
#[derive(Debug)]
pub struct Section {
    /// What it is about, one line.
    pub doc: &'static str,
    /// Its keys, in the order of the specification.
    pub keys: &'static [Key],
    /// Keys that are not part of the dialect, with what is meant (config.md 12 B).
    pub hints: &'static [(&'static str, &'static str)],
    /// Keys of older releases and what became of them (config.md 12 A).
    pub old: &'static [(&'static str, Change)],
    /// Whether a key that differs only in letter case is accepted (MW-GEN-3).
    pub fold: bool,
    /// Whether it is accepted without a word (5.19).
    pub any_case: bool,
    /// Conditions on several keys at once.
    pub needs: &'static [Need],
}

/// A key of a mapping.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// As written.
    pub name: &'static str,
    /// What its value looks like.
    pub shape: Shape,
    /// As text; "" if there is none.
    pub default: &'static str,
    /// When its value is needed.
    pub class: Class,
    /// Whether it must be present.
    pub required: bool,
    /// Whether its value must not be shown.
    pub secret: bool,
    /// Whether Goma Gateway 1.0 lacks it.
    pub extension: bool,
    /// Whether an empty mapping turns something on; elsewhere it means the same as no key.
    pub by_presence: bool,
    /// Whether this release cannot do it yet.
    pub later: bool,
    /// One line.
    pub doc: &'static str,
}

/// When a value is needed (config.md, column C).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// S: when the gateway is built.
    Structural,
    /// V: when it starts.
    Value,
}

/// What a value looks like in YAML.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// A mapping from any name to a condition: a single value or one of three operators.
    Conditions,
    /// A list of single values.
    List(Scalar),
    /// A mapping from any name to a single value.
    Names(Scalar),
    /// A mapping from any name to a mapping.
    Named(&'static Section),
    /// A single value.
    One(Scalar),
    /// A single value or a list of them.
    OneOrList(Scalar),
    /// A single value, or a mapping.
    OneOrSection(Scalar, &'static Section),
    /// The mapping that the neighbour `type` asks for.
    Rule,
    /// A mapping.
    Section(&'static Section),
    /// A list of mappings.
    Sections(&'static Section),
    /// A list whose items are single values or mappings.
    TextsOrSections(&'static Section),
}

impl Shape {
    /// What a single value of it is; of what has none, text.
    pub(crate) const fn scalar(self) -> Scalar {
        match self {
            Self::List(scalar)
            | Self::Names(scalar)
            | Self::One(scalar)
            | Self::OneOrList(scalar)
            | Self::OneOrSection(scalar, _) => scalar,
            Self::Conditions
            | Self::Named(_)
            | Self::Rule
            | Self::Section(_)
            | Self::Sections(_)
            | Self::TextsOrSections(_) => Scalar::Text,
        }
    }
}

/// The type of a single value (config.md section 2).
#[derive(Clone, Copy, Debug)]
pub enum Scalar {
    /// `addr`: `:port`, `IP:port`, `[v6]:port`, `localhost:port`, or `off`.
    Address,
    /// `true`, `false` and their YAML 1.1 spellings.
    Bool,
    /// A claims expression (MW-CLAIM).
    Claims,
    /// A status code or a range of them: `404`, `500-599`, `5xx`.
    Codes,
    /// ISO 3166-1 alpha-2.
    Country,
    /// A directory's name.
    Directory,
    /// The address of a DNS server: `IP` or `IP:port`.
    DnsServer,
    /// `dur`, from the given number of milliseconds on.
    Duration(u64),
    /// One of these words.
    Enum(&'static [&'static str]),
    /// One of these words in any letter case.
    EnumFold(&'static [&'static str]),
    /// A file's name.
    File,
    /// A number within the bounds.
    Float(f64, f64),
    /// A number above the first and up to the second.
    FloatAbove(f64, f64),
    /// A header's name.
    Header,
    /// `hostpat` (C-HOST).
    Host,
    /// `host:port`.
    HostPort,
    /// A whole number within the bounds.
    Int(i64, i64),
    /// An IP address.
    Ip,
    /// A middleware's type.
    Kind,
    /// An LDAP filter with `%s`.
    LdapFilter,
    /// A method's name.
    Method,
    /// A name of the dialect's own items.
    Name,
    /// An IP address or CIDR block.
    Network,
    /// A path scope (MW-PATH).
    Pattern,
    /// A path that begins with `/`.
    Path,
    /// `pem`: a file's name, inline PEM, or base64 of PEM.
    Pem,
    /// An IP address, CIDR block or `IP-IP`.
    Range,
    /// A regular expression (MW-GEN-15).
    Regex,
    /// `secs` within the bounds; 0 is allowed beside them.
    Seconds(u64, u64),
    /// `size` within the bounds.
    Size(u64, u64),
    /// Any text.
    Text,
    /// A point in time (RFC 3339).
    Time,
    /// `url` (C-URL) with one of these schemes.
    Url(&'static [&'static str]),
    /// A URL, or a path that begins with `/`.
    UrlOrPath,
}

/// A condition on several keys of one mapping.
#[derive(Clone, Copy, Debug)]
pub enum Need {
    /// At least one of them.
    Any(&'static [&'static str]),
    /// Not both.
    Apart(&'static str, &'static str),
    /// Both or none.
    Both(&'static str, &'static str),
    /// Exactly one of them.
    One(&'static [&'static str]),
    /// A certificate and its key, or neither.
    Pair(&'static str, &'static str),
}

/// What became of a key (config.md 12 A).
#[derive(Clone, Copy, Debug)]
pub enum Change {
    /// A middleware of its own, by name of the structural rewrite.
    Middleware(&'static str),
    /// It has no effect.
    Delete,
    /// The opposite, at this dotted place of the same mapping.
    Invert(&'static str),
    /// A list with this one item.
    List(&'static str),
    /// At this dotted place of the same mapping.
    Move(&'static str),
    /// At this place, unless one of these keys is there, which then wins.
    MoveUnless(&'static str, &'static [&'static str]),
    /// At this place, the path of the URL only.
    PathOf(&'static str),
    /// At this place of the whole file.
    Top(&'static str),
}

/// Whole numbers without an upper bound of their own.
const ANY: i64 = u32::MAX as i64;
/// Seconds and sizes without an upper bound of their own.
const MOST: u64 = u32::MAX as u64;
/// Where gateways listen and connect.
const HTTP: &[&str] = &["http", "https"];
/// What backends speak.
pub(crate) const BACKENDS: &[&str] = &["http", "https", "h2c", "unix", "unix+h2c"];

/// A class S key without default that this release can do.
const fn key(name: &'static str, shape: Shape, doc: &'static str) -> Key {
    Key {
        name,
        shape,
        default: "",
        class: Class::Structural,
        required: false,
        secret: false,
        extension: false,
        by_presence: false,
        later: false,
        doc,
    }
}

impl Key {
    /// The value that an absent key has.
    const fn or(mut self, default: &'static str) -> Self {
        self.default = default;
        self
    }

    /// Class V.
    const fn value(mut self) -> Self {
        self.class = Class::Value;
        self
    }

    /// Class V, and not to be shown.
    const fn secret(mut self) -> Self {
        self.class = Class::Value;
        self.secret = true;
        self
    }

    /// Not to be shown, but needed when the gateway is built.
    const fn hidden(mut self) -> Self {
        self.secret = true;
        self
    }

    const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    const fn ours(mut self) -> Self {
        self.extension = true;
        self
    }

    const fn by_presence(mut self) -> Self {
        self.by_presence = true;
        self
    }

    const fn later(mut self) -> Self {
        self.later = true;
        self
    }
}

const fn section(doc: &'static str, keys: &'static [Key]) -> Section {
    Section {
        doc,
        keys,
        hints: &[],
        old: &[],
        fold: false,
        any_case: false,
        needs: &[],
    }
}

impl Section {
    const fn hints(mut self, hints: &'static [(&'static str, &'static str)]) -> Self {
        self.hints = hints;
        self
    }

    const fn old(mut self, old: &'static [(&'static str, Change)]) -> Self {
        self.old = old;
        self
    }

    const fn folding(mut self) -> Self {
        self.fold = true;
        self
    }

    const fn any_case(mut self) -> Self {
        self.fold = true;
        self.any_case = true;
        self
    }

    const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// The key of this name; with the section's tolerance for letter case.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        let folded = |key: &&Key| self.fold && key.name.eq_ignore_ascii_case(name);
        let exact = self.keys.iter().find(|key| key.name == name);
        exact.or_else(|| self.keys.iter().find(folded))
    }
}

/// Type and default of the single value, or of the list of them, at a dotted place of the main file.
/// A place that the dialect does not have is a defect of the compiler.
pub(crate) fn value_at(place: &str) -> (Scalar, &'static str) {
    let mut section = &FILE;
    for name in place.split('.') {
        match section.key(name) {
            Some(Key {
                shape: Shape::Section(inner),
                ..
            }) => section = inner,
            Some(Key {
                shape: Shape::One(scalar) | Shape::List(scalar),
                default,
                ..
            }) => return (*scalar, default),
            Some(_) | None => break,
        }
    }
    debug_assert!(false, "`{place}` is no single value of the dialect");
    (Text, "")
}

/// A file of `extraConfig` (config.md section 14).
pub static EXTRA: Section = section(
    "More routes and middlewares.",
    &[
        key(
            "routes",
            Sections(&route::ROUTE),
            "Which requests go where.",
        ),
        key(
            "middlewares",
            Sections(&rules::MIDDLEWARE),
            "What routes put in front of their backends.",
        ),
    ],
)
.hints(&[
    ("gateway", "only the main file has a `gateway`"),
    ("version", "only the main file says its `version`"),
]);

/// A provider's bundle (config.md section 14).
pub static BUNDLE: &Section = &providers::BUNDLE;

/// A whole file.
pub static FILE: Section = section(
    "A configuration of the dialect `version: 2`.",
    &[
        key("version", One(Text), "The dialect: `2`."),
        key(
            "gateway",
            Map(&gateway::GATEWAY),
            "Listeners, limits, routes.",
        ),
        key(
            "middlewares",
            Sections(&rules::MIDDLEWARE),
            "What routes put in front of their backends.",
        ),
        key(
            "certManager",
            Map(&cert::CERT_MANAGER),
            "Certificates from ACME or Vault.",
        )
        .later(),
        key(
            "plugins",
            Sections(&cert::PLUGIN),
            "Middleware types of your own.",
        )
        .ours()
        .later(),
    ],
)
.hints(&[
    (
        "defaultProvider",
        "certificate providers belong under `certManager`",
    ),
    ("entryPoints", "`entryPoints` belongs under `gateway`"),
    ("log", "`log` belongs under `gateway`"),
    ("monitoring", "`monitoring` belongs under `gateway`"),
    (
        "providers",
        "certificate providers belong under `certManager`",
    ),
    ("routes", "`routes` belongs under `gateway`"),
    ("timeouts", "`timeouts` belongs under `gateway`"),
])
.old(&[("certificateManager", Change::Move("certManager"))]);
