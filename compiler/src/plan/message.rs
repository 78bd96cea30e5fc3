//! Encrypted messages that are built in, and which parts of them values are (C-SEC-1).

use serde::Serialize;

use super::{Ident, Place};

/// An encrypted message that is built in as it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Message {
    /// Its name in generated code.
    pub constant: Ident,
    /// Dotted key of what is encrypted.
    pub key: String,
    /// Where it is written.
    pub place: Place,
    /// The armoured text.
    pub text: String,
}

/// A part of a decrypted text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub enum Cut {
    /// What follows the first `:`.
    Password,
    /// The bytes from the first to before the second.
    Range(u32, u32),
    /// What stands before the first `:`.
    User,
    /// All of it but a line break at the end.
    Whole,
}
