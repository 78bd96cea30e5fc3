//! A blob: bytes that are named by their hash.

use serde_json::{Value, json};

use crate::build::record::sha256;

/// Media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// Media type of an index.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// Media type of a configuration.
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// Media type of a layer.
pub(super) const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// Media type of nothing: referrers have no configuration.
const EMPTY: &str = "application/vnd.oci.empty.v1+json";

/// Some bytes of an image.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    /// What kind of bytes.
    pub(super) media_type: &'static str,
    /// What it holds.
    pub(super) bytes: Vec<u8>,
    /// SHA-256 as hex.
    pub(super) sha256: String,
}

impl Blob {
    /// Any bytes.
    pub(super) fn new(media_type: &'static str, bytes: Vec<u8>) -> Self {
        let sha256 = sha256(&bytes);
        Self {
            media_type,
            bytes,
            sha256,
        }
    }

    /// JSON without blanks. The keys of a `Value` are sorted.
    pub(super) fn json(media_type: &'static str, value: &Value) -> Self {
        Self::new(media_type, value.to_string().into_bytes())
    }

    /// The configuration of what needs none.
    pub(super) fn empty() -> Self {
        Self::new(EMPTY, b"{}".to_vec())
    }

    /// How others refer to it.
    pub(super) fn descriptor(&self) -> Value {
        json!({
            "mediaType": self.media_type,
            "digest": self.digest(),
            "size": self.bytes.len(),
        })
    }

    /// `sha256:…`
    pub(super) fn digest(&self) -> String {
        format!("sha256:{}", self.sha256)
    }
}
