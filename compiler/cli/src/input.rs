//! Finds and reads the configuration (C-FILE-1, C-FILE-2).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use goma_compiler::diag::{Code, Diagnostic, Diagnostics};
use goma_compiler::source::{SOURCE_BYTES_MAX, SourceId, SourceMap};
use goma_compiler::{Options, StartFile, extra_directory, silence};

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
    /// The main file's directory.
    pub(crate) home: PathBuf,
    /// How they are compiled.
    pub(crate) options: Options,
}

/// Reads what the command line, the environment or the usual places name, and what that names.
///
/// # Errors
/// The finding `file-missing`.
pub(crate) fn load(file: Option<&Path>, env: BTreeMap<String, String>) -> Result<Input, Missing> {
    let path = locate(file);
    let shown_name = shown(&path);
    let bytes = read(&path)?;
    let name = path
        .file_name()
        .map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy())
        .into_owned();
    let mut input = Input {
        sources: SourceMap::new(),
        shown: SourceMap::new(),
        home: path.parent().unwrap_or(Path::new("")).to_path_buf(),
        options: Options {
            env,
            ..Options::default()
        },
    };
    input.add(name, shown_name, bytes);
    input.add_extra()?;
    Ok(input)
}

impl Input {
    /// Adds a file that is no input, so that findings can point into it.
    pub(crate) fn show(&mut self, path: &Path, text: String) -> SourceId {
        self.shown.add(shown(path), text)
    }

    /// Notes start-time files that are not on this machine (C-FILE-10). Names are relative to the file
    /// that has them.
    pub(crate) fn note_absent(&self, files: &[StartFile], findings: &mut Diagnostics) {
        let mut absent = Diagnostics::new();
        for file in files {
            let home = Path::new(self.shown.name(file.span.source)).parent();
            if home.unwrap_or(Path::new("")).join(&file.name).exists() {
                continue;
            }
            let message = format!("`{}` is not on this machine", file.name.escape_debug());
            let note = Diagnostic::new(Code::FileNotHere, &*file.key, file.span, message);
            absent.push(note.help("it must be there when the gateway starts"));
        }
        silence(&self.sources, &mut absent);
        findings.extend(absent);
        findings.sort();
    }

    fn add(&mut self, name: String, shown: String, bytes: Vec<u8>) {
        self.sources.add(name, bytes.clone());
        self.shown.add(shown, bytes);
    }

    /// Adds the files of `gateway.extraConfig.directory`, which `$GOMA_EXTRA_CONFIG_DIR` overrides,
    /// in lexical order (config.md 6.10). A directory that is not there is left to the compiler to
    /// report at the place that names it.
    fn add_extra(&mut self) -> Result<(), Missing> {
        let written = extra_directory(&self.sources, &self.options);
        let given = self.options.env.get("GOMA_EXTRA_CONFIG_DIR");
        let given = given.filter(|directory| !directory.is_empty());
        let Some(directory) = given.or(written.as_ref().map(|written| &written.value)) else {
            return Ok(());
        };
        let root = match given {
            Some(given) => PathBuf::from(given),
            None => self.home.join(directory),
        };
        // Names in generated code are the same on every machine.
        let label = match Path::new(directory) {
            whole if whole.is_relative() => whole.to_path_buf(),
            whole => whole.file_name().map(PathBuf::from).unwrap_or_default(),
        };
        let mut files = Vec::new();
        if let Err(error) = walk(&root, &label, 0, &mut files) {
            let why = format!("`{directory}` {}", describe(&error));
            match written {
                Some(written) => {
                    let key = "gateway.extraConfig.directory";
                    let finding = Diagnostic::new(Code::FileMissing, key, written.span, why);
                    self.options.findings.push(finding);
                }
                None => {
                    let file = shown(&root);
                    let why = describe(&error);
                    return Err(Missing { file, why });
                }
            }
            return Ok(());
        }
        files.sort_by(|one, other| one.1.cmp(&other.1));
        for (path, name) in files {
            let bytes = read(&path)?;
            self.add(name, shown(&path), bytes);
        }
        Ok(())
    }
}

/// How deep directories may nest.
const DEPTH_MAX: u32 = 32;
/// How many files a directory may hold in all.
const FILES_MAX: usize = 10_000;

/// Every `*.yaml` and `*.yml` below a directory, with its name; directories that begin with `.` are
/// skipped, but not the first.
fn walk(
    directory: &Path,
    label: &Path,
    depth: u32,
    files: &mut Vec<(PathBuf, String)>,
) -> std::io::Result<()> {
    if depth > DEPTH_MAX || files.len() > FILES_MAX {
        return Err(std::io::Error::other("it holds too many files"));
    }
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let (path, name) = (entry.path(), entry.file_name());
        let below = label.join(&name);
        // Follows links, as a mounted ConfigMap needs.
        if path.is_dir() {
            if !name.to_string_lossy().starts_with('.') {
                walk(&path, &below, depth + 1, files)?;
            }
        } else if path
            .extension()
            .is_some_and(|extension| extension == "yaml" || extension == "yml")
        {
            files.push((path, below.to_string_lossy().into_owned()));
        }
    }
    Ok(())
}

/// A file as the user would name it.
fn shown(path: &Path) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.to_string_lossy().into_owned()
}

/// The main file: what is given, or what the environment or the usual places name (C-FILE-1).
fn locate(given: Option<&Path>) -> PathBuf {
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
fn read(path: &Path) -> Result<Vec<u8>, Missing> {
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
