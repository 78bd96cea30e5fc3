//! The http provider (RT-PROV-HTTP): one document, bounded, from the host that is named.

use std::path::PathBuf;
use std::time::Duration;

use goma_compiler::bundle;
use goma_compiler::model::provider::HttpProvider;
use goma_compiler::source::{SOURCE_BYTES_MAX, SourceKind};
use reqwest::header::{
    ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, IF_NONE_MATCH, USER_AGENT,
};
use reqwest::redirect::{Attempt, Policy as Redirects};
use reqwest::{Client, Response, StatusCode};

use super::store::{Validator, write_private};
use super::{Bundle, Cx, Reason};
use crate::requests;

/// What is asked for.
const ACCEPTED: &str = "application/json, application/yaml, application/x-yaml, text/yaml";
/// What may come: these, and what says nothing about its format.
const TYPES: &[&str] = &[
    "application/json",
    "application/octet-stream",
    "application/x-yaml",
    "application/yaml",
    "text/json",
    "text/plain",
    "text/x-yaml",
    "text/yaml",
];
/// Redirects within the host that are followed.
const REDIRECTS_MAX: usize = 5;
/// The file in a `cacheDir` that is a directory.
const CACHE_FILE: &str = "config.json";

/// Fetches the bundle.
pub(super) fn fetch(provider: &HttpProvider, cx: &Cx) -> Result<Bundle, Reason> {
    let bundle = |bytes| Bundle {
        name: provider.name().to_owned(),
        bytes,
    };
    if cx.uses_store() {
        let listed = cx.listed(SourceKind::Http);
        let listed = listed.iter().find(|(name, _)| *name == provider.name());
        if let Some(bytes) = listed.and_then(|(_, hash)| cx.store.read(hash)) {
            return Ok(bundle(bytes));
        }
        if cx.policy.offline {
            return Err("no bundle that `goma.lock` lists is in `.goma/inputs`".to_owned());
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    match runtime.block_on(fetch_often(provider, cx)) {
        Ok(bytes) => {
            keep_copy(provider, cx, &bytes);
            Ok(bundle(bytes))
        }
        Err(reason) => match std::fs::read(cache_file(provider, cx)) {
            Ok(bytes) if !bytes.is_empty() && bytes.len() <= SOURCE_BYTES_MAX => {
                eprintln!(
                    "warning: {}: {reason}; the last good bundle is used",
                    provider.name()
                );
                Ok(bundle(bytes))
            }
            Ok(_) | Err(_) => Err(reason),
        },
    }
}

/// As often as the provider says, until it succeeds.
async fn fetch_often(provider: &HttpProvider, cx: &Cx) -> Result<Vec<u8>, Reason> {
    let client = client(provider)?;
    let mut tries = 1;
    loop {
        match fetch_once(&client, provider, cx).await {
            Err(_) if tries < provider.attempts => {
                tries += 1;
                tokio::time::sleep(provider.delay).await;
            }
            Err(reason) if tries > 1 => return Err(format!("{reason} (after {tries} tries)")),
            result => return result,
        }
    }
}

async fn fetch_once(client: &Client, provider: &HttpProvider, cx: &Cx) -> Result<Vec<u8>, Reason> {
    let place = &provider.endpoint.value;
    let known = cx.store.validator(place);
    let known = known.and_then(|known| Some((cx.store.read(&known.sha256)?, known.tag)));
    let mut request = client.get(place);
    if let Some((_, tag)) = &known {
        request = request.header(IF_NONE_MATCH, tag);
    }
    let response = request.send().await.map_err(describe)?;
    match (response.status(), known) {
        (StatusCode::OK, _) => {
            let tag = response.headers().get(ETAG).cloned();
            let bytes = body(response).await?;
            remember(place, tag.as_ref(), &bytes, cx);
            Ok(bytes)
        }
        (StatusCode::NOT_MODIFIED, Some((bytes, _))) => Ok(bytes),
        (status, _) => Err(format!("the server answers {}", status.as_u16())),
    }
}

fn client(provider: &HttpProvider) -> Result<Client, Reason> {
    // Somebody may have been faster; there is but one choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::builder()
        .default_headers(headers(provider)?)
        .timeout(provider.timeout)
        .connect_timeout(provider.timeout.max(Duration::from_millis(1)))
        .danger_accept_invalid_certs(provider.insecure)
        .redirect(Redirects::custom(stay))
        .build()
        .map_err(describe)
}

fn headers(provider: &HttpProvider) -> Result<HeaderMap, Reason> {
    let mut headers = HeaderMap::new();
    let agent = format!("goma-gateway/{}", goma_compiler::VERSION);
    headers.insert(ACCEPT, HeaderValue::from_static(ACCEPTED));
    headers.extend(HeaderValue::try_from(agent).map(|agent| (USER_AGENT, agent)));
    for (name, value) in &provider.headers {
        let unfit = || format!("the header `{}` cannot be sent", name.escape_debug());
        let mut value = HeaderValue::from_str(value.reveal()).map_err(|_| unfit())?;
        value.set_sensitive(true);
        let name = HeaderName::try_from(name).map_err(|_| unfit())?;
        headers.insert(name, value);
    }
    Ok(headers)
}

/// A redirect to another host, or away from TLS, could hand headers and routes to anyone.
fn stay(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let (next, previous) = (attempt.url(), attempt.previous());
    let same = previous.first().is_some_and(|first| {
        let port = |url: &url::Url| url.port_or_known_default();
        let upgrade = first.scheme() == "http" && next.scheme() == "https";
        let same_port = first.scheme() == next.scheme() && port(first) == port(next);
        first.host() == next.host() && (same_port || upgrade)
    });
    if !same {
        return attempt.error("it redirects to another host, which is refused");
    }
    if previous.len() > REDIRECTS_MAX {
        return attempt.error("it redirects too often");
    }
    attempt.follow()
}

/// The whole body, if it can be a bundle and is not too large.
async fn body(response: Response) -> Result<Vec<u8>, Reason> {
    if let Some(kind) = response.headers().get(CONTENT_TYPE) {
        let kind = kind.to_str().unwrap_or_default().to_ascii_lowercase();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.is_empty() && !TYPES.contains(&kind) {
            let kind = kind.escape_debug();
            return Err(format!("the answer is `{kind}`, neither JSON nor YAML"));
        }
    }
    let bytes = requests::body(response, SOURCE_BYTES_MAX).await;
    let larger = || format!("the bundle is larger than {} MiB", SOURCE_BYTES_MAX >> 20);
    let bytes = bytes.map_err(describe)?.ok_or_else(larger)?;
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("the answer is empty".to_owned());
    }
    Ok(bytes)
}

/// Keeps the bundle with its entity tag, or else its `checksum` (RT-PROV-HTTP-4).
fn remember(place: &str, tag: Option<&HeaderValue>, bytes: &[u8], cx: &Cx) {
    let Ok(sha256) = cx.store.keep(bytes) else {
        return;
    };
    let checksum = || {
        let text = std::str::from_utf8(bytes).ok()?;
        let sum = bundle::checksum(text)?;
        (!sum.contains(['"', '\n', '\r'])).then(|| format!("\"{sum}\""))
    };
    let tag = tag.and_then(|tag| Some(tag.to_str().ok()?.to_owned()));
    if let Some(tag) = tag.or_else(checksum) {
        // Without it the next time costs a whole answer, no more.
        let _ = cx.store.set_validator(place, &Validator { tag, sha256 });
    }
}

/// Where the last good bytes are. Without `cacheDir` that is beside the main file, for this endpoint
/// alone: the default of `goma serve` is one place of the whole machine, and a build must not get what
/// another project fetched.
fn cache_file(provider: &HttpProvider, cx: &Cx) -> PathBuf {
    let Some(path) = provider.cache.as_deref().map(|cache| cx.path(cache)) else {
        return cx.store.last(&provider.endpoint.value);
    };
    if path.is_dir() {
        path.join(CACHE_FILE)
    } else {
        path
    }
}

/// The last good bytes, mode 0600.
fn keep_copy(provider: &HttpProvider, cx: &Cx, bytes: &[u8]) {
    let path = cache_file(provider, cx);
    if let Err(error) = write_private(&path, bytes) {
        eprintln!("warning: cannot write {}: {error}", path.display());
    }
}

/// Without the URL, whose query may hold a token; with what lies behind.
fn describe(error: reqwest::Error) -> Reason {
    if error.is_redirect() {
        return requests::cause(&error.without_url());
    }
    requests::describe(error, "the server")
}
