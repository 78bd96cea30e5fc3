//! Paths of routes (C-PATH): prefixes, exact paths and regular expressions, held against canonical
//! request paths; and the order in which they are preferred (RT-ROUTE-4).

use super::path::{is_parameter, push_segment};
use super::regex::Regex;
use super::scalar::Invalid;

/// The most segments of a path.
const SEGMENTS_MAX: usize = 128;

/// What a route's path matches.
#[derive(Clone, Debug)]
pub struct PathPattern {
    /// Canonical; a regular expression as the engine gets it.
    text: String,
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Exact(Vec<Element>),
    Prefix(Vec<Element>),
    Regex {
        engine: regex::bytes::Regex,
        source: Regex,
        /// The whole segments that every match begins with.
        literal: Vec<String>,
    },
}

/// How a path is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathType {
    /// The whole path, a trailing `/` ignored (RT-ROUTE-14).
    Exact,
    /// On segment boundaries (RT-ROUTE-3).
    Prefix,
    /// Anchored at the start (RT-ROUTE-14).
    Regex,
}

/// A segment of a path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Element {
    /// Itself, canonical.
    Static(String),
    /// `{name}`: any segment that is not empty (RT-ROUTE-15).
    Parameter(String),
}

/// Why a text is no path of a route.
#[derive(Clone, Debug)]
pub enum BadPattern {
    /// `bad-path`
    Path(Invalid),
    /// `bad-regex`
    Regex(Invalid),
}

/// Place in the order of paths, best first: element by element, exact before prefix (RT-ROUTE-4).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PathRank {
    elements: Vec<ElementRank>,
    open: bool,
}

/// Elements of a pattern, best first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum ElementRank {
    Static,
    Parameter,
    Regex,
    End,
}

impl PathType {
    /// As in the spec.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Prefix => "prefix",
            Self::Regex => "regex",
        }
    }

    /// The words of `pathType`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Exact, Self::Prefix, Self::Regex]
            .into_iter()
            .find(|known| known.as_str() == text)
    }
}

