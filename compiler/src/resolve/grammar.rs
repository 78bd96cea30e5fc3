//! Types of the dialect → grammars: whether a text is a value of its type, and the code of the
//! finding if it is not (config.md section 2).

use crate::diag::Code;
use crate::dialect::{BACKENDS, Scalar};
use crate::model::claims::Claims;
use crate::model::regex::Regex;
use crate::model::scalar::{self, Invalid};
use crate::model::scope::{BadPattern, Pattern};
use crate::model::{HeaderName, HostPattern, Method, Name, address, endpoint};

/// Checks a text.
///
/// # Errors
/// Which finding, and what it says; for a well-formed text outside its range the code is
/// `out-of-range`, whatever is given here.
pub(super) fn check(scalar: Scalar, text: &str) -> Result<(), (Code, Invalid)> {
    let coded = |code| move |fault: Invalid| (code, fault);
    match scalar {
        Scalar::Address if text == "off" => Ok(()),
        Scalar::Address => address::parse_address(text)
            .map(drop)
            .map_err(coded(Code::BadAddress)),
        Scalar::Bool => scalar::parse_bool(text)
            .map(drop)
            .map_err(coded(Code::TypeMismatch)),
        Scalar::Claims => Claims::new(text).map(drop).map_err(coded(Code::BadRule)),
        Scalar::Codes => scalar::parse_codes(text)
            .map(drop)
            .map_err(coded(Code::TypeMismatch)),
        Scalar::Country => country(text).map_err(coded(Code::BadValue)),
        Scalar::DnsServer => address::parse_dns_server(text)
            .map(drop)
            .map_err(coded(Code::BadAddress)),
        Scalar::Duration(least) => duration(text, least).map_err(coded(Code::BadDuration)),
        Scalar::Enum(words) => word(text, words, false).map_err(coded(Code::BadValue)),
        Scalar::EnumFold(words) => word(text, words, true).map_err(coded(Code::BadValue)),
        Scalar::Float(least, most) => {
            float(text, |value| (least..=most).contains(&value)).map_err(coded(Code::TypeMismatch))
        }
        Scalar::FloatAbove(bound, most) => {
            float(text, |value| value > bound && value <= most).map_err(coded(Code::TypeMismatch))
        }
        Scalar::Header => HeaderName::new(text)
            .map(drop)
            .map_err(coded(Code::BadRule)),
        Scalar::Host => HostPattern::new(text)
            .map(drop)
            .map_err(coded(Code::BadHost)),
        Scalar::HostPort => address::parse_host_port(text)
            .map(drop)
            .map_err(coded(Code::BadAddress)),
        Scalar::Int(least, most) => int(text, least, most).map_err(coded(Code::TypeMismatch)),
        Scalar::Ip => address::parse_ip(text)
            .map(drop)
            .map_err(coded(Code::BadAddress)),
        Scalar::LdapFilter => ldap_filter(text).map_err(coded(Code::BadRule)),
        Scalar::Method => Method::new(text).map(drop).map_err(coded(Code::BadMethod)),
        Scalar::Name => Name::new(text, true)
            .map(drop)
            .map_err(coded(Code::BadName)),
        Scalar::Network => address::parse_network(text)
            .map(drop)
            .map_err(coded(Code::BadCidr)),
        Scalar::Path => path(text).map_err(coded(Code::BadPath)),
        Scalar::Pattern => Pattern::new(text).map(drop).map_err(code_of),
        Scalar::Range => address::parse_range(text)
            .map(drop)
            .map_err(coded(Code::BadCidr)),
        Scalar::Regex => Regex::new(text).map(drop).map_err(coded(Code::BadRegex)),
        Scalar::Seconds(least, most) => {
            seconds(text, least, most).map_err(coded(Code::BadDuration))
        }
        Scalar::Size(least, most) => size(text, least, most).map_err(coded(Code::BadSize)),
        Scalar::Time => time(text).map_err(coded(Code::BadValue)),
        Scalar::Url(schemes) => url(text, schemes).map_err(coded(Code::BadUrl)),
        Scalar::UrlOrPath => address::parse_location(text).map_err(coded(Code::BadUrl)),
        Scalar::Directory | Scalar::File | Scalar::Kind | Scalar::Pem | Scalar::Text => Ok(()),
    }
}

