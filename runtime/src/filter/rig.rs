//! The frame of every filter test: route `t` at `/`, one request, no backend (middlewares.md §8).

use std::net::{IpAddr, Ipv4Addr};

use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::Start;
use crate::h1;
use crate::head::{Buffer, Fields};
use crate::route::Route;
use crate::values::Environment;

static ROUTE: Route = Route {
    name: "t",
    source: "t.yaml:1",
    ..Route::PLAIN
};

/// A value without references.
macro_rules! literal {
    ($text:literal) => {
        $crate::values::Value {
            key: "rule",
            source: "t.yaml:1:1",
            parts: &[$crate::values::Part::Text($text)],
        }
    };
}
pub(crate) use literal;

/// Runs a constructor with an empty environment.
pub(crate) fn start<T>(make: impl FnOnce(&Start<'_>) -> T) -> T {
    let environment = Environment::default();
    make(&Start::new(&environment))
}

/// An exchange for a raw request head.
pub(crate) fn exchange(head: &str) -> Exchange {
    let mut fields = Fields::new(Buffer::with_size(4096));
    fields.buffer.push(head.as_bytes());
    let parsed = h1::request::parse(fields, &h1::Limits::default());
    let h1::request::Parsed::Complete(request) = parsed else {
        panic!("{parsed:?}");
    };
    let content_length = request.content_length;
    let mut exchange = Exchange::new(request.head, &ROUTE, IpAddr::V4(Ipv4Addr::LOCALHOST));
    exchange.content_length = content_length;
    exchange
}

/// What a chain of this filter does before all decisions (MW-GEN-12).
pub(crate) fn clean(filter: &impl Filter, exchange: &mut Exchange) {
    if let Some(name) = filter.owned() {
        exchange.request.fields.remove_alike(name);
    }
}

/// Status and `Location` of the answer of a filter.
pub(crate) fn location(flow: Flow) -> (u16, String) {
    let Flow::Answer(answer) = flow else {
        panic!("no answer");
    };
    let (response, _) = answer.render(None);
    let location = response.fields.get("location").unwrap_or_default();
    let location = String::from_utf8(location.to_vec()).unwrap();
    (response.status(), location)
}

/// Fields as `Name: value` lines.
pub(crate) fn text(fields: &Fields) -> String {
    fields
        .iter()
        .map(|(name, value)| {
            format!(
                "{}: {}\n",
                String::from_utf8_lossy(name),
                String::from_utf8_lossy(value)
            )
        })
        .collect()
}
