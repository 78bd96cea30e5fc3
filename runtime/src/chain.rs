//! Filters, and the chains they form: one concrete tuple type per distinct chain, boxed once.
//!
//! A filter is synchronous: it edits the exchange and decides. What must wait (a password hash, a
//! call) returns [`Flow::Wait`] with a future that owns what it needs; the chain goes on after it.
//! So a request whose filters all decide at once allocates nothing for its chain.

use std::cell::RefCell;
use std::fmt::Debug;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;

use crate::answer::Answer;
use crate::gateway::{Start, StartError};
use crate::head::{Field, Fields, Known, Request, Response, Span, Version};
use crate::route::{self, Regex, Route};
use crate::values::TemplateContext;

mod held;
mod layers;
mod logged;
mod received;
mod scope;

pub use crate::route::ChainId;
pub(crate) use held::Held;
pub use layers::{Filters, Layers, Policies};
pub use logged::Show;
pub(crate) use logged::{Content, Extra, Group};
pub(crate) use received::RECEIVED;
pub use scope::{Pattern, Scope, Scoped};

/// Builds a chain for one core.
pub type ChainSource = fn(&Start<'_>) -> Result<Box<dyn Chain>, StartError>;

/// One request and what the gateway knows about it. Filters see this, never a connection.
#[derive(Debug)]
pub struct Exchange {
    /// The request's head, as it will be forwarded.
    pub request: Request,
    /// The chosen route.
    pub route: &'static Route,
    /// The URL of the route's only backend; `None` with several.
    pub target: Option<&'static str>,
    /// The client's address (RT-IP).
    pub client: IpAddr,
    /// Whether the client speaks TLS (MW-CLI-5).
    pub secure: bool,
    /// Whether the peer is a trusted proxy, so that its forwarding fields count (MW-CLI-2).
    pub trusted: bool,
    /// The protocol that the connection is to become, or empty (RT-WS-1).
    pub(crate) upgrade: Span,
    /// Where the request id is in the request's arena (RT-HDR-8).
    pub(crate) id: Span,
    /// The fields that carry the id, if they are not the usual ones (MW-RID-1).
    pub(crate) id_fields: Option<IdFields>,
    /// Who the request was authenticated as; empty = nobody.
    pub user: String,
    /// What the request's log line gets besides the usual fields (MW-LOG-1).
    pub(crate) logged: RefCell<Vec<Extra>>,
    /// Request body bytes allowed; `None` = any number (RT-LISTEN-2).
    pub body_limit: Option<u64>,
    /// `Content-Length` of the request, if it has one.
    pub content_length: Option<u64>,
    /// The request's body, once a filter has had it held back (MW-GEN-14).
    pub(crate) held: Option<Held>,
    /// Fields that a filter set itself and that the proxy step must not overwrite (MW-REQH-3).
    pub explicit: ExplicitFields,
    /// What the client sent of [`RECEIVED`], once a filter changes any of them.
    pub(crate) received: Option<Box<[Field]>>,
    /// How many filters have seen the request; those also see the response.
    pub(crate) passed: usize,
    /// Which of those did not act, because the path is outside their scope; a bit each.
    pub(crate) skipped: u128,
    /// The canonical path as the client sent it: what policies are scoped by (MW-PATH-8).
    pub(crate) client_path: Span,
    /// The path that was routed, as received but for dot segments: parameters are in it.
    pub(crate) routed_path: Span,
    /// The route's compiled path, if that is a regular expression.
    pub(crate) path_regex: Option<&'static Regex>,
    /// The path to be forwarded, once `rewrite` has made one; else the request's.
    pub(crate) upstream_path: Option<Span>,
}

/// The names of the fields that carry the request id (MW-RID-1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IdFields {
    /// Towards the backend.
    pub(crate) request: &'static str,
    /// Towards the client.
    pub(crate) response: &'static str,
}

/// Which forwarding fields a filter has set (MW-REQH-2, MW-REQH-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ExplicitFields {
    /// `Host`
    pub host: bool,
    /// `X-Forwarded-For`
    pub forwarded_for: bool,
    /// `X-Forwarded-Host`
    pub forwarded_host: bool,
    /// `X-Forwarded-Proto`
    pub forwarded_proto: bool,
    /// `X-Real-IP`
    pub real_ip: bool,
}

