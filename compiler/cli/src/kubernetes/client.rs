//! Requests to an API server: bounded, repeated where that helps, authorized as the kubeconfig says.
//!
//! The client is the one that registries and providers are asked with. The crate `kube` would bring thirty others,
//! a second HTTP client, a second version of base64 and types for every kind that there is; here objects stay JSON
//! and ten of their fields are read. `kubectl` would have to be there, in a version that fits.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Identity, Method, Proxy, Response, StatusCode};
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Host, Url};

use super::kind::{Kind, is_object_name, line, name};
use super::kubeconfig::{self, Access};
use super::login;
use crate::requests;

/// By which the API knows what we said of an object (server-side apply).
pub(super) const FIELD_MANAGER: &str = "goma";
/// Likewise, of a number of pods that a release says nothing of.
pub(super) const REPLICAS_MANAGER: &str = "goma-replicas";
/// Until a connection is made.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Without a byte from the server; those that watch are told more often.
const IDLE_TIME: Duration = Duration::from_secs(60);
/// Most objects of a list.
const ITEMS_MAX: &str = "500";
/// The largest answer.
const ANSWER_BYTES_MAX: usize = 16 << 20;
/// For what goes to a pod, in all.
const ASK_TIME: Duration = Duration::from_secs(10);
/// As much of its answer as is read.
const BEGINNING_BYTES_MAX: usize = 64 << 10;
/// The longest explanation of an error that is shown.
const MESSAGE_CHARS_MAX: usize = 500;

/// A cluster, and where in it objects are.
pub(super) struct Cluster {
    http: reqwest::Client,
    base: Url,
    /// Where objects are.
    pub(super) namespace: String,
    access: Access,
    header: Mutex<Option<HeaderValue>>,
}

/// How an object is applied.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Apply {
    /// What others say of the same fields does not count.
    pub(super) force: bool,
    /// Nothing is changed.
    pub(super) dry_run: bool,
}

/// What the server says instead of what it was asked for.
#[derive(Debug, thiserror::Error)]
#[error("{what}: the server answers {status} {message}")]
pub(super) struct Refused {
    what: String,
    /// Of HTTP.
    pub(super) status: u16,
    message: String,
}

/// A request that can be made again.
struct Call<'a> {
    method: Method,
    url: Url,
    content: Option<(&'static str, Bytes)>,
    host: Option<&'a str>,
}

impl Cluster {
    /// The cluster of a context, and a namespace that is named or the context's.
    ///
    /// # Errors
    /// There is no such context, or it cannot be used.
    pub(super) async fn open(
        context: Option<&str>,
        namespace: Option<&str>,
    ) -> anyhow::Result<Self> {
        let access = kubeconfig::access(context)?;
        let base = Url::parse(&access.server).ok().filter(|url| url.has_host());
        let mut base = base.context("the server of the kubeconfig is no URL")?;
        let plain = base.scheme() == "http" && is_loopback(&base);
        ensure!(
            base.scheme() == "https" || plain,
            "the server of the kubeconfig is asked by https only, unless it is on this machine"
        );
        let credentials = login::credentials(&access).await?;
        let http = client(&access, &mut base, credentials.identity.as_deref()).await?;
        let namespace = namespace.unwrap_or(&access.namespace).to_owned();
        ensure!(
            super::is_name(&namespace),
            "the context's namespace is none"
        );
        Ok(Self {
            http,
            base,
            namespace,
            access,
            header: Mutex::new(credentials.header),
        })
    }

