//! The texts that are compiled and places in them. Everything a user is told points here.
//! Imports nothing; reading files is the command line's work.

use std::collections::BTreeMap;
use std::sync::Arc;

/// The largest source, in bytes. A larger file is `yaml-syntax`.
pub const SOURCE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The largest file that is embedded, in bytes.
pub const EMBEDDED_BYTES_MAX: usize = 1024 * 1024;

/// A UTF-8 byte order mark; skipped at the start of a file (C-FILE-8).
pub(crate) const BOM: &str = "\u{feff}";

/// Names one file of a [`SourceMap`], or one text that was encrypted in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(u32);

impl SourceId {
    /// Set in the names of decrypted texts.
    const DECRYPTED: u32 = 1 << 31;

    /// Whether the text was encrypted in a file (C-SEC-1): nothing of it may be shown.
    #[must_use]
    pub const fn is_decrypted(self) -> bool {
        self.0 & Self::DECRYPTED != 0
    }
}

/// A range of bytes of one source, end exclusive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub source: SourceId,
    /// First byte.
    pub start: u32,
    /// The byte after the last.
    pub end: u32,
}

impl Span {
    /// The range `start..end`; an end before the start counts as empty.
    #[must_use]
    pub fn new(source: SourceId, start: usize, end: usize) -> Self {
        let clamp = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        Self {
            source,
            start: clamp(start),
            end: clamp(end.max(start)),
        }
    }

    /// Whether the two share a byte.
    #[must_use]
    pub fn overlaps(self, other: Self) -> bool {
        self.source == other.source && self.start < other.end && other.start < self.end
    }
}

/// A value and where it was written. Equality and order ignore the place.
#[derive(Clone, Debug)]
pub struct Spanned<T> {
    /// What was written.
    pub value: T,
    /// Where.
    pub span: Span,
}

impl<T> Spanned<T> {
    /// Pairs a value with its place.
    pub const fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Spanned<U> {
        Spanned {
            value: f(self.value),
            span: self.span,
        }
    }
}

impl<T: PartialEq> PartialEq for Spanned<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A place as people write it: `goma.yaml:12:15`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// The file as it was named when added.
    pub file: String,
    /// 1-based.
    pub line: usize,
    /// 1-based, in characters.
    pub column: usize,
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}:{}", self.file, self.line, self.column)
    }
}

/// Where a source comes from, in the order of merging (config.md section 15).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SourceKind {
    /// The main file.
    Main,
    /// A file of `gateway.extraConfig`.
    Extra,
    /// A bundle of `gateway.providers.file`.
    File,
    /// The bundle of `gateway.providers.http`.
    Http,
    /// A bundle of `gateway.providers.git`.
    Git,
    /// A file whose content becomes part of the gateway (C-FILE-9).
    Embedded,
}

impl SourceKind {
    /// The word in `goma.lock`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Extra => "extra",
            Self::File => "file",
            Self::Http => "http",
            Self::Git => "git",
            Self::Embedded => "embedded",
        }
    }

    /// Whether it comes over the network, so that someone has to vouch for it.
    #[must_use]
    pub const fn is_fetched(self) -> bool {
        match self {
            Self::Main | Self::Extra | Self::File | Self::Embedded => false,
            Self::Http | Self::Git => true,
        }
    }

    /// Whether it is a provider's bundle (config.md section 14).
    #[must_use]
    pub const fn is_bundle(self) -> bool {
        match self {
            Self::Main | Self::Extra | Self::Embedded => false,
            Self::File | Self::Http | Self::Git => true,
        }
    }
}

/// One file.
#[derive(Clone, Debug)]
struct SourceFile {
    kind: SourceKind,
    name: String,
    text: String,
    /// First byte that is not UTF-8, if any.
    invalid: Option<usize>,
    /// Byte offset of each line's first byte.
    lines: Vec<usize>,
}

/// A text that was encrypted in a file.
#[derive(Clone, Debug)]
struct Decrypted {
    /// The encrypted value.
    home: Span,
    /// Its text, without quotes and indentation.
    message: String,
    /// Or why there is none.
    text: Result<String, String>,
}

/// The name of a file to be embedded: as written, relative to the file that names it, which has a
/// name relative to the main file (C-FILE-9).
#[must_use]
pub fn embedded_name(naming: &str, written: &str) -> String {
    match naming.rsplit_once('/') {
        Some((directory, _)) if !written.starts_with('/') => format!("{directory}/{written}"),
        Some(_) | None => written.to_owned(),
    }
}

