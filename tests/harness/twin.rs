//! One request on both protocols: what a gateway is asked over HTTP/1.1, its twin is asked over HTTP/2,
//! and nothing but the protocol may differ, neither for the client nor for the backend.

use http::Request;

use super::backend::{Backend, Recorded};
use super::client::Response;
use super::gateway::Gateway;
use super::http2::{Answered, Http2};

/// Fields that belong to a connection or to a moment.
const OWN_TO_A_PROTOCOL: &[&str] = &["connection", "date", "keep-alive", "transfer-encoding"];
/// What HTTP/2 has not, or says by other means (RFC 9113 §8.2.2).
const UNTRANSLATABLE: &[&str] = &[
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "te",
    "transfer-encoding",
    "upgrade",
];
/// Digits from which on a number is an id that the gateway has drawn.
const ID_DIGITS: usize = 32;

/// A gateway and a backend of its own, started like those that it is compared with.
#[derive(Debug)]
pub struct Twin {
    gateway: Gateway,
    backend: Backend,
}

/// What is compared, as lines of text.
type Lines = Vec<String>;

impl Twin {
    /// The twin of a gateway, whose backend runs the script of `backend`.
    #[must_use]
    pub fn of(spec: &str, backend: &Backend, env: &[(String, String)]) -> Self {
        let backend = backend.twin();
        let url = backend.url();
        let mut all = vec![("A", url.as_str())];
        all.extend(
            env.iter()
                .map(|(name, value)| (name.as_str(), value.as_str())),
        );
        let gateway = Gateway::start(spec, &all);
        Self { gateway, backend }
    }

    /// Asks over HTTP/2 what was asked over HTTP/1.1.
    ///
    /// # Panics
    /// If the client gets another response, or the backend another request.
    pub fn agrees(
        &self,
        asked: &str,
        request: Request<Vec<u8>>,
        (response, backend, seen): (&Response, &Backend, &[Recorded]),
    ) {
        let before = self.backend.requests().len();
        let answered = Http2::connect(self.gateway.port()).send(request, None);
        let answered = answered.unwrap_or_else(|error| panic!("{asked}\nover HTTP/2: {error}"));
        let own = self.backend.requests();
        let own = own.get(before..).unwrap_or_default();
        let expected = [of_response(response, backend), of_requests(seen, backend)];
        let found = [
            of_answer(&answered, &self.backend),
            of_requests(own, &self.backend),
        ];
        assert_eq!(
            found, expected,
            "{asked}\nover HTTP/2 (left) and HTTP/1.1 (right)"
        );
    }
}

/// A request of HTTP/1.1 as HTTP/2 carries it, if it can.
#[must_use]
pub fn translated(text: &str) -> Option<Request<Vec<u8>>> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let mut line = lines.next()?.split(' ');
    let (method, target, version) = (line.next()?, line.next()?, line.next()?);
    if version != "HTTP/1.1" || line.next().is_some() || !target.starts_with('/') {
        return None;
    }
    let fields: Option<Vec<_>> = lines.map(|line| line.split_once(':')).collect();
    let fields = fields?;
    let values = |wanted: &str| {
        let named = fields
            .iter()
            .filter(|(name, _)| name.eq_ignore_ascii_case(wanted));
        named.map(|(_, value)| value.trim()).collect::<Vec<_>>()
    };
    let (hosts, lengths) = (values("host"), values("content-length"));
    let [host] = hosts.as_slice() else {
        return None;
    };
    if UNTRANSLATABLE.iter().any(|name| !values(name).is_empty()) {
        return None;
    }
    let length = lengths
        .first()
        .map_or(Some(0), |length| length.parse().ok());
    if lengths.len() > 1 || length != Some(body.len()) {
        return None;
    }
    let uri = format!("http://{host}{target}").parse::<http::Uri>().ok()?;
    // The type may have read it in another way.
    if uri.path_and_query()?.as_str() != target || uri.authority()?.as_str() != *host {
        return None;
    }
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in fields {
        if !name.eq_ignore_ascii_case("host") {
            request = request.header(name, value.trim());
        }
    }
    request.body(body.as_bytes().to_vec()).ok()
}

fn of_response(response: &Response, backend: &Backend) -> Lines {
    let lines = response.head.lines().skip(1);
    lines_of(&response.status.to_string(), lines, &response.body, backend)
}

fn of_answer(answered: &Answered, backend: &Backend) -> Lines {
    assert!(answered.broken.is_none(), "{:?}", answered.broken);
    let fields = answered.headers.iter();
    let lines: Vec<_> = fields
        .map(|(name, value)| format!("{name}: {}", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let lines = lines.iter().map(String::as_str);
    lines_of(&answered.status.to_string(), lines, &answered.body, backend)
}

fn of_requests(requests: &[Recorded], backend: &Backend) -> Lines {
    let of = |request: &Recorded| {
        let mut lines = request.head.lines();
        let first = lines.next().unwrap_or_default().to_owned();
        lines_of(&first, lines, &request.body, backend)
    };
    requests.iter().flat_map(of).collect()
}

/// The first line, fields in the order of their names, and the body.
fn lines_of<'l>(
    first: &str,
    fields: impl Iterator<Item = &'l str>,
    body: &[u8],
    backend: &Backend,
) -> Lines {
    let url = backend.url();
    let authority = url.trim_start_matches("http://");
    let neutral = |text: &str| without_ids(&text.replace(authority, "BACKEND"));
    let mut fields: Vec<_> = fields
        .filter_map(|line| {
            let (name, value) = line.split_once(':')?;
            let name = name.to_ascii_lowercase();
            let kept = !OWN_TO_A_PROTOCOL.contains(&name.as_str());
            kept.then(|| format!("{name}: {}", neutral(value.trim())))
        })
        .collect();
    // Values of one name stay in their order.
    fields.sort_by(|one, other| one.split(':').next().cmp(&other.split(':').next()));
    let body = neutral(&String::from_utf8_lossy(body));
    [vec![neutral(first)], fields, vec![body]].concat()
}

/// Long numbers are drawn by each gateway for itself.
fn without_ids(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(start) = rest.find(|letter: char| letter.is_ascii_hexdigit()) {
        let (before, from) = rest.split_at(start);
        let inside = |letter: char| letter.is_ascii_hexdigit() || letter == '-';
        let end = from.find(|letter| !inside(letter)).unwrap_or(from.len());
        let (number, after) = from.split_at(end);
        plain.push_str(before);
        plain.push_str(if number.len() < ID_DIGITS {
            number
        } else {
            "ID"
        });
        rest = after;
    }
    plain.push_str(rest);
    plain
}
