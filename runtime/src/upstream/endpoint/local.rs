//! Backends that are sockets of the file system.

use std::io;
use std::time::Duration;

use tokio::net::UnixStream;

use super::{Connection, Endpoint, Link, Place, Pool};
use crate::clock::Moment;
use crate::error::UpstreamFault;
#[cfg(feature = "http2-backends")]
use crate::values::scalar::Scheme;

/// A backend whose queue is full refuses at once, where one behind TCP lets wait. It is asked again after this
/// long, then after twice as long, and so on.
const PAUSE: Duration = Duration::from_millis(1);
/// But never after more than this.
const PAUSE_MAX: Duration = Duration::from_millis(50);
/// How long it is asked if no key says.
const LIMIT: Duration = Duration::from_secs(5);

impl Endpoint {
    /// A new connection to a socket of the file system.
    ///
    /// # Errors
    /// There is none, nobody listens, or its queue has been full for `limit`.
    pub(super) async fn connect_local(
        &self,
        file: &str,
        limit: Option<Duration>,
        pool: Option<&Pool>,
        place: Place,
    ) -> Result<Connection, UpstreamFault> {
        let socket = connect(file, limit.unwrap_or(LIMIT)).await;
        let socket = socket.map_err(|source| self.fault(source))?;
        #[cfg(feature = "http2-backends")]
        if self.url.scheme == Scheme::H2c {
            return Box::pin(self.begin((socket, None), false, pool, place)).await;
        }
        let _ = pool;
        Ok(Connection::new(Link::Local(socket), place.permit))
    }
}

async fn connect(file: &str, limit: Duration) -> io::Result<UnixStream> {
    let begun = Moment::now();
    let mut pause = PAUSE;
    loop {
        match UnixStream::connect(file).await {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            connected => return connected,
        }
        if begun.elapsed() >= limit {
            return Err(io::ErrorKind::TimedOut.into());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
    }
}
