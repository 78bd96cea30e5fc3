//! [`Code::PortConflict`]: two listeners that cannot both be opened (config.md 6.2).

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::model::address::parse_address;
use crate::resolve::outline::Outline;
use crate::resolve::settings::Settings;
use crate::source::Span;

struct Listener {
    key: String,
    span: Span,
    udp: bool,
    /// `None`: all addresses.
    address: Option<IpAddr>,
}

pub(super) fn check(outline: &Outline, diags: &mut Diagnostics) {
    let gateway = outline.file.section("gateway");
    let Some(points) = gateway.and_then(|gateway| gateway.section("entryPoints")) else {
        return;
    };
    let mut by_port: BTreeMap<u16, Vec<Listener>> = BTreeMap::new();
    for (port, listener) in listeners(points) {
        let others = by_port.entry(port).or_default();
        if let Some(first) = others.iter().find(|other| clash(other, &listener)) {
            let message = format!("two listeners want port {port}");
            let fault = Diagnostic::new(Code::PortConflict, &*listener.key, listener.span, message);
            diags.push(fault.label(first.span, "the first one is here"));
        }
        others.push(listener);
    }
}

fn clash(left: &Listener, right: &Listener) -> bool {
    let same = match (left.address, right.address) {
        (Some(left), Some(right)) => left == right,
        (None, _) | (_, None) => true,
    };
    left.udp == right.udp && same
}

/// The default of `web` counts, the default of `webSecure` only once something is said of it.
fn listeners(points: &Settings) -> Vec<(u16, Listener)> {
    let mut found = Vec::new();
    for place in ["web.address", "webSecure.address"] {
        let section = place
            .split_once('.')
            .and_then(|(name, _)| points.section(name));
        let (key, span) = match (points.given(place), section) {
            (Some(given), _) => (given.key.clone(), given.span),
            (None, Some(section)) => (section.path("address"), section.head),
            (None, None) if place.starts_with("web.") => (points.path(place), points.head),
            (None, None) => continue,
        };
        let Some(canonical) = points.text(place).and_then(|text| parse_address(text).ok()) else {
            continue;
        };
        let Some((host, port)) = canonical.rsplit_once(':') else {
            continue;
        };
        let host = if host == "localhost" {
            "127.0.0.1"
        } else {
            host
        };
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok();
        let Ok(port) = port.parse() else { continue };
        let udp = false;
        let address = address.filter(|address| !address.is_unspecified());
        found.push((
            port,
            Listener {
                key,
                span,
                udp,
                address,
            },
        ));
    }
    for forward in points.sections("passThrough.forwards") {
        found.extend(forwarded(forward).into_iter().flatten());
    }
    found
}

fn forwarded(forward: &Settings) -> Option<Vec<(u16, Listener)>> {
    let given = forward.given("port")?;
    let port = u16::try_from(forward.int("port")?).ok()?;
    let protocols = forward.text("protocol")?.split('/');
    let address = match forward.given("address") {
        Some(given) => Some(given.text.as_deref()?.parse::<IpAddr>().ok()?),
        None => None,
    };
    let listener = |protocol: &str| Listener {
        key: given.key.clone(),
        span: given.span,
        udp: protocol == "udp",
        address: address.filter(|address| !address.is_unspecified()),
    };
    Some(
        protocols
            .map(|protocol| (port, listener(protocol)))
            .collect(),
    )
}
