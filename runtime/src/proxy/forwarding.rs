//! The fields that say to a backend who the client is (RT-HDR-2 to -8).

use super::downstream::Peer;
use crate::chain::{Exchange, ExplicitFields};
use crate::head::{Buffer, Known};

/// RT-HDR-2 to -8. A field that a filter has set itself wins (MW-REQH-3).
pub(super) fn write_fields(out: &mut Buffer, exchange: &Exchange, authority: &str, peer: &Peer) {
    let request = &exchange.request;
    let explicit = exchange.explicit;
    let received = request.bytes(request.authority);
    let forward_host = exchange.route.forward_host;
    let host = match received {
        _ if explicit.host => request.fields.known(Known::Host).unwrap_or_default(),
        received if forward_host && !received.is_empty() => received,
        _ => authority.as_bytes(),
    };
    // In most requests `Host` comes first, as it should, and as it is meant.
    let in_place = forward_host
        && !explicit.host
        && request.fields.starts_with(Known::Host, request.authority);
    if !in_place {
        out.push_line(b"Host", host);
    }
    request.fields.write(out, |known| match known {
        Known::Host => in_place,
        // With another field for the id, this one is the client's own.
        Known::XRequestId => exchange.id_fields.is_some(),
        Known::XForwardedFor => explicit.forwarded_for,
        Known::XForwardedHost => explicit.forwarded_host,
        Known::XForwardedProto => explicit.forwarded_proto,
        Known::XRealIp => explicit.real_ip,
        _ => true,
    });
    if exchange.trusted {
        write_trusted(out, exchange, peer);
    } else {
        peer.forwarding.write(out, explicit);
        if !explicit.forwarded_host {
            out.push_line(b"X-Forwarded-Host", received);
        }
    }
    match exchange.id_fields {
        None => out.push_line(b"X-Request-ID", request.bytes(exchange.id)),
        Some(names) => out.push_line(names.request.as_bytes(), request.bytes(exchange.id)),
    };
}

/// RT-HDR-2 to -5 for a peer whose forwarding fields count.
fn write_trusted(out: &mut Buffer, exchange: &Exchange, peer: &Peer) {
    let (request, explicit) = (&exchange.request, exchange.explicit);
    if !explicit.forwarded_for {
        let mut list = Vec::new();
        for value in request.fields.values("x-forwarded-for") {
            if !value.is_empty() {
                list.extend_from_slice(value);
                list.extend_from_slice(b", ");
            }
        }
        list.extend_from_slice(peer.text.as_bytes());
        out.push_line(b"X-Forwarded-For", &list);
    }
    if !explicit.real_ip {
        out.push_line(b"X-Real-IP", exchange.client.to_string().as_bytes());
    }
    if !explicit.forwarded_proto {
        out.push_line(b"X-Forwarded-Proto", exchange.scheme().as_bytes());
    }
    if !explicit.forwarded_host {
        let kept = request.fields.known(Known::XForwardedHost);
        let host = kept.filter(|host| !host.is_empty());
        let host = host.unwrap_or(request.bytes(request.authority));
        out.push_line(b"X-Forwarded-Host", host);
    }
}

/// The fields that are the same for all requests of a connection (RT-HDR-2 to -4), made once.
#[derive(Debug)]
pub(super) struct ForwardingFields {
    lines: Vec<u8>,
    /// Where the lines of `X-Forwarded-For`, `X-Real-IP` and `X-Forwarded-Proto` end.
    ends: [usize; 3],
}

impl ForwardingFields {
    pub(super) fn new(address: &str, scheme: &str) -> Self {
        let mut lines = Vec::new();
        let pairs = [
            ("X-Forwarded-For", address),
            ("X-Real-IP", address),
            ("X-Forwarded-Proto", scheme),
        ];
        let ends = pairs.map(|(name, value)| {
            lines.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
            lines.len()
        });
        Self { lines, ends }
    }

    fn write(&self, out: &mut Buffer, explicit: ExplicitFields) {
        let kept = [
            explicit.forwarded_for,
            explicit.real_ip,
            explicit.forwarded_proto,
        ];
        if kept == [false; 3] {
            out.push(&self.lines);
            return;
        }
        let mut start = 0;
        for (kept, end) in kept.into_iter().zip(self.ends) {
            if !kept {
                out.push(self.lines.get(start..end).unwrap_or_default());
            }
            start = end;
        }
    }
}