/// All sources of one compilation; the main file is added first.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    /// Shared by the maps that adopt them.
    files: Vec<Arc<SourceFile>>,
    /// Why files that are to be embedded could not be read, by name.
    unreadable: BTreeMap<String, String>,
    /// Of encrypted rules.
    decrypted: Vec<Decrypted>,
}

impl SourceMap {
    /// A map without files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the main file, or else one of `extraConfig`. `name` is what diagnostics and generated code
    /// show: relative to the directory of the main file. Bytes that are not UTF-8 become a
    /// `yaml-syntax` finding when compiled.
    pub fn add(&mut self, name: impl Into<String>, bytes: impl Into<Vec<u8>>) -> SourceId {
        let kind = if self.files.is_empty() {
            SourceKind::Main
        } else {
            SourceKind::Extra
        };
        self.add_as(kind, name, bytes)
    }

    /// Adds a file of any kind; the first must be the main file.
    pub fn add_as(
        &mut self,
        kind: SourceKind,
        name: impl Into<String>,
        bytes: impl Into<Vec<u8>>,
    ) -> SourceId {
        let (text, invalid) = match String::from_utf8(bytes.into()) {
            Ok(text) => (text, None),
            Err(fault) => {
                let at = fault.utf8_error().valid_up_to();
                (
                    String::from_utf8_lossy(fault.as_bytes()).into_owned(),
                    Some(at),
                )
            }
        };
        let starts = memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        let id = SourceId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(Arc::new(SourceFile {
            kind,
            name: name.into(),
            text,
            invalid,
            lines,
        }));
        id
    }

    /// Adds a file of another compilation; one that is here already, by name and text, is that one.
    pub fn adopt(&mut self, other: &Self, id: SourceId) -> SourceId {
        let (name, text) = (other.name(id), other.text(id));
        let is_same = |own: &SourceId| self.name(*own) == name && self.text(*own) == text;
        if let Some(own) = self.ids().find(is_same) {
            return own;
        }
        let new = SourceId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.extend(other.file(id).map(Arc::clone));
        new
    }

    /// Gives files whose name begins with `from` a name that begins with `to`.
    pub fn rename(&mut self, from: &str, to: &str) {
        for file in &mut self.files {
            if let Some(rest) = file.name.strip_prefix(from) {
                let name = format!("{to}{rest}");
                Arc::make_mut(file).name = name;
            }
        }
    }

    /// Adds a file that is to be embedded, under its [`embedded_name`]; or why it cannot be read.
    pub fn embed(&mut self, name: impl Into<String>, bytes: Result<Vec<u8>, String>) {
        let name = name.into();
        match bytes {
            Ok(bytes) => {
                self.add_as(SourceKind::Embedded, name, bytes);
            }
            Err(why) => {
                self.unreadable.insert(name, why);
            }
        }
    }

    /// The file to be embedded that has this name.
    ///
    /// # Errors
    /// Why it is not there.
    pub fn embedded(&self, name: &str) -> Result<SourceId, &str> {
        let fits = |id: &SourceId| self.kind(*id) == SourceKind::Embedded && self.name(*id) == name;
        let why = || {
            self.unreadable
                .get(name)
                .map_or("was not read", String::as_str)
        };
        self.ids().find(fits).ok_or_else(why)
    }

    /// Adds what the message at a place holds; or why it cannot be decrypted.
    pub fn decrypt(&mut self, home: Span, message: &str, text: Result<String, String>) {
        self.decrypted.push(Decrypted {
            home,
            message: message.to_owned(),
            text,
        });
    }

    /// What was encrypted at a place.
    ///
    /// # Errors
    /// Why it cannot be decrypted.
    pub fn decrypted(&self, home: Span) -> Result<SourceId, &str> {
        let found = self.decrypted.iter().position(|item| item.home == home);
        let item = found.and_then(|at| Some((at, self.decrypted.get(at)?)));
        let (at, item) = item.ok_or("it was not decrypted")?;
        let id = u32::try_from(at).unwrap_or(u32::MAX) | SourceId::DECRYPTED;
        item.text
            .as_ref()
            .map(|_| SourceId(id))
            .map_err(String::as_str)
    }

    /// The same place, or in place of one in a decrypted text the encrypted value.
    #[must_use]
    pub fn home(&self, span: Span) -> Span {
        self.opened(span.source).map_or(span, |item| item.home)
    }

    /// The message that is encrypted at a place, without quotes and indentation.
    #[must_use]
    pub fn encrypted(&self, home: Span) -> &str {
        let found = self.decrypted.iter().find(|item| item.home == home);
        found.map_or("", |item| &item.message)
    }

