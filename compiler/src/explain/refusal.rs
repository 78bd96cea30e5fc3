//! What the gateway refuses before it looks for a route, as far as a method, a URL and header fields can
//! have it; and what its method makes of a request behind the chain.

use super::Request;
use crate::model::{Limits, Route};

/// Status, and why.
pub(super) type Refusal = (u16, String);

/// The answer to a request that no route gets to see, apart from its path (RT-SEM-1, RT-SEM-6, RT-LIM-1,
/// RT-LIM-2, RT-PATH-5).
pub(super) fn refusal(limits: &Limits, request: &Request) -> Option<Refusal> {
    let over = |found: usize, most: u64| u64::try_from(found).map_or(true, |found| found > most);
    if over(
        request.path().len() + request.query().len(),
        limits.uri_bytes,
    ) {
        return Some((414, "the target is over `limits.maxUriBytes`".to_owned()));
    }
    if over(section_bytes(request), limits.header_bytes) {
        let key = "limits.maxHeaderBytes";
        return Some((431, format!("the header fields are over `{key}`")));
    }
    if over(request.fields().len() + HOST, limits.headers) {
        let key = "limits.maxHeaders";
        return Some((431, format!("more header fields than `{key}`")));
    }
    let mut expected = request.values("Expect");
    if expected.any(|value| !value.eq_ignore_ascii_case(b"100-continue")) {
        return Some((
            417,
            "`Expect` asks for something unknown (RT-SEM-1)".to_owned(),
        ));
    }
    let query = request.query();
    if request.method() != CONNECT && query.contains(|c: char| c == ' ' || c.is_ascii_control()) {
        let why = "the query has a character that must be escaped (RT-PATH-5)";
        return Some((400, why.to_owned()));
    }
    (request.method() == CONNECT).then(|| (405, "CONNECT is not routed (RT-SEM-6)".to_owned()))
}

const CONNECT: &str = "CONNECT";

/// The field that a URL makes.
const HOST: usize = 1;

/// As HTTP/1.1 has them, with the empty line.
fn section_bytes(request: &Request) -> usize {
    let line = |name: &str, value: &str| name.len() + ": ".len() + value.len() + "\r\n".len();
    let fields = request.fields().iter();
    let fields: usize = fields.map(|(name, value)| line(name, value)).sum();
    line("Host", &request.authority()) + fields + "\r\n".len()
}

/// The answer behind the chain that the method calls for (RT-CHAIN-2, RT-METHOD-1, RT-SEM-5).
pub(super) fn by_method(route: &Route, request: &Request) -> Option<(u16, &'static str)> {
    let method = request.method();
    let listed = route.methods.iter().any(|listed| listed.as_str() == method);
    match (method, listed) {
        (_, false) if !route.methods.is_empty() => Some((405, "method not in `methods`")),
        ("TRACE", false) => Some((405, "TRACE is not in `methods`")),
        ("OPTIONS" | "TRACE", _) if is_last_hop(request) => {
            Some((200, "`Max-Forwards: 0` ends here"))
        }
        _ => None,
    }
}

/// Whether the request may not be forwarded (RFC 9110 §7.6.2).
fn is_last_hop(request: &Request) -> bool {
    let mut hops = request.values("Max-Forwards");
    hops.any(|hops| !hops.is_empty() && hops.iter().all(|digit| *digit == b'0'))
}
