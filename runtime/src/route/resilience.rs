//! What a row says of trouble with its backends (config.md 7.6).

/// What a route does beyond the usual. Rows name what differs from [`Resilience::NONE`].
#[derive(Debug)]
pub struct Resilience {
    /// Requests at once in the whole process; `None`: any number (RT-INFL-1).
    pub in_flight_max: Option<u32>,
    /// `timeouts`
    pub timeouts: Timeouts,
    /// `retry`; `None`: RT-UP-9 alone.
    pub retry: Option<Retry>,
    /// `circuitBreaker`, of each backend.
    pub circuit_breaker: Option<CircuitBreaker>,
}

/// `timeouts` of a route; `None`: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// To one address (RT-UP-4).
    pub connect_ms: Option<u64>,
    /// From the end of the request to the head of the response.
    pub response_header_ms: Option<u64>,
    /// From the end of the chain to the last byte of the response.
    pub request_ms: Option<u64>,
    /// Between two pieces of a stream.
    pub idle_ms: Option<u64>,
}

/// `retry` (RT-RETRY).
#[derive(Debug)]
pub struct Retry {
    /// Tries in total.
    pub attempts: u32,
    /// Whether after a failed connect.
    pub connect: bool,
    /// Whether after a connection that ended before the head of the response.
    pub reset: bool,
    /// Whether after `timeouts.connect` or `timeouts.responseHeader`.
    pub timeout: bool,
    /// After which statuses.
    pub statuses: &'static [u16],
    /// The longest first pause.
    pub base_ms: u64,
    /// The longest pause.
    pub max_ms: u64,
    /// Share of the route's requests that are tried again, in millionths.
    pub budget_millionths: u32,
}

/// `circuitBreaker` (RT-CB).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CircuitBreaker {
    /// From this share of failures on it opens, in millionths; not 0.
    pub failure_millionths: u32,
    /// Fewer requests decide nothing; not 0.
    pub requests_min: u32,
    /// Over which is counted.
    pub window_ms: u64,
    /// How long the backend gets no requests.
    pub open_ms: u64,
    /// How many are tried then; not 0.
    pub trials: u32,
}

impl Resilience {
    /// Nothing.
    pub const NONE: Self = Self {
        in_flight_max: None,
        timeouts: Timeouts::USUAL,
        retry: None,
        circuit_breaker: None,
    };
}

impl Timeouts {
    /// Those of a route that says nothing (RT-UP-4).
    pub const USUAL: Self = Self {
        connect_ms: Some(5000),
        response_header_ms: None,
        request_ms: None,
        idle_ms: None,
    };
}