impl PathPattern {
    /// Checks and canonicalises.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn new(text: &str, path_type: PathType) -> Result<Self, BadPattern> {
        let invalid = |reason: String| BadPattern::Path(Invalid::new(reason));
        if let PathType::Regex = path_type {
            return regex(text);
        }
        if !text.starts_with('/') {
            let fault = Invalid::new("a path begins with `/`");
            return Err(BadPattern::Path(if text.contains("://") {
                fault
            } else {
                fault.help(format!("write `/{text}`"))
            }));
        }
        let elements = text.split('/').filter(|segment| !segment.is_empty());
        let elements: Vec<Element> = elements.map(element).collect::<Result<_, _>>()?;
        if elements.len() > SEGMENTS_MAX {
            return Err(invalid(format!(
                "a path has at most {SEGMENTS_MAX} segments"
            )));
        }
        let mut names: Vec<&str> = elements.iter().filter_map(Element::name).collect();
        names.sort_unstable();
        if let Some([twice, _]) = names.windows(2).find(|pair| pair.first() == pair.get(1)) {
            return Err(invalid(format!("the parameter `{{{twice}}}` occurs twice")));
        }
        let mut text: String = elements.iter().map(Element::shown).collect();
        if text.is_empty() {
            text.push('/');
        }
        let kind = if path_type == PathType::Exact {
            Kind::Exact(elements)
        } else {
            Kind::Prefix(elements)
        };
        Ok(Self { text, kind })
    }

    /// The canonical text; of a regular expression its source.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// How it is read.
    #[must_use]
    pub fn path_type(&self) -> PathType {
        match self.kind {
            Kind::Exact(_) => PathType::Exact,
            Kind::Prefix(_) => PathType::Prefix,
            Kind::Regex { .. } => PathType::Regex,
        }
    }

    /// `prefix /api`
    #[must_use]
    pub fn described(&self) -> String {
        format!("{} {}", self.path_type().as_str(), self.text)
    }

    /// The segments, unless it is a regular expression.
    #[must_use]
    pub fn elements(&self) -> Option<&[Element]> {
        match &self.kind {
            Kind::Exact(elements) | Kind::Prefix(elements) => Some(elements),
            Kind::Regex { .. } => None,
        }
    }

    /// The whole segments that every match of a regular expression begins with: `/api/v1`, or
    /// nothing.
    #[must_use]
    pub fn regex_literal(&self) -> Option<String> {
        match &self.kind {
            Kind::Exact(_) | Kind::Prefix(_) => None,
            Kind::Regex { literal, .. } => {
                Some(literal.iter().flat_map(|part| ["/", part]).collect())
            }
        }
    }

    /// The regular expression, if it is one.
    #[must_use]
    pub fn regex(&self) -> Option<&Regex> {
        match &self.kind {
            Kind::Exact(_) | Kind::Prefix(_) => None,
            Kind::Regex { source, .. } => Some(source),
        }
    }

    /// The names of its parameters.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        let elements = self.elements().unwrap_or_default();
        elements.iter().filter_map(Element::name)
    }

    /// The value of a parameter in a path that fits, as received.
    #[must_use]
    pub fn parameter<'p>(&self, name: &str, path: &'p str) -> Option<&'p str> {
        let mut elements = self.elements()?.iter();
        let index = elements.position(|element| element.name() == Some(name))?;
        segments(path).nth(index)
    }

    /// Whether a canonical path fits.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        self.taken(path).is_some()
    }

    /// How many bytes of a canonical path it takes, if the path fits.
    #[must_use]
    pub fn taken(&self, path: &str) -> Option<usize> {
        match &self.kind {
            Kind::Exact(elements) => {
                let end = taken(elements, path)?;
                matches!(path.get(end..), Some("" | "/")).then_some(end)
            }
            Kind::Prefix(elements) => taken(elements, path),
            Kind::Regex { engine, .. } => engine.find(path.as_bytes()).map(|found| found.end()),
        }
    }

    /// A canonical path without what this takes of it, cut at a segment boundary, at least `/`; the
    /// whole path if it does not fit (MW-PATH-1).
    #[must_use]
    pub fn below<'p>(&self, path: &'p str) -> &'p str {
        let Some(end) = self.taken(path) else {
            return path;
        };
        let (head, rest) = path.split_at_checked(end).unwrap_or((path, ""));
        // A regular expression may end behind a slash, or within a segment.
        let cut = if head.ends_with('/') {
            end - 1
        } else {
            end + rest.find('/').unwrap_or(rest.len())
        };
        path.get(cut..)
            .filter(|rest| !rest.is_empty())
            .unwrap_or("/")
    }

    /// Replaces what the regular expression takes of a canonical path, with groups filled in.
    #[must_use]
    pub fn replaced(&self, path: &str, replacement: &str) -> Option<String> {
        let Kind::Regex { engine, .. } = &self.kind else {
            return None;
        };
        let captures = engine.captures(path.as_bytes())?;
        let mut result = Vec::new();
        captures.expand(replacement.as_bytes(), &mut result);
        let end = captures.get(0).map_or(0, |whole| whole.end());
        result.extend_from_slice(path.get(end..).unwrap_or_default().as_bytes());
        Some(String::from_utf8_lossy(&result).into_owned())
    }

    /// Its place in the order of paths.
    #[must_use]
    pub fn rank(&self) -> PathRank {
        let mut elements: Vec<ElementRank> = match &self.kind {
            Kind::Exact(elements) | Kind::Prefix(elements) => {
                elements.iter().map(Element::rank).collect()
            }
            Kind::Regex { literal, .. } => {
                let literal = literal.iter().map(|_| ElementRank::Static);
                literal.chain([ElementRank::Regex]).collect()
            }
        };
        elements.push(ElementRank::End);
        PathRank {
            elements,
            open: !matches!(self.kind, Kind::Exact(_)),
        }
    }

    /// Whether a path that fits still does with a prefix put in front; `None`: that depends.
    #[must_use]
    pub fn keeps(&self, prefix: &str) -> Option<bool> {
        let elements = self.elements()?;
        let plain = elements.iter().all(|element| element.name().is_none());
        plain.then(|| self.matches(&format!("{prefix}{}", self.text)))
    }

    /// The segments that every path that fits begins with.
    pub fn leading(&self) -> impl Iterator<Item = &str> {
        let (elements, literal): (&[Element], &[String]) = match &self.kind {
            Kind::Exact(elements) | Kind::Prefix(elements) => (elements, &[]),
            Kind::Regex { literal, .. } => (&[], literal),
        };
        let fixed = elements.iter().map_while(|element| match element {
            Element::Parameter(_) => None,
            Element::Static(text) => Some(text.as_str()),
        });
        fixed.chain(literal.iter().map(String::as_str))
    }

    /// Whether every path that fits is surely this one or below it.
    #[must_use]
    pub fn within(&self, prefix: &str) -> bool {
        let mut leading = self.leading();
        segments(prefix).all(|wanted| leading.next() == Some(wanted))
    }
}