/// What a filter decides about a request.
pub enum Flow {
    /// The next filter, or the backend.
    Next,
    /// The request ends here with this answer.
    Answer(Answer),
    /// The decision, or a later one, needs all of the body.
    Hold(Hold),
    /// The decision needs something that takes time.
    Wait(Wait),
}

/// A body to be read whole before the chain goes on; a larger one gets 413. It is then in
/// [`Exchange::held_body`].
pub struct Hold {
    /// Bytes of the body.
    pub bytes_max: u64,
    /// What the filter does with it.
    pub then: Resume,
}

/// The continuation of a filter that waited.
pub type Resume = Box<dyn FnOnce(&mut Exchange) -> Flow>;

/// A future that borrows nothing from the exchange.
pub type Wait = Pin<Box<dyn Future<Output = Resume>>>;

/// A middleware at run time.
pub trait Filter: Debug + 'static {
    /// The field that only this filter may set for the backend: removed from every request of the
    /// route, in scope or not, and from its trailers (MW-GEN-12).
    fn owned(&self) -> Option<&'static str> {
        None
    }

    /// Sees the request on its way in.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        let _ = exchange;
        Flow::Next
    }

    /// Sees the response on its way out, if it saw the request.
    fn response(&self, exchange: &Exchange, response: &mut Response) {
        let _ = (exchange, response);
    }
}

/// A middleware of the recorder, around the whole route (MW-GEN-7).
pub trait Policy: Debug + 'static {
    /// The field that this policy alone says to the backend: no request trailer has it (MW-RID-1).
    fn owned(&self) -> Option<&'static str> {
        None
    }

    /// Sees the request before everything else, as the client sent it.
    fn admit(&self, exchange: &mut Exchange) {
        let _ = exchange;
    }

    /// Answers a CORS preflight if its origin is allowed; `response` is an empty 204 (MW-CORS-2).
    fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool {
        let _ = (exchange, response);
        false
    }

    /// Replaces the body of a response, whoever made it (MW-EI-1).
    fn intercept(&self, exchange: &Exchange, response: &mut Response) -> Option<Vec<u8>> {
        let _ = (exchange, response);
        None
    }

    /// Changes a response, whoever made it.
    fn apply(&self, exchange: &Exchange, response: &mut Response) {
        let _ = (exchange, response);
    }

    /// Sees the response as the client gets it.
    fn record(&self, exchange: &Exchange, response: &Response) {
        let _ = (exchange, response);
    }
}

/// A chain behind one pointer: what a route row names.
pub trait Chain {
    /// Before all decisions: what the recorder takes from the request, then hygiene of all filters.
    fn enter(&self, exchange: &mut Exchange);
    /// The fields that no request trailer may have (MW-GEN-12, MW-RID-1); none, as most chains have.
    fn hidden(&self) -> Option<&Rc<[&'static str]>>;
    /// Request half, from the filter with index `from` on; [`Exchange::passed`] counts along.
    fn request(&self, exchange: &mut Exchange, from: usize) -> Flow;
    /// Response half of the filters that saw the request, innermost first.
    fn response(&self, exchange: &Exchange, response: &mut Response);
    /// Preflight answer of the outermost policy that allows the origin.
    fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool;
    /// Response half of the recorder, innermost first; a new body, if one replaces it.
    fn leave(&self, exchange: &Exchange, response: &mut Response) -> Option<Vec<u8>>;
}

/// A chain of the recorder's policies and filters; both outermost first.
#[must_use]
pub fn boxed<P: Policies + 'static, F: Filters + 'static>(
    policies: P,
    filters: F,
) -> Box<dyn Chain> {
    let mut names = Vec::new();
    filters.owned(&mut names);
    let owned = names.clone().into_boxed_slice();
    policies.owned(&mut names);
    Box::new(Layers {
        policies,
        filters,
        owned,
        hidden: Some(Rc::from(names)).filter(|names: &Rc<[_]>| !names.is_empty()),
    })
}

impl Exchange {
    /// A request of which nothing but its head is known.
    pub(crate) fn new(request: Request, route: &'static Route, client: IpAddr) -> Self {
        Self {
            client_path: request.canonical,
            routed_path: request.path,
            request,
            route,
            target: None,
            client,
            secure: false,
            trusted: false,
            upgrade: Span::default(),
            id: Span::default(),
            id_fields: None,
            user: String::new(),
            logged: RefCell::default(),
            body_limit: None,
            content_length: None,
            held: None,
            explicit: ExplicitFields::default(),
            received: None,
            passed: 0,
            skipped: 0,
            path_regex: None,
            upstream_path: None,
        }
    }

