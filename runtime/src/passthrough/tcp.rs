//! Connections: accepted, connected onwards, relayed (RT-PT-2, RT-PT-3).

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use super::relay::{self, Relayed, STOPS};
use super::{Home, Open, Rule, Space};
use crate::clock::Moment;
use crate::gateway::ForwardTo;
use crate::io::{Socket as _, accept as accept_next};
use crate::upstream::Dial;

/// Time between keep-alive probes on a silent connection: a peer that has gone away without a word
/// does not hold its place until the idle limit.
const KEEPALIVE: Duration = Duration::from_secs(60);

/// Accepts for ever. Without a place, a connection waits, and others queue up in the kernel. It waits in a task
/// of its own, so that it is served also if the gateway stops meanwhile.
pub(super) async fn accept(home: Home, rule: Arc<Rule>, listener: TcpListener, space: Rc<Space>) {
    loop {
        let (client, peer) = accept_next(&listener).await;
        let (rule, space, open) = (Arc::clone(&rule), Rc::clone(&space), Open::new(home));
        if let Ok(place) = Arc::clone(&rule.places).try_acquire_owned() {
            tokio::task::spawn_local(async move {
                let _held = (place, open);
                pass(home, &rule, &space, client, peer).await;
            });
            continue;
        }
        let (waits, is_served) = oneshot::channel::<()>();
        tokio::task::spawn_local(async move {
            // None once another gateway has taken over (RT-TAKE-3).
            let place = Arc::clone(&rule.places).acquire_owned().await.ok();
            drop(waits);
            let _held = (place, open);
            pass(home, &rule, &space, client, peer).await;
        });
        let _ = is_served.await;
    }
}

/// Takes one connection from its first byte to its line in the log (RT-PT-7).
async fn pass(home: Home, rule: &Rule, space: &Space, mut client: TcpStream, peer: SocketAddr) {
    let begun = Moment::now();
    home.log.passing(&rule.to, peer);
    let unconnected = |cause: &str| Relayed {
        cut_short: Some(cause.to_owned()),
        ..Relayed::default()
    };
    let relayed = match connect(home, &rule.to, &client).await {
        Ok(mut target) => {
            let _ = prepare(&client);
            let idle = rule.limits.connection_idle;
            relay::run(home, space, &mut client, &mut target, idle).await
        }
        Err(Unconnected::Failed(error)) => {
            home.log.not_passed(&rule.to, peer, &error);
            unconnected("no connection")
        }
        Err(Unconnected::Left) => unconnected("the client left"),
        Err(Unconnected::Stopped) => unconnected(STOPS),
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

/// Why there is no connection to the target.
enum Unconnected {
    Failed(io::Error),
    /// Nobody waits for it any more.
    Left,
    /// The drain is over (RT-STOP-2).
    Stopped,
}

/// The first address of the target that answers, all in the time of the rule, unless the client breaks its
/// connection off before. One that has only ended its half may still want to hear what the target says.
async fn connect(home: Home, to: &ForwardTo, client: &TcpStream) -> Result<TcpStream, Unconnected> {
    let dial = Dial {
        limit: None,
        keepalive: KEEPALIVE,
    };
    let connecting = home.resolver.connect(&to.host, to.port, dial);
    let mut connecting = pin!(connecting);
    let watch = home.clock.watch();
    watch.limit(to.connect_timeout);
    poll_fn(|cx| {
        if let Poll::Ready(connected) = connecting.as_mut().poll(cx) {
            return Poll::Ready(connected.map_err(Unconnected::Failed));
        }
        if home.is_ending.get() {
            return Poll::Ready(Err(Unconnected::Stopped));
        }
        // By the ticks: nothing but a call tells a reset from an end of the client's half.
        if watch.lingers() {
            if client.has_failed() {
                return Poll::Ready(Err(Unconnected::Left));
            }
            watch.linger_again();
        }
        let late = || Unconnected::Failed(io::ErrorKind::TimedOut.into());
        watch.poll_expired(cx).map(|()| Err(late()))
    })
    .await
}

fn prepare(socket: &TcpStream) -> io::Result<()> {
    socket.set_nodelay(true)?;
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE);
    SockRef::from(socket).set_tcp_keepalive(&keepalive)
}
