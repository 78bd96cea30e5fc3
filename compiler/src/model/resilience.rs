//! What a route does about trouble with its backends (config.md 7.6).

/// What a route says beyond the usual; [`Resilience::default`]: nothing.
#[derive(Clone, Debug, Default)]
pub struct Resilience {
    /// Requests at once in the whole process; `None`: any number (RT-INFL-1).
    pub in_flight_max: Option<u32>,
    /// `timeouts`
    pub timeouts: Timeouts,
    /// `retry`; `None`: RT-UP-9 alone.
    pub retry: Option<Retry>,
    /// `circuitBreaker`; `None`: backends have none.
    pub circuit_breaker: Option<CircuitBreaker>,
}

/// `timeouts` of a route; `None`: no key says. 0: no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Timeouts {
    /// Per address; 5 s unless a key says.
    pub connect_ms: Option<u64>,
    /// From the end of the request to the head of the response.
    pub response_header_ms: Option<u64>,
    /// From the end of the chain to the last byte of the response.
    pub request_ms: Option<u64>,
    /// Between two pieces of a stream.
    pub idle_ms: Option<u64>,
}

/// `retry` (RT-RETRY).
#[derive(Clone, Debug, PartialEq)]
pub struct Retry {
    /// Tries in total, 1 to 10.
    pub attempts: u32,
    /// What is tried again; each once.
    pub on: Vec<Cause>,
    /// `backoff.base`
    pub base_ms: u64,
    /// `backoff.max`
    pub max_ms: u64,
    /// Share of the requests of the last 10 seconds, 0 to 1.
    pub budget: f64,
}

/// One entry of `retry.on`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// There is no connection.
    Connect,
    /// The connection ends before the head of the response.
    Reset,
    /// The backend answers with this status, 100 to 599.
    Status(u16),
    /// `timeouts.connect` or `timeouts.responseHeader` is over.
    Timeout,
}

/// `circuitBreaker` (RT-CB).
#[derive(Clone, Debug, PartialEq)]
pub struct CircuitBreaker {
    /// Above 0, at most 1.
    pub failure_ratio: f64,
    /// Fewer decide nothing; at least 1.
    pub requests_min: u32,
    /// Over which is counted.
    pub window_ms: u64,
    /// How long a backend gets no requests.
    pub open_ms: u64,
    /// Then so many are tried; at least 1.
    pub trials: u32,
}

impl Cause {
    /// The word of the dialect.
    #[must_use]
    pub fn word(self) -> String {
        match self {
            Self::Connect => "connect".to_owned(),
            Self::Reset => "reset".to_owned(),
            Self::Status(status) => status.to_string(),
            Self::Timeout => "timeout".to_owned(),
        }
    }
}
