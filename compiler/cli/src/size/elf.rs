//! The bytes of a program one after the other: which section each is in, and which symbol covers it.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use object::elf::{SHF_ALLOC, SHF_EXECINSTR};
use object::{
    Architecture, File, Object as _, ObjectSection as _, ObjectSymbol as _, Section, SectionFlags,
    SymbolKind,
};

/// As much between two functions is there so that the second begins at a round address.
const PADDING_BYTES_MAX: u64 = 63;

/// What a section is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// What runs.
    Code,
    /// Constants, and what is written at run time.
    Data,
    /// What loads the program needs it.
    Loading,
    /// Names of functions and sections; nothing that runs needs it.
    Names,
    /// What a panic reads.
    Unwinding,
}

/// Some bytes of a program that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece<'a> {
    /// What its section is for.
    pub(super) kind: Kind,
    /// Of the function or variable; none: nothing is known of it.
    pub(super) symbol: Option<&'a str>,
    /// Its size.
    pub(super) bytes: u64,
}

/// All sections of a program. What is between two functions, headers and what stands behind is left out.
///
/// `named` is the program with the names of its functions, if it has none itself.
///
/// # Errors
/// It is no ELF file, or the two differ in more than names.
pub(super) fn pieces<'a>(program: &[u8], named: &'a [u8]) -> anyhow::Result<Vec<Piece<'a>>> {
    const WRONG: &str = "the gateway is no ELF file that can be read";
    let (program, named) = (
        File::parse(program).context(WRONG)?,
        File::parse(named).context(WRONG)?,
    );
    ensure!(
        contents(&program)? == contents(&named)?,
        "the gateway with names is another than the one that was built"
    );
    let mut symbols = symbols(&named);
    let mut pieces = Vec::new();
    for section in named.sections() {
        if let Some(kind) = kind(&section)
            && kind != Kind::Names
        {
            let symbols = symbols.remove(&section.index().0).unwrap_or_default();
            split(&section, kind, &symbols, &mut pieces);
        }
    }
    for section in program.sections() {
        if kind(&section) == Some(Kind::Names) {
            pieces.push(Piece {
                kind: Kind::Names,
                symbol: None,
                bytes: size(&section),
            });
        }
    }
    Ok(pieces)
}

/// A section that is loaded.
#[derive(PartialEq, Eq)]
struct Loaded<'a> {
    name: &'a [u8],
    address: u64,
    bytes: &'a [u8],
}

/// Place and bytes of everything that is loaded, but for the hash of the whole file that a linker may add.
fn contents<'a>(file: &File<'a>) -> anyhow::Result<Vec<Loaded<'a>>> {
    let mut found = Vec::new();
    for section in file.sections() {
        let name = section.name_bytes()?;
        let kind = kind(&section);
        if kind.is_some_and(|kind| kind != Kind::Names) && name != b".note.gnu.build-id" {
            found.push(Loaded {
                name,
                address: section.address(),
                bytes: section.data()?,
            });
        }
    }
    Ok(found)
}

/// None: it is not in the file.
fn kind(section: &Section<'_, '_>) -> Option<Kind> {
    section.file_range().filter(|(_, bytes)| *bytes > 0)?;
    let SectionFlags::Elf { sh_flags } = section.flags() else {
        return None;
    };
    let has = |flag: u32| sh_flags & u64::from(flag) != 0;
    let name = section.name_bytes().unwrap_or_default();
    let begins = |starts: &[&str]| {
        starts
            .iter()
            .any(|start| name.starts_with(start.as_bytes()))
    };
    Some(if !has(SHF_ALLOC) {
        Kind::Names
    } else if has(SHF_EXECINSTR) {
        Kind::Code
    } else if begins(&[".eh_frame", ".gcc_except_table", ".ARM.ex"]) {
        Kind::Unwinding
    } else if begins(&[".dyn", ".gnu", ".got", ".hash", ".interp", ".note", ".rel"]) {
        Kind::Loading
    } else {
        Kind::Data
    })
}

fn size(section: &Section<'_, '_>) -> u64 {
    section.file_range().map_or(0, |(_, bytes)| bytes)
}

/// Where a symbol begins and ends, and its name.
type Symbol<'a> = (u64, u64, &'a str);

