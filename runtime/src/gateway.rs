//! What generated code says about a gateway, and the settings that come of it when it starts.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::chain::ChainSource;
use crate::files::Files;
use crate::identity::Proxies;
use crate::route::{HostFilter, Route};
use crate::values::scalar::{self, Format, Level, Malformed};
use crate::values::{Environment, Networks, Value};

mod forwards;
mod networking;

pub use crate::values::StartError;
pub use forwards::{Forward, ForwardTo, Protocol};
pub use networking::{DnsCache, PassiveHealthCheck, Transport};

/// A generated gateway: everything is static, everything comes from one configuration revision.
#[derive(Debug)]
pub struct Gateway {
    /// The crate's name.
    pub name: &'static str,
    /// First 12 hex digits of the revision's hash.
    pub revision: &'static str,
    /// Listeners, timeouts and log.
    pub settings: &'static Settings,
    /// Routes in spec order, in blocks.
    pub routes: &'static [&'static [Route]],
    /// Every distinct chain, by [`crate::chain::ChainId`].
    pub chains: &'static [ChainSource],
}

/// The keys of the `gateway` section.
#[derive(Debug)]
pub struct Settings {
    /// `strictSlash` (RT-ROUTE-12)
    pub strict_slash: bool,
    /// `debug`: more fields in the log, at any level.
    pub debug: Value,
    /// `entryPoints.web.address`
    pub web_address: Value,
    /// `timeouts.read`: the whole request, including its body; `0` = none.
    pub read_timeout: Value,
    /// `timeouts.write`: end of the request head to end of the response; `0` = none.
    pub write_timeout: Value,
    /// `timeouts.idle`: between two requests of a connection; `0` = none.
    pub idle_timeout: Value,
    /// `timeouts.header`: from the first byte of a request to the end of its head.
    pub header_timeout: Value,
    /// `timeouts.drain`: how long requests may take after a stop signal.
    pub drain_timeout: Value,
    /// `timeouts.drainDelay`: how long listeners stay open after a stop signal.
    pub drain_delay: Value,
    /// `log.level`
    pub log_level: Value,
    /// `log.format`
    pub log_format: Value,
    /// `log.filePath`; empty: standard output.
    pub log_file: Value,
    /// `log.maxSizeMB`
    pub log_megabytes_max: Value,
    /// `log.maxBackups`
    pub log_backups_max: Value,
    /// `log.maxAgeDays`
    pub log_days_max: Value,
    /// `monitoring.enableReadiness`: `/readyz`
    pub readiness_enabled: Value,
    /// `monitoring.enableLiveness`: `/healthz`
    pub liveness_enabled: Value,
    /// `entryPoints.web.proxyProtocol`
    pub web_proxy_protocol: ProxyProtocol,
    /// `entryPoints.passThrough.forwards`
    pub pass_through: &'static [Forward],
    /// `limits`
    pub limits: Limits,
    /// `proxy`, if it is enabled.
    pub proxy: Option<Proxy>,
    /// `monitoring.enableRouteHealthCheck`: `/healthz/routes`
    pub route_health_enabled: bool,
    /// `monitoring.includeRouteHealthErrors`: with the causes.
    pub route_health_errors: bool,
    /// `monitoring.enableBuildInfo`: `/healthz/build`
    pub build_info_enabled: bool,
    /// `monitoring.host`; `None`: any.
    pub monitoring_host: Option<&'static str>,
    /// `networking.dnsCache`
    pub dns_cache: DnsCache,
    /// `networking.passiveHealthCheck`, if it is enabled.
    pub passive_health_check: Option<PassiveHealthCheck>,
    /// `networking.transport`
    pub transport: Transport,
}

/// `gateway.limits` (RT-LIM).
#[derive(Debug)]
pub struct Limits {
    /// Bytes of a request target.
    pub target_bytes_max: usize,
    /// Bytes of a header section.
    pub header_bytes_max: usize,
    /// Fields of a header section.
    pub fields_max: usize,
    /// Connections of the process; `None`: any number.
    pub connections_max: Option<usize>,
    /// Requests of a connection; `None`: any number.
    pub requests_per_connection_max: Option<u32>,
    /// Streams at once on an HTTP/2 connection (RT-H2-1).
    pub http2_streams_max: u32,
    /// Streams that a client may reset in 10 seconds on an HTTP/2 connection (RT-H2-3).
    pub http2_resets_max: u32,
}

