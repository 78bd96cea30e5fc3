//! The revision: one identity for one configuration (DESIGN decision 8).
//!
//! Apart, because what goes into the hash is a promise. It is the whole plan, places included,
//! as compact JSON with fields in declaration order, then the runtime's version: two different
//! generated crates never share a revision, and equal ones always do.

use sha2::{Digest, Sha256};

use super::Plan;
use crate::RUNTIME_VERSION;

/// Hex digits that a revision keeps of its SHA-256.
const DIGITS: usize = 12;

/// The first twelve hex digits of the hash of a plan and of the runtime that will serve it.
pub fn revision(plan: &Plan) -> String {
    // INVARIANT: a plan has only strings, numbers and sequences, which always serialise.
    let canonical = serde_json::to_vec(plan).unwrap_or_default();
    let mut hash = Sha256::new();
    hash.update(&canonical);
    hash.update(b"\n");
    hash.update(RUNTIME_VERSION);
    let digest = hash.finalize();
    let mut text: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    text.truncate(DIGITS);
    text
}