impl PathRank {
    /// What a better one has that this has not, in a few words.
    #[must_use]
    pub fn lost_by(&self, better: &Self) -> &'static str {
        let pairs = self.elements.iter().zip(&better.elements);
        match pairs.into_iter().find(|(own, other)| own != other) {
            Some((ElementRank::End, _)) => "shorter path",
            Some(_) => "less specific path",
            None => "prefix, not exact",
        }
    }
}

impl Element {
    fn name(&self) -> Option<&str> {
        match self {
            Self::Parameter(name) => Some(name),
            Self::Static(_) => None,
        }
    }

    fn shown(&self) -> String {
        match self {
            Self::Parameter(name) => format!("/{{{name}}}"),
            Self::Static(text) => format!("/{text}"),
        }
    }

    fn rank(&self) -> ElementRank {
        match self {
            Self::Parameter(_) => ElementRank::Parameter,
            Self::Static(_) => ElementRank::Static,
        }
    }
}

/// Segments that are not empty.
pub(crate) fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !segment.is_empty())
}

/// Where elements end in a path.
fn taken(elements: &[Element], path: &str) -> Option<usize> {
    let mut end = 0;
    for element in elements {
        let rest = path.get(end..)?.strip_prefix('/')?;
        let segment = rest.split('/').next().unwrap_or_default();
        let fits = match element {
            Element::Parameter(_) => !segment.is_empty(),
            Element::Static(text) => segment == text,
        };
        if !fits {
            return None;
        }
        end += 1 + segment.len();
    }
    Some(end)
}

fn element(segment: &str) -> Result<Element, BadPattern> {
    if is_parameter(segment) {
        let name = segment.trim_start_matches('{').trim_end_matches('}');
        return Ok(Element::Parameter(name.to_owned()));
    }
    let mut text = String::new();
    push_segment(segment, &mut text).map_err(BadPattern::Path)?;
    Ok(Element::Static(text))
}

