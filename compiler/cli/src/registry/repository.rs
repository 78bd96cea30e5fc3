//! A repository: its manifests, its blobs, and what refers to them. Everything that is read is held
//! against its digest.

use std::cell::OnceCell;
use std::future::Future;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderValue};
use serde_json::Value;
use tokio::runtime::Runtime;
use url::Url;

use super::Access;
use super::client::{Call, Client, body};
use super::reference::{Reference, is_digest};
use super::upload::upload;
use crate::build::record::sha256;

/// The largest manifest; what registries hold to.
const MANIFEST_BYTES_MAX: usize = 4 << 20;
/// What manifests there are.
const MANIFESTS: &str = "application/vnd.oci.image.manifest.v1+json, \
    application/vnd.oci.image.index.v1+json, \
    application/vnd.docker.distribution.manifest.v2+json, \
    application/vnd.docker.distribution.manifest.list.v2+json";

/// A repository of a registry.
pub(crate) struct Repository {
    client: Client,
    runtime: Runtime,
    /// A tag may become that of another image: what was read once stays.
    asked: OnceCell<Document>,
    /// Which it is, and what was asked for.
    pub(crate) reference: Reference,
}

/// A manifest or an index.
#[derive(Clone, Debug)]
pub(crate) struct Document {
    /// `sha256:…`
    pub(crate) digest: String,
    /// What it is.
    pub(crate) media_type: String,
    /// As it was stored.
    pub(crate) bytes: Vec<u8>,
}

impl Repository {
    /// Asks nothing yet.
    ///
    /// # Errors
    /// The network is not to be used.
    pub(crate) fn open(reference: Reference, access: Access) -> anyhow::Result<Self> {
        ensure!(
            !access.offline,
            "{reference} is in a registry, which `--offline` does not ask"
        );
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        Ok(Self {
            client: Client::new(&reference, access.plain_http)?,
            runtime,
            asked: OnceCell::new(),
            reference,
        })
    }

    /// A manifest by tag or digest, if it is there.
    pub(crate) fn manifest(&self, name: &str) -> anyhow::Result<Option<Document>> {
        let call = self.for_manifest(Call::get, name)?;
        self.wait(async {
            let answer = self.client.ask(&call).await?;
            if answer.status().as_u16() == 404 {
                return Ok(None);
            }
            let answer = self.client.expect(answer, &[200]).await?;
            let kind = header(&answer, CONTENT_TYPE.as_str());
            let bytes = body(answer, MANIFEST_BYTES_MAX).await?;
            let digest = format!("sha256:{}", sha256(&bytes));
            ensure!(
                !is_digest(name) || digest == name,
                "the manifest {name} has another hash"
            );
            // Says itself what it is; one of Docker's may not.
            let own: Value = serde_json::from_slice(&bytes).context("a manifest")?;
            let own = own.get("mediaType").and_then(Value::as_str);
            let media_type = own.map(str::to_owned).or(kind).unwrap_or_default();
            Ok(Some(Document {
                digest,
                media_type,
                bytes,
            }))
        })
    }

    /// The manifest that was asked for, the same one each time.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn asked(&self) -> anyhow::Result<Document> {
        if let Some(known) = self.asked.get() {
            return Ok(known.clone());
        }
        let found = self.manifest(self.reference.name())?;
        let found = found.with_context(|| format!("there is no {}", self.reference))?;
        Ok(self.asked.get_or_init(|| found).clone())
    }

    /// Whether a manifest is there.
    pub(crate) fn has_manifest(&self, digest: &str) -> anyhow::Result<bool> {
        self.has(self.for_manifest(Call::head, digest)?)
    }

    /// Puts a manifest under its digest or a tag.
    pub(crate) fn put_manifest(
        &self,
        name: &str,
        media_type: &str,
        bytes: &[u8],
    ) -> anyhow::Result<()> {
        let put = |url| Call::put(url, Bytes::copy_from_slice(bytes));
        let mut call = self.for_manifest(put, name)?;
        let media_type = HeaderValue::from_str(media_type).context("a media type")?;
        call.headers.insert(CONTENT_TYPE, media_type);
        self.wait(async {
            let answer = self.client.ask(&call).await?;
            self.client.expect(answer, &[201, 202]).await?;
            Ok(())
        })
    }

    /// What refers to a manifest, as the registry says it; none if it does not know of such a thing.
    pub(crate) fn referrers(&self, digest: &str) -> anyhow::Result<Option<Vec<Value>>> {
        let call = Call::get(self.client.url(&format!("referrers/{digest}"))?);
        self.wait(async {
            let answer = self.client.ask(&call).await?;
            if matches!(answer.status().as_u16(), 404 | 405) {
                return Ok(None);
            }
            let answer = self.client.expect(answer, &[200]).await?;
            let bytes = body(answer, MANIFEST_BYTES_MAX).await?;
            let index: Value = serde_json::from_slice(&bytes).context("the list of referrers")?;
            let manifests = index.get("manifests").and_then(Value::as_array);
            Ok(Some(manifests.cloned().unwrap_or_default()))
        })
    }

    /// A blob of this size at most.
    pub(crate) fn blob(&self, digest: &str, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
        let call = Call::get(self.client.url(&format!("blobs/{digest}"))?);
        self.wait(async {
            let answer = self.client.ask(&call).await?;
            let answer = self.client.expect(answer, &[200]).await?;
            let bytes = body(answer, bytes_max).await?;
            let found = format!("sha256:{}", sha256(&bytes));
            ensure!(found == digest, "the blob {digest} has another hash");
            Ok(bytes)
        })
    }

    /// Whether a blob is there.
    pub(crate) fn has_blob(&self, digest: &str) -> anyhow::Result<bool> {
        self.has(Call::head(self.client.url(&format!("blobs/{digest}"))?))
    }

    /// Takes a blob over from another repository of the registry; whether it could.
    pub(crate) fn mount(&self, digest: &str, from: &Reference) -> anyhow::Result<bool> {
        if from.host != self.reference.host {
            return Ok(false);
        }
        let mut url = self.client.url("blobs/uploads/")?;
        url.query_pairs_mut()
            .append_pair("mount", digest)
            .append_pair("from", &from.repository);
        self.wait(async {
            // What is not mounted is uploaded, whatever the reason; an upload that the registry has begun
            // instead ends by itself.
            let answer = self.client.ask(&Call::post(url)).await;
            Ok(answer.is_ok_and(|answer| answer.status().as_u16() == 201))
        })
    }

    /// Uploads a blob; what arrived of it before the connection broke off is not sent again.
    pub(crate) fn upload(&self, digest: &str, bytes: Vec<u8>) -> anyhow::Result<()> {
        self.wait(upload(&self.client, digest, &Bytes::from(bytes)))
    }

    fn has(&self, call: Call) -> anyhow::Result<bool> {
        self.wait(async {
            let answer = self.client.ask(&call).await?;
            if answer.status().as_u16() == 404 {
                return Ok(false);
            }
            self.client.expect(answer, &[200]).await?;
            Ok(true)
        })
    }

    fn for_manifest(&self, call: impl Fn(Url) -> Call, name: &str) -> anyhow::Result<Call> {
        let mut call = call(self.client.url(&format!("manifests/{name}"))?);
        call.headers
            .insert(ACCEPT, HeaderValue::from_static(MANIFESTS));
        Ok(call)
    }

    fn wait<T>(&self, work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
        self.runtime.block_on(work)
    }
}

/// A field of an answer, if it is text.
pub(super) fn header(answer: &Response, name: &str) -> Option<String> {
    let value = answer.headers().get(name)?.to_str().ok()?;
    Some(value.to_owned())
}
