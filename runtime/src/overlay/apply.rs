//! What an overlay wants → the live values of all routes, or the first thing that needs a rebuild
//! (RT-OVER-1).

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::read::{Backend, Wanted};
use super::{Live, Refused};
use crate::gateway::Transport;
use crate::route::{self, Route, RouteId};
use crate::upstream::{Named, ResolvedUpstream};
use crate::values::scalar::Scheme;
use crate::values::{Environment, is_reachable_without_dns, scalar};

/// The most different endpoints that overlays may name while a gateway runs: their texts stay, because
/// requests borrow them.
const ENDPOINTS_MAX: usize = 100_000;

/// Endpoints that overlays have named.
#[derive(Debug, Default)]
pub(super) struct Texts(HashSet<&'static str>);

/// What an overlay is held against.
pub(super) struct Ground<'a> {
    /// As built.
    pub(super) built: &'a Live,
    /// As it is now.
    pub(super) before: &'a Live,
    pub(super) transport: &'a Transport,
    pub(super) environment: &'a Environment,
    pub(super) texts: &'a mut Texts,
}

/// The whole file, or nothing of it.
pub(super) fn apply(
    wanted: &[Wanted],
    hash: String,
    ground: &mut Ground<'_>,
) -> Result<Live, Refused> {
    let mut live = ground.built.clone();
    live.hash = hash;
    let routes: Vec<&'static Route> = live.backends.iter().map(|one| one.route).collect();
    let indexes: HashMap<&str, usize> = routes.iter().map(|route| route.name).zip(0..).collect();
    let mut opened = None;
    for one in wanted {
        let place = format!("routes.{}", one.name);
        let Some(index) = indexes.get(one.name.as_str()).copied() else {
            return Err(Refused::rebuild(
                one.at,
                &place,
                "the gateway has no such route",
            ));
        };
        if let Some((at, enabled)) = one.enabled {
            if enabled && !live.is_enabled(index) {
                opened = Some((at, format!("{place}.enabled")));
            }
            live.enable(index, enabled);
        }
        if let Some(closed) = &one.maintenance {
            let maintenance = Arc::make_mut(&mut live.maintenance);
            maintenance.insert(id(index), closed.clone());
        }
        if let Some(backends) = &one.backends {
            let upstream = replaced(index, backends, ground)?;
            if let Some(place) = live.backends.get_mut(index) {
                *place = upstream;
            }
        }
    }
    if let Some((at, place)) = opened
        && let Some((one, other)) = route::conflict(&routes, |index| live.is_enabled(index))
    {
        let text = format!("`{one}` and `{other}` would answer the same requests");
        return Err(Refused::rebuild(at, &place, &text));
    }
    Ok(live)
}

pub(super) fn id(index: usize) -> RouteId {
    // Rows are counted in 32 bits.
    RouteId(u32::try_from(index).unwrap_or(u32::MAX))
}

/// RT-OVER-4
fn replaced(
    index: usize,
    wanted: &[Backend],
    ground: &mut Ground<'_>,
) -> Result<Arc<ResolvedUpstream>, Refused> {
    let known = ground
        .built
        .backends
        .get(index)
        .zip(ground.before.backends.get(index));
    let Some((built, before)) = known else {
        return Err(Refused::of(
            None,
            "",
            "internal",
            "a route without a row".to_owned(),
        ));
    };
    let weighted = wanted.iter().any(|backend| backend.weight.is_some());
    let unset = u32::from(!weighted);
    let mut endpoints = Vec::new();
    for backend in wanted {
        let refused = |code, text: String| Refused::of(Some(backend.at), &backend.key, code, text);
        let url = scalar::url(&backend.endpoint);
        let url = url.map_err(|malformed| refused(malformed.code, malformed.text))?;
        if !is_reachable_without_dns(&url.host) && !cfg!(feature = "dns") {
            let text = "the gateway was built for addresses only";
            return Err(Refused::rebuild(backend.at, &backend.key, text));
        }
        let own = built.knows(&backend.endpoint);
        let connects = url.socket.is_none() || cfg!(feature = "unix-sockets");
        let speaks = match url.scheme {
            Scheme::H2c => cfg!(feature = "http2-backends"),
            Scheme::Http => true,
            Scheme::Https => false,
        };
        if !(own || speaks && connects) {
            let text = "a new endpoint is reached over `http` only, or over `h2c` and sockets if \
                        the gateway knows those";
            return Err(Refused::rebuild(backend.at, &backend.key, text));
        }
        if built.has_canaries() && !own {
            let text = "a route with `match` keeps its endpoints";
            return Err(Refused::rebuild(backend.at, &backend.key, text));
        }
        let Some(text) = ground.texts.keep(&backend.endpoint) else {
            let text = format!("over {ENDPOINTS_MAX} different endpoints since the start");
            return Err(refused("overlay-refused", text));
        };
        endpoints.push(Named {
            text,
            url,
            weight: backend.weight.unwrap_or(unset),
        });
    }
    if before.has(&endpoints) {
        return Ok(Arc::clone(before));
    }
    let replaced = built.with_backends(before, endpoints, ground.transport, ground.environment);
    let replaced = replaced.map_err(|error| Refused::of(None, "", error.code, error.text))?;
    Ok(Arc::new(replaced))
}

impl Texts {
    /// `None`: there are too many.
    fn keep(&mut self, text: &str) -> Option<&'static str> {
        let Self(texts) = self;
        if let Some(known) = texts.get(text) {
            return Some(known);
        }
        if texts.len() >= ENDPOINTS_MAX {
            return None;
        }
        let kept: &'static str = text.to_owned().leak();
        texts.insert(kept);
        Some(kept)
    }
}