/// `gateway.proxy` (RT-IP).
#[derive(Debug)]
pub struct Proxy {
    /// IP addresses and CIDR blocks.
    pub trusted: &'static [Value],
    /// Fields with the client's address, in order.
    pub headers: &'static [&'static str],
}

/// `proxyProtocol` of an entry point (RT-PP).
#[derive(Debug)]
pub struct ProxyProtocol {
    /// IP addresses and CIDR blocks; none: off.
    pub trusted: &'static [Value],
    /// Whether a trusted peer must send a header.
    pub required: bool,
}

/// [`ProxyProtocol`], switched on.
#[derive(Clone, Debug)]
pub struct ProxyProtocolIn {
    /// Peers whose header is read.
    pub trusted: Networks,
    /// Whether they must send one.
    pub required: bool,
}

/// `gateway.log.filePath` and how the file is rotated (RT-LOG-7).
#[derive(Clone, Debug)]
pub struct LogTo {
    /// Not empty.
    pub path: Given,
    /// Bytes of a file.
    pub bytes_max: u64,
    /// Older files that stay; 0: any number.
    pub backups_max: u64,
    /// How old they may get; zero: any age.
    pub age_max: Duration,
}

/// A text, and where it comes from.
#[derive(Clone, Debug)]
pub struct Given {
    /// The text.
    pub text: String,
    source_place: String,
    key: String,
}

/// What filters are made from at start.
#[derive(Debug)]
pub struct Start<'a> {
    /// Where references are looked up.
    pub environment: &'a Environment,
    /// Where files are read, once and when they change.
    #[cfg_attr(
        not(feature = "basic-auth"),
        expect(dead_code, reason = "no filter reads any")
    )]
    pub(crate) files: Arc<Files>,
    /// What is to be said in the log when the gateway has started.
    notices: RefCell<BTreeSet<String>>,
}

impl<'a> Start<'a> {
    /// Nothing made yet.
    #[must_use]
    pub fn new(environment: &'a Environment) -> Self {
        Self::with(environment, Arc::default())
    }

    /// The same with files that others read too.
    pub(crate) fn with(environment: &'a Environment, files: Arc<Files>) -> Self {
        Self {
            environment,
            files,
            notices: RefCell::default(),
        }
    }

    /// Adds a line for the log, which says nothing secret; many filters may say the same.
    pub fn notice(&self, text: String) {
        self.notices.borrow_mut().insert(text);
    }

    /// All lines, sorted.
    #[must_use]
    pub fn into_notices(self) -> Vec<String> {
        self.notices.into_inner().into_iter().collect()
    }
}

/// [`Settings`] after references and `GOMA_*` overrides have been looked up.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// `strictSlash`
    pub strict_slash: bool,
    /// Where HTTP is served; `None`: nowhere.
    pub web_address: Option<SocketAddr>,
    /// What is forwarded as it is.
    pub pass_through: Vec<ForwardTo>,
    /// `timeouts.read`
    pub read_timeout: Option<Duration>,
    /// `timeouts.write`
    pub write_timeout: Option<Duration>,
    /// `timeouts.idle`
    pub idle_timeout: Option<Duration>,
    /// `timeouts.header`, 1-300 s.
    pub header_timeout: Duration,
    /// `timeouts.drain`
    pub drain_timeout: Duration,
    /// `timeouts.drainDelay`
    pub drain_delay: Duration,
    /// `log.level`
    pub log_level: Level,
    /// `log.format`
    pub log_format: Format,
    /// Where the log goes in place of standard output, if anything is logged.
    pub log_file: Option<LogTo>,
    /// Whether `/readyz` exists.
    pub readiness_enabled: bool,
    /// Whether `/healthz` exists.
    pub liveness_enabled: bool,
    /// Whether every request's line has the debug fields (RT-LOG-5).
    pub debug: bool,
    /// Whose PROXY header is read on `web`.
    pub web_proxy_protocol: Option<ProxyProtocolIn>,
    /// Who may say who a client is.
    pub proxies: Option<Proxies>,
    /// Whether `/healthz/routes` exists.
    pub route_health_enabled: bool,
    /// Whether it says why.
    pub route_health_errors: bool,
    /// Whether `/healthz/build` exists.
    pub build_info_enabled: bool,
    /// Where it does.
    pub monitoring_host: Option<HostFilter>,
    /// Who is asked for addresses; none: the system's servers.
    pub dns_servers: Vec<SocketAddr>,
}

