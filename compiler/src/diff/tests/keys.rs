//! No key of the dialect changes without a word: each gets another value than its default, by itself.

use crate::dialect::{FILE, ROUTE, Scalar, Section, Shape};

use super::{compared, drawn};

/// A key that takes a single value, with the mappings around it.
struct Place {
    path: Vec<&'static str>,
    /// Which of them have an `enabled`.
    switched: Vec<bool>,
    scalar: Scalar,
    default: &'static str,
}

fn places(
    section: &'static Section,
    around: &[&'static str],
    switched: &[bool],
    found: &mut Vec<Place>,
) {
    for key in section.keys {
        let path = [around, &[key.name]].concat();
        match key.shape {
            Shape::One(scalar) => found.push(Place {
                path,
                switched: switched.to_vec(),
                scalar,
                default: key.default,
            }),
            Shape::Section(inner) => {
                let has = inner.key("enabled").is_some();
                places(inner, &path, &[switched, &[has]].concat(), found);
            }
            _ => {}
        }
    }
}

/// A value of this type that is not the default.
fn other(place: &Place) -> Option<String> {
    let text = match place.scalar {
        Scalar::Address => "\"127.0.0.1:7777\"".to_owned(),
        Scalar::Bool => (place.default != "true").to_string(),
        Scalar::Directory | Scalar::File | Scalar::Pem => "/else.pem".to_owned(),
        Scalar::DnsServer => "[192.0.2.77]".to_owned(),
        Scalar::Duration(_) => "77s".to_owned(),
        Scalar::Enum(words) | Scalar::EnumFold(words) => {
            let mut words = words.iter().filter(|word| **word != place.default);
            (*words.next_back()?).to_owned()
        }
        Scalar::Float(..) | Scalar::FloatAbove(..) => "0.25".to_owned(),
        Scalar::Header => "X-Else".to_owned(),
        Scalar::Host => "else.test".to_owned(),
        Scalar::HostPort => "\"else.test:77\"".to_owned(),
        Scalar::Int(low, high) => (low.saturating_add(77)).min(high).to_string(),
        Scalar::Ip => "192.0.2.77".to_owned(),
        Scalar::Path => "/else".to_owned(),
        Scalar::Seconds(..) => "77".to_owned(),
        Scalar::Size(low, _) => (low + 1024).to_string(),
        Scalar::Text => "elsewhere-and-long-enough".to_owned(),
        Scalar::Url(schemes) => format!("\"{}://else.test:77\"", schemes.first()?),
        _ => return None,
    };
    Some(text)
}

/// `a: {b: {enabled: true, c: v}}`; without a value only what stands around it.
fn nested(place: &Place, value: Option<&str>) -> String {
    let Some((name, around)) = place.path.split_last() else {
        return String::new();
    };
    let mut text = value.map_or_else(String::new, |value| format!("{name}: {value}"));
    for (section, switched) in around.iter().zip(&place.switched).rev() {
        let switch = if *switched && *name != "enabled" {
            "enabled: true, "
        } else {
            ""
        };
        text = format!("{section}: {{{switch}{text}}}");
    }
    text
}

#[test]
fn every_key_is_compared() {
    let mut of_file = Vec::new();
    places(&FILE, &[], &[], &mut of_file);
    let mut of_route = Vec::new();
    places(&ROUTE, &[], &[], &mut of_route);
    let route = |more: &str| format!("{{name: r, path: /, target: \"http://b\", {more}}}");
    let in_file = |place: &Place, value: Option<&str>| {
        let text = nested(place, value);
        let routes = format!("routes: [{}]", route(""));
        match text.strip_prefix("gateway: {") {
            Some(rest) => format!("version: 2\ngateway: {{{routes}, {rest}\n"),
            None => format!("version: 2\ngateway: {{{routes}}}\n{text}\n"),
        }
    };
    let in_route = |place: &Place, value: Option<&str>| {
        let text = nested(place, value);
        format!("version: 2\ngateway: {{routes: [{}]}}\n", route(&text))
    };
    let file = of_file.iter().map(|place| {
        (
            place,
            in_file(place, None),
            other(place).map(|value| in_file(place, Some(&value))),
        )
    });
    let routes = of_route.iter().map(|place| {
        (
            place,
            in_route(place, None),
            other(place).map(|value| in_route(place, Some(&value))),
        )
    });
    let (mut compared_keys, mut silent) = (0, Vec::new());
    for (place, before, after) in file.chain(routes) {
        // What needs a neighbour is no configuration by itself.
        let Some(after) =
            after.filter(|after| drawn(after).side.is_some() && drawn(&before).side.is_some())
        else {
            continue;
        };
        compared_keys += 1;
        if compared(&before, &after).is_empty() {
            silent.push(place.path.join("."));
        }
    }
    assert!(compared_keys > 100, "{compared_keys}");
    assert_eq!(silent, EXPECTED, "of {compared_keys}");
}

/// What belongs to something else that is not there.
const EXPECTED: &[&str] = &[
    "gateway.monitoring.metricsPath",
    "gateway.monitoring.includeRouteHealthErrors",
];
