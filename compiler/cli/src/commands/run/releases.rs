//! `goma run --release-dir`: runs what is deployed there, lets the next release take over, and starts
//! again what ends by itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;

use anyhow::Context as _;
use rustix::process::Signal;
use tokio::process::Child;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use crate::failure::Outcome;
use crate::gateway::{comes_to_listen, comes_to_serve, exit_code, forward, spawn, taking_over};
use crate::golden::Golden;
use crate::releases::{GATEWAY, Releases, State, TAKEOVER};

/// How often the current release is looked up.
const TICK: Duration = Duration::from_millis(100);
/// Pause before what ended by itself is started again; it doubles.
const PAUSE: Duration = Duration::from_millis(500);
const PAUSE_MAX: Duration = Duration::from_secs(30);
/// Who lives so long is well.
const WELL: Duration = Duration::from_secs(60);

/// What runs.
struct Runner<'a> {
    releases: &'a Releases,
    args: &'a [String],
    /// With the socket where each takes over from the one before.
    taking_over: Vec<String>,
    takeover: PathBuf,
    variables: &'a BTreeMap<String, String>,
    serving: Option<(String, Child)>,
    /// What answers its golden requests.
    trial: Option<Trial>,
    /// What served and has ended by itself: it is started again, whatever is current by then.
    lost: Option<String>,
    /// Those that were replaced and finish their requests.
    draining: JoinSet<()>,
    /// Whether they are to do so soon.
    is_ending: watch::Sender<bool>,
    /// What did not start, and why.
    failed: Option<(String, String)>,
    /// When a release that ended by itself is started again.
    again: (Instant, Duration),
    since: Instant,
    /// Whether what is the case could be written down.
    told: bool,
}

/// A release that is tried out, beside what serves. Its gateway is gone with it.
struct Trial {
    revision: String,
    held: Pin<Box<dyn Future<Output = Result<(), String>>>>,
}

/// Runs until a signal ends it; the exit code is that of the gateway.
pub(super) async fn run(
    root: &Path,
    args: &[String],
    variables: &BTreeMap<String, String>,
) -> Outcome {
    let releases = Releases::at(root);
    let _run = releases.run()?;
    let mut interrupt = signal(SignalKind::interrupt()).context("cannot listen for signals")?;
    let mut terminate = signal(SignalKind::terminate()).context("cannot listen for signals")?;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let now = Instant::now();
    let takeover = releases.root.join(TAKEOVER);
    let mut runner = Runner {
        releases: &releases,
        args,
        taking_over: taking_over(args, &takeover)?,
        takeover,
        variables,
        serving: None,
        trial: None,
        lost: None,
        draining: JoinSet::new(),
        is_ending: watch::Sender::new(false),
        failed: None,
        again: (now, PAUSE),
        since: now,
        told: true,
    };
    runner.tell();
    loop {
        tokio::select! {
            status = ended(&mut runner.serving) => runner.has_ended(&status),
            held = held(&mut runner.trial) => runner.has_been_tried(held).await,
            _ = ticks.tick() => runner.follow().await,
            _ = interrupt.recv() => break,
            _ = terminate.recv() => break,
        }
        while runner.draining.try_join_next().is_some() {}
    }
    runner.end().await
}

/// How what serves ended; never, if nothing does.
async fn ended(serving: &mut Option<(String, Child)>) -> String {
    match serving {
        Some((_, child)) => match child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => error.to_string(),
        },
        None => std::future::pending().await,
    }
}

/// What a trial comes to; never, if there is none.
async fn held(trial: &mut Option<Trial>) -> Result<(), String> {
    match trial {
        Some(trial) => trial.held.as_mut().await,
        None => std::future::pending().await,
    }
}

/// Sends golden requests to a gateway that listens for nothing else.
async fn hold(golden: Vec<Golden>, to: &mut Child) -> Result<(), String> {
    let address = comes_to_listen(to).await;
    let address = address.ok_or("it does not start for its golden requests; its log says why")?;
    let held = tokio::task::spawn_blocking(move || {
        golden.iter().try_for_each(|golden| golden.hold(address))
    });
    held.await.unwrap_or_else(|error| Err(error.to_string()))
}

/// Lets a gateway drain; how it ended.
async fn end(mut child: Child) -> std::io::Result<ExitStatus> {
    forward(&child, Signal::TERM);
    child.wait().await
}

