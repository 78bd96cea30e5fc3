//! Finds and reads the configuration (C-FILE-1, C-FILE-2), and fetches what its providers deliver.

mod fetch;
mod files;
pub(crate) mod revision;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use goma_compiler::archive::Archive;
use goma_compiler::diag::{Code, Diagnostic, Diagnostics};
use goma_compiler::lock::{Lock, Machine};
use goma_compiler::model::provider::FileProvider;
use goma_compiler::source::{
    EMBEDDED_BYTES_MAX, SOURCE_BYTES_MAX, SourceId, SourceKind, SourceMap, Span, Spanned,
    embedded_name,
};
use goma_compiler::{Options, StartFile, decrypt_rules, embedded_files, inputs, silence};

use crate::image;
use crate::missing::Missing;
use crate::registry::Access;

/// Names looked for in a directory, in this order.
const FILE_NAMES: [&str; 2] = ["goma.yml", "goma.yaml"];

/// The place of last resort.
const SYSTEM_FILE: &str = "/etc/goma/goma.yml";

/// What the names of bundles end in.
const BUNDLE_EXTENSIONS: &[&str] = &["yaml", "yml", "json"];

/// How providers are asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    /// They deliver what `goma.lock` lists.
    pub(crate) locked: bool,
    /// They are not asked at all.
    pub(crate) offline: bool,
    /// How registries of images may be asked.
    pub(crate) registries: Access,
}

/// The sources of one run.
#[derive(Debug)]
pub(crate) struct Input {
    /// Named relative to the main file's directory, as generated code names them.
    pub(crate) sources: SourceMap,
    /// The same files with the names the user can open from here; ids and spans are the same.
    pub(crate) shown: SourceMap,
    /// The main file's directory.
    pub(crate) home: PathBuf,
    /// Directories all of whose files are inputs.
    pub(crate) roots: Vec<PathBuf>,
    /// How they are compiled.
    pub(crate) options: Options,
    /// Of an image: all variables that its gateway looks up when it starts, and whether it does not start without. Its
    /// sources do not name those of values that are withheld.
    pub(crate) values: BTreeMap<String, bool>,
}

/// Reads what the command line, the environment or the usual places name, and what that names; with a
/// policy also what its providers deliver. What cannot be had is a finding of the compilation.
///
/// # Errors
/// The finding `file-missing`.
pub(crate) fn load(
    file: Option<&Path>,
    env: BTreeMap<String, String>,
    policy: Option<Policy>,
) -> Result<Input, Missing> {
    // Without a policy, files are to be changed.
    if let (Some(file), Some(policy)) = (file, policy)
        && let Some(archive) = image_of(file, policy.registries)?
    {
        return load_image(file, &archive, env);
    }
    let path = locate(file);
    let shown_name = shown(&path);
    let bytes = read(&path, SOURCE_BYTES_MAX)?;
    let name = path
        .file_name()
        .map_or_else(|| path.to_string_lossy(), |name| name.to_string_lossy())
        .into_owned();
    let mut input = Input {
        sources: SourceMap::new(),
        shown: SourceMap::new(),
        home: path.parent().unwrap_or(Path::new("")).to_path_buf(),
        roots: Vec::new(),
        options: Options {
            env,
            ..Options::default()
        },
        values: BTreeMap::new(),
    };
    input.add(SourceKind::Main, &name, shown_name, bytes);
    let named = inputs(&input.sources, &input.options);
    input.add_extra(named.extra_directory.as_ref())?;
    if let Some(policy) = policy {
        if let Some(provider) = &named.file {
            input.add_bundles(provider)?;
        }
        fetch::all(&mut input, &named, policy);
    }
    input.decrypt();
    input.add_embedded();
    Ok(input)
}

/// What an image carries, if a path names one.
fn image_of(file: &Path, access: Access) -> Result<Option<String>, Missing> {
    image::specification(file, access).map_err(|error| unreadable(file, &format!("{error:#}")))
}

/// What an image was built from. Variables of structural keys are those of the build.
fn load_image(
    image: &Path,
    text: &str,
    mut env: BTreeMap<String, String>,
) -> Result<Input, Missing> {
    let archive = Archive::read(text).map_err(|error| unreadable(image, &error.to_string()))?;
    let sources = archive.sources();
    let mut renamed = sources.clone();
    renamed.rename("", &format!("{}:", shown(image)));
    env.extend(archive.env_of_build());
    let mut input = Input {
        sources,
        shown: renamed,
        home: PathBuf::new(),
        roots: Vec::new(),
        options: Options {
            name: archive.name,
            env,
            ..Options::default()
        },
        values: archive.values,
    };
    input.decrypt();
    Ok(input)
}

fn unreadable(image: &Path, error: &str) -> Missing {
    Missing {
        file: shown(image),
        why: format!("cannot be read: {error}"),
    }
}

impl Input {
    /// Stands for everything that was read, and what could not be.
    pub(crate) fn fingerprint(&self) -> String {
        let lock = Lock::new(&self.sources, &[], &Machine::default());
        let missing = self.options.findings.iter().map(|item| &*item.message);
        format!("{}{}", lock.text(), missing.collect::<String>())
    }

