//! Where a gateway goes, as the command line says it: `--to` of `goma deploy`, `rollback` and `status`.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use super::{Compose, Container, Destination, Directory, Engine, Swarm, Systemd};
use crate::kubernetes::Place;
use crate::registry::{Reference, SCHEME};

/// Where a gateway goes. A new kind is a variant here, and an arm in each function of this file.
#[derive(Clone, Debug)]
pub(in crate::commands) enum Target {
    /// A project of compose.
    Compose(Compose),
    /// A container of this machine.
    Container(Container),
    /// Releases of this machine.
    Directory(Directory),
    /// A gateway of a cluster.
    Kubernetes(Place),
    /// A registry.
    Registry(Reference),
    /// A stack of a swarm.
    Swarm(Swarm),
    /// A unit of this machine.
    Systemd(Systemd),
}

/// The forms of targets, for messages.
const FORMS: &str = "oci://HOST/REPOSITORY[:TAG], dir:PATH, docker:NAME, podman:NAME, \
                     compose:FILE/PROJECT, swarm:STACK, systemd:NAME, \
                     kubernetes:[NAMESPACE/]NAME[@CONTEXT]";

impl Target {
    /// What can be done there.
    pub(in crate::commands) fn destination(&self) -> &dyn Destination {
        match self {
            Self::Compose(compose) => compose,
            Self::Container(container) => container,
            Self::Directory(directory) => directory,
            Self::Kubernetes(place) => place,
            Self::Registry(reference) => reference,
            Self::Swarm(swarm) => swarm,
            Self::Systemd(systemd) => systemd,
        }
    }
}

impl FromStr for Target {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rest = |scheme: &str| text.strip_prefix(scheme).filter(|rest| !rest.is_empty());
        let container = |engine, name| Container::named(engine, name).map(Self::Container);
        if text.starts_with(SCHEME) {
            text.parse().map(Self::Registry)
        } else if let Some(path) = rest(Directory::SCHEME) {
            Ok(Self::Directory(Directory::at(path)))
        } else if let Some(name) = rest("docker:") {
            container(Engine::Docker, name)
        } else if let Some(name) = rest("podman:") {
            container(Engine::Podman, name)
        } else if let Some(project) = rest(Compose::SCHEME) {
            Compose::parse(project).map(Self::Compose)
        } else if let Some(place) = rest(Place::SCHEME) {
            place.parse().map(Self::Kubernetes)
        } else if let Some(stack) = rest(Swarm::SCHEME) {
            Swarm::named(stack).map(Self::Swarm)
        } else if let Some(name) = rest(Systemd::SCHEME) {
            Systemd::named(name).map(Self::Systemd)
        } else {
            let shown = text.escape_debug();
            Err(format!("`{shown}` is no target; there are {FORMS}"))
        }
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Compose(compose) => compose.fmt(f),
            Self::Container(container) => container.fmt(f),
            Self::Directory(directory) => directory.fmt(f),
            Self::Kubernetes(place) => place.fmt(f),
            Self::Registry(reference) => reference.fmt(f),
            Self::Swarm(swarm) => swarm.fmt(f),
            Self::Systemd(systemd) => systemd.fmt(f),
        }
    }
}

/// How long is waited for.
#[derive(Clone, Copy, Debug)]
pub(in crate::commands) struct Wait(pub(super) Duration);

impl FromStr for Wait {
    type Err = String;

    /// `60s`, or `60`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const SECONDS_MAX: u64 = 3600;
        let seconds = text.strip_suffix('s').unwrap_or(text).parse();
        let seconds = seconds.ok().filter(|seconds| *seconds <= SECONDS_MAX);
        let expected = || format!("expected seconds, {SECONDS_MAX} at most, such as 60s");
        seconds
            .map(|seconds| Self(Duration::from_secs(seconds)))
            .ok_or_else(expected)
    }
}