fn country(text: &str) -> Result<(), Invalid> {
    if text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic()) {
        return Ok(());
    }
    let shown = text.escape_debug();
    Err(Invalid::new(format!("`{shown}` is not a country code"))
        .help("write ISO 3166-1 alpha-2: `DE`, `FR`"))
}

fn duration(text: &str, least_ms: u64) -> Result<(), Invalid> {
    let value = scalar::parse_duration(text)?;
    if value.as_millis() >= u128::from(least_ms) {
        return Ok(());
    }
    Err(Invalid::range(match least_ms {
        1 => "the time is above 0".to_owned(),
        _ if least_ms.is_multiple_of(1000) => format!("the time is at least {}s", least_ms / 1000),
        _ => format!("the time is at least {least_ms}ms"),
    }))
}

fn word(text: &str, words: &[&str], fold: bool) -> Result<(), Invalid> {
    scalar::parse_word(text, words, fold).map(drop)
}

fn float(text: &str, fits: impl Fn(f64) -> bool) -> Result<(), Invalid> {
    let value = scalar::parse_float(text)?;
    if fits(value) {
        return Ok(());
    }
    Err(Invalid::range("the number is outside its range"))
}

fn int(text: &str, least: i64, most: i64) -> Result<(), Invalid> {
    let value = scalar::parse_int(text)?;
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Invalid::range(if (least, most) == (1, 65535) {
        "a port is 1 to 65535".to_owned()
    } else if most == i64::from(u32::MAX) && value < least {
        format!("the number is at least {least}")
    } else {
        format!("the number is {least} to {most}")
    }))
}

fn ldap_filter(text: &str) -> Result<(), Invalid> {
    let mut depth = 0_u32;
    for c in text.chars() {
        match c {
            '(' => depth += 1,
            ')' if depth == 0 => return Err(Invalid::new("the filter closes more than it opens")),
            ')' => depth -= 1,
            _ => {}
        }
    }
    if depth > 0 || !text.starts_with('(') || !text.ends_with(')') {
        let fault = Invalid::new("a filter stands in parentheses");
        return Err(fault.help("write `(uid=%s)`"));
    }
    if text.contains("%s") {
        return Ok(());
    }
    Err(Invalid::new("the filter has no `%s` for the user's name").help("write `(uid=%s)`"))
}

fn path(text: &str) -> Result<(), Invalid> {
    if !text.starts_with('/') {
        return Err(Invalid::new("a path begins with `/`").help(format!("write `/{text}`")));
    }
    match text.chars().find(|c| c.is_control() || *c == ' ') {
        Some(odd) => {
            let shown = odd.escape_debug();
            Err(Invalid::new(format!("`{shown}` is not allowed in a path")))
        }
        None => Ok(()),
    }
}

/// The finding for a text that is no pattern.
pub(super) fn code_of(bad: BadPattern) -> (Code, Invalid) {
    match bad {
        BadPattern::NoSlash(fault) => (Code::PathNoSlash, fault),
        BadPattern::Path(fault) => (Code::BadPath, fault),
        BadPattern::Regex(fault) => (Code::BadRegex, fault),
        BadPattern::Star(fault) => (Code::PathStarInRegex, fault),
    }
}

fn seconds(text: &str, least: u64, most: u64) -> Result<(), Invalid> {
    let time = scalar::parse_seconds(text)?;
    let above = time.as_secs() > most || (time.as_secs() == most && time.subsec_nanos() > 0);
    if time.as_secs() >= least && !above {
        return Ok(());
    }
    Err(Invalid::range(format!(
        "the time is {least} to {most} seconds"
    )))
}

fn size(text: &str, least: u64, most: u64) -> Result<(), Invalid> {
    let value = scalar::parse_size(text)?;
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Invalid::range(if least == 1 && value == 0 {
        "the size is above 0".to_owned()
    } else if most >= u64::from(u32::MAX) {
        format!("the size is at least {least} bytes")
    } else {
        format!("the size is {least} to {most} bytes")
    }))
}