    /// All decrypted texts.
    pub(crate) fn opened_texts(&self) -> impl Iterator<Item = &str> {
        self.decrypted
            .iter()
            .filter_map(|item| item.text.as_deref().ok())
    }

    fn opened(&self, id: SourceId) -> Option<&Decrypted> {
        let at = id.is_decrypted().then_some(id.0 & !SourceId::DECRYPTED)?;
        self.decrypted.get(at as usize)
    }

    /// All files, embedded ones included, in the order they were added.
    pub fn ids(&self) -> impl Iterator<Item = SourceId> + use<> {
        let ids = 0..self.files.len();
        ids.map(|id| SourceId(u32::try_from(id).unwrap_or(u32::MAX)))
    }

    /// The first file, if there is one.
    #[must_use]
    pub fn main(&self) -> Option<SourceId> {
        (!self.files.is_empty()).then_some(SourceId(0))
    }

    /// All YAML files but the first, in the order they were added.
    pub fn others(&self) -> impl Iterator<Item = SourceId> + '_ {
        let is_yaml = |id: &SourceId| self.kind(*id) != SourceKind::Embedded;
        self.ids().skip(1).filter(is_yaml)
    }

    /// Where a file comes from.
    #[must_use]
    pub fn kind(&self, id: SourceId) -> SourceKind {
        self.file(id).map_or(SourceKind::Main, |file| file.kind)
    }

    /// The name a file was added with; of a decrypted text, that of its file.
    #[must_use]
    pub fn name(&self, id: SourceId) -> &str {
        self.file(id).map_or("", |file| &file.name)
    }

    /// The whole text of a file, byte order mark included; or a decrypted text.
    #[must_use]
    pub fn text(&self, id: SourceId) -> &str {
        match self.opened(id) {
            Some(item) => item.text.as_deref().unwrap_or(""),
            None => self.file(id).map_or("", |file| &file.text),
        }
    }

    /// Offset of the first byte that is not UTF-8.
    #[must_use]
    pub fn invalid_at(&self, id: SourceId) -> Option<usize> {
        self.file(id)?.invalid
    }

    /// The text of a span; empty if it lies outside its file.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.source)
            .get(span.start as usize..span.end as usize)
            .unwrap_or("")
    }

    /// Line and column of a span's first byte; in a decrypted text, those of the encrypted value.
    #[must_use]
    pub fn locate(&self, span: Span) -> Location {
        let span = self.home(span);
        self.locate_byte(span.source, span.start as usize)
    }

    /// Line and column of the byte after a span's last.
    #[must_use]
    pub fn locate_end(&self, span: Span) -> Location {
        let span = self.home(span);
        self.locate_byte(span.source, span.end as usize)
    }

    /// `goma.yaml:12`, as doc comments and log lines name an item.
    #[must_use]
    pub fn place(&self, span: Span) -> String {
        let at = self.locate(span);
        format!("{}:{}", at.file, at.line)
    }

    /// The text of a line (1-based) without its line break.
    #[must_use]
    pub fn line(&self, id: SourceId, line: usize) -> &str {
        let Some((range, file)) = self.line_range(id, line).zip(self.file(id)) else {
            return "";
        };
        let text = file.text.get(range).unwrap_or("");
        text.trim_end_matches(['\n', '\r'])
    }

    /// Byte offset of a line's first character, a byte order mark not counted.
    pub(crate) fn line_start(&self, id: SourceId, line: usize) -> usize {
        self.line_range(id, line).map_or(0, |range| range.start)
    }

    fn line_range(&self, id: SourceId, line: usize) -> Option<std::ops::Range<usize>> {
        let file = self.file(id)?;
        let start = *file.lines.get(line.checked_sub(1)?)?;
        let end = file.lines.get(line).copied().unwrap_or(file.text.len());
        let bom = if start == 0 && file.text.starts_with(BOM) {
            BOM.len()
        } else {
            0
        };
        Some(start + bom..end)
    }

    fn locate_byte(&self, id: SourceId, at: usize) -> Location {
        let Some(file) = self.file(id) else {
            return Location {
                file: String::new(),
                line: 1,
                column: 1,
            };
        };
        let line = file.lines.partition_point(|&start| start <= at).max(1);
        let start = self.line_range(id, line).map_or(0, |range| range.start);
        let before = file.text.get(start..at).unwrap_or("");
        Location {
            file: file.name.clone(),
            line,
            column: before.chars().count() + 1,
        }
    }

    fn file(&self, id: SourceId) -> Option<&Arc<SourceFile>> {
        let id = self.opened(id).map_or(id, |item| item.home.source);
        self.files.get(id.0 as usize)
    }
}

#[cfg(test)]
mod tests;
