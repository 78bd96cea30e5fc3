//! Filters, and the chains they form: one concrete tuple type per distinct chain, boxed once.
//!
//! A filter is synchronous: it edits the exchange and decides. What must wait (a password hash, a
//! call) returns [`Flow::Wait`] with a future that owns what it needs; the chain goes on after it.
//! So a request whose filters all decide at once allocates nothing for its chain.

use std::fmt::Debug;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use crate::answer::Answer;
use crate::gateway::{Start, StartError};
use crate::head::{Request, Response};
use crate::route::Route;
use crate::values::TemplateContext;

mod layers;

pub use crate::route::ChainId;
pub use layers::{Filters, Layers, Policies};

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
    /// The request id (RT-HDR-8).
    pub id: RequestId,
    /// Who the request was authenticated as; empty = nobody.
    pub user: String,
    /// Request body bytes allowed; `None` = any number (RT-LISTEN-2).
    pub body_limit: Option<u64>,
    /// `Content-Length` of the request, if it has one.
    pub content_length: Option<u64>,
    /// Fields that a filter set itself and that the proxy step must not overwrite (MW-REQH-3).
    pub explicit: ExplicitFields,
    /// How many filters have seen the request; those also see the response.
    pub(crate) passed: usize,
}

/// The id of a request (RT-HDR-8).
#[derive(Clone, Copy, Debug)]
pub struct RequestId {
    bytes: [u8; RequestId::LONGEST],
    length: u8,
}

/// Which forwarding fields a filter has set (MW-REQH-2, MW-REQH-3).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(
    clippy::struct_excessive_bools,
    reason = "one independent flag per field name"
)]
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
    /// The decision needs something that takes time.
    Wait(Wait),
}

/// The continuation of a filter that waited.
pub type Resume = Box<dyn FnOnce(&mut Exchange) -> Flow>;

/// A future that borrows nothing from the exchange.
pub type Wait = Pin<Box<dyn Future<Output = Resume>>>;

/// A middleware at run time.
pub trait Filter: Debug + 'static {
    /// Removes what only this filter may set, from every request of the route (MW-GEN-12).
    fn hygiene(&self, exchange: &mut Exchange) {
        let _ = exchange;
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

/// A response policy: part of the recorder, around the whole route (MW-GEN-7).
pub trait Policy: Debug + 'static {
    /// Answers a CORS preflight if its origin is allowed; `response` is an empty 204 (MW-CORS-2).
    fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool {
        let _ = (exchange, response);
        false
    }

    /// Changes a response, whoever made it.
    fn apply(&self, exchange: &Exchange, response: &mut Response);
}

/// A chain behind one pointer: what a route row names.
pub trait Chain {
    /// Hygiene of all filters.
    fn hygiene(&self, exchange: &mut Exchange);
    /// Request half, from the filter with index `from` on; [`Exchange::passed`] counts along.
    fn request(&self, exchange: &mut Exchange, from: usize) -> Flow;
    /// Response half of the filters that saw the request, innermost first.
    fn response(&self, exchange: &Exchange, response: &mut Response);
    /// Preflight answer of the first policy that allows the origin.
    fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool;
    /// Response policies in order.
    fn apply_policies(&self, exchange: &Exchange, response: &mut Response);
}

/// A chain of response policies and filters.
#[must_use]
pub fn boxed<P: Policies + 'static, F: Filters + 'static>(
    policies: P,
    filters: F,
) -> Box<dyn Chain> {
    Box::new(Layers { policies, filters })
}

impl Exchange {
    /// What tokens in header values are filled in from.
    #[must_use]
    pub fn template_context(&self) -> TemplateContext<'_> {
        TemplateContext {
            request: &self.request,
            route: self.route,
            target: self.target,
            client: self.client,
            user: &self.user,
            id: self.id.as_str(),
            scheme: self.scheme(),
        }
    }

    /// `http` or `https`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

impl RequestId {
    /// Longest id taken from a client.
    pub const LONGEST: usize = 128;

    /// The client's id, if it is 1-128 of `[A-Za-z0-9._-]`.
    #[must_use]
    pub fn from_client(id: &[u8]) -> Option<Self> {
        let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
        if id.is_empty() || !id.iter().all(allowed) {
            return None;
        }
        let mut bytes = [0; Self::LONGEST];
        bytes.get_mut(..id.len())?.copy_from_slice(id);
        Some(Self {
            bytes,
            length: u8::try_from(id.len()).ok()?,
        })
    }

    /// 32 lower-case hex digits.
    #[must_use]
    pub fn random(random: u128) -> Self {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        let mut bytes = [0; Self::LONGEST];
        let mut rest = random;
        for byte in bytes.iter_mut().take(32) {
            *byte = DIGITS.get((rest & 15) as usize).copied().unwrap_or(b'0');
            rest >>= 4;
        }
        Self { bytes, length: 32 }
    }

    /// The id.
    #[must_use]
    pub fn as_str(&self) -> &str {
        let bytes = self.bytes.get(..usize::from(self.length));
        std::str::from_utf8(bytes.unwrap_or_default()).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RT-HDR-8, MW-CLI-8
    #[test]
    fn request_ids() {
        assert_eq!(
            RequestId::from_client(b"a.B-9_").unwrap().as_str(),
            "a.B-9_"
        );
        assert!(RequestId::from_client(b"").is_none());
        assert!(RequestId::from_client(b"a b").is_none());
        assert!(RequestId::from_client(&[b'a'; 128]).is_some());
        assert!(RequestId::from_client(&[b'a'; 129]).is_none());
        let random = RequestId::random(u128::MAX - 1);
        assert_eq!(random.as_str(), "efffffffffffffffffffffffffffffff");
    }
}
