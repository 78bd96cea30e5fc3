//! Overlays and takeovers under constant load, with WebSockets that stay open (RT-TAKE-3, RT-OVER-3): a short run
//! is a test, a long one is `ci/takeover`.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::build::target;
use super::script::Script;
use super::{Gateway, Load, Process, wait_until};

/// Requests a second, half of them on new connections.
pub const RATE: u32 = 1000;
/// WebSockets that are open throughout.
pub const WEBSOCKETS: usize = 100;
/// So often something changes: mostly the overlay, and the gateway in the second of so many turns.
const TURNS: u32 = 12;
const TAKES_OVER_IN: u32 = 4;
/// How much before the drain's end nobody looks any more, and how much earlier it may seem to end: the clock of
/// the test begins when it sees the new gateway.
const MARGIN: Duration = Duration::from_secs(1);
/// How much later than the drain's end the clients may notice it.
const NOTICED_WITHIN: Duration = Duration::from_secs(5);

/// What came of a run without a failed request.
#[derive(Debug)]
pub struct Outcome {
    /// Requests that were answered.
    pub requests: usize,
    /// How long the slowest of them took.
    pub slowest: Duration,
    /// How long the run was.
    pub length: Duration,
    /// Overlays that were applied.
    pub overlays: usize,
    /// Gateways that took over.
    pub takeovers: usize,
    /// Rounds of messages that all WebSockets got back.
    pub rounds: usize,
    /// How long the WebSockets lived on in the gateway that was replaced.
    pub lived: Duration,
}

/// A path for the socket of takeovers, or anything else of a test.
#[must_use]
pub fn place(name: &str) -> PathBuf {
    let home = target().join("e2e/takeovers");
    std::fs::create_dir_all(&home).unwrap();
    let place = home.join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_file(&place);
    place
}

/// Gateways that replace each other, and what they stand in front of.
struct Scene {
    backends: [Process; 2],
    _chat: Script,
    overlay: PathBuf,
    env: Vec<(&'static str, String)>,
    gateways: Vec<Gateway>,
    /// When the first one was replaced.
    replaced: Option<Instant>,
}

impl Scene {
    fn new(drain: Duration) -> Self {
        let backends = [Process::start(), Process::start()];
        let chat = Script::start("websocket_crowd.py", &["serve"]);
        let overlay = place("load.yaml");
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let env = vec![
            ("A", backends[0].url()),
            ("CHAT", format!("http://127.0.0.1:{}", chat.port())),
            ("PORT", "0".to_owned()),
            ("DNS_PORT", "0".to_owned()),
            ("DRAIN", drain.as_secs().to_string()),
            ("GOMA_OVERLAY_FILE", text(&overlay)),
            ("GOMA_TAKEOVER_SOCKET", text(&place("load"))),
        ];
        let mut scene = Self {
            backends,
            _chat: chat,
            overlay,
            env,
            gateways: Vec::new(),
            replaced: None,
        };
        scene.replace();
        scene.replaced = None;
        scene
    }

    /// The next gateway takes over.
    fn replace(&mut self) {
        let env: Vec<_> = self
            .env
            .iter()
            .map(|(name, value)| (*name, &**value))
            .collect();
        self.gateways.push(Gateway::start("live", &env));
        self.replaced.get_or_insert_with(Instant::now);
    }

    /// Sends requests to another backend.
    fn point(&self, round: usize) {
        let url = self.backends[round % 2].url();
        let next = self.overlay.with_extension("next");
        let backends = format!("[{{endpoint: \"{url}\"}}]");
        let text = format!("routes: {{site: {{backends: {backends}}}}} # {round}");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(&next, &self.overlay).unwrap();
    }
}

/// Runs for this long at least. The WebSockets are on the first gateway, which is replaced after a sixth of that
/// time and drains for half of it.
///
/// # Panics
/// If a request fails, or a WebSocket does not live as long as the drain.
#[must_use]
pub fn run(length: Duration) -> Outcome {
    let drain = Duration::from_secs((length / 2).as_secs());
    let mut scene = Scene::new(drain);
    let port = scene.gateways[0].port();
    let arguments = [port.to_string(), WEBSOCKETS.to_string()];
    let arguments = arguments.each_ref().map(|text| &**text);
    let clients = Script::start("websocket_crowd.py", &arguments);
    let all = format!("answered {WEBSOCKETS}");
    let rounds = || clients.lines(&all).len();
    let load = Load::at_rate(port, "/", RATE);
    let begun = Instant::now();
    let mut closed = None;
    for turn in 1..=TURNS {
        while begun.elapsed() < length * turn / TURNS {
            load.go_on(1);
            if closed.is_none() && !clients.lines("closed").is_empty() {
                closed = Some(Instant::now());
            }
        }
        match turn % TAKES_OVER_IN {
            2 => scene.replace(),
            _ => scene.point(turn as usize),
        }
        let draining = scene
            .replaced
            .is_some_and(|since| since.elapsed() + MARGIN > drain);
        if !draining {
            let before = rounds();
            wait_until("all WebSockets answer", || rounds() > before);
            assert!(clients.lines("closed").is_empty(), "in turn {turn}");
        }
    }
    let all_closed = format!("closed {WEBSOCKETS}");
    wait_until("all of them have ended", || {
        !clients.lines(&all_closed).is_empty()
    });
    let lived = closed.unwrap() - scene.replaced.unwrap();
    assert!(
        lived + MARGIN > drain && lived < drain + NOTICED_WITHIN,
        "{lived:?} of {drain:?}"
    );
    assert_eq!(scene.gateways[0].wait(), Some(0));
    let (slowest, length) = (load.slowest(), begun.elapsed());
    let takeovers = scene.gateways.len() - 1;
    Outcome {
        requests: load.end(),
        slowest,
        length,
        overlays: TURNS as usize - takeovers,
        takeovers,
        rounds: rounds(),
        lived,
    }
}
