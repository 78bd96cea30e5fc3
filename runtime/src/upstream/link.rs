//! The byte stream of a connection to a backend, in clear text or over TLS. No HTTP here.

use std::io::{self, IoSlice};
#[cfg(feature = "dns")]
use std::net::IpAddr;
use std::task::{Context, Poll};

use tokio::net::TcpStream;
#[cfg(feature = "unix-sockets")]
use tokio::net::UnixStream;

#[cfg(feature = "http2-backends")]
use super::stream::Stream;
#[cfg(feature = "tls")]
use super::tls::Session;
use crate::io::Socket;

/// A connected backend. Without features it is a socket and nothing else.
#[derive(Debug)]
pub enum Link {
    /// As it comes.
    Plain(TcpStream),
    /// The same within the machine.
    #[cfg(feature = "unix-sockets")]
    Local(UnixStream),
    /// Boxed: a TLS session is large, and connections are handed on by value.
    #[cfg(feature = "tls")]
    Secure(Box<Session>),
    /// One of several on a connection.
    #[cfg(feature = "http2-backends")]
    Stream(Box<Stream>),
}

impl Link {
    /// Whether another request may use it.
    pub(super) fn is_kept(&self) -> bool {
        match self {
            Self::Plain(_) => true,
            #[cfg(feature = "unix-sockets")]
            Self::Local(_) => true,
            #[cfg(feature = "tls")]
            Self::Secure(_) => true,
            #[cfg(feature = "http2-backends")]
            Self::Stream(_) => false,
        }
    }

    /// Where it goes; `None`: it does not matter, or nobody knows.
    #[cfg(feature = "dns")]
    pub(super) fn address(&self) -> Option<IpAddr> {
        let peer = match self {
            Self::Plain(stream) => stream.peer_addr(),
            #[cfg(feature = "unix-sockets")]
            Self::Local(_) => return None,
            #[cfg(feature = "tls")]
            Self::Secure(session) => session.get_ref().0.peer_addr(),
            #[cfg(feature = "http2-backends")]
            Self::Stream(_) => return None,
        };
        peer.ok().map(|peer| peer.ip())
    }

    /// The client takes trailers whatever the length of the body before them (RT-SEM-4). HTTP/1.1 has them in
    /// chunks only.
    pub(crate) fn pass_trailers(&mut self) {
        #[cfg(feature = "http2-backends")]
        if let Self::Stream(stream) = self {
            stream.pass_trailers();
        }
    }

    /// The length of the response's body, if it is known although it comes in chunks.
    pub(crate) fn length(&self) -> Option<u64> {
        #[cfg(feature = "http2-backends")]
        if let Self::Stream(stream) = self {
            return stream.length();
        }
        None
    }

    /// What it shares with others takes no more of them: nothing has come from its backend in time.
    pub(super) fn retire(&self) {
        #[cfg(feature = "http2-backends")]
        if let Self::Stream(stream) = self {
            stream.retire();
        }
    }
}

/// The same call of whichever it is.
macro_rules! either {
    ($link:expr, $stream:ident => $call:expr) => {
        match $link {
            Link::Plain($stream) => $call,
            #[cfg(feature = "unix-sockets")]
            Link::Local($stream) => $call,
            #[cfg(feature = "tls")]
            Link::Secure(session) => {
                let $stream = session.as_mut();
                $call
            }
            #[cfg(feature = "http2-backends")]
            Link::Stream(stream) => {
                let $stream = stream.as_mut();
                $call
            }
        }
    };
}

impl Socket for Link {
    #[inline]
    fn poll_read(&mut self, cx: &mut Context<'_>, space: &mut [u8]) -> Poll<io::Result<usize>> {
        either!(self, stream => Socket::poll_read(stream, cx, space))
    }

    #[inline]
    fn poll_readable(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Socket::poll_readable(stream, cx))
    }

    fn poll_peek(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        either!(self, stream => Socket::poll_peek(stream, cx))
    }

    #[inline]
    fn is_quiet(&mut self) -> bool {
        either!(self, stream => stream.is_quiet())
    }

    fn has_failed(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.has_failed(),
            #[cfg(feature = "unix-sockets")]
            Self::Local(stream) => stream.has_failed(),
            #[cfg(feature = "tls")]
            Self::Secure(session) => session.has_failed(),
            #[cfg(feature = "http2-backends")]
            Self::Stream(stream) => stream.has_failed(),
        }
    }

    #[inline]
    fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        either!(self, stream => Socket::poll_write(stream, cx, slices))
    }

    #[inline]
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Socket::poll_flush(stream, cx))
    }

    fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(self, stream => Socket::poll_shutdown(stream, cx))
    }
}
