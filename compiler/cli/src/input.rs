//! Finds and reads the configuration (C-FILE-1, C-FILE-2).

use std::path::{Path, PathBuf};

use goma_compiler::source::{SOURCE_BYTES_MAX, SourceMap};

use crate::build::record;
use crate::missing::Missing;

/// Names looked for in a directory, in this order.
const FILE_NAMES: [&str; 2] = ["goma.yml", "goma.yaml"];

/// The place of last resort.
const SYSTEM_FILE: &str = "/etc/goma/goma.yml";

/// The sources of one run.
#[derive(Debug)]
pub(crate) struct Input {
    /// Named relative to the main file's directory, as generated code names them.
    pub(crate) sources: SourceMap,
    /// The same files with the names the user can open from here; ids and spans are the same.
    pub(crate) shown: SourceMap,
    /// Name and SHA-256 of each source.
    pub(crate) hashes: Vec<(String, String)>,
}

/// Reads what the command line, the environment or the usual places name.
///
/// # Errors
/// The finding `file-missing`.
pub(crate) fn load(positional: Option<&Path>, flag: Option<&Path>) -> Result<Input, Missing> {
    let path = locate(positional.or(flag));
    let shown_name = shown(&path);
    let bytes = read(&path)?;
    let name = path
        .file_name()
        .map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy())
        .into_owned();
    let hashes = vec![(name.clone(), record::sha256(&bytes))];
    let (mut sources, mut shown) = (SourceMap::new(), SourceMap::new());
    sources.add(name, bytes.clone());
    shown.add(shown_name, bytes);
    Ok(Input {
        sources,
        shown,
        hashes,
    })
}

/// A file as the user would name it.
pub(crate) fn shown(path: &Path) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.to_string_lossy().into_owned()
}

/// The main file: what is given, or what the environment or the usual places name (C-FILE-1).
pub(crate) fn locate(given: Option<&Path>) -> PathBuf {
    let variable = || {
        std::env::var_os("GOMA_CONFIG_FILE")
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    match given.map(Path::to_path_buf).or_else(variable) {
        Some(dir) if dir.is_dir() => in_dir(&dir).unwrap_or_else(|| dir.join("goma.yml")),
        Some(file) => file,
        None => in_dir(Path::new("."))
            .or_else(|| Some(PathBuf::from(SYSTEM_FILE)).filter(|file| file.is_file()))
            .unwrap_or_else(|| PathBuf::from("goma.yml")),
    }
}

fn in_dir(dir: &Path) -> Option<PathBuf> {
    FILE_NAMES
        .iter()
        .map(|name| dir.join(name))
        .find(|file| file.is_file())
}

/// Reads one byte more than is allowed, so that the compiler can say that the file is too large.
///
/// # Errors
/// The finding `file-missing`.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Missing> {
    use std::io::Read as _;
    let missing = |error: std::io::Error| Missing {
        file: shown(path),
        why: describe(&error),
    };
    let file = std::fs::File::open(path).map_err(missing)?;
    let mut bytes = Vec::new();
    file.take(SOURCE_BYTES_MAX as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(missing)?;
    Ok(bytes)
}

fn describe(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "does not exist".to_owned(),
        std::io::ErrorKind::PermissionDenied => "cannot be read: permission denied".to_owned(),
        _ => format!("cannot be read: {error}"),
    }
}
