//! The `goma` command line.
fn main() {}
