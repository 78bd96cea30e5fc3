//! Live values: backends, weights, `enabled` and `maintenance` of routes, from a file that is watched
//! (RT-OVER). Nothing else of a gateway changes while it runs.
//!
//! One thread reads the file and makes a [`Live`] of it. Each core looks, when its clock ticks, whether there
//! is another one than it has; requests look at what their core has.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
#[expect(clippy::disallowed_types, reason = "no request takes it")]
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use crate::files::Look;
use crate::gateway::Transport;
use crate::route::{Route, RouteId};
use crate::upstream::ResolvedBackends;
use crate::values::{Environment, StartError};

mod apply;
mod read;
mod tree;

use apply::{Ground, Texts};
pub use read::Closed;

/// The live values of all routes: those of one overlay, or as built.
#[derive(Clone, Debug)]
pub struct Live {
    /// By [`RouteId`].
    pub backends: ResolvedBackends,
    /// Of routes whose `enabled` is not as built.
    enabled: Arc<HashMap<RouteId, bool>>,
    /// Of routes whose maintenance is not as built.
    maintenance: Arc<HashMap<RouteId, Option<Closed>>>,
    /// Hex digits of the content; empty: there is no overlay.
    hash: String,
}

/// What cores share of it.
#[derive(Debug)]
pub struct Shared {
    generation: AtomicU64,
    #[expect(clippy::disallowed_types, reason = "no request takes it")]
    live: Mutex<Arc<Live>>,
}

/// Why an overlay is not taken.
#[derive(Debug)]
pub struct Refused {
    /// `line:column`
    place: Option<String>,
    key: String,
    code: &'static str,
    text: String,
}

/// The file, and what became of it.
#[derive(Debug)]
pub struct Watched {
    path: PathBuf,
    look: Look,
    built: Arc<Live>,
    transport: &'static Transport,
    texts: Texts,
}

impl Live {
    /// As built.
    #[must_use]
    pub fn built(backends: ResolvedBackends) -> Self {
        Self {
            backends,
            enabled: Arc::default(),
            maintenance: Arc::default(),
            hash: String::new(),
        }
    }

    /// Whether a route is served.
    #[must_use]
    pub fn is_enabled(&self, index: usize) -> bool {
        let route = self.backends.get(index).map(|upstream| upstream.route);
        let built = route.is_some_and(|route: &Route| route.enabled);
        let changed = self.enabled.get(&apply::id(index));
        changed.copied().unwrap_or(built)
    }

    fn enable(&mut self, index: usize, enabled: bool) {
        Arc::make_mut(&mut self.enabled).insert(apply::id(index), enabled);
    }

    /// What an overlay says of the maintenance of a route; the inner `None`: it is open.
    #[must_use]
    pub fn maintenance(&self, route: RouteId) -> Option<&Option<Closed>> {
        match self.maintenance.is_empty() {
            true => None,
            false => self.maintenance.get(&route),
        }
    }

    /// Hex digits of the overlay's content; empty: there is none (RT-OBS-8).
    #[must_use]
    pub fn hash(&self) -> &str {
        &self.hash
    }
}

impl Shared {
    /// The values to begin with.
    #[must_use]
    pub fn new(live: Arc<Live>) -> Self {
        Self {
            generation: AtomicU64::new(0),
            live: live.into(),
        }
    }

    /// Changes with each [`Shared::put`].
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The values of now.
    pub fn live(&self) -> Arc<Live> {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&live)
    }

    /// New values, for all cores.
    pub fn put(&self, live: Arc<Live>) {
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = live;
        self.generation.fetch_add(1, Ordering::Release);
    }
}

impl Watched {
    /// A file that has not been read yet.
    #[must_use]
    pub fn new(path: PathBuf, built: Arc<Live>, transport: &'static Transport) -> Self {
        Self {
            look: Look::new([path.as_path()]),
            path,
            built,
            transport,
            texts: Texts::default(),
        }
    }

    /// The values that the gateway begins with.
    ///
    /// # Errors
    /// The file is not taken (RT-OVER-2).
    pub fn begin(&mut self, environment: &Environment) -> Result<Live, StartError> {
        let built = Arc::clone(&self.built);
        let text = self.text()?;
        let taken = self.take(&text, &built, environment);
        taken.unwrap_or_else(|| Ok((*built).clone()))
    }

    /// Reads the file if it has changed and is the same as at the last look, or could not be read then; `None`:
    /// there is nothing new.
    ///
    /// # Errors
    /// Nothing of it is taken (RT-OVER-2).
    pub fn look(
        &mut self,
        before: &Live,
        environment: &Environment,
    ) -> Option<Result<Live, StartError>> {
        self.look.due()?;
        match self.text() {
            Ok(text) => {
                // What it says is no better at the next look.
                self.look.done();
                self.take(&text, before, environment)
            }
            Err(error) => self.look.came(Err(error)),
        }
    }

    fn take(
        &mut self,
        text: &str,
        before: &Live,
        environment: &Environment,
    ) -> Option<Result<Live, StartError>> {
        let hash = hash_of(text);
        if hash == before.hash && text.len() <= tree::FILE_BYTES_MAX {
            return None;
        }
        let mut ground = Ground {
            built: &self.built,
            before,
            transport: self.transport,
            environment,
            texts: &mut self.texts,
        };
        let live = read::read(text).and_then(|wanted| apply::apply(&wanted, hash, &mut ground));
        Some(live.map_err(|refused| refused.at(&self.path)))
    }

    fn text(&self) -> Result<String, StartError> {
        text_of(&self.path).map_err(|error| {
            Refused::of(None, "", "file-missing", error.to_string()).at(&self.path)
        })
    }
}

/// A missing file is an empty one (RT-OVER-3).
fn text_of(path: &Path) -> io::Result<String> {
    let file = match std::fs::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
        Err(error) => return Err(error),
    };
    let mut text = String::new();
    // One byte more shows that it is too large.
    file.take(tree::FILE_BYTES_MAX as u64 + 1)
        .read_to_string(&mut text)?;
    Ok(text)
}

/// 16 hex digits; none of an empty text. It tells contents apart for people, and proves nothing.
fn hash_of(text: &str) -> String {
    use sha1::{Digest as _, Sha1};
    if text.is_empty() {
        return String::new();
    }
    let digest = Sha1::digest(text.as_bytes());
    digest
        .iter()
        .take(8)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

impl Refused {
    fn of(at: Option<tree::At>, key: &str, code: &'static str, text: String) -> Self {
        Self {
            place: at.map(|at| at.to_string()),
            key: key.to_owned(),
            code,
            text,
        }
    }

    /// RT-OVER-1
    fn rebuild(at: tree::At, key: &str, why: &str) -> Self {
        Self::of(
            Some(at),
            key,
            "overlay-refused",
            format!("needs a rebuild: {why}"),
        )
    }

    fn at(self, path: &Path) -> StartError {
        let file = path.display();
        StartError {
            source_place: match self.place {
                Some(place) => format!("{file}:{place}"),
                None => file.to_string(),
            },
            code: self.code,
            key: self.key,
            text: self.text,
        }
    }
}

#[cfg(test)]
mod tests;
