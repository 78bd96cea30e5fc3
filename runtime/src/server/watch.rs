//! Files that change while a gateway runs: the overlay, and what configurations name (RT-OVER, C-FILE-9). One
//! task on the thread that waits for signals.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::Shared;
use super::health::Checks;
use crate::files::Files;
use crate::log::AccessLog;
use crate::overlay::{self, Watched};
#[cfg(feature = "dns")]
use crate::upstream::Names;
use crate::values::Environment;

/// How often the overlay is looked at. A change is read once it has lasted from one look to the next.
const TICK: Duration = Duration::from_millis(250);
/// Other files are looked at with every so manieth look at the overlay.
const FILES_TICKS: u32 = 4;

/// What is watched, and what changes with it. Nothing here writes the log by itself, whose thread ends before.
pub(super) struct Watch {
    overlay: Option<Watched>,
    live: Arc<overlay::Shared>,
    environment: Arc<Environment>,
    files: Arc<Files>,
    /// What is forgotten with every new overlay (RT-DNS-4).
    #[cfg(feature = "dns")]
    names: Option<Arc<Names>>,
    checks: Checks,
    log: Rc<AccessLog>,
}

impl Watch {
    pub(super) fn new(
        overlay: Option<Watched>,
        shared: &Shared,
        checks: Checks,
        log: &Rc<AccessLog>,
    ) -> Self {
        #[cfg(feature = "dns")]
        let clears = shared.gateway.settings.dns_cache.clear_on_reload;
        Self {
            overlay,
            live: Arc::clone(&shared.live),
            environment: Arc::clone(&shared.environment),
            files: Arc::clone(&shared.files),
            #[cfg(feature = "dns")]
            names: clears.then(|| Arc::clone(&shared.names)),
            checks,
            log: Rc::clone(log),
        }
    }

    /// Takes each change over, or says why it does not. Never ends.
    pub(super) async fn keep(mut self) {
        if self.overlay.is_some() {
            self.log.overlay_applied(self.live.live().hash());
        }
        let mut ticks = 0_u32;
        loop {
            self.log.flush();
            tokio::time::sleep(TICK).await;
            self.look_at_overlay();
            ticks = ticks.wrapping_add(1);
            if ticks.is_multiple_of(FILES_TICKS) {
                self.look_at_files();
            }
        }
    }

    /// RT-OVER-2, RT-OVER-3
    fn look_at_overlay(&mut self) {
        let Some(overlay) = &mut self.overlay else {
            return;
        };
        match overlay.look(&self.live.live(), &self.environment) {
            None => {}
            Some(Ok(live)) => {
                let live = Arc::new(live);
                self.live.put(Arc::clone(&live));
                #[cfg(feature = "dns")]
                if let Some(names) = &self.names {
                    names.clear();
                }
                self.checks.follow(&live);
                self.log.overlay_applied(live.hash());
            }
            Some(Err(error)) => self.log.overlay_refused(&error.to_string()),
        }
    }

    /// C-FILE-9, C-FILE-10
    fn look_at_files(&self) {
        for changed in self.files.look() {
            match changed {
                Ok(file) => self.log.file_read(&file),
                Err(error) => self.log.file_refused(&error),
            }
        }
    }
}

/// Keeps what is known of names fresh, and says which DNS has no address for (RT-DNS).
#[cfg(feature = "dns")]
pub(super) fn keep_names(names: &Arc<Names>, log: &Rc<AccessLog>) {
    let log = Rc::clone(log);
    let tell = move |host: &str, error: Option<&str>| {
        match error {
            Some(error) => log.name_lost(host, error),
            None => log.name_found(host),
        }
        log.flush();
    };
    tokio::task::spawn_local(Arc::clone(names).keep(Rc::new(tell)));
}