impl Settings {
    /// Looks everything up.
    ///
    /// # Errors
    /// The first value that cannot be used (RT-START-1).
    pub fn resolve(&self, environment: &Environment) -> Result<Resolved, StartError> {
        let secs = |value: &Value, variables: &[&str]| {
            overridden(value, environment, variables, scalar::secs)
        };
        let level = &["GOMA_LOG_LEVEL"];
        let log_level = overridden(&self.log_level, environment, level, scalar::level)?;
        let limit = |duration: Duration| Some(duration).filter(|duration| !duration.is_zero());
        let web_address = self.resolve_web_address(environment)?;
        Ok(Resolved {
            strict_slash: self.strict_slash,
            web_address,
            pass_through: forwards::resolve(self.pass_through, web_address, environment)?,
            read_timeout: limit(secs(
                &self.read_timeout,
                &["GOMA_TIMEOUT_READ", "GOMA_READ_TIMEOUT"],
            )?),
            write_timeout: limit(secs(
                &self.write_timeout,
                &["GOMA_TIMEOUT_WRITE", "GOMA_WRITE_TIMEOUT"],
            )?),
            idle_timeout: limit(secs(
                &self.idle_timeout,
                &["GOMA_TIMEOUT_IDLE", "GOMA_IDLE_TIMEOUT"],
            )?),
            header_timeout: self.resolve_header_timeout(environment)?,
            drain_timeout: secs(&self.drain_timeout, &[])?,
            drain_delay: secs(&self.drain_delay, &[])?,
            log_level,
            log_format: overridden(
                &self.log_format,
                environment,
                &["GOMA_LOG_FORMAT"],
                scalar::format,
            )?,
            log_file: match log_level {
                Level::Off => None,
                Level::Trace | Level::Debug | Level::Info | Level::Warn | Level::Error => {
                    self.resolve_log_file(environment)?
                }
            },
            readiness_enabled: overridden(
                &self.readiness_enabled,
                environment,
                &["GOMA_ENABLE_READINESS"],
                scalar::boolean,
            )?,
            liveness_enabled: overridden(
                &self.liveness_enabled,
                environment,
                &["GOMA_ENABLE_LIVENESS"],
                scalar::boolean,
            )?,
            debug: self.debug.read(environment, scalar::boolean)? || log_level <= Level::Debug,
            web_proxy_protocol: self.web_proxy_protocol.resolve(environment)?,
            proxies: self.resolve_proxies(environment)?,
            route_health_enabled: self.route_health_enabled,
            route_health_errors: self.route_health_errors,
            build_info_enabled: self.build_info_enabled,
            monitoring_host: self.monitoring_host.map(HostFilter::new),
            dns_servers: self.dns_cache.servers(environment)?,
        })
    }

    /// `None`: `off`
    fn resolve_web_address(
        &self,
        environment: &Environment,
    ) -> Result<Option<SocketAddr>, StartError> {
        let variables = &["GOMA_ENTRYPOINT_WEB_ADDRESS"];
        let given = given(&self.web_address, environment, variables)?;
        if given.text != "off" {
            let address = scalar::address(&given.text);
            let fault = |malformed: Malformed| given.fault(malformed.code, malformed.text);
            return address.map(Some).map_err(fault);
        }
        if self.pass_through.is_empty() {
            let text = "the gateway listens nowhere: `web` is off";
            return Err(given.fault("no-entry-point", text));
        }
        Ok(None)
    }