    /// What tokens in header values are filled in from.
    #[must_use]
    pub fn template_context(&self) -> TemplateContext<'_> {
        TemplateContext {
            request: &self.request,
            route: self.route,
            routed_path: self.request.text(self.routed_path),
            target: self.target,
            client: self.client,
            user: &self.user,
            id: self.id(),
            scheme: self.scheme(),
        }
    }

    /// The value of a parameter of the route's path, as received (RT-ROUTE-15).
    #[must_use]
    pub fn param(&self, name: &str) -> Option<&str> {
        route::parameter(self.route, self.request.text(self.routed_path), name)
    }

    /// All of the request's body, if a filter has asked for it (MW-INT-5).
    #[must_use]
    pub fn held_body(&self) -> Option<&[u8]> {
        self.held.as_ref().map(|held| held.bytes(&self.request))
    }

    /// A canonical path without what the route's path takes of it (MW-PATH-1).
    #[must_use]
    pub fn below_route<'p>(&self, path: &'p str) -> &'p str {
        route::below(self.route, self.path_regex, path)
    }

    /// The request id (RT-HDR-8).
    #[must_use]
    pub fn id(&self) -> &str {
        self.request.text(self.id)
    }

    /// Whether an HTTP/2 stream is to become a WebSocket (RT-WS-5).
    pub(crate) fn is_stream_handshake(&self) -> bool {
        !self.upgrade.is_empty() && self.request.version() == Version::Http2
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

/// The two hex digits of every byte.
const HEX_PAIRS: [[u8; 2]; 256] = {
    const fn digit(value: usize) -> u8 {
        let value = value as u8;
        value + if value < 10 { b'0' } else { b'a' - 10 }
    }
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < 256 {
        #[allow(
            clippy::indexing_slicing,
            reason = "const evaluation: out of range would not compile"
        )]
        {
            pairs[byte] = [digit(byte >> 4), digit(byte & 15)];
        }
        byte += 1;
    }
    pairs
};

/// The id of a request: the client's, if it is 1-128 of `[A-Za-z0-9._-]`, else 32 lower-case hex
/// digits of `random` (RT-HDR-8).
pub(crate) fn request_id(fields: &mut Fields, random: impl FnOnce() -> u128) -> Span {
    if let Some(span) = fields.known_span(Known::XRequestId)
        && is_request_id(fields.buffer.at(span))
    {
        return span;
    }
    fields
        .buffer
        .push(hex_digits(random().to_le_bytes()).as_flattened())
}

/// Whether a client's text may be the id of its request (MW-CLI-8).
pub(crate) fn is_request_id(text: &[u8]) -> bool {
    const LONGEST: usize = 128;
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=LONGEST).contains(&text.len()) && text.iter().all(allowed)
}

/// Two lower-case hex digits for each byte.
pub(crate) fn hex_digits<const N: usize>(bytes: [u8; N]) -> [[u8; 2]; N] {
    let pair = |byte: u8| HEX_PAIRS.get(usize::from(byte)).copied();
    bytes.map(|byte| pair(byte).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::Buffer;

    fn id_of(sent: &str) -> String {
        let mut fields = Fields::new(Buffer::default());
        fields.append("X-Request-ID", sent.as_bytes());
        let span = request_id(&mut fields, || u128::MAX - 1);
        String::from_utf8(fields.buffer.at(span).to_vec()).unwrap()
    }

    /// RT-HDR-8, MW-CLI-8
    #[test]
    fn request_ids() {
        let made = "feffffffffffffffffffffffffffffff";
        assert_eq!(id_of("a.B-9_"), "a.B-9_");
        assert_eq!(id_of(&"a".repeat(128)), "a".repeat(128));
        for refused in ["", "a b", "a,b", &"a".repeat(129)] {
            assert_eq!(id_of(refused), made, "{refused}");
        }
    }
}
