//! Follows one object: listed once, then watched from there. A watch that ends, breaks, or is told that its
//! version is too old is begun anew, so that who waits sees each state that lasts.

use anyhow::{bail, ensure};
use reqwest::{Response, StatusCode};
use serde_json::Value;

use super::client::{self, Cluster, message};
use super::kind::{Kind, items, text};
use crate::requests::PAUSE;

/// The longest event.
const EVENT_BYTES_MAX: usize = 4 << 20;
/// How often in a row listing may fail, on top of how often each request is made.
const FAILURES_MAX: u32 = 10;

/// Waits until `judge` has something to say of the object, which may not be there; however long that takes.
///
/// # Errors
/// It may not be listed or watched, or what is sent is not what the API says.
pub(super) async fn follow<T>(
    cluster: &Cluster,
    (kind, name): (Kind, &str),
    mut judge: impl FnMut(Option<&Value>) -> Option<T>,
) -> anyhow::Result<T> {
    let selector = format!("metadata.name={name}");
    let selector = ("fieldSelector", selector.as_str());
    let mut failures = 0;
    loop {
        let list = match cluster.list(kind, selector).await {
            Ok(list) => list,
            Err(error) if is_final(&error) || failures == FAILURES_MAX => return Err(error),
            Err(_) => {
                failures += 1;
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        failures = 0;
        if let Some(found) = judge(items(&list, "/items").first()) {
            return Ok(found);
        }
        let mut version = text(&list, "/metadata/resourceVersion").to_owned();
        loop {
            let answer = cluster.watch(kind, (selector, version.as_str())).await;
            match read(answer, &mut version, &mut judge).await {
                Ok(Some(found)) => return Ok(found),
                // It ended by itself.
                Ok(None) => {}
                Err(error) if is_final(&error) => return Err(error),
                // Too old, or broken: what is there now is listed.
                Err(_) => break,
            }
            tokio::time::sleep(PAUSE).await;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// Whether asking again is no use.
fn is_final(error: &anyhow::Error) -> bool {
    [
        StatusCode::BAD_REQUEST,
        StatusCode::UNAUTHORIZED,
        StatusCode::FORBIDDEN,
        StatusCode::NOT_FOUND,
    ]
    .iter()
    .any(|status| client::is(error, *status))
}

/// Reads events until one decides; `version` is that of the last. None: there are no more.
async fn read<T>(
    answer: anyhow::Result<Response>,
    version: &mut String,
    judge: &mut impl FnMut(Option<&Value>) -> Option<T>,
) -> anyhow::Result<Option<T>> {
    let mut answer = answer?;
    let mut buffer = Vec::new();
    while let Some(chunk) = answer.chunk().await? {
        ensure!(
            buffer.len() + chunk.len() <= EVENT_BYTES_MAX,
            "an event is larger than {EVENT_BYTES_MAX} bytes"
        );
        buffer.extend_from_slice(&chunk);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let event: Value = serde_json::from_slice(&line)?;
            if let Some(found) = take(&event, version, judge)? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}

fn take<T>(
    event: &Value,
    version: &mut String,
    judge: &mut impl FnMut(Option<&Value>) -> Option<T>,
) -> anyhow::Result<Option<T>> {
    let object = event.get("object").unwrap_or(&Value::Null);
    let kind = text(event, "/type");
    if kind == "ERROR" {
        bail!("the watch ended: {}", message(object));
    }
    text(object, "/metadata/resourceVersion").clone_into(version);
    Ok(match kind {
        "ADDED" | "MODIFIED" => judge(Some(object)),
        "DELETED" => judge(None),
        _ => None,
    })
}
