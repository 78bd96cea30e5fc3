//! What backends may read in a path (MW-PATH-10). The compiler has the same, for what it explains.

/// Which of the two slashes a backend opens: `\` is one to some.
const SLASHES: [&[char]; 4] = [&[], &['/'], &['\\'], &['/', '\\']];

/// What backends may make of a canonical path, each once: escapes opened before or behind the parameters of segments
/// (RFC 3986 §3.3), which are dropped. Escaped `..` were refused (RT-PATH-6).
pub(super) fn of(path: &str) -> impl Iterator<Item = String> {
    let cut = without_parameters(path);
    let paths = [path.to_owned(), cut].into_iter();
    paths.flat_map(|path| SLASHES.map(|slashes| without_parameters(&opened(&path, slashes))))
}

/// Escapes of printable ASCII characters opened, once; of slashes only these. A backslash is a slash then.
pub(super) fn opened(path: &str, slashes: &[char]) -> String {
    let mut opened = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, escape)) = rest.split_once('%') {
        opened.push_str(before);
        let (digits, behind) = escape.split_at_checked(2).unwrap_or_default();
        let character = u8::from_str_radix(digits, 16).ok().map(char::from);
        let known = character.filter(|character| match character {
            '/' | '\\' => slashes.contains(character),
            _ => matches!(character, ' '..='~'),
        });
        rest = match known {
            Some('\\') => {
                opened.push('/');
                behind
            }
            Some(character) => {
                opened.push(character);
                behind
            }
            None => {
                opened.push('%');
                escape
            }
        };
    }
    opened.push_str(rest);
    opened
}

/// Parameters of segments are gone, and segments that mean nothing.
fn without_parameters(path: &str) -> String {
    let mut kept = String::with_capacity(path.len());
    let mut ends_in_directory = false;
    for segment in path.split('/') {
        let segment = segment.split(';').next().unwrap_or_default();
        ends_in_directory = segment.is_empty() || segment == ".";
        if !ends_in_directory {
            kept.push('/');
            kept.push_str(segment);
        }
    }
    if ends_in_directory || kept.is_empty() {
        kept.push('/');
    }
    kept
}
