//! HTTP/2 as far as it is ours (RFC 9113): the preface, heads to and from fields, WebSocket handshakes,
//! and a guard that counts frames. Frames, HPACK and flow control are the `h2` crate's. No sockets, no
//! routing.

pub mod connect;
pub mod guard;
pub mod head;
pub mod settings;
#[cfg(feature = "http2-backends")]
pub(crate) mod translate;

/// What a client that speaks HTTP/2 sends first (RFC 9113 §3.4).
pub const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Limits of a connection (RT-H2-1, RT-H2-3).
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// `limits.http2.maxStreams`: streams at once.
    pub streams_max: u32,
    /// `limits.http2.maxResets`: streams that a client may cancel in ten seconds.
    pub resets_max: usize,
}

/// How the first bytes of a connection compare with [`PREFACE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Beginning {
    /// They begin with it.
    Http2,
    /// They are a beginning of it.
    Undecided,
    /// They are something else.
    Other,
}

impl Beginning {
    /// Compares what has been received so far.
    #[must_use]
    pub fn of(received: &[u8]) -> Self {
        if received.starts_with(PREFACE) {
            Self::Http2
        } else if PREFACE.starts_with(received) {
            Self::Undecided
        } else {
            Self::Other
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RT-LISTEN-1
    #[test]
    fn the_preface_decides() {
        assert_eq!(Beginning::of(b"PRI * HTTP/2.0\r\n"), Beginning::Undecided);
        assert_eq!(Beginning::of(b"P"), Beginning::Undecided);
        assert_eq!(Beginning::of(b"POST / HTTP/1.1\r\n"), Beginning::Other);
        assert_eq!(Beginning::of(b"PRI * HTTP/2.0\r\n\r\nXX"), Beginning::Other);
        let more = [&PREFACE[..], b"\0\0\0"].concat();
        assert_eq!(Beginning::of(&more), Beginning::Http2);
    }
}
