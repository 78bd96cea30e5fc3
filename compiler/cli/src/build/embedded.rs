//! The files that travel inside the goma binary (made by `compiler/cli/build.rs`): the build
//! workspace's manifest and lock file, and the runtime's source.

mod generated {
    include!(concat!(env!("OUT_DIR"), "/embedded.rs"));
}

/// Path relative to the workspace, and text; sorted by path.
pub(super) fn files() -> &'static [(&'static str, &'static str)] {
    generated::FILES
}

/// The text of one.
pub(super) fn file(path: &str) -> Option<&'static str> {
    let found = files().iter().find(|(name, _)| *name == path);
    found.map(|(_, text)| *text)
}

/// The first 12 hex digits of SHA-256 over [`files`].
pub(super) fn content_hash() -> &'static str {
    generated::CONTENT_HASH
        .get(..12)
        .unwrap_or(generated::CONTENT_HASH)
}
