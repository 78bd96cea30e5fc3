//! One active check of a backend (RT-HEALTH-1, RT-HEALTH-2).

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::time::Duration;

use super::connect::Resolver;
use super::endpoint::Endpoint;
use crate::error::UpstreamFault;
use crate::h1::response::{self, Parsed};
use crate::head::{Buffer, Fields};
use crate::io::Socket;
use crate::route::HealthCheck;
use crate::values::scalar;

/// The largest head of an answer; of its body nothing is read.
const HEAD_BYTES_MAX: usize = 64 * 1024;
/// Space for a read.
const READ_BYTES: usize = 4096;

/// Asks once. `Err`: why the backend is not well, as `/healthz/routes` says it.
///
/// # Errors
/// No connection, no answer in time, no HTTP, or another status than is wanted.
pub async fn check(
    resolver: &Resolver,
    endpoint: &Endpoint,
    check: &HealthCheck,
) -> Result<(), String> {
    let limit = Duration::from_millis(check.timeout_ms);
    let asked = tokio::time::timeout(limit, ask(resolver, endpoint, check.path));
    let status = match asked.await {
        Ok(Ok(status)) => status,
        Ok(Err(error)) => return Err(error.to_string()),
        Err(_) => return Err(format!("no answer within {limit:?}")),
    };
    match check.healthy_statuses {
        [] if status < 400 => Ok(()),
        wanted if wanted.contains(&status) => Ok(()),
        _ => Err(format!("health check failed with status code {status}")),
    }
}

/// The status of the final answer.
async fn ask(resolver: &Resolver, endpoint: &Endpoint, path: &str) -> io::Result<u16> {
    let connected = endpoint.connect_apart(resolver).await;
    let mut socket = connected.map_err(cause)?.socket;
    let request = request(&endpoint.url, path);
    let mut rest = request.as_bytes();
    while !rest.is_empty() {
        let count = poll_fn(|cx| socket.poll_write(cx, &[IoSlice::new(rest)])).await?;
        rest = rest.get(count..).unwrap_or_default();
    }
    poll_fn(|cx| socket.poll_flush(cx)).await?;
    let mut fields = Fields::new(Buffer::default());
    loop {
        fields.buffer.reserve(READ_BYTES);
        let room = fields.buffer.space(READ_BYTES);
        match poll_fn(|cx| socket.poll_read(cx, room)).await? {
            0 => return Err(invalid("the connection ended before an answer")),
            count => fields.buffer.advance(count),
        }
        loop {
            match response::parse(fields, false) {
                Parsed::Complete(head) if head.head.status() >= 200 => {
                    return Ok(head.head.status());
                }
                Parsed::Complete(interim) => {
                    let received = interim.head.fields.buffer.filled();
                    let mut following = Fields::new(Buffer::default());
                    let rest = received.get(interim.head_length..).unwrap_or_default();
                    following.buffer.push(rest);
                    fields = following;
                }
                Parsed::Malformed(_, detail) => return Err(invalid(detail)),
                Parsed::Partial(partial) => {
                    fields = partial;
                    break;
                }
            }
            if fields.buffer.is_empty() {
                break;
            }
        }
        if fields.buffer.len() >= HEAD_BYTES_MAX {
            return Err(invalid("head too large"));
        }
    }
}

/// Its address is said beside it.
fn cause(fault: UpstreamFault) -> io::Error {
    match fault {
        UpstreamFault::Connect { source, .. } => source,
        UpstreamFault::Closed(_)
        | UpstreamFault::Crowded
        | UpstreamFault::Handshake { .. }
        | UpstreamFault::Malformed(_)
        | UpstreamFault::Timeout { .. }
        | UpstreamFault::Unsayable(_) => io::Error::other(fault),
    }
}

/// Endpoint and path with exactly one `/` at the seam.
fn request(url: &scalar::Url, path: &str) -> String {
    let (authority, prefix) = (&url.authority, url.path.trim_end_matches('/'));
    let path = path.strip_prefix('/').unwrap_or(path);
    let version = crate::VERSION;
    format!(
        "GET {prefix}/{path} HTTP/1.1\r\nHost: {authority}\r\n\
         User-Agent: goma-gateway/{version}\r\nConnection: close\r\n\r\n"
    )
}

fn invalid(text: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