fn regex(text: &str) -> Result<PathPattern, BadPattern> {
    if !text.trim_start_matches('^').starts_with('/') {
        let fault = Invalid::new("a path begins with `/`, also as a regular expression");
        return Err(BadPattern::Path(fault.help(format!("write `/{text}`"))));
    }
    let source = Regex::new(text).map_err(BadPattern::Regex)?;
    let engine = source.at_start().map_err(BadPattern::Regex)?;
    // What comes behind the last slash may go on; an empty segment occurs in no canonical path.
    let (whole, _) = source.literal().rsplit_once('/').unwrap_or_default();
    let literal = whole.split('/').skip(1);
    let literal = literal.take_while(|part| !part.is_empty());
    Ok(PathPattern {
        text: source.as_str().to_owned(),
        kind: Kind::Regex {
            literal: literal.take(SEGMENTS_MAX).map(str::to_owned).collect(),
            engine,
            source,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(text: &str, path_type: PathType) -> PathPattern {
        PathPattern::new(text, path_type).expect("a pattern")
    }

    /// C-PATH
    #[test]
    fn canonical() {
        for (text, canonical) in [
            ("/", "/"),
            ("/api/", "/api"),
            ("/%61dmin//x", "/admin/x"),
            ("/users/{id}/", "/users/{id}"),
            ("/{a}/{b-c}", "/{a}/{b-c}"),
        ] {
            assert_eq!(pattern(text, PathType::Prefix).as_str(), canonical);
        }
        for bad in [
            "", "api", "/*", "/{a", "/{a}b", "/{}", "/{a}/{a}", "/{a b}", "/a/..",
        ] {
            assert!(PathPattern::new(bad, PathType::Exact).is_err(), "{bad}");
        }
    }

    /// RT-ROUTE-3, -14, -15
    #[test]
    fn paths_that_fit() {
        let check = |text, path_type, path, taken: Option<usize>| {
            assert_eq!(pattern(text, path_type).taken(path), taken, "{text} {path}");
        };
        check("/a/{x}", PathType::Prefix, "/a/b/c", Some(4));
        check("/a/{x}", PathType::Prefix, "/a/", None);
        check("/a/{x}", PathType::Exact, "/a/b/", Some(4));
        check("/a/{x}", PathType::Exact, "/a/b/c", None);
        check("/a", PathType::Prefix, "/ab", None);
        check("/v[0-9]+", PathType::Regex, "/v12x/y", Some(4));
        check("^/v[0-9]+$", PathType::Regex, "/v12x", None);
        check("/v", PathType::Regex, "/V", None);
        check("/a|/b", PathType::Regex, "/x/b", None);
    }

    /// RT-ROUTE-14: leading literal whole segments.
    #[test]
    fn literal_segments_of_regexes() {
        for (text, literal) in [
            ("/api/v[0-9]+/x", "/api"),
            (r"^/api/a\.b/(.*)", "/api/a.b"),
            ("/api/users", "/api"),
            ("/api/?x", ""),
            ("/api/(a|b)", "/api"),
            ("/(api)/x", ""),
            ("/(?i)api/x", ""),
            ("/a//b/c", "/a"),
        ] {
            let found = PathPattern::new(text, PathType::Regex).map(|found| found.regex_literal());
            if let Ok(found) = found {
                assert_eq!(found.as_deref(), Some(literal), "{text}");
            } else {
                assert!(!text.starts_with(['/', '^']), "{text}");
            }
        }
    }

    /// RT-ROUTE-4
    #[test]
    fn order_of_paths() {
        let ranked = [
            ("/a/b/c", PathType::Prefix),
            ("/a/b", PathType::Exact),
            ("/a/b", PathType::Prefix),
            ("/a/{x}/c", PathType::Prefix),
            ("/a/{x}", PathType::Exact),
            ("/a/x.*", PathType::Regex),
            ("/a", PathType::Exact),
            ("/a", PathType::Prefix),
            ("/{x}/b/c/d", PathType::Exact),
            ("/{x}", PathType::Prefix),
            ("/.*", PathType::Regex),
            ("/", PathType::Prefix),
        ];
        let ranks = ranked.map(|(text, path_type)| pattern(text, path_type).rank());
        assert!(ranks.is_sorted());
    }

    /// MW-PATH-1
    #[test]
    fn below() {
        let check = |text, path_type, path, expected| {
            assert_eq!(
                pattern(text, path_type).below(path),
                expected,
                "{text} {path}"
            );
        };
        check("/", PathType::Prefix, "/a", "/a");
        check("/a", PathType::Prefix, "/a/b", "/b");
        check("/a/{x}", PathType::Prefix, "/a/b", "/");
        check("/v[0-9]", PathType::Regex, "/v12/admin", "/admin");
        check("/v[0-9]+/", PathType::Regex, "/v1/admin", "/admin");
    }
}
