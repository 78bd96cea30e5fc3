//! The revision: one identity for one configuration (DESIGN decision 8, C-LOCK-3).
//!
//! Apart, because what goes into the hash is a promise: the whole plan, places included, as compact
//! JSON with fields in declaration order, then the text of `goma.lock`, which has the hash of every
//! input. So two different binaries never share a revision, and equal ones always do. A comment that
//! moves a line is another revision: the line is in the binary, which names it when a variable is
//! unset at start, and the hash of the file is in what the binary says of itself (RT-CLI-12).

use sha2::{Digest, Sha256};

use super::Plan;

/// Hex digits that a revision keeps of its SHA-256.
const DIGITS: usize = 12;

/// The first twelve hex digits of the hash of a plan and of the lock it is built with.
pub fn revision(plan: &Plan, lock: &str) -> String {
    // INVARIANT: a plan has only strings, numbers and sequences, which always serialise.
    let canonical = serde_json::to_vec(plan).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(&canonical);
    hash.update(b"\n");
    hash.update(lock);
    let digest = hash.finalize();
    let mut text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(DIGITS);
    text
}
