//! Connections: accepted, connected onwards, relayed (RT-PT-2, RT-PT-3).

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::relay::{self, Relayed};
use super::{Home, Open, Rule, Scratch};
use crate::clock::Moment;
use crate::gateway::ForwardTo;
use crate::io::accept as accept_next;

/// Time between keep-alive probes on a silent connection: a peer that has gone away without a word
/// does not hold its place until the idle limit.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Accepts for ever. Without a place, a connection waits, and others queue up in the kernel. It waits in a task
/// of its own, so that it is served also if the gateway stops meanwhile.
pub(super) async fn accept(home: Home, rule: Arc<Rule>, listener: TcpListener, scratch: Scratch) {
    loop {
        let (client, peer) = accept_next(&listener).await;
        let (rule, scratch, open) = (Arc::clone(&rule), scratch.clone(), Open::new(home));
        if let Ok(place) = Arc::clone(&rule.places).try_acquire_owned() {
            tokio::task::spawn_local(async move {
                let _held = (place, open);
                pass(home, &rule, &scratch, client, peer).await;
            });
            continue;
        }
        let (waits, is_served) = oneshot::channel::<()>();
        tokio::task::spawn_local(async move {
            let place = Arc::clone(&rule.places).acquire_owned().await;
            drop(waits);
            let _held = (place, open);
            pass(home, &rule, &scratch, client, peer).await;
        });
        let _ = is_served.await;
    }
}

/// Takes one connection from its first byte to its line in the log (RT-PT-7).
async fn pass(home: Home, rule: &Rule, scratch: &Scratch, mut client: TcpStream, peer: SocketAddr) {
    let begun = Moment::now();
    home.log.passing(&rule.to, peer);
    let relayed = match connect(home, &rule.to).await {
        Ok(mut target) => {
            let _ = prepare(&client);
            let idle = rule.limits.connection_idle;
            relay::run(home, scratch, &mut client, &mut target, idle).await
        }
        Err(error) => {
            home.log.not_passed(&rule.to, peer, &error);
            Relayed {
                cut_short: Some("no connection".to_owned()),
                ..Relayed::default()
            }
        }
    };
    let Relayed {
        up,
        down,
        cut_short,
    } = relayed;
    let bytes = (up, down);
    home.log
        .passed(&rule.to, peer, begun.elapsed(), bytes, cut_short.as_deref());
}

/// The first address of the target that answers, all in the time of the rule.
async fn connect(home: Home, to: &ForwardTo) -> io::Result<TcpStream> {
    let connecting = async {
        let mut last = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        for address in home.resolver.addresses(&to.host, to.port).await? {
            match TcpStream::connect(address).await {
                Ok(target) => return prepare(&target).map(|()| target),
                Err(error) => last = error,
            }
        }
        Err(last)
    };
    match to.connect_timeout {
        None => connecting.await,
        Some(limit) => {
            let timed = tokio::time::timeout(limit, connecting).await;
            timed.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        }
    }
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}
