//! What a registry asks for when it answers 401: a password, or a token of a server that it names.

use anyhow::{Context as _, bail, ensure};
use base64::Engine as _;
use http_auth::{ChallengeRef, parse_challenges};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::client::{Call, Client};
use super::credentials::{self, Credentials};
use super::reference::Reference;

/// The longest answer of a server of tokens.
const ANSWER_BYTES_MAX: usize = 1 << 20;
/// Most scopes of one token.
const SCOPES_MAX: usize = 8;
/// How we are called there.
const CLIENT_ID: &str = "goma";

/// What is sent from now on, and for what it was asked.
#[derive(Default)]
pub(super) struct Granted {
    /// The header `Authorization`, if one was asked for.
    pub(super) header: Option<HeaderValue>,
    scopes: Vec<String>,
}

impl Granted {
    /// Obtains what an answer of 401 asks for.
    ///
    /// # Errors
    /// There are no credentials, or they are not accepted.
    pub(super) async fn renew(
        &mut self,
        client: &Client,
        to: &Reference,
        asked: &HeaderMap,
    ) -> anyhow::Result<()> {
        let known = credentials::find(to).await?;
        let values = asked.get_all(WWW_AUTHENTICATE).iter();
        let texts: Vec<&str> = values.filter_map(|value| value.to_str().ok()).collect();
        let challenges: Vec<ChallengeRef<'_>> = texts
            .iter()
            .flat_map(|text| parse_challenges(text).unwrap_or_default())
            .collect();
        let of = |scheme: &str| {
            let mut challenges = challenges.iter();
            challenges.find(|challenge| challenge.scheme.eq_ignore_ascii_case(scheme))
        };
        if let Some(challenge) = of("Bearer") {
            let token = self.token(client, to, challenge, known.as_ref()).await?;
            self.header = Some(secret(&format!("Bearer {token}"))?);
            return Ok(());
        }
        ensure!(
            of("Basic").is_some(),
            "{} asks for no password and no token that goma knows",
            to.host
        );
        ensure!(self.header.is_none(), "{}", refused(to));
        match known {
            Some(Credentials::Password { user, password }) => {
                self.header = Some(basic(&user, &password)?);
                Ok(())
            }
            Some(Credentials::Token(_)) => {
                bail!("{} wants a password, and there is a token", to.host)
            }
            None => bail!("{}", unknown(to)),
        }
    }

    /// A token for everything that was asked for so far.
    async fn token(
        &mut self,
        client: &Client,
        to: &Reference,
        challenge: &ChallengeRef<'_>,
        known: Option<&Credentials>,
    ) -> anyhow::Result<String> {
        let of = |name: &str| {
            let mut params = challenge.params.iter();
            let found = params.find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        let realm = of("realm").and_then(|realm| Url::parse(&realm).ok());
        let realm = realm.with_context(|| format!("{} names no server of tokens", to.host))?;
        ensure!(
            client.may_tell(&realm),
            "{} names a server of tokens without TLS",
            to.host
        );
        let mut scopes = self.scopes.clone();
        for scope in of("scope").unwrap_or_default().split_whitespace() {
            if !scopes.iter().any(|known| known == scope) && scopes.len() < SCOPES_MAX {
                scopes.push(scope.to_owned());
            }
        }
        let call = call(realm, of("service"), &scopes, known)?;
        let response = client.ask_for_token(&call).await;
        let response = response.context("the server of tokens")?;
        if response.status().is_client_error() {
            bail!(
                "{}",
                if known.is_some() {
                    refused(to)
                } else {
                    unknown(to)
                }
            );
        }
        let answer = client
            .expect(response, &[200])
            .await
            .context("the server of tokens")?;
        let bytes = super::client::body(answer, ANSWER_BYTES_MAX).await?;
        let answer: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let token = answer.get("token").or_else(|| answer.get("access_token"));
        let token = token.and_then(Value::as_str);
        let token = token.context("the server of tokens gives none")?;
        // Not before: what was refused once is not asked for again with everything else.
        self.scopes = scopes;
        Ok(token.to_owned())
    }
}

/// The request for a token: GET with a password or anonymously, POST with a token.
fn call(
    mut realm: Url,
    service: Option<String>,
    scopes: &[String],
    known: Option<&Credentials>,
) -> anyhow::Result<Call> {
    let service = service.iter().map(|service| ("service", service.as_str()));
    let pairs = scopes.iter().map(|scope| ("scope", scope.as_str()));
    if let Some(Credentials::Token(token)) = known {
        let scope = scopes.join(" ");
        let fields = [
            ("grant_type", "refresh_token"),
            ("refresh_token", token),
            ("client_id", CLIENT_ID),
            ("scope", &scope),
        ];
        let form = Serializer::new(String::new())
            .extend_pairs(fields)
            .extend_pairs(service)
            .finish();
        let mut call = Call::post(realm);
        let kind = HeaderValue::from_static("application/x-www-form-urlencoded");
        call.headers.insert(CONTENT_TYPE, kind);
        call.body = Some(form.into());
        return Ok(call);
    }
    realm
        .query_pairs_mut()
        .extend_pairs(service)
        .extend_pairs(pairs);
    let mut call = Call::get(realm);
    if let Some(Credentials::Password { user, password }) = known {
        call.headers.insert(AUTHORIZATION, basic(user, password)?);
    }
    Ok(call)
}

fn basic(user: &str, password: &str) -> anyhow::Result<HeaderValue> {
    let engine = base64::engine::general_purpose::STANDARD;
    secret(&format!(
        "Basic {}",
        engine.encode(format!("{user}:{password}"))
    ))
}

fn secret(text: &str) -> anyhow::Result<HeaderValue> {
    let value = HeaderValue::from_str(text);
    let mut value = value.map_err(|_| anyhow::anyhow!("the token cannot be sent"))?;
    value.set_sensitive(true);
    Ok(value)
}

fn unknown(to: &Reference) -> String {
    let host = &to.host;
    format!(
        "{host} wants credentials for {}: `podman login {host}` or `docker login {host}` keeps some",
        to.repository
    )
}

/// What is said when credentials do not do.
pub(super) fn refused(to: &Reference) -> String {
    format!(
        "{} does not accept the credentials for {}",
        to.host, to.repository
    )
}
