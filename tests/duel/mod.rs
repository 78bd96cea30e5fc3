//! The differential test: the same raw requests to our gateway and to the peers, each in front of a
//! backend that records every byte.
//!
//! [`corpus`] holds the requests, [`readers`] the ways in which a backend might frame what it gets,
//! [`recorder`] the backend, [`contest`] sends the requests, [`peers`] starts the other proxies.
//! `test.rs` asserts what ours does (CI); `table.rs` writes the page of all (`ci/duel`).

pub mod contest;
pub mod corpus;
pub mod peers;
pub mod readers;
pub mod recorder;

pub use contest::{Outcome, Proxy, contest};
pub use corpus::{Case, corpus};
