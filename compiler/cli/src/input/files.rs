//! Files of a directory, for `extraConfig` and the file provider.

use std::path::{Path, PathBuf};

/// How deep directories may nest.
const DEPTH_MAX: u32 = 32;
/// How many files a directory may hold in all.
pub(super) const FILES_MAX: usize = 10_000;

/// Every file with one of these extensions below a directory, with its name below `label`, in lexical
/// order; directories that begin with `.` are skipped, but not the first.
pub(super) fn collect(
    directory: &Path,
    label: &Path,
    extensions: &[&str],
) -> std::io::Result<Vec<(PathBuf, String)>> {
    let mut files = Vec::new();
    walk(directory, label, extensions, 0, &mut files)?;
    files.sort_by(|one, other| one.1.cmp(&other.1));
    Ok(files)
}

/// Whether a file's name ends in one of these extensions.
pub(super) fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    path.extension()
        .is_some_and(|found| extensions.iter().any(|wanted| found == *wanted))
}

fn walk(
    directory: &Path,
    label: &Path,
    extensions: &[&str],
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
                walk(&path, &below, extensions, depth + 1, files)?;
            }
        } else if has_extension(&path, extensions) {
            files.push((path, below.to_string_lossy().into_owned()));
        }
    }
    Ok(())
}
