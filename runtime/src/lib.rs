//! What a generated gateway calls.
