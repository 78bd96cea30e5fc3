//! How DNS is asked: one server after the other, in the order of `dnsCache.resolver` or of the system
//! (RT-DNS-3). The resolver of the `hickory` crate has other ideas about the order and takes a failure of
//! one server for the answer of all, so each server has a resolver of its own here. It also takes what it knows
//! of one family for an answer when the other fails, so each family is a question of its own.

use std::cell::RefCell;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::rc::Rc;
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RecordType};
use hickory_resolver::system_conf::read_system_conf;

use tokio::sync::Semaphore;

use super::names::Outcome;
use crate::files::Signature;

/// How long one server may take for one name.
const SERVER_LIMIT: Duration = Duration::from_secs(2);
/// How long a look-up may take, with all servers and search domains.
const LIMIT: Duration = Duration::from_secs(10);
/// Addresses of a name that are used; more are left out.
pub(super) const ADDRESSES_MAX: usize = 64;
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
            let (v6, v4) = tokio::join!(
                ask(server, name, RecordType::AAAA),
                ask(server, name, RecordType::A),
            );
            last = match both(v6, v4) {
                Ok(outcome) => return Said::Outcome(outcome),
                Err(error @ NetError::Dns(_)) => Said::Failed(format!("{address}: {error}")),
                Err(error) => Said::Silent(format!("{address}: {error}")),
            };
        }
        last
    }
}

/// The addresses of one family; none: there is no such name, or it has none of them.
async fn ask(
    server: &TokioResolver,
    name: &Name,
    family: RecordType,
) -> Result<Vec<IpAddr>, NetError> {
    // The resolver's own limit comes first.
    let limit = SERVER_LIMIT + SERVER_LIMIT / 4;
    let asked = tokio::time::timeout(limit, server.lookup(name.clone(), family));
    match asked.await {
        Ok(Ok(found)) => {
            let ips = found.answers().iter().filter_map(|one| one.data.ip_addr());
            Ok(ips.map(|ip| ip.to_canonical()).collect())
        }
        Ok(Err(error)) if error.is_no_records_found() => Ok(Vec::new()),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(NetError::Timeout),
    }
}

/// What both families say together. That there is nothing takes both: a failure of one hides what it has.
fn both(
    v6: Result<Vec<IpAddr>, NetError>,
    v4: Result<Vec<IpAddr>, NetError>,
) -> Result<Outcome, NetError> {
    match (v6, v4) {
        (Ok(v6), Ok(v4)) => {
            let addresses = few(v6.into_iter().chain(v4));
            Ok(match addresses.is_empty() {
                true => Outcome::Nothing,
                false => Outcome::Found(addresses),
            })
        }
        (Ok(ips), Err(error)) | (Err(error), Ok(ips)) => match ips.is_empty() {
            true => Err(error),
            false => Ok(Outcome::Half(few(ips.into_iter()))),
        },
        (Err(_), Err(error)) => Err(error),
    }
}

/// Each once, and not too many.
pub(super) fn few(all: impl Iterator<Item = IpAddr>) -> Vec<IpAddr> {
    let mut addresses = Vec::new();
    for ip in all.take(ADDRESSES_MAX) {
        if !addresses.contains(&ip) {
            addresses.push(ip);
        }
    }
    addresses
}

#[cfg(test)]
mod tests {
    use hickory_resolver::net::DnsError;
    use hickory_resolver::proto::op::ResponseCode;

    use super::*;

    /// RT-DNS-3: what fails for one family is not taken for nothing, nor for an answer about that family.
    #[test]
    fn families_fail_by_themselves() {
        let ips = |texts: &[&str]| -> Vec<IpAddr> {
            texts.iter().map(|text| text.parse().unwrap()).collect()
        };
        let (v6, v4, nothing) = (ips(&["::1"]), ips(&["10.0.0.1"]), Vec::new());
        let servfail = || Err(DnsError::ResponseCode(ResponseCode::ServFail).into());
        let of = |v6, v4| both(v6, v4).map_err(|error| error.to_string());
        assert_eq!(
            of(Ok(v6.clone()), Ok(v4.clone())),
            Ok(Outcome::Found(ips(&["::1", "10.0.0.1"])))
        );
        assert_eq!(
            of(Ok(nothing.clone()), Ok(v4.clone())),
            Ok(Outcome::Found(v4.clone()))
        );
        assert_eq!(
            of(Ok(nothing.clone()), Ok(nothing.clone())),
            Ok(Outcome::Nothing)
        );
        assert_eq!(of(Ok(v6.clone()), servfail()), Ok(Outcome::Half(v6)));
        assert_eq!(
            of(Err(NetError::Timeout), Ok(v4.clone())),
            Ok(Outcome::Half(v4))
        );
        assert!(of(Ok(nothing.clone()), servfail()).is_err());
        assert!(of(servfail(), Ok(nothing)).is_err());
        assert!(of(servfail(), servfail()).is_err());
    }
}
