//! Requests to a registry: bounded, repeated where that helps, authorized as the registry asks.

use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use reqwest::header::{AUTHORIZATION, HeaderMap, USER_AGENT};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{Method, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;
use url::{Host, Url};

use super::auth::{Granted, refused};
use super::reference::Reference;
use crate::requests;

/// Until a connection is made.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Without a byte from the registry.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// The slowest upload that is waited for, in bytes per second: it is no use to wait for ever.
const UPLOAD_RATE_MIN: u64 = 4 << 10;
/// Redirects that are followed: registries send to stores of blobs.
const REDIRECTS_MAX: usize = 5;
/// The longest explanation of an error that is read, and that is shown.
const ERROR_BYTES_MAX: usize = 64 << 10;
const ERROR_CHARS_MAX: usize = 200;

/// A client of one repository.
pub(super) struct Client {
    http: reqwest::Client,
    /// For what has a body: how long that may take depends on its size.
    uploads: reqwest::Client,
    /// For servers of tokens, which get what is secret: follows no redirects.
    tokens: reqwest::Client,
    to: Reference,
    base: Url,
    /// Told to do without TLS.
    plain: bool,
    granted: Mutex<Granted>,
}

/// What a registry says instead of what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct Refused {
    /// Of HTTP.
    pub(super) status: u16,
    /// One line.
    pub(super) text: String,
}

/// A request that can be made again.
#[derive(Clone)]
pub(super) struct Call {
    method: Method,
    url: Url,
    /// Fields beside those of every request.
    pub(super) headers: HeaderMap,
    /// What is sent.
    pub(super) body: Option<Bytes>,
}

impl Call {
    fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: None,
        }
    }

    pub(super) fn get(url: Url) -> Self {
        Self::new(Method::GET, url)
    }

    pub(super) fn head(url: Url) -> Self {
        Self::new(Method::HEAD, url)
    }

    pub(super) fn post(url: Url) -> Self {
        Self::new(Method::POST, url)
    }

    pub(super) fn put(url: Url, body: Bytes) -> Self {
        Self::with_body(Method::PUT, url, body)
    }

    pub(super) fn patch(url: Url, body: Bytes) -> Self {
        Self::with_body(Method::PATCH, url, body)
    }

    fn with_body(method: Method, url: Url, body: Bytes) -> Self {
        let mut call = Self::new(method, url);
        call.body = Some(body);
        call
    }
}

impl Client {
    /// A client; without TLS on this machine, or when told.
    ///
    /// # Errors
    /// There is no trust store.
    pub(super) fn new(to: &Reference, plain: bool) -> anyhow::Result<Self> {
        // Somebody may have been faster; there is but one choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let scheme = if plain || to.is_loopback() {
            "http"
        } else {
            "https"
        };
        let base = Url::parse(&format!(
            "{scheme}://{}/v2/{}/",
            to.api_host(),
            to.repository
        ));
        let base = base.with_context(|| format!("`{}` is no host", to.host))?;
        let mut headers = HeaderMap::new();
        let agent = format!("goma/{}", goma_compiler::VERSION);
        headers.extend(agent.parse().map(|agent| (USER_AGENT, agent)));
        let client = |policy, idle: Option<Duration>| {
            let mut builder = reqwest::Client::builder()
                .default_headers(headers.clone())
                .connect_timeout(CONNECT_TIME)
                .redirect(policy);
            if let Some(idle) = idle {
                builder = builder.read_timeout(idle);
            }
            if to.is_loopback() {
                // A proxy would ask itself.
                builder = builder.no_proxy();
            }
            builder.build().context("cannot make a client")
        };
        Ok(Self {
            http: client(Policy::custom(follow), Some(IDLE_TIME))?,
            uploads: client(Policy::custom(follow), None)?,
            tokens: client(Policy::none(), Some(IDLE_TIME))?,
            to: to.clone(),
            base,
            plain,
            granted: Mutex::default(),
        })
    }

    /// Whether a server of tokens may be told a password: without TLS only one of this machine, or when told.
    pub(super) fn may_tell(&self, realm: &Url) -> bool {
        let loopback = match realm.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        match realm.scheme() {
            "https" => true,
            "http" => self.plain || self.to.is_loopback() && loopback,
            _ => false,
        }
    }

    /// A URL of the repository. INVARIANT: the path is made of checked parts.
    pub(super) fn url(&self, path: &str) -> anyhow::Result<Url> {
        Ok(self.base.join(path)?)
    }

    /// Where a registry sends to: perhaps relative, never away from TLS.
    pub(super) fn resolve(&self, location: &str) -> anyhow::Result<Url> {
        let url = self.base.join(location).ok();
        let url = url.filter(|url| url.scheme() == "https" || url.scheme() == self.base.scheme());
        url.with_context(|| format!("{} names no place for an upload", self.to.host))
    }

    /// Makes a request of a server of tokens.
    pub(super) async fn ask_for_token(&self, call: &Call) -> anyhow::Result<Response> {
        self.send(&self.tokens, call).await
    }

    /// Makes a request as it is, as often as it may help.
    async fn send(&self, http: &reqwest::Client, call: &Call) -> anyhow::Result<Response> {
        let ask = async || self.once(http, call).await;
        requests::repeated(ask, requests::pause_after).await
    }

    /// Likewise, with what the registry has granted; asks for it if need be.
    pub(super) async fn ask(&self, call: &Call) -> anyhow::Result<Response> {
        self.authorized(call, true).await
    }

    /// Once, for what cannot be repeated by itself.
    pub(super) async fn ask_once(&self, call: &Call) -> anyhow::Result<Response> {
        self.authorized(call, false).await
    }

    async fn authorized(&self, call: &Call, repeat: bool) -> anyhow::Result<Response> {
        let is_own = |url: &Url| url.origin() == self.base.origin();
        let own = is_own(&call.url);
        let http = match &call.body {
            Some(_) => &self.uploads,
            None => &self.http,
        };
        let mut renewed = false;
        loop {
            let mut call = call.clone();
            if let Some(header) = self.granted.lock().await.header.clone().filter(|_| own) {
                call.headers.insert(AUTHORIZATION, header);
            }
            let answer = if repeat {
                self.send(http, &call).await?
            } else {
                self.once(http, &call).await?
            };
            // Where the registry redirected to has no say in who gets the password.
            let asks = answer.status() == StatusCode::UNAUTHORIZED;
            if !asks || !own || !is_own(answer.url()) {
                return Ok(answer);
            }
            if renewed {
                let status = StatusCode::UNAUTHORIZED.as_u16();
                let text = refused(&self.to);
                return Err(Refused { status, text }.into());
            }
            let mut granted = self.granted.lock().await;
            // Boxed: a request for a token is a request.
            Box::pin(granted.renew(self, &self.to, answer.headers())).await?;
            renewed = true;
        }
    }

    async fn once(&self, http: &reqwest::Client, call: &Call) -> anyhow::Result<Response> {
        let mut request = http.request(call.method.clone(), call.url.clone());
        request = request.headers(call.headers.clone());
        if let Some(body) = &call.body {
            request = request.timeout(upload_time(body.len())).body(body.clone());
        }
        let answer = request.send().await;
        answer.map_err(|error| describe(error, &self.to.host))
    }

    /// The answer, if it has one of these status codes.
    ///
    /// # Errors
    /// What the registry says instead.
    pub(super) async fn expect(&self, answer: Response, fine: &[u16]) -> anyhow::Result<Response> {
        let status = answer.status();
        if fine.contains(&status.as_u16()) {
            return Ok(answer);
        }
        let said = body(answer, ERROR_BYTES_MAX).await.unwrap_or_default();
        let said: Value = serde_json::from_slice(&said).unwrap_or_default();
        let said = |key: &str| {
            said.pointer(&format!("/errors/0/{key}"))
                .and_then(Value::as_str)
        };
        let mut text = format!("{} answers {}", self.to.host, status.as_u16());
        for part in [said("code"), said("message")].into_iter().flatten() {
            let part: String = part.chars().take(ERROR_CHARS_MAX).collect();
            text.push_str(&format!(" {}", part.escape_debug()));
        }
        let status = status.as_u16();
        Err(Refused { status, text }.into())
    }
}

