//! HTTP/2 clients: one that speaks in requests, one that sends and sees frames.

use std::io::{Read, Write};
use std::net::TcpStream;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use super::PATIENCE;

/// A connection that takes requests.
#[derive(Debug)]
pub struct Http2 {
    runtime: Runtime,
    requests: SendRequest<Bytes>,
    connection: JoinHandle<Result<(), h2::Error>>,
}

/// A response as it came.
#[derive(Debug)]
pub struct Answered {
    /// The status code.
    pub status: u16,
    /// Its fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Vec<u8>,
    /// What came after the body.
    pub trailers: Option<HeaderMap>,
    /// Why the body broke off.
    pub broken: Option<h2::Error>,
}

impl Http2 {
    /// Connects to a port of this machine with prior knowledge.
    #[must_use]
    pub fn connect(port: u16) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (requests, connection) = runtime.block_on(async {
            let stream = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
            h2::client::handshake(stream.unwrap()).await.unwrap()
        });
        let connection = runtime.spawn(connection);
        Self {
            runtime,
            requests,
            connection,
        }
    }

    /// Sends a request with a body and trailers, and reads the whole response.
    ///
    /// # Errors
    /// If there is no response.
    pub fn send(
        &mut self,
        request: Request<Vec<u8>>,
        trailers: Option<HeaderMap>,
    ) -> Result<Answered, h2::Error> {
        let (parts, body) = request.into_parts();
        let head = Request::from_parts(parts, ());
        let requests = &mut self.requests;
        let exchange = async {
            std::future::poll_fn(|cx| requests.poll_ready(cx)).await?;
            let bodiless = body.is_empty() && trailers.is_none();
            let (response, mut sending) = requests.send_request(head, bodiless)?;
            let upload = async {
                if !body.is_empty() {
                    // A backend that answers early may end the stream.
                    let _ = sending.send_data(body.into(), trailers.is_none());
                }
                if let Some(trailers) = trailers {
                    let _ = sending.send_trailers(trailers);
                }
            };
            upload.await;
            receive(response.await?).await
        };
        self.runtime.block_on(async {
            let limited = tokio::time::timeout(PATIENCE, exchange).await;
            limited.expect("waited in vain for a response")
        })
    }

    /// The status of the answer to a request whose stream stays open.
    pub fn status(&mut self, request: Request<()>) -> u16 {
        let requests = &mut self.requests;
        let answer = async {
            std::future::poll_fn(|cx| requests.poll_ready(cx)).await?;
            let (response, _sending) = requests.send_request(request, false)?;
            response.await
        };
        let answer = async { tokio::time::timeout(PATIENCE, answer).await };
        let answer = self.runtime.block_on(answer);
        let answer = answer.expect("waited in vain for a response").unwrap();
        answer.status().as_u16()
    }

    /// A request whose body is still to be sent.
    pub fn upload(&mut self, uri: &str) -> (h2::client::ResponseFuture, h2::SendStream<Bytes>) {
        let request = Request::post(uri).body(()).unwrap();
        let requests = &mut self.requests;
        self.runtime.block_on(async {
            let ready = std::future::poll_fn(|cx| requests.poll_ready(cx)).await;
            ready.unwrap();
            requests.send_request(request, false).unwrap()
        })
    }

    /// A request without a body whose response is here; of its body nothing is read.
    pub fn begin(&mut self, uri: &str) -> http::Response<h2::RecvStream> {
        let request = Request::get(uri).body(()).unwrap();
        let requests = &mut self.requests;
        let answer = async {
            std::future::poll_fn(|cx| requests.poll_ready(cx)).await?;
            requests.send_request(request, true)?.0.await
        };
        let answer = async { tokio::time::timeout(PATIENCE, answer).await };
        let answer = self.runtime.block_on(answer);
        answer.expect("waited in vain for a response").unwrap()
    }

    /// A request without a body.
    pub fn ask(&mut self, method: &str, uri: &str) -> Answered {
        let request = Request::builder().method(method).uri(uri);
        self.send(request.body(Vec::new()).unwrap(), None).unwrap()
    }

    /// Waits for the connection to end; why it did.
    pub fn end(self) -> Result<(), h2::Error> {
        drop(self.requests);
        let ended = async { tokio::time::timeout(PATIENCE, self.connection).await };
        let ended = self.runtime.block_on(ended);
        ended.expect("waited in vain for the end").unwrap()
    }
}

async fn receive(response: http::Response<h2::RecvStream>) -> Result<Answered, h2::Error> {
    let (parts, mut stream) = response.into_parts();
    let mut answered = Answered {
        status: parts.status.as_u16(),
        headers: parts.headers,
        body: Vec::new(),
        trailers: None,
        broken: None,
    };
    while let Some(piece) = stream.data().await {
        match piece {
            Ok(piece) => {
                let _ = stream.flow_control().release_capacity(piece.len());
                answered.body.extend_from_slice(&piece);
            }
            Err(error) => {
                answered.broken = Some(error);
                return Ok(answered);
            }
        }
    }
    answered.trailers = stream.trailers().await?;
    Ok(answered)
}

