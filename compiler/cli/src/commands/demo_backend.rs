//! `goma demo-backend`: an echo server to try a gateway with. Not part of any gateway.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Args;
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::http::request::Parts;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::json;
use tokio::net::TcpListener;

use crate::failure::Outcome;
use crate::terminal::say;

/// Where the demo backend listens unless told otherwise; what `specs/quickstart` names.
pub(crate) const ADDRESS: &str = "127.0.0.1:9090";

/// The largest answer that `?size=` makes, in bytes.
const SIZE_MAX: u64 = 1024 * 1024 * 1024;

/// The longest that `?delay=` waits.
const DELAY_MAX: Duration = Duration::from_secs(60);

/// Filler of `?size=` answers, sent as often as needed.
static FILLER: [u8; 16 * 1024] = [b'x'; 16 * 1024];

/// Run an echo server to try a gateway with
///
/// Answers with the request as it arrived: as text, or as JSON if the client accepts that.
/// `?status=503` sets the status, `?size=100000` sends that many bytes instead, `?delay=250`
/// waits so many milliseconds first.
#[derive(Debug, Args)]
pub(crate) struct DemoBackendArgs {
    /// Where to listen; port 0 takes a free one. The first line on stdout names the address
    #[arg(long, value_name = "ADDRESS", default_value = ADDRESS)]
    listen: SocketAddr,
}

/// Runs the command until it is stopped by a signal.
pub(crate) fn run(args: &DemoBackendArgs) -> Outcome {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start")?;
    runtime.block_on(async {
        let backend = Backend::bind(args.listen)
            .await
            .with_context(|| format!("cannot listen on {}", args.listen))?;
        say!("listening on {}", backend.address);
        backend.serve().await;
        Ok(ExitCode::SUCCESS)
    })
}

/// A bound echo server.
pub(crate) struct Backend {
    listener: TcpListener,
    /// Where it listens, with the port that the system chose.
    pub(crate) address: SocketAddr,
}

impl Backend {
    /// Takes the port.
    pub(crate) async fn bind(address: SocketAddr) -> std::io::Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        Ok(Self { listener, address })
    }

    /// Answers for ever.
    pub(crate) async fn serve(self) {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // Out of descriptors: others have to finish first.
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            };
            let _ = stream.set_nodelay(true);
            tokio::spawn(async {
                let http = hyper::server::conn::http1::Builder::new();
                // A client that goes away is its own business.
                let _ = http
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await;
            });
        }
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Answer>, Infallible> {
    let (head, body) = request.into_parts();
    let wishes = Wishes::read(head.uri.query().unwrap_or_default());
    let received = count(body).await;
    tokio::time::sleep(wishes.delay).await;
    let as_json = wants_json(&head.headers);
    let body = match wishes.size {
        Some(size) => Answer::filler(size),
        None if as_json => Answer::text(echo_json(&head, received)),
        None => Answer::text(echo_text(&head, received)),
    };
    let json = as_json && wishes.size.is_none();
    let kind = if json {
        "application/json"
    } else {
        "text/plain; charset=utf-8"
    };
    let mut response = Response::new(body);
    *response.status_mut() = wishes.status;
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    Ok(response)
}

/// What the query asks for; what it does not understand it ignores.
struct Wishes {
    status: StatusCode,
    size: Option<u64>,
    delay: Duration,
}

impl Wishes {
    fn read(query: &str) -> Self {
        let number = |key: &str| {
            let pair = query
                .split('&')
                .find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
            pair.and_then(|text| text.parse::<u64>().ok())
        };
        let status =
            number("status").and_then(|code| StatusCode::from_u16(u16::try_from(code).ok()?).ok());
        // 1xx would not end the exchange.
        let status = status.filter(|status| !status.is_informational());
        Self {
            status: status.unwrap_or(StatusCode::OK),
            size: number("size").map(|size| size.min(SIZE_MAX)),
            delay: number("delay")
                .map_or(Duration::ZERO, Duration::from_millis)
                .min(DELAY_MAX),
        }
    }
}

/// Reads the body to its end and keeps none of it.
async fn count(mut body: Incoming) -> u64 {
    let mut received = 0;
    while let Some(Ok(frame)) = body.frame().await {
        received += frame.data_ref().map_or(0, |data| data.len() as u64);
    }
    received
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_some_and(|accept| accept.contains("application/json"))
}

fn echo_text(head: &Parts, received: u64) -> String {
    let mut text = format!("{} {} {:?}\n", head.method, head.uri, head.version);
    for (name, value) in &head.headers {
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "{name}: {}",
            String::from_utf8_lossy(value.as_bytes())
        );
    }
    let _ = writeln!(text, "\nbody: {received} bytes");
    text
}

fn echo_json(head: &Parts, received: u64) -> String {
    let header = |(name, value): (&HeaderName, &HeaderValue)| {
        json!([name.as_str(), String::from_utf8_lossy(value.as_bytes())])
    };
    let headers: Vec<serde_json::Value> = head.headers.iter().map(header).collect();
    let value = json!({
        "method": head.method.as_str(),
        "target": head.uri.to_string(),
        "headers": headers,
        "bodyBytes": received,
    });
    format!("{value:#}\n")
}

/// A body: a text, or filler of some length.
struct Answer {
    text: Option<Bytes>,
    filler_bytes: u64,
}

impl Answer {
    fn text(text: String) -> Self {
        Self {
            text: Some(Bytes::from(text)),
            filler_bytes: 0,
        }
    }

    fn filler(bytes: u64) -> Self {
        Self {
            text: None,
            filler_bytes: bytes,
        }
    }
}

impl Body for Answer {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if let Some(text) = self.text.take() {
            return Poll::Ready(Some(Ok(Frame::data(text))));
        }
        let piece = usize::try_from(self.filler_bytes)
            .unwrap_or(usize::MAX)
            .min(FILLER.len());
        let Some(piece) = FILLER.get(..piece).filter(|piece| !piece.is_empty()) else {
            return Poll::Ready(None);
        };
        self.filler_bytes -= piece.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.text.is_none() && self.filler_bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(
            self.filler_bytes + self.text.as_ref().map_or(0, |text| text.len() as u64),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_wishes() {
        let wishes = Wishes::read("a=b&status=503&size=10&delay=5");
        assert_eq!(
            (
                wishes.status.as_u16(),
                wishes.size,
                wishes.delay.as_millis()
            ),
            (503, Some(10), 5)
        );
        let wishes = Wishes::read("status=101&size=x&delay=99999999");
        assert_eq!(
            (wishes.status.as_u16(), wishes.size, wishes.delay),
            (200, None, DELAY_MAX)
        );
        assert_eq!(
            Wishes::read(&format!("size={}", u64::MAX)).size,
            Some(SIZE_MAX)
        );
    }
}