/// Of each section, by place, the longest of several at one place first.
fn symbols<'a>(file: &File<'a>) -> BTreeMap<usize, Vec<Symbol<'a>>> {
    let mut found: BTreeMap<usize, Vec<Symbol<'a>>> = BTreeMap::new();
    for symbol in file.symbols() {
        // Addresses of thread-local variables are none.
        let is_thing = matches!(symbol.kind(), SymbolKind::Data | SymbolKind::Text);
        let section = symbol.section_index().filter(|_| is_thing);
        if let (Some(section), Ok(name)) = (section, symbol.name())
            && symbol.size() > 0
        {
            // The lowest bit says how a function of 32-bit ARM is written.
            let is_arm = file.architecture() == Architecture::Arm;
            let odd = u64::from(is_arm && symbol.kind() == SymbolKind::Text);
            let start = symbol.address() & !odd;
            let end = start.saturating_add(symbol.size());
            found.entry(section.0).or_default().push((start, end, name));
        }
    }
    for symbols in found.values_mut() {
        symbols.sort_by_key(|(start, end, name)| (*start, Reverse(*end), *name));
    }
    found
}

/// Each byte of a section counts once: for the first symbol that covers it.
fn split<'a>(
    section: &Section<'_, '_>,
    kind: Kind,
    symbols: &[Symbol<'a>],
    pieces: &mut Vec<Piece<'a>>,
) {
    let mut at = section.address();
    let end_of_all = at.saturating_add(size(section));
    let mut gap = |bytes: u64| {
        if bytes > 0 && (kind != Kind::Code || bytes > PADDING_BYTES_MAX) {
            let symbol = None;
            pieces.push(Piece {
                kind,
                symbol,
                bytes,
            });
        }
    };
    let mut named = Vec::new();
    for (start, end, name) in symbols {
        let (start, end) = ((*start).max(at), (*end).min(end_of_all));
        if start < end {
            gap(start - at);
            let symbol = Some(*name);
            let bytes = end - start;
            named.push(Piece {
                kind,
                symbol,
                bytes,
            });
            at = end;
        }
    }
    gap(end_of_all.saturating_sub(at));
    pieces.extend(named);
}

#[cfg(test)]
mod tests {
    use object::write::{Object, StandardSection, Symbol, SymbolSection};
    use object::{BinaryFormat, Endianness, SymbolFlags, SymbolScope};

    use super::*;

    /// A file with these functions and 512 bytes of code: name, place and size.
    fn file(functions: &[(&str, u64, u64)], code: [u8; 512]) -> Vec<u8> {
        let mut object = Object::new(BinaryFormat::Elf, Architecture::X86_64, Endianness::Little);
        let text = object.section_id(StandardSection::Text);
        object.append_section_data(text, &code, 16);
        let constants = object.section_id(StandardSection::ReadOnlyData);
        object.append_section_data(constants, &[7; 40], 1);
        for (name, value, size) in functions {
            object.add_symbol(Symbol {
                name: name.as_bytes().to_vec(),
                value: *value,
                size: *size,
                kind: SymbolKind::Text,
                scope: SymbolScope::Linkage,
                weak: false,
                section: SymbolSection::Section(text),
                flags: SymbolFlags::None,
            });
        }
        object.write().unwrap()
    }

    fn of<'a>(pieces: &[Piece<'a>], wanted: Kind) -> Vec<(Option<&'a str>, u64)> {
        let pieces = pieces.iter().filter(|piece| piece.kind == wanted);
        pieces.map(|piece| (piece.symbol, piece.bytes)).collect()
    }

    #[test]
    fn each_byte_counts_once() {
        // Two names for one place, one inside another, a round address, a hole, and one that leads out.
        let functions = [
            ("a", 0, 20),
            ("alias", 0, 20),
            ("inside", 4, 8),
            ("b", 32, 68),
            ("overlaps", 90, 20),
            ("c", 400, 1000),
        ];
        let bytes = file(&functions, [1; 512]);
        let pieces = pieces(&bytes, &bytes).unwrap();
        let expected = [
            (None, 290),
            (Some("a"), 20),
            (Some("b"), 68),
            (Some("overlaps"), 10),
            (Some("c"), 112),
        ];
        assert_eq!(of(&pieces, Kind::Code), expected);
        assert_eq!(of(&pieces, Kind::Data), [(None, 40)]);
        assert!(!of(&pieces, Kind::Names).is_empty());
    }

    /// Names are taken from another file only if it is the same but for them.
    #[test]
    fn names_of_the_same_program() {
        let (plain, named) = (file(&[], [1; 512]), file(&[("a", 0, 512)], [1; 512]));
        let found = pieces(&plain, &named).unwrap();
        assert_eq!(of(&found, Kind::Code), [(Some("a"), 512)]);
        let own = pieces(&plain, &plain).unwrap();
        assert_eq!(of(&found, Kind::Names), of(&own, Kind::Names));
        let other = file(&[("a", 0, 512)], [2; 512]);
        let error = pieces(&plain, &other).unwrap_err().to_string();
        assert!(error.contains("is another than"), "{error}");
        assert!(pieces(b"\x7fELF", &plain).is_err());
    }
}