/// RFC 3339, by its shape and ranges.
fn time(text: &str) -> Result<(), Invalid> {
    let bad = || {
        Invalid::new(format!("`{}` is not a point in time", text.escape_debug()))
            .help("write `2030-01-31T12:00:00Z`")
    };
    let number = |range: std::ops::Range<usize>| text.get(range)?.parse::<u32>().ok();
    let marks = [(4, '-'), (7, '-'), (10, 'T'), (13, ':'), (16, ':')];
    let shaped = marks.iter().all(|&(at, mark)| {
        text.get(at..=at)
            .is_some_and(|c| c.eq_ignore_ascii_case(&mark.to_string()))
    });
    let zone = text.get(19..).ok_or_else(bad)?;
    let zone = zone.strip_prefix('.').map_or(zone, |rest| {
        rest.trim_start_matches(|c: char| c.is_ascii_digit())
    });
    let offset = |zone: &str| {
        let bytes = zone.as_bytes();
        bytes.len() == 6 && bytes.get(3) == Some(&b':') && zone.starts_with(['+', '-'])
    };
    let fields = [
        (0..4, 0, 9999),
        (5..7, 1, 12),
        (8..10, 1, 31),
        (11..13, 0, 23),
        (14..16, 0, 59),
        (17..19, 0, 60),
    ];
    let fits = fields
        .into_iter()
        .all(|(at, least, most)| number(at).is_some_and(|value| (least..=most).contains(&value)));
    if shaped && fits && (zone.eq_ignore_ascii_case("z") || offset(zone)) {
        return Ok(());
    }
    Err(bad())
}

fn url(text: &str, schemes: &[&str]) -> Result<(), Invalid> {
    if schemes == BACKENDS && endpoint::split_socket(text).is_some() {
        return endpoint::parse(text).map(drop);
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        let forms: Vec<_> = schemes
            .iter()
            .map(|scheme| format!("`{scheme}://`"))
            .collect();
        return Err(Invalid::new(format!(
            "a url begins with {}",
            forms.join(" or ")
        )));
    };
    if !schemes
        .iter()
        .any(|known| known.eq_ignore_ascii_case(scheme))
    {
        let shown = scheme.escape_debug();
        let fault = Invalid::new(format!("`{shown}` is not a scheme of this url"));
        return Err(fault.help(format!("use `{}`", schemes.join("`, `"))));
    }
    // A query is refused only for backends, which have their own reader.
    let rest = rest.split_once('?').map_or(rest, |(before, _)| before);
    address::parse_url(&format!("http://{rest}")).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn run(scalar: Scalar, good: &[&str], bad: &[&str]) {
        for text in good {
            assert_eq!(check(scalar, text), Ok(()), "{text}");
        }
        for text in bad {
            assert!(check(scalar, text).is_err(), "{text}");
        }
    }

    /// MW-GEN-16, among others.
    #[test]
    fn scalars() {
        run(Scalar::Address, &["off", ":80", "[::1]:80"], &["x:80"]);
        run(
            Scalar::Codes,
            &["404", "500-599", "5xx"],
            &["99", "600", "599-500", "9xx", "abc"],
        );
        run(Scalar::Country, &["DE", "fr"], &["D", "DEU", "1A"]);
        run(Scalar::Duration(1), &["1ms", "1h30m"], &["0", "1", "-1s"]);
        run(
            Scalar::Float(0.0, 1.0),
            &["0", "0.5", "1", "1e-3"],
            &["1.1", "-1", "nan", "inf", ""],
        );
        run(Scalar::FloatAbove(0.0, 1.0), &["0.1", "1"], &["0", "2"]);
        run(Scalar::Int(1, 10), &["1", "0xa"], &["0", "11", "1.5"]);
        run(
            Scalar::LdapFilter,
            &["(uid=%s)", "(&(a=b)(uid=%s))"],
            &["uid=%s", "(uid=x)", "(uid=%s", "(uid=%s))("],
        );
        run(
            Scalar::Size(1 << 10, 1 << 20),
            &["1Ki", "1Mi"],
            &["1", "2Mi"],
        );
        run(
            Scalar::Time,
            &["2030-01-31T12:00:00Z", "2030-01-31T12:00:00.123+01:00"],
            &[
                "2030-01-31",
                "2030-13-31T12:00:00Z",
                "2030-01-31T12:00:00",
                "2030-01-31T12:00:00+1",
            ],
        );
        run(
            Scalar::Url(&["ldap"]),
            &["ldap://a:389"],
            &["http://a", "a"],
        );
        run(
            Scalar::UrlOrPath,
            &["/a", "https://a/b?c=#d"],
            &["a", "ftp://a", "/a b", "//a"],
        );
    }
}
