//! What a request needs of the connection that it goes on, and how its backend comes by one.

use super::Backend;
use super::connect::Resolver;
use super::pool::{Connection, Turn};
use crate::error::UpstreamFault;
#[cfg(feature = "http2-backends")]
use crate::values::scalar::Scheme;

/// What a request needs of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Need {
    /// A response.
    Response,
    /// `101`, which only HTTP/1.1 has (RT-WS-1).
    Switch,
    /// A WebSocket, which a stream of HTTP/2 may become, if the backend has said so (RFC 8441).
    WebSocket,
}

impl Backend {
    /// A connection that is not there yet; above `maxConnsPerHost` one that another request is done with.
    pub(crate) async fn connect(
        &self,
        resolver: &Resolver,
        need: Need,
    ) -> Result<Connection, UpstreamFault> {
        #[cfg(feature = "http2-backends")]
        match (need, self.endpoint.url.scheme) {
            // Boxed: other requests are not to keep room for it.
            (Need::WebSocket, Scheme::H2c | Scheme::Https) => {
                return Box::pin(self.connect_websocket(resolver)).await;
            }
            (Need::Switch, Scheme::H2c) => {
                let detail = "of other protocols it has WebSocket only (RFC 8441)";
                return Err(UpstreamFault::Unsayable(detail));
            }
            (Need::Response | Need::Switch | Need::WebSocket, _) => {}
        }
        self.connect_as(resolver, need != Need::Response).await
    }

    /// `http1`: one that can switch protocols.
    async fn connect_as(
        &self,
        resolver: &Resolver,
        http1: bool,
    ) -> Result<Connection, UpstreamFault> {
        match self.pool.turn(http1).await? {
            Turn::Kept(connection) => Ok(connection),
            Turn::New(place) => {
                let pool = Some(self.pool.as_ref());
                let limit = self.connect_limit;
                let endpoint = &self.endpoint;
                endpoint.connect(resolver, limit, pool, place, http1).await
            }
        }
    }
}

#[cfg(feature = "http2-backends")]
mod websocket {
    use std::time::Duration;

    use super::{Backend, Connection, Need, Resolver, Scheme};
    use crate::error::{SETTINGS, UpstreamFault};

    /// How long a backend has to say what it can do.
    const SETTINGS_LIMIT: Duration = Duration::from_secs(5);

    impl Backend {
        /// A stream, if the backend's sessions take that; else HTTP/1.1, which ALPN may have.
        pub(super) async fn connect_websocket(
            &self,
            resolver: &Resolver,
        ) -> Result<Connection, UpstreamFault> {
            let scheme = self.endpoint.url.scheme;
            let takes = match in_time(self.pool.takes_websockets()).await? {
                // It has HTTP/1.1 for them: nothing is lost if it has learnt meanwhile.
                None if scheme == Scheme::Https && self.pool.refuses_websockets() => Some(false),
                takes => takes,
            };
            if takes == Some(true)
                && let Some(connection) = self.pool.take(Need::WebSocket)
            {
                return Ok(connection);
            }
            if takes != Some(false) {
                let connection = self.connect_as(resolver, false).await?;
                match in_time(connection.takes_websocket()).await {
                    Ok(true) => return Ok(connection),
                    Ok(false) => {}
                    Err(fault) => {
                        connection.retire();
                        return Err(fault);
                    }
                }
            }
            match scheme {
                Scheme::H2c => {
                    let detail = "the backend takes no WebSocket on a stream (RFC 8441)";
                    Err(UpstreamFault::Unsayable(detail))
                }
                Scheme::Http | Scheme::Https => {
                    self.pool.refuse_websockets();
                    self.connect_as(resolver, true).await
                }
            }
        }
    }

    async fn in_time<T>(known: impl Future<Output = T>) -> Result<T, UpstreamFault> {
        let known = tokio::time::timeout(SETTINGS_LIMIT, known).await;
        known.map_err(|_| UpstreamFault::Timeout { what: SETTINGS })
    }
}
