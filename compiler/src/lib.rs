//! The pure compiler of goma.