    /// MW-CLI-3
    fn resolve_proxies(&self, environment: &Environment) -> Result<Option<Proxies>, StartError> {
        let Some(proxy) = &self.proxy else {
            return Ok(None);
        };
        let trusted = Networks::read(proxy.trusted, environment)?;
        match proxy.trusted.first() {
            Some(value) if trusted.is_empty() => {
                let text = "`proxy` is enabled, but trusts no proxy";
                Err(value.fault("proxy-trust-empty", text))
            }
            Some(_) | None => Ok(Some(Proxies::new(trusted, proxy.headers))),
        }
    }

    /// RT-LOG-7
    fn resolve_log_file(&self, environment: &Environment) -> Result<Option<LogTo>, StartError> {
        const MEGABYTE: u64 = 1024 * 1024;
        const DAY_SECS: u64 = 24 * 60 * 60;
        let number = |value: &Value, variable: &str, least: i64| {
            overridden(value, environment, &[variable], |text| {
                let number = scalar::int(text)?;
                let number = Some(number).filter(|number| *number >= least);
                number.map(i64::unsigned_abs).ok_or_else(|| Malformed {
                    code: "out-of-range",
                    text: format!("must be at least {least}"),
                })
            })
        };
        let megabytes = number(&self.log_megabytes_max, "GOMA_LOG_MAX_SIZE_MB", 1)?;
        let days = number(&self.log_days_max, "GOMA_LOG_MAX_AGE_DAYS", 0)?;
        let to = LogTo {
            path: given(&self.log_file, environment, &["GOMA_LOG_FILE"])?,
            bytes_max: megabytes.saturating_mul(MEGABYTE),
            backups_max: number(&self.log_backups_max, "GOMA_LOG_MAX_BACKUPS", 0)?,
            age_max: Duration::from_secs(days.saturating_mul(DAY_SECS)),
        };
        Ok(Some(to).filter(|to| !to.path.text.is_empty()))
    }

    fn resolve_header_timeout(&self, environment: &Environment) -> Result<Duration, StartError> {
        let value = &self.header_timeout;
        let timeout = overridden(
            value,
            environment,
            &["GOMA_TIMEOUT_READ_HEADER"],
            scalar::secs,
        )?;
        if (Duration::from_secs(1)..=Duration::from_secs(300)).contains(&timeout) {
            Ok(timeout)
        } else {
            Err(value.fault("out-of-range", "must be from 1 to 300 seconds"))
        }
    }
}

impl ProxyProtocol {
    fn resolve(&self, environment: &Environment) -> Result<Option<ProxyProtocolIn>, StartError> {
        let trusted = Networks::read(self.trusted, environment)?;
        let required = self.required;
        Ok((!trusted.is_empty()).then_some(ProxyProtocolIn { trusted, required }))
    }
}

/// Reads a value, or the first non-empty of the environment variables that override it.
fn overridden<T>(
    value: &Value,
    environment: &Environment,
    variables: &[&str],
    grammar: impl FnOnce(&str) -> Result<T, Malformed>,
) -> Result<T, StartError> {
    let given = given(value, environment, variables)?;
    grammar(&given.text).map_err(|malformed| given.fault(malformed.code, malformed.text))
}

/// The text of a value, or the first non-empty of the environment variables that override it.
fn given(
    value: &Value,
    environment: &Environment,
    variables: &[&str],
) -> Result<Given, StartError> {
    let found = variables
        .iter()
        .find_map(|name| Some((*name, environment.override_of(name)?)));
    Ok(match found {
        Some((name, text)) => Given {
            text: text.to_owned(),
            source_place: String::new(),
            key: name.to_owned(),
        },
        None => Given {
            text: value.resolve(environment)?,
            source_place: value.source.to_owned(),
            key: value.key.to_owned(),
        },
    })
}

impl Given {
    /// An error of this text.
    #[must_use]
    pub fn fault(&self, code: &'static str, text: impl Into<String>) -> StartError {
        StartError {
            source_place: self.source_place.clone(),
            code,
            key: self.key.clone(),
            text: text.into(),
        }
    }
}