/// The whole body.
///
/// # Errors
/// It is larger.
pub(super) async fn body(answer: Response, bytes_max: usize) -> anyhow::Result<Vec<u8>> {
    let host = answer.url().host_str().unwrap_or_default().to_owned();
    let body = requests::body(answer, bytes_max).await;
    let body = body.map_err(|error| describe(error, &host))?;
    body.with_context(|| format!("an answer of {host} is larger than {bytes_max} bytes"))
}

/// How long a request with a body of this size may take in all.
fn upload_time(bytes: usize) -> Duration {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    IDLE_TIME + Duration::from_secs(bytes / UPLOAD_RATE_MIN)
}

/// Never away from TLS. reqwest sends no credentials to another host.
fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    let from_tls = attempt.previous().iter().any(|url| url.scheme() == "https");
    if from_tls && attempt.url().scheme() != "https" {
        return attempt.error("it redirects away from TLS, which is refused");
    }
    if attempt.previous().len() > REDIRECTS_MAX {
        return attempt.error("it redirects too often");
    }
    attempt.follow()
}

/// Without the URL, whose query may hold a token; with what lies behind.
fn describe(error: reqwest::Error, host: &str) -> anyhow::Error {
    let mut text = requests::describe(error, host);
    if text.contains(UNKNOWN_AUTHORITY) {
        text.push_str(" (SSL_CERT_FILE may name a file with its authority)");
    }
    anyhow::Error::msg(text)
}

/// How rustls says that it does not know who has signed a certificate.
const UNKNOWN_AUTHORITY: &str = "UnknownIssuer";

#[cfg(test)]
mod tests {
    use super::*;

    /// Without TLS a password goes nowhere but to this machine, unless one said so.
    #[test]
    fn who_is_told_a_password() {
        for (registry, plain, realm, expected) in [
            ("h.example/a", false, "https://tokens.example/", true),
            ("h.example/a", false, "http://tokens.example/", false),
            ("h.example/a", false, "http://127.0.0.1:1/", false),
            ("localhost:5000/a", false, "http://tokens.example/", false),
            ("localhost:5000/a", false, "http://10.0.0.1/", false),
            ("localhost:5000/a", false, "http://127.0.0.2:1/", true),
            ("127.0.0.1:5000/a", false, "http://[::1]:1/", true),
            ("127.0.0.1:5000/a", false, "http://localhost/", true),
            (
                "127.0.0.1:5000/a",
                false,
                "http://localhost.example/",
                false,
            ),
            ("h.example/a", true, "http://tokens.example/", true),
            ("h.example/a", true, "ftp://tokens.example/", false),
        ] {
            let client = Client::new(&registry.parse().unwrap(), plain).unwrap();
            let realm = Url::parse(realm).unwrap();
            assert_eq!(client.may_tell(&realm), expected, "{registry} {realm}");
        }
    }

    /// A large blob on a slow link: 64 MiB at 8 KiB/s.
    #[test]
    fn time_for_uploads() {
        assert_eq!(upload_time(0), IDLE_TIME);
        assert!(upload_time(64 << 20) > Duration::from_secs((64 << 20) / (8 << 10)));
    }
}
