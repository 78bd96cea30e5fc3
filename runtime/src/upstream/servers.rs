//! How DNS is asked: one server after the other, in the order of `dnsCache.resolver` or of the system
//! (RT-DNS-3). The resolver of the `hickory` crate has other ideas about the order and takes a failure of
//! one server for the answer of all, so each server has a resolver of its own here.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::read_system_conf;

use tokio::sync::Semaphore;

use super::names::Outcome;
use crate::files::Signature;

/// How long one server may take for one name, both families included.
const SERVER_LIMIT: Duration = Duration::from_secs(2);
/// How long a look-up may take, with all servers and search domains.
const LIMIT: Duration = Duration::from_secs(10);
/// Addresses of a name that are used; more are left out.
const ADDRESSES_MAX: usize = 64;
/// Look-ups at once: a gateway with many names does not overrun its servers when it starts.
const LOOKUPS_MAX: usize = 64;
/// What the order of the system's servers comes from, and names that need none.
const FILES: [&str; 2] = ["/etc/resolv.conf", "/etc/hosts"];

/// Whom to ask.
pub(super) struct Servers {
    /// None: those of the system.
    given: Vec<SocketAddr>,
    made: RefCell<Option<Rc<Made>>>,
    places: Semaphore,
}

struct Made {
    /// What it was made from.
    files: [Signature; 2],
    servers: Vec<(SocketAddr, TokioResolver)>,
    search: Vec<Name>,
    dots: usize,
}

/// What one server, or one after the other, has said of a name.
enum Said {
    /// That it cannot say.
    Failed(String),
    Outcome(Outcome),
    /// Nothing.
    Silent(String),
}

impl Servers {
    pub(super) fn new(given: Vec<SocketAddr>) -> Self {
        Self {
            given,
            made: RefCell::default(),
            places: Semaphore::new(LOOKUPS_MAX),
        }
    }

    /// The addresses of a host; the files of the system come first, its search domains count.
    pub(super) async fn look_up(&self, host: &str) -> Outcome {
        let _place = self.places.acquire().await;
        let made = match self.made() {
            Ok(made) => made,
            Err(error) => return Outcome::Failed(error.to_string()),
        };
        match tokio::time::timeout(LIMIT, made.look_up(host)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Failed(format!("no answer within {LIMIT:?}")),
        }
    }

    /// Made anew when the system's files have changed.
    fn made(&self) -> Result<Rc<Made>, NetError> {
        let files = FILES.map(|file| Signature::of(Path::new(file)));
        let mut made = self.made.borrow_mut();
        if let Some(made) = made.as_ref().filter(|made| made.files == files) {
            return Ok(Rc::clone(made));
        }
        let fresh = Rc::new(Made::new(&self.given, files)?);
        *made = Some(Rc::clone(&fresh));
        Ok(fresh)
    }
}

impl Made {
    fn new(given: &[SocketAddr], files: [Signature; 2]) -> Result<Self, NetError> {
        let (config, mut options) = match read_system_conf() {
            Ok(system) => system,
            // Search domains are the only thing that is missing then.
            Err(_) if !given.is_empty() => (
                ResolverConfig::from_parts(None, Vec::new(), Vec::new()),
                ResolverOpts::default(),
            ),
            Err(error) => return Err(error),
        };
        let dots = options.ndots;
        options.timeout = options.timeout.min(SERVER_LIMIT);
        options.attempts = 0;
        options.cache_size = 0;
        let (_, search, system) = config.into_parts();
        let servers: Vec<_> = match given {
            [] => system.iter().map(|server| (server.ip, 53).into()).collect(),
            given => given.to_vec(),
        };
        let resolver = |address: SocketAddr| {
            let mut server = NameServerConfig::udp_and_tcp(address.ip());
            for connection in &mut server.connections {
                connection.port = address.port();
            }
            let config = ResolverConfig::from_parts(None, Vec::new(), vec![server]);
            let provider = TokioRuntimeProvider::default();
            let builder = TokioResolver::builder_with_config(config, provider);
            let resolver = builder.with_options(options.clone()).build()?;
            Ok((address, resolver))
        };
        Ok(Self {
            files,
            servers: servers
                .into_iter()
                .map(resolver)
                .collect::<Result<_, NetError>>()?,
            search,
            dots,
        })
    }

    async fn look_up(&self, host: &str) -> Outcome {
        let mut failure = None;
        for name in self.candidates(host) {
            match self.ask(&name).await {
                Said::Outcome(Outcome::Nothing) => {}
                Said::Outcome(outcome) => return outcome,
                Said::Failed(error) => {
                    failure.get_or_insert(error);
                }
                Said::Silent(error) => return Outcome::Failed(error),
            }
        }
        failure.map_or(Outcome::Nothing, Outcome::Failed)
    }

    /// The name as it is, and in the search domains (resolv.conf(5): which comes first is for `ndots`).
    fn candidates(&self, host: &str) -> Vec<Name> {
        let Ok(mut plain) = Name::from_utf8(host) else {
            return Vec::new();
        };
        if plain.is_fqdn() {
            return vec![plain];
        }
        let dots = host.bytes().filter(|byte| *byte == b'.').count();
        let within = self.search.iter();
        let within = within.filter_map(|domain| plain.clone().append_domain(domain).ok());
        let mut names: Vec<Name> = within.collect();
        plain.set_fqdn(true);
        match dots >= self.dots {
            true => names.insert(0, plain),
            false => names.push(plain),
        }
        for name in &mut names {
            name.set_fqdn(true);
        }
        names
    }

    /// The first server that can say.
    async fn ask(&self, name: &Name) -> Said {
        let mut last = Said::Silent("there is no DNS server".to_owned());
        for (address, server) in &self.servers {
            // What is known of names is kept elsewhere.
            server.clear_cache();
            // The resolver's own limit comes first, and saves what one family has brought by then.
            let limit = SERVER_LIMIT + SERVER_LIMIT / 4;
            let asked = tokio::time::timeout(limit, ask(server, name));
            last = match asked.await {
                Ok(Ok(outcome)) => return Said::Outcome(outcome),
                Ok(Err(error @ NetError::Dns(_))) => Said::Failed(format!("{address}: {error}")),
                Ok(Err(error)) => Said::Silent(format!("{address}: {error}")),
                Err(_) => Said::Silent(format!("{address}: request timed out")),
            };
        }
        last
    }
}

async fn ask(server: &TokioResolver, name: &Name) -> Result<Outcome, NetError> {
    match server.lookup_ip(name.clone()).await {
        Ok(found) => {
            let found = found.iter().map(|ip| ip.to_canonical());
            let mut addresses: Vec<_> = Vec::new();
            for ip in found.take(ADDRESSES_MAX) {
                if !addresses.contains(&ip) {
                    addresses.push(ip);
                }
            }
            Ok(match addresses.is_empty() {
                true => Outcome::Nothing,
                false => Outcome::Found(addresses),
            })
        }
        Err(error) if error.is_nx_domain() => Ok(Outcome::Nothing),
        // It says so of IPv4 only.
        Err(error) if error.is_no_records_found() => match server.ipv6_lookup(name.clone()).await {
            Err(error) if !error.is_no_records_found() => Err(error),
            Ok(_) | Err(_) => Ok(Outcome::Nothing),
        },
        Err(error) => Err(error),
    }
}