    /// An object, if it is there.
    pub(super) async fn get(&self, kind: Kind, name: &str) -> anyhow::Result<Option<Value>> {
        let url = self.url(&kind.path(&self.namespace, name)?, &[])?;
        let what = format!("cannot read {} {name}", kind.name());
        match self.json(Call::new(Method::GET, url), &what).await {
            Ok(object) => Ok(Some(object)),
            Err(error) if is(&error, StatusCode::NOT_FOUND) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The objects that a selector selects; of very many the first.
    pub(super) async fn list(&self, kind: Kind, selector: (&str, &str)) -> anyhow::Result<Value> {
        let query = [("limit", ITEMS_MAX), selector];
        let url = self.url(&kind.collection(&self.namespace), &query)?;
        let what = format!("cannot list objects of the kind {}", kind.name());
        self.json(Call::new(Method::GET, url), &what).await
    }

    /// Says what an object is to be like, as far as we care (server-side apply); what it then is like.
    ///
    /// # Errors
    /// Others say something else of a field, or the server will not have it.
    pub(super) async fn apply(&self, object: &Value, how: Apply) -> anyhow::Result<Value> {
        self.apply_as(FIELD_MANAGER, object, how).await
    }

    /// Likewise, under another name.
    pub(super) async fn apply_as(
        &self,
        manager: &str,
        object: &Value,
        how: Apply,
    ) -> anyhow::Result<Value> {
        let kind = Kind::of(object).context("there is no such kind of object")?;
        let mut query = vec![
            ("fieldManager", manager),
            ("fieldValidation", "Strict"),
            ("force", if how.force { "true" } else { "false" }),
        ];
        if how.dry_run {
            query.push(("dryRun", "All"));
        }
        let url = self.url(&kind.path(&self.namespace, name(object))?, &query)?;
        let mut call = Call::new(Method::PATCH, url);
        call.content = Some(("application/apply-patch+yaml", object.to_string().into()));
        let what = format!("cannot apply {} {}", kind.name(), name(object));
        self.json(call, &what).await
    }

    /// Makes an object that is not there yet.
    pub(super) async fn create(&self, object: &Value) -> anyhow::Result<Value> {
        let kind = Kind::of(object).context("there is no such kind of object")?;
        let query = [
            ("fieldManager", FIELD_MANAGER),
            ("fieldValidation", "Strict"),
        ];
        let url = self.url(&kind.collection(&self.namespace), &query)?;
        let mut call = Call::new(Method::POST, url);
        call.content = Some(("application/json", object.to_string().into()));
        let what = format!("cannot create {} {}", kind.name(), name(object));
        self.json(call, &what).await
    }

    /// Likewise, as often as it may help: one that is there and has the same data is that one. False: there is
    /// another.
    pub(super) async fn create_with_data(&self, object: &Value) -> anyhow::Result<bool> {
        let create = async || match self.create(object).await {
            Err(error) if is(&error, StatusCode::CONFLICT) => {
                let kind = Kind::of(object).context("there is no such kind of object")?;
                let there = self.get(kind, name(object)).await?;
                Ok(there.is_some_and(|there| there.get("data") == object.get("data")))
            }
            created => created.map(|_| true),
        };
        requests::repeated(create, |done: &anyhow::Result<bool>, usual| {
            let error = done.as_ref().err()?;
            may_pass(error).then_some(usual)
        })
        .await
    }

    /// Removes an object, if it is there.
    pub(super) async fn delete(&self, kind: Kind, name: &str) -> anyhow::Result<()> {
        let query = [("propagationPolicy", "Background")];
        let url = self.url(&kind.path(&self.namespace, name)?, &query)?;
        let what = format!("cannot delete {} {name}", kind.name());
        match self.json(Call::new(Method::DELETE, url), &what).await {
            Err(error) if !is(&error, StatusCode::NOT_FOUND) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    /// What happens to the objects that a selector selects, from a version on.
    pub(super) async fn watch(
        &self,
        kind: Kind,
        (selector, version): ((&str, &str), &str),
    ) -> anyhow::Result<Response> {
        let query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("timeoutSeconds", "30"),
            ("resourceVersion", version),
            selector,
        ];
        let url = self.url(&kind.collection(&self.namespace), &query)?;
        let what = format!("cannot watch objects of the kind {}", kind.name());
        let answer = self.authorized(&Call::new(Method::GET, url)).await?;
        expect(answer, &what).await
    }

    /// What a pod logged last.
    pub(super) async fn log(&self, pod: &str, lines: &str) -> anyhow::Result<String> {
        let path = format!("{}/log", Kind::Pod.path(&self.namespace, pod)?);
        let url = self.url(&path, &[("tailLines", lines)])?;
        let answer = self.authorized(&Call::new(Method::GET, url)).await?;
        let answer = expect(answer, "cannot read the log").await?;
        Ok(String::from_utf8_lossy(&body(answer).await?).into_owned())
    }

    /// Sends a request to a port of a pod, by way of the server; status of the answer, and of one that is an error
    /// what its body begins with.
    ///
    /// # Errors
    /// No answer came in time.
    pub(super) async fn through(
        &self,
        (pod, port): (&str, u16),
        (method, host, path): (&str, &str, &str),
    ) -> anyhow::Result<(u16, Vec<u8>)> {
        ensure!(is_object_name(pod), "it is no name of a pod");
        let pods = Kind::Pod.collection(&self.namespace);
        let at = format!("{pods}/http:{pod}:{port}/proxy{path}");
        let mut call = Call::new(method.parse()?, self.url(&at, &[])?);
        call.host = Some(host);
        let until = Instant::now() + ASK_TIME;
        let answer = tokio::time::timeout_at(until, self.authorized(&call)).await;
        let mut answer = answer.context("no answer came in time")??;
        let status = answer.status();
        let mut begins = Vec::new();
        while !status.is_success() && begins.len() < BEGINNING_BYTES_MAX {
            match tokio::time::timeout_at(until, answer.chunk()).await {
                Ok(Ok(Some(chunk))) => begins.extend_from_slice(&chunk),
                Ok(Ok(None) | Err(_)) | Err(_) => break,
            }
        }
        begins.truncate(BEGINNING_BYTES_MAX);
        Ok((status.as_u16(), begins))
    }

    fn url(&self, path: &str, query: &[(&str, &str)]) -> anyhow::Result<Url> {
        let base = self.base.as_str().trim_end_matches('/');
        let mut url = Url::parse(&format!("{base}{path}"))?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn json(&self, call: Call<'_>, what: &str) -> anyhow::Result<Value> {
        let answer = self.repeated(&call).await?;
        let answer = expect(answer, what).await?;
        serde_json::from_slice(&body(answer).await?).with_context(|| what.to_owned())
    }

    /// As often as it may help. What is created is created once.
    async fn repeated(&self, call: &Call<'_>) -> anyhow::Result<Response> {
        let ask = async || self.authorized(call).await;
        requests::repeated(ask, |answer, usual| {
            let usual = (call.method != Method::POST).then_some(usual)?;
            requests::pause_after(answer, usual)
        })
        .await
    }

    /// A token that is no longer good is asked for once more.
    async fn authorized(&self, call: &Call<'_>) -> anyhow::Result<Response> {
        let header = self.header.lock().await.clone();
        let answer = self.once(call, header.as_ref()).await?;
        if answer.status() != StatusCode::UNAUTHORIZED || header.is_none() {
            return Ok(answer);
        }
        let renewed = login::credentials(&self.access).await?.header;
        if renewed == header {
            return Ok(answer);
        }
        self.header.lock().await.clone_from(&renewed);
        self.once(call, renewed.as_ref()).await
    }

    async fn once(
        &self,
        call: &Call<'_>,
        header: Option<&HeaderValue>,
    ) -> anyhow::Result<Response> {
        let mut request = self.http.request(call.method.clone(), call.url.clone());
        request = request.header(ACCEPT, "application/json");
        if let Some(header) = header {
            request = request.header(AUTHORIZATION, header);
        }
        if let Some(host) = call.host {
            request = request.header(HOST, host);
        }
        if let Some((content_type, body)) = &call.content {
            request = request
                .header(CONTENT_TYPE, *content_type)
                .body(body.clone());
        }
        let host = self.base.host_str().unwrap_or_default();
        let described = |error| anyhow::Error::msg(requests::describe(error, host));
        request.send().await.map_err(described)
    }
}

impl Call<'_> {
    const fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            content: None,
            host: None,
        }
    }
}

/// A client of a cluster. With another name for its certificate, that name stands in the URL.
async fn client(
    access: &Access,
    base: &mut Url,
    identity: Option<&[u8]>,
) -> anyhow::Result<reqwest::Client> {
    // Somebody may have been faster; there is but one choice.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(format!("goma/{}", goma_compiler::VERSION))
        .connect_timeout(CONNECT_TIME)
        .read_timeout(IDLE_TIME)
        .redirect(Policy::none());
    if is_loopback(base) {
        // A proxy would ask itself.
        builder = builder.no_proxy();
    }
    if let Some(proxy) = &access.proxy {
        let proxy = Proxy::all(proxy).map_err(|_| anyhow::anyhow!("its proxy is none"))?;
        builder = builder.proxy(proxy);
    }
    if let Some(authorities) = &access.authorities {
        let authorities = Certificate::from_pem_bundle(authorities);
        let authorities = authorities
            .ok()
            .context("its authorities are no certificates")?;
        builder = builder.tls_certs_only(authorities);
    }
    if access.insecure {
        builder = builder.tls_danger_accept_invalid_certs(true);
    }
    if let Some(identity) = identity {
        let identity = Identity::from_pem(identity).ok();
        builder = builder.identity(identity.context("the user's certificate or key is none")?);
    }
    if let Some(name) = &access.tls_name {
        let addresses = addresses(base).await?;
        base.set_host(Some(name))
            .ok()
            .context("tls-server-name is no name")?;
        builder = builder.resolve_to_addrs(name, &addresses);
    }
    builder
        .build()
        .context("cannot make a client of the cluster")
}

async fn addresses(url: &Url) -> anyhow::Result<Vec<SocketAddr>> {
    let port = url.port_or_known_default().unwrap_or(443);
    match url.host() {
        Some(Host::Ipv4(ip)) => Ok(vec![(ip, port).into()]),
        Some(Host::Ipv6(ip)) => Ok(vec![(ip, port).into()]),
        Some(Host::Domain(name)) => {
            let found = tokio::net::lookup_host((name, port)).await;
            let found = found.with_context(|| format!("{name} cannot be found"))?;
            Ok(found.collect())
        }
        None => Ok(Vec::new()),
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    }
}

/// Whether an error is an answer with this status.
pub(super) fn is(error: &anyhow::Error, status: StatusCode) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.status == status.as_u16())
}

/// Whether asking again may help.
fn may_pass(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    let status = refused.and_then(|refused| StatusCode::from_u16(refused.status).ok());
    status.is_none_or(requests::may_pass)
}

/// The answer, if it is none of an error.
async fn expect(answer: Response, what: &str) -> anyhow::Result<Response> {
    let status = answer.status();
    if status.is_success() {
        return Ok(answer);
    }
    let said = body(answer).await.unwrap_or_default();
    let said: Value = serde_json::from_slice(&said).unwrap_or_default();
    Err(Refused {
        what: what.to_owned(),
        status: status.as_u16(),
        message: message(&said),
    }
    .into())
}

/// What a `Status` says, on one line.
pub(super) fn message(status: &Value) -> String {
    let message = status.get("message").and_then(Value::as_str);
    line(message.unwrap_or_default(), MESSAGE_CHARS_MAX)
}

async fn body(answer: Response) -> anyhow::Result<Vec<u8>> {
    let body = requests::body(answer, ANSWER_BYTES_MAX).await;
    let body = body.map_err(|error| anyhow::Error::msg(requests::describe(error, "the server")))?;
    body.with_context(|| format!("an answer of the server is larger than {ANSWER_BYTES_MAX} bytes"))
}