impl Runner<'_> {
    fn has_ended(&mut self, how: &str) {
        let Some((revision, _)) = self.serving.take() else {
            return;
        };
        // Nobody waits for what may yet come of it.
        self.trial = None;
        let pause = if self.since.elapsed() > WELL {
            PAUSE
        } else {
            self.again.1
        };
        eprintln!("{revision} ended ({how}); it is started again");
        self.again = (Instant::now() + pause, (pause * 2).min(PAUSE_MAX));
        self.lost = Some(revision);
        self.tell();
    }

    /// Sees that what is current serves.
    async fn follow(&mut self) {
        if !self.told {
            self.tell();
        }
        let Some(current) = self.releases.current() else {
            // It has been taken back, and may be tried again.
            self.trial = None;
            self.forgive();
            return;
        };
        if let Some(trial) = &self.trial {
            if trial.revision == current {
                return;
            }
            self.trial = None;
        }
        match &self.serving {
            Some((serving, _)) if *serving == current => return self.forgive(),
            Some(_) if self.has_failed(&current) => return,
            None if Instant::now() < self.again.0 => return,
            Some(_) | None => {}
        }
        let lost = self.lost.take_if(|lost| self.releases.is_confirmed(lost));
        self.begin(lost.unwrap_or(current)).await;
    }

    /// What has failed may be tried again.
    fn forgive(&mut self) {
        if self.failed.take().is_some() {
            self.tell();
        }
    }

    /// Has a release answer its golden requests where nobody else asks it, unless it has served before; then starts
    /// it.
    async fn begin(&mut self, revision: String) {
        let golden = match self.releases.is_confirmed(&revision) {
            true => Ok(Vec::new()),
            false => self.releases.golden(&revision),
        };
        match golden {
            Err(why) => self.does_not_serve(revision, why),
            Ok(golden) if golden.is_empty() => self.start(revision).await,
            Ok(golden) => {
                let path = self.releases.release(&revision).join(GATEWAY);
                let args = [self.args, &["--trial".to_owned()]].concat();
                let variables = self.variables.clone();
                let held = Box::pin(async move {
                    let trial = spawn(&path, &args, &variables);
                    let mut trial = trial.map_err(|error| format!("{error:#}"))?;
                    let held = hold(golden, &mut trial).await;
                    // What it answered is what counts.
                    let _ = end(trial).await;
                    held
                });
                self.trial = Some(Trial { revision, held });
            }
        }
    }

    async fn has_been_tried(&mut self, held: Result<(), String>) {
        let Some(Trial { revision, .. }) = self.trial.take() else {
            return;
        };
        match held {
            Ok(()) if self.is_current(&revision) => self.start(revision).await,
            // The next look sees what is current instead.
            Ok(()) => {}
            Err(why) => self.does_not_serve(revision, why),
        }
    }

    /// Has a release take over from what serves, if anything does.
    async fn start(&mut self, revision: String) {
        let path = self.releases.release(&revision).join(GATEWAY);
        let mut next = match spawn(&path, &self.taking_over, self.variables) {
            Ok(next) => next,
            Err(error) => return self.does_not_serve(revision, format!("{error:#}")),
        };
        if comes_to_serve(&mut next, &self.takeover).await {
            self.has_taken_over(revision, next);
        } else {
            let why = "it does not start; its log says why";
            self.does_not_serve(revision, why.to_owned());
        }
    }

    fn does_not_serve(&mut self, revision: String, why: String) {
        eprintln!("{revision} does not serve: {why}");
        if self.serving.is_none() {
            let pause = self.again.1;
            self.again = (Instant::now() + pause, (pause * 2).min(PAUSE_MAX));
        }
        self.failed = Some((revision, why));
        self.tell();
    }

    /// What served before drains by itself.
    fn has_taken_over(&mut self, revision: String, next: Child) {
        eprintln!("{revision} serves");
        // If another has become current meanwhile, that takes over in turn.
        if self.is_current(&revision)
            && let Err(error) = self.releases.set_confirmed(&revision)
        {
            eprintln!(
                "{revision} answers its golden requests again when it starts again: {error:#}"
            );
        }
        self.since = Instant::now();
        (self.failed, self.lost) = (None, None);
        if let Some((_, mut last)) = self.serving.replace((revision, next)) {
            self.again.1 = PAUSE;
            let mut is_ending = self.is_ending.subscribe();
            self.draining.spawn(async move {
                tokio::select! {
                    _ = last.wait() => return,
                    _ = is_ending.wait_for(|is_ending| *is_ending) => {}
                }
                // It has said why, if it did not end well.
                let _ = end(last).await;
            });
        }
        self.tell();
    }

    fn is_current(&self, revision: &str) -> bool {
        self.releases.current().as_deref() == Some(revision)
    }

    fn has_failed(&self, revision: &str) -> bool {
        let failed = self.failed.as_ref();
        failed.is_some_and(|(failed, _)| failed == revision)
    }

    /// Writes down what is the case; what serves does so also where that cannot be written.
    fn tell(&mut self) {
        let told = self.releases.tell(&State {
            running: self.serving.as_ref().map(|(revision, _)| revision.clone()),
            failed: self.failed.as_ref().map(|(revision, _)| revision.clone()),
            why: self.failed.as_ref().map(|(_, why)| why.clone()),
        });
        if let Err(error) = &told
            && self.told
        {
            eprintln!("{error:#}; it is tried again");
        }
        self.told = told.is_ok();
    }

    /// Lets everything drain.
    async fn end(mut self) -> Outcome {
        self.is_ending.send_replace(true);
        self.trial = None;
        let mut code = ExitCode::SUCCESS;
        if let Some((_, child)) = self.serving.take() {
            code = exit_code(end(child).await.context("cannot wait for the gateway")?);
        }
        while self.draining.join_next().await.is_some() {}
        self.tell();
        Ok(code)
    }
}