impl Answered {
    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first value of a field.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A connection that sends and sees frames.
#[derive(Debug)]
pub struct Frames {
    stream: TcpStream,
}

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its type.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// Frame types and flags.
pub mod kinds {
    #![allow(missing_docs, reason = "the names of RFC 9113 §6")]
    pub const DATA: u8 = 0;
    pub const HEADERS: u8 = 1;
    pub const PRIORITY: u8 = 2;
    pub const RST_STREAM: u8 = 3;
    pub const SETTINGS: u8 = 4;
    pub const PING: u8 = 6;
    pub const GOAWAY: u8 = 7;
    pub const WINDOW_UPDATE: u8 = 8;
    pub const CONTINUATION: u8 = 9;
    pub const END_STREAM: u8 = 1;
    pub const ACK: u8 = 1;
    pub const END_HEADERS: u8 = 4;
}

/// The error codes that tests ask for.
pub mod codes {
    #![allow(missing_docs, reason = "the names of RFC 9113 §7")]
    pub const NO_ERROR: u32 = 0;
    pub const PROTOCOL_ERROR: u32 = 1;
    pub const INTERNAL_ERROR: u32 = 2;
    pub const REFUSED_STREAM: u32 = 7;
    pub const CANCEL: u32 = 8;
    pub const ENHANCE_YOUR_CALM: u32 = 11;
}

impl Frames {
    /// Connects, sends the preface and these settings.
    #[must_use]
    pub fn connect(port: u16, settings: &[(u16, u32)]) -> Self {
        let mut frames = Self::without_preface(port);
        let payload: Vec<u8> = settings
            .iter()
            .flat_map(|(id, value)| [&id.to_be_bytes()[..], &value.to_be_bytes()[..]].concat())
            .collect();
        frames.bytes(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
        frames.send(kinds::SETTINGS, 0, 0, &payload);
        frames
    }

    /// Connects and sends nothing.
    #[must_use]
    pub fn without_preface(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream }
    }

    /// Sends bytes.
    pub fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        // The gateway may have closed already, which the next read will show.
        let _ = self.stream.write_all(bytes);
        self
    }

    /// Sends a frame.
    pub fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> &mut Self {
        self.bytes(&frame(kind, flags, stream, payload))
    }

    /// Opens a stream with a whole header block; `more`: a body follows.
    pub fn open(&mut self, stream: u32, fields: &[(&str, &str)], more: bool) -> &mut Self {
        let end = if more { 0 } else { kinds::END_STREAM };
        self.send(
            kinds::HEADERS,
            end | kinds::END_HEADERS,
            stream,
            &block(fields),
        )
    }

    /// The next frame; `None` once the gateway has closed.
    pub fn receive(&mut self) -> Option<Frame> {
        let mut header = [0; 9];
        self.stream.read_exact(&mut header).ok()?;
        let length = u32::from_be_bytes([0, header[0], header[1], header[2]]);
        let mut payload = vec![0; length as usize];
        self.stream.read_exact(&mut payload).ok()?;
        Some(Frame {
            kind: header[3],
            flags: header[4],
            stream: u32::from_be_bytes([header[5], header[6], header[7], header[8]]) & 0x7fff_ffff,
            payload,
        })
    }

    /// The next frame of a type; others are passed over.
    pub fn next_of(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.receive();
            let frame = frame.unwrap_or_else(|| panic!("closed without a frame of type {kind}"));
            if frame.kind == kind {
                return frame;
            }
        }
    }

    /// All frames until the gateway closes.
    pub fn rest(&mut self) -> Vec<Frame> {
        std::iter::from_fn(|| self.receive()).collect()
    }

    /// The code of the GOAWAY with which the gateway closes.
    pub fn goodbye(&mut self) -> u32 {
        let frames = self.rest();
        let last = frames
            .iter()
            .rev()
            .find(|frame| frame.kind == kinds::GOAWAY);
        last.unwrap_or_else(|| panic!("no GOAWAY among {frames:?}"))
            .code()
    }
}

impl Frame {
    /// The error code of RST_STREAM or GOAWAY.
    #[must_use]
    pub fn code(&self) -> u32 {
        let at = if self.kind == kinds::GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }

    /// Whether it ends its stream.
    #[must_use]
    pub fn ends_stream(&self) -> bool {
        matches!(self.kind, kinds::DATA | kinds::HEADERS) && self.flags & kinds::END_STREAM != 0
    }
}

/// A frame's bytes.
#[must_use]
pub fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// A header block of fields that are never indexed (RFC 7541 §6.2.3), whatever they hold.
#[must_use]
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0x10);
        for text in [name, value] {
            let length = text.len();
            if length < 127 {
                block.push(u8::try_from(length).unwrap());
            } else {
                block.push(127);
                let mut rest = length - 127;
                while rest >= 128 {
                    block.push(u8::try_from(rest % 128).unwrap() | 128);
                    rest /= 128;
                }
                block.push(u8::try_from(rest).unwrap());
            }
            block.extend_from_slice(text.as_bytes());
        }
    }
    block
}

/// The pseudo-fields of a GET.
pub const GET: [(&str, &str); 4] = [
    (":method", "GET"),
    (":scheme", "http"),
    (":authority", "h.test"),
    (":path", "/"),
];
