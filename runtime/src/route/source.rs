//! Where a choice among backends takes a value of the request from (RT-CANARY-2, RT-LB-8).

use std::borrow::Cow;
use std::net::IpAddr;

use super::condition::{cookies, parameters};
use crate::head::Request;

/// A place in a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The first cookie of this name.
    Cookie(&'static str),
    /// The first field of this name.
    Header(&'static str),
    /// The client's address.
    Ip,
    /// The path as the client sent it, but for dot segments.
    Path,
    /// The first query parameter of this name, decoded.
    Query(&'static str),
}

impl Source {
    /// What is there; `None`: nothing.
    pub(crate) fn read<'r>(self, request: &'r Request, client: IpAddr) -> Option<Cow<'r, [u8]>> {
        match self {
            Self::Cookie(name) => cookies(request, name).next(),
            Self::Header(name) => request.fields.values(name).next().map(Cow::Borrowed),
            Self::Ip => Some(Cow::Owned(client.to_string().into_bytes())),
            Self::Path => Some(Cow::Borrowed(request.bytes(request.canonical))),
            Self::Query(name) => parameters(request.query(), name).next(),
        }
    }
}
