//! Lines and file descriptors over a Unix socket. What they mean is in `takeover`.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{BorrowedFd, OwnedFd};

use bytes::BytesMut;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The longest line.
pub(super) const LINE_BYTES_MAX: usize = 64 * 1024;
/// Everything that is received of a peer.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// Descriptors that go with one line; the kernel takes 253.
pub(super) const DESCRIPTORS_AT_ONCE: usize = 64;
/// All that are received, the Unix socket among them: of 256 cores the sockets of 256 addresses.
pub(super) const DESCRIPTORS_MAX: usize = 256 * 256;
/// Bytes that are read at once.
const READ_BYTES: usize = 16 * 1024;

/// One end of a conversation.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) stream: UnixStream,
    received: BytesMut,
    /// How many more bytes may come.
    left: usize,
    /// Those that have come, in order.
    pub(super) descriptors: Vec<OwnedFd>,
    /// Space for what comes with bytes; none: no descriptors are taken.
    control: Box<[MaybeUninit<u8>]>,
}

impl Link {
    /// One that takes lines only.
    pub(super) fn new(stream: UnixStream) -> Self {
        Self {
            stream,
            received: BytesMut::new(),
            left: BYTES_MAX,
            descriptors: Vec::new(),
            control: Box::default(),
        }
    }

    /// One that takes descriptors as well.
    pub(super) fn taking(stream: UnixStream) -> Self {
        let space = rustix::cmsg_space!(ScmRights(DESCRIPTORS_AT_ONCE));
        Self {
            control: vec![MaybeUninit::uninit(); space].into(),
            ..Self::new(stream)
        }
    }

    /// The next line; none: the other end has ended.
    ///
    /// # Errors
    /// Those of the system; more than may come; what is no text.
    pub(super) async fn line(&mut self) -> io::Result<Option<String>> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.received) {
                let line = self.received.split_to(end + 1);
                let line = line.get(..end).unwrap_or_default().to_vec();
                return String::from_utf8(line).map(Some).map_err(invalid);
            }
            if self.received.len() >= LINE_BYTES_MAX {
                return Err(invalid("a line is too long"));
            }
            if self.fill().await? == 0 {
                return match self.received.is_empty() {
                    true => Ok(None),
                    false => Err(io::ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }

    async fn fill(&mut self) -> io::Result<usize> {
        let Self {
            stream,
            received,
            left,
            descriptors,
            control,
        } = self;
        let before = received.len();
        received.resize(before + READ_BYTES, 0);
        let filled = stream.async_io(Interest::READABLE, || {
            let space = received.get_mut(before..).unwrap_or_default();
            let mut control = RecvAncillaryBuffer::new(control);
            let slices = &mut [IoSliceMut::new(space)];
            let part = recvmsg(&*stream, slices, &mut control, RecvFlags::CMSG_CLOEXEC)?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(some) = message {
                    descriptors.extend(some);
                }
            }
            match part.flags.contains(ReturnFlags::CTRUNC) {
                true => Err(invalid("descriptors are lost: too many open files?")),
                false => Ok(part.bytes),
            }
        });
        let filled = filled.await;
        received.truncate(before + filled.as_ref().map_or(0, |count| *count));
        let filled = filled?;
        *left = left
            .checked_sub(filled)
            .ok_or_else(|| invalid("too much"))?;
        if descriptors.len() > DESCRIPTORS_MAX {
            return Err(invalid("too many sockets"));
        }
        Ok(filled)
    }

    /// Sends lines, each ended by a line break; descriptors go with the first byte.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) async fn send(
        &self,
        lines: &str,
        mut descriptors: &[BorrowedFd<'_>],
    ) -> io::Result<()> {
        let mut rest = lines.as_bytes();
        while !rest.is_empty() {
            let sent = self.stream.async_io(Interest::WRITABLE, || {
                let mut space =
                    [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(DESCRIPTORS_AT_ONCE))];
                let mut control = SendAncillaryBuffer::new(&mut space);
                let rights = SendAncillaryMessage::ScmRights(descriptors);
                if !descriptors.is_empty() && !control.push(rights) {
                    return Err(invalid("too many sockets at once"));
                }
                let slices = &[IoSlice::new(rest)];
                Ok(sendmsg(
                    &self.stream,
                    slices,
                    &mut control,
                    SendFlags::NOSIGNAL,
                )?)
            });
            rest = rest.get(sent.await?..).unwrap_or_default();
            descriptors = &[];
        }
        Ok(())
    }

    /// Says a last line, if it can be said at once.
    pub(super) fn say_last(&self, line: &str) {
        let _ = self.stream.try_write(line.as_bytes());
    }
}

fn invalid(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, cause)
}
