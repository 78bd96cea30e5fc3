//! Registries of images (OCI distribution specification 1.1): what `oci://` names. Knows manifests and
//! blobs by their digests, and nothing of what is in them.
//!
//! The client is the one that providers are asked with. The crate `oci-client` would bring second versions
//! of base64 and syn into the tree, and its own opinion about credentials.

mod auth;
mod client;
mod credentials;
mod reference;
mod repository;
mod upload;

pub(crate) use reference::{Reference, SCHEME, is_digest};
pub(crate) use repository::{Document, Repository};

/// How registries may be asked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Access {
    /// Not at all.
    pub(crate) offline: bool,
    /// Without TLS, also where it is not this machine.
    pub(crate) plain_http: bool,
}
