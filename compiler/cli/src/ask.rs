//! Requests to a gateway that runs, one after the other: bounded, without redirects.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use goma_compiler::expect::Answer;
use reqwest::header::{HOST, HeaderName, HeaderValue};
use reqwest::redirect::Policy;
use reqwest::{Client, Method};
use tokio::runtime::Runtime;
use url::{Host, Url};

use crate::requests;

/// For a whole exchange.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// As much of a body as is read.
const BODY_BYTES_MAX: usize = 1 << 20;

/// Asks one gateway.
pub(crate) struct Asker {
    client: Client,
    runtime: Runtime,
    base: Url,
}

/// What is sent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Question<'a> {
    /// As it is sent.
    pub(crate) method: &'a str,
    /// `Host`; none: that of the gateway's URL.
    pub(crate) host: Option<&'a str>,
    /// Path and query, as they are sent.
    pub(crate) target: &'a str,
    /// Names and values.
    pub(crate) fields: &'a [(String, String)],
    /// Perhaps empty.
    pub(crate) body: &'a str,
}

/// The URL of a gateway: `http` or `https`, without a user, and without a path, which requests have.
///
/// # Errors
/// One line, for a command line.
pub(crate) fn parse_url(text: &str) -> Result<Url, String> {
    let url = Url::parse(text).ok();
    let url = url.filter(|url| {
        let scheme = ["http", "https"].contains(&url.scheme());
        let user = !url.username().is_empty() || url.password().is_some();
        let more = url.path() != "/" || url.query().is_some() || url.fragment().is_some();
        scheme && url.has_host() && !user && !more
    });
    url.ok_or_else(|| "expected http://HOST[:PORT] or https://HOST[:PORT]".to_owned())
}

impl Asker {
    /// One for the gateway at a URL.
    ///
    /// # Errors
    /// There is no trust store.
    pub(crate) fn new(base: &Url) -> anyhow::Result<Self> {
        // Somebody may have been faster; there is but one choice.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = format!("goma/{}", goma_compiler::VERSION);
        let mut builder = Client::builder()
            .user_agent(agent)
            .timeout(ANSWER_TIME)
            .redirect(Policy::none());
        let is_here = match base.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(ip)) => ip.is_loopback(),
            Some(Host::Ipv6(ip)) => ip.is_loopback(),
            None => false,
        };
        if is_here {
            // A proxy would ask itself.
            builder = builder.no_proxy();
        }
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .context("cannot start")?;
        Ok(Self {
            client: builder.build().context("cannot make a client")?,
            runtime,
            base: base.clone(),
        })
    }

    /// Sends a request.
    ///
    /// # Errors
    /// It cannot be sent as it stands, or there is no answer.
    pub(crate) fn ask(&self, question: Question<'_>) -> anyhow::Result<Answer> {
        let url = self.base.join(question.target)?;
        let sent = url
            .query()
            .map_or_else(String::new, |query| format!("?{query}"));
        ensure!(
            format!("{}{sent}", url.path()) == question.target
                && url.origin() == self.base.origin(),
            "`{}` cannot be sent as it stands",
            question.target.escape_debug()
        );
        let method = Method::from_bytes(question.method.as_bytes())?;
        let mut request = self.client.request(method, url);
        if let Some(host) = question.host {
            request = request.header(HOST, host);
        }
        for (name, value) in question.fields {
            let value = HeaderValue::from_str(value);
            let mut value = value.with_context(|| format!("`{name}` cannot be sent"))?;
            value.set_sensitive(true);
            request = request.header(HeaderName::try_from(name)?, value);
        }
        if !question.body.is_empty() {
            request = request.body(question.body.to_owned());
        }
        self.runtime.block_on(answer(request))
    }
}

async fn answer(request: reqwest::RequestBuilder) -> anyhow::Result<Answer> {
    let response = request.send().await.map_err(describe)?;
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = response.headers().iter();
    let headers = headers.map(|(name, value)| (name.to_string(), text(value)));
    let mut answer = Answer {
        status: response.status().as_u16(),
        headers: headers.collect(),
        body: String::new(),
    };
    let body = requests::body(response, BODY_BYTES_MAX).await;
    let body = body.map_err(describe)?;
    let body = body.with_context(|| format!("the answer is larger than {BODY_BYTES_MAX} bytes"))?;
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Ok(answer)
}

fn describe(error: reqwest::Error) -> anyhow::Error {
    anyhow::Error::msg(requests::describe(error, "the gateway"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A path would be left out of what is asked.
    #[test]
    fn urls_of_gateways() {
        for good in ["http://h", "https://h:1/", "http://[::1]:8080"] {
            assert!(parse_url(good).is_ok(), "{good}");
        }
        for bad in [
            "h",
            "ftp://h",
            "http://u@h",
            "http://u:p@h",
            "http://h/prefix",
            "http://h/?a",
            "http://h/#a",
        ] {
            assert!(parse_url(bad).is_err(), "{bad}");
        }
    }
}
