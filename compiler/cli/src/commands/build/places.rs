//! Where gateways go.

use std::path::{Path, PathBuf};

use goma_compiler::Output;

use super::DEFAULT_NAME;
use crate::failure::Failure;
use crate::input::Input;

/// A directory has one `goma.lock`: that of one main file.
pub(super) fn one_lock_each(ready: &[(Input, Output)]) -> Result<(), Failure> {
    let mut homes: Vec<&Path> = ready
        .iter()
        .map(|(input, _)| input.home.as_path())
        .collect();
    homes.sort_unstable();
    match homes
        .iter()
        .zip(homes.iter().skip(1))
        .find(|(one, next)| one == next)
    {
        Some((home, _)) => {
            let place = home.join(goma_compiler::lock::FILE_NAME);
            let message = format!("two main files would write {}", place.display());
            Err(Failure::Usage(message))
        }
        None => Ok(()),
    }
}

/// Where each gateway goes: one to `out`, several to directories in it, named after their files, or
/// after their directories where those have the usual name.
///
/// # Errors
/// Two have the same name.
pub(super) fn places(mains: &[Option<&Path>], out: &Path) -> Result<Vec<PathBuf>, Failure> {
    if let [_] = mains {
        return Ok(vec![out.to_path_buf()]);
    }
    let mut places: Vec<PathBuf> = Vec::new();
    for main in mains.iter().flatten() {
        let usual = ["goma.yml", "goma.yaml"].map(|name| main.file_name() == Some(name.as_ref()));
        let directory = match (main.is_dir(), usual.contains(&true)) {
            (true, _) => Some(main.to_path_buf()),
            (false, true) => Some(main.parent().unwrap_or(Path::new("")).to_path_buf()),
            (false, false) => None,
        };
        let name = match directory {
            // `.` and `..` have a name only where they lead to.
            Some(directory) => std::path::absolute(Path::new(".").join(&directory))
                .and_then(|path| path.canonicalize())
                .ok()
                .and_then(|path| path.file_name().map(PathBuf::from)),
            None => main.file_stem().map(PathBuf::from),
        };
        let place = out.join(name.unwrap_or_else(|| PathBuf::from(DEFAULT_NAME)));
        if places.contains(&place) {
            let message = format!("two gateways would be built in {}", place.display());
            return Err(Failure::Usage(message));
        }
        places.push(place);
    }
    Ok(places)
}
