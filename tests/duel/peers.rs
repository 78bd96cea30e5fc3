//! The other proxies, as `ci/testbed peers` installs them, with the settings that they come with; only
//! their timeouts are short, so that a request without an end has one. Configurations are in
//! `tests/duel/peers`.

use std::time::Duration;

use super::contest::Proxy;
use super::recorder::Recorder;
use crate::{Gateway, peer};

/// The peers, as the table calls them.
pub const PEERS: [&str; 5] = ["nginx", "HAProxy", "Envoy", "Caddy", "Traefik"];

/// A peer in front of a recording backend.
#[derive(Debug)]
pub struct Peer {
    peer: peer::Peer,
    recorder: Recorder,
}

/// Our gateway in front of a recording backend.
#[derive(Debug)]
pub struct Ours {
    gateway: Gateway,
    recorder: Recorder,
}

impl Ours {
    /// Starts the gateway that most end-to-end tests share.
    #[must_use]
    pub fn start() -> Self {
        let recorder = Recorder::start();
        let backend = format!("http://127.0.0.1:{}", recorder.port);
        let gateway = Gateway::start(
            "main",
            &[
                ("A", &backend),
                ("GOMA_TIMEOUT_READ", "1"),
                ("GOMA_TIMEOUT_READ_HEADER", "1"),
                ("GOMA_TIMEOUT_WRITE", "2"),
                ("GOMA_TIMEOUT_IDLE", "1"),
            ],
        );
        Self { gateway, recorder }
    }
}

impl Proxy for Ours {
    fn port(&self) -> u16 {
        self.gateway.port()
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// Ours looks at a kept connection before it uses it.
    fn patience(&self) -> Duration {
        Duration::ZERO
    }

    fn settle(&self) {
        self.recorder.settle();
    }
}

impl Peer {
    /// Starts one of [`PEERS`]; `lane` keeps the files of several apart.
    #[must_use]
    pub fn start(name: &str, lane: usize) -> Self {
        let recorder = Recorder::start();
        let work = format!("duel/{name}-{lane}");
        let started = peer::Peer::start(name, "tests/duel/peers", &work, recorder.port);
        let peer = Self {
            peer: started,
            recorder,
        };
        let _ = peer.recorder.take(peer.patience());
        peer
    }
}

impl Proxy for Peer {
    fn port(&self) -> u16 {
        self.peer.port
    }

    fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    fn patience(&self) -> Duration {
        Duration::from_millis(500)
    }
}