    /// Adds a file that is no input, so that findings can point into it.
    pub(crate) fn show(&mut self, path: &Path, text: impl Into<Vec<u8>>) -> SourceId {
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

    fn add(&mut self, kind: SourceKind, name: &str, shown: String, bytes: Vec<u8>) {
        self.sources.add_as(kind, name, bytes.clone());
        self.shown.add_as(kind, shown, bytes);
    }

    /// Adds the files of `gateway.extraConfig.directory`, which `$GOMA_EXTRA_CONFIG_DIR` overrides,
    /// in lexical order (config.md 6.10). A directory that is not there is reported at the place that
    /// names it.
    fn add_extra(&mut self, written: Option<&Spanned<String>>) -> Result<(), Missing> {
        let given = self.options.env.get("GOMA_EXTRA_CONFIG_DIR");
        let given = given.filter(|directory| !directory.is_empty()).cloned();
        let directory = match (given, written) {
            (Some(given), _) => Directory {
                root: PathBuf::from(&given),
                name: given,
                named: None,
            },
            (None, Some(written)) => Directory {
                root: self.home.join(&written.value),
                name: written.value.clone(),
                named: Some((
                    Code::FileMissing,
                    "gateway.extraConfig.directory",
                    written.span,
                )),
            },
            (None, None) => return Ok(()),
        };
        self.add_directory(SourceKind::Extra, &directory, &["yaml", "yml"])
    }

    /// Adds the bundles of the file provider.
    fn add_bundles(&mut self, provider: &FileProvider) -> Result<(), Missing> {
        let written = &provider.directory;
        let root = if provider.from_variable {
            PathBuf::from(&written.value)
        } else {
            self.home.join(&written.value)
        };
        let key = "gateway.providers.file.directory";
        let directory = Directory {
            root,
            name: written.value.clone(),
            named: Some((Code::ProviderFailed, key, written.span)),
        };
        self.add_directory(SourceKind::File, &directory, BUNDLE_EXTENSIONS)
    }

    fn add_directory(
        &mut self,
        kind: SourceKind,
        directory: &Directory,
        extensions: &[&str],
    ) -> Result<(), Missing> {
        // Names in generated code are the same on every machine.
        let label = match Path::new(&directory.name) {
            whole if whole.is_relative() => whole.to_path_buf(),
            whole => whole.file_name().map(PathBuf::from).unwrap_or_default(),
        };
        match files::collect(&directory.root, &label, extensions) {
            Ok(files) => {
                self.roots.push(directory.root.clone());
                for (path, name) in files {
                    let bytes = read(&path, SOURCE_BYTES_MAX)?;
                    self.add(kind, &name, shown(&path), bytes);
                }
                Ok(())
            }
            Err(error) => {
                let why = describe(&error);
                let Some((code, key, span)) = directory.named else {
                    let file = shown(&directory.root);
                    return Err(Missing { file, why });
                };
                let message = format!("`{}` {why}", directory.name);
                self.report(Diagnostic::new(code, key, span, message));
                Ok(())
            }
        }
    }

    /// Decrypts encrypted rules (C-SEC-1). What is shown of them is what is written.
    fn decrypt(&mut self) {
        for place in decrypt_rules(&mut self.sources, &self.options) {
            self.shown.decrypt(place, "", Ok(String::new()));
        }
    }

    fn report(&mut self, finding: Diagnostic) {
        self.options.findings.push(finding);
    }

    /// Adds the files that rules name, each once, relative to the file that names it. One that cannot
    /// be read is left to the compiler to report at the place that names it.
    fn add_embedded(&mut self) {
        let mut known = BTreeSet::new();
        for file in embedded_files(&self.sources, &self.options) {
            let naming = file.span.source;
            let name = embedded_name(self.sources.name(naming), &file.value);
            if !known.insert(name.clone()) {
                continue;
            }
            if self.sources.kind(naming).is_fetched() {
                // What comes over the network must not read files of this machine.
                let why = "cannot be embedded: a bundle that is fetched brings no files";
                self.sources.embed(name, Err(why.to_owned()));
                continue;
            }
            let beside = Path::new(self.shown.name(naming)).parent();
            let path = beside.unwrap_or(Path::new("")).join(&file.value);
            let bytes = read(&path, EMBEDDED_BYTES_MAX).map_err(|missing| missing.why);
            self.shown.embed(shown(&path), bytes.clone());
            self.sources.embed(name, bytes);
        }
    }
}

/// A directory whose files are inputs.
struct Directory {
    /// Where it is.
    root: PathBuf,
    /// As written.
    name: String,
    /// What is wrong, and where that is said, if it cannot be read.
    named: Option<(Code, &'static str, Span)>,
}

/// A file as the user would name it.
fn shown(path: &Path) -> String {
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
pub(crate) fn read(path: &Path, bytes_max: usize) -> Result<Vec<u8>, Missing> {
    use std::io::Read as _;
    let missing = |error: std::io::Error| Missing {
        file: shown(path),
        why: describe(&error),
    };
    let file = std::fs::File::open(path).map_err(missing)?;
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1)
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
