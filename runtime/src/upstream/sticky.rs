//! A client stays with its backend by a cookie (RT-LB-9), whose value says nothing but to who has the key.

use std::sync::Arc;

use crate::gateway::StartError;
use crate::head::Request;
use crate::route::{self, Route, cookies};
use crate::values::Environment;

/// The cookies of a route; the same in all replicas.
#[derive(Debug)]
pub(super) struct Sticky {
    route: &'static route::Sticky,
    /// By place in `backends`.
    values: Vec<String>,
}

impl Sticky {
    /// Of a route with these endpoints; `None`: it has none.
    pub(super) fn resolve<'e>(
        route: &'static Route,
        endpoints: impl Iterator<Item = &'e str>,
        environment: &Environment,
    ) -> Result<Option<Arc<Self>>, StartError> {
        let Some(sticky) = &route.sticky else {
            return Ok(None);
        };
        let secret = sticky.secret.resolve(environment)?;
        let values = endpoints.map(|endpoint| value(&secret, route.name, endpoint));
        Ok(Some(Arc::new(Self {
            route: sticky,
            values: values.collect(),
        })))
    }

    /// Takes the cookie out of a request: the place of the backend that it names, if it is one.
    pub(super) fn take(&self, request: &mut Request) -> Option<usize> {
        let name = self.route.cookie;
        let mut sent = cookies(request, name).peekable();
        sent.peek()?;
        let place = sent.find_map(|sent| {
            let mut values = self.values.iter();
            values.position(|value| value.as_bytes() == &*sent)
        });
        drop(sent);
        let kept = others(request, name);
        match kept.is_empty() {
            true => request.fields.remove("Cookie"),
            false => request.fields.set("Cookie", &kept),
        }
        place
    }

    /// `Set-Cookie` for the backend at a place. `is_tls`: the client speaks TLS.
    pub(super) fn set(&self, place: usize, is_tls: bool) -> Option<String> {
        let route::Sticky {
            cookie, attributes, ..
        } = self.route;
        let value = self.values.get(place)?;
        let secure = match self.route.secure.unwrap_or(is_tls) {
            true => "; Secure",
            false => "",
        };
        Some(format!("{cookie}={value}{attributes}{secure}"))
    }
}

/// All cookies but those of a name.
fn others(request: &Request, name: &str) -> Vec<u8> {
    let fields = request.fields.values("cookie");
    let pairs = fields.flat_map(|field| field.split(|byte| *byte == b';'));
    let pairs = pairs.map(<[u8]>::trim_ascii).filter(|pair| {
        let end = memchr::memchr(b'=', pair).unwrap_or(pair.len());
        let known = pair.get(..end).unwrap_or_default().trim_ascii_end();
        !pair.is_empty() && known != name.as_bytes()
    });
    pairs.collect::<Vec<_>>().join(&b"; "[..])
}

/// 32 hex digits.
#[cfg(feature = "sticky")]
fn value(secret: &str, route: &str, endpoint: &str) -> String {
    use crate::values::mac;
    const DIGITS: usize = 32;
    // No name has a line break, so that nothing else gives the same text.
    let text = format!("{route}\n{endpoint}");
    let digest = mac::hmac(&mac::block(secret.as_bytes()), text.as_bytes());
    let digits = digest.iter().map(|byte| format!("{byte:02x}"));
    digits.take(DIGITS / 2).collect()
}

/// The compiler asks for the feature wherever there is such a cookie.
#[cfg(not(feature = "sticky"))]
fn value(_: &str, _: &str, _: &str) -> String {
    String::new()
}
