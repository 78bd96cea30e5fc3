//! Scalar grammars (config.md section 2). The runtime has its own parsers for the kinds that are
//! read at start; `specs/scalars.tsv` holds both to the same answers.

use std::time::Duration;

/// Why a text is not a value of its kind: one line, lower case, and perhaps advice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invalid {
    /// For the message.
    pub reason: String,
    /// For the help line.
    pub help: Option<String>,
    /// Well formed, but outside the allowed range.
    pub range: bool,
}

impl Invalid {
    /// A malformed text.
    pub fn new(reason: impl Into<String>) -> Self {
        Self {
            reason: reason.into(),
            help: None,
            range: false,
        }
    }

    /// A well-formed text outside its range.
    pub fn range(reason: impl Into<String>) -> Self {
        Self {
            range: true,
            ..Self::new(reason)
        }
    }

    /// Adds advice.
    #[must_use]
    pub fn help(self, text: impl Into<String>) -> Self {
        Self {
            help: Some(text.into()),
            ..self
        }
    }
}

impl std::fmt::Display for Invalid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.reason)
    }
}

impl std::error::Error for Invalid {}

/// `true false yes no on off y n`, any of the YAML letter cases.
///
/// # Errors
/// `type-mismatch`: another word.
pub fn parse_bool(text: &str) -> Result<bool, Invalid> {
    let lower = text.to_ascii_lowercase();
    let cased = [
        lower.clone(),
        text.to_ascii_uppercase(),
        capitalised(&lower),
    ]
    .iter()
    .any(|form| form == text);
    match lower.as_str() {
        "true" | "yes" | "on" | "y" if cased => Ok(true),
        "false" | "no" | "off" | "n" if cased => Ok(false),
        _ => Err(Invalid::new("expected `true` or `false`")),
    }
}

/// Decimal, `0x`, `0o`, with `_` between digits.
///
/// # Errors
/// `type-mismatch`: a fraction or no number; `out-of-range`: does not fit 64 bits.
pub fn parse_int(text: &str) -> Result<i64, Invalid> {
    let wrong = || Invalid::new("expected a whole number");
    let (negative, digits) = match text.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let (radix, digits) = match (digits.strip_prefix("0x"), digits.strip_prefix("0o")) {
        (Some(rest), _) => (16, rest),
        (_, Some(rest)) => (8, rest),
        (None, None) => (10, digits),
    };
    let ends = digits.starts_with('_') || digits.ends_with('_');
    if ends || digits.is_empty() || !digits.chars().all(|c| c == '_' || c.is_digit(radix)) {
        return Err(wrong());
    }
    let digits: String = digits.chars().filter(|&c| c != '_').collect();
    let value = i64::from_str_radix(&digits, radix)
        .map_err(|_| Invalid::range("the number is too large"))?;
    Ok(if negative { -value } else { value })
}

/// Seconds as a number, or a [`parse_duration`].
///
/// # Errors
/// `bad-duration`: malformed or negative; `out-of-range`: more than `u32::MAX` seconds.
pub fn parse_seconds(text: &str) -> Result<Duration, Invalid> {
    match parse_int(text) {
        Ok(seconds) => u32::try_from(seconds)
            .map(|seconds| Duration::from_secs(u64::from(seconds)))
            .map_err(|_| seconds_range(seconds)),
        Err(fault) if fault.range => Err(fault),
        Err(_) => parse_duration(text),
    }
}

fn seconds_range(seconds: i64) -> Invalid {
    if seconds < 0 {
        Invalid::new("a time is not negative")
    } else {
        Invalid::range(format!("a time is at most {} seconds", u32::MAX))
    }
}

/// One or more `<decimal><unit>`, unit `ns us µs ms s m h`; or `0`.
///
/// # Errors
/// `bad-duration`: malformed or without unit; `out-of-range`: more than `u32::MAX` seconds.
pub fn parse_duration(text: &str) -> Result<Duration, Invalid> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    let mut rest = text;
    let mut nanos: u128 = 0;
    while !rest.is_empty() || text.is_empty() {
        let number_len = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, tail) = rest.split_at(number_len);
        let unit_len = tail
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_len);
        let scale = unit_nanos(unit).ok_or_else(|| bad_unit(text, number, unit))?;
        let part = decimal_times(number, scale).ok_or_else(|| bad_unit(text, number, unit))?;
        nanos = nanos.saturating_add(part);
        rest = tail;
    }
    if nanos > u128::from(u32::MAX) * 1_000_000_000 {
        return Err(Invalid::range(format!(
            "a time is at most {} seconds",
            u32::MAX
        )));
    }
    let whole = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
    Ok(Duration::new(
        whole,
        u32::try_from(nanos % 1_000_000_000).unwrap_or(0),
    ))
}

fn unit_nanos(unit: &str) -> Option<u128> {
    Some(match unit {
        "ns" => 1,
        "us" | "µs" | "μs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60_000_000_000,
        "h" => 3_600_000_000_000,
        _ => return None,
    })
}

fn bad_unit(text: &str, number: &str, unit: &str) -> Invalid {
    let fault = Invalid::new(format!("`{}` is not a duration", text.escape_debug()));
    match unit {
        "" if !number.is_empty() => fault.help(format!("add a unit: `{number}s`")),
        "d" => match number.parse::<u32>() {
            Ok(days) => fault.help(format!(
                "there is no unit for days: write `{}h`",
                u64::from(days) * 24
            )),
            Err(_) => fault.help("there is no unit for days, write hours"),
        },
        _ => fault.help("write numbers with units: `300ms`, `1.5s`, `1h30m`"),
    }
}

/// `number * scale`, exact up to a whole result, the rest cut off.
fn decimal_times(number: &str, scale: u128) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || fraction.contains('.') || number.len() > 18 {
        return None;
    }
    let base = whole.parse::<u128>().ok()?.checked_mul(scale)?;
    let power = 10_u128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    base.checked_add(fraction.parse::<u128>().ok()?.checked_mul(scale)? / power)
}

/// A number of bytes: `512`, `64Ki`, `10MB`.
///
/// # Errors
/// `bad-size`: malformed; `out-of-range`: does not fit 64 bits.
pub fn parse_size(text: &str) -> Result<u64, Invalid> {
    let bad = || {
        Invalid::new(format!("`{}` is not a size", text.escape_debug()))
            .help("write a whole number of bytes, or one with a unit: `512`, `64Ki`, `10MB`")
    };
    let unit_at = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let scale = unit_bytes(unit).ok_or_else(bad)?;
    if number.is_empty() {
        return Err(bad());
    }
    let large = |_| Invalid::range("the size is too large");
    let number = number.parse::<u64>().map_err(large)?;
    number
        .checked_mul(scale)
        .ok_or_else(|| Invalid::range("the size is too large"))
}

fn unit_bytes(unit: &str) -> Option<u64> {
    if matches!(unit, "" | "B") {
        return Some(1);
    }
    let (base, prefix): (u64, &str) =
        match unit.strip_suffix("iB").or_else(|| unit.strip_suffix('i')) {
            Some(prefix) => (1024, prefix),
            None => (1000, unit.strip_suffix('B').unwrap_or(unit)),
        };
    let power = match prefix {
        "K" => 1,
        "M" => 2,
        "G" => 3,
        "T" => 4,
        "P" => 5,
        "E" => 6,
        _ => return None,
    };
    base.checked_pow(power)
}

/// A decimal number.
///
/// # Errors
/// `type-mismatch`
pub fn parse_float(text: &str) -> Result<f64, Invalid> {
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '.' | '-' | '+' | 'e' | 'E');
    let value = text.parse::<f64>().ok().filter(|value| value.is_finite());
    value
        .filter(|_| text.chars().all(digits))
        .ok_or_else(|| Invalid::new("expected a number"))
}

/// A status code, or a range of them: `404`, `500-599`, `5xx`.
///
/// # Errors
/// `type-mismatch`: not of this form; `out-of-range`: outside 100 to 599, or upside down.
pub fn parse_codes(text: &str) -> Result<(u16, u16), Invalid> {
    let class = text.strip_suffix("xx").and_then(|class| class.parse().ok());
    let code = |text: &str| {
        let digits = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u16>().ok().filter(|_| digits)
    };
    let range = match (class, text.split_once('-')) {
        (Some(class @ 1..=5), _) => Some((class * 100, class * 100 + 99)),
        (_, Some((low, high))) => code(low.trim()).zip(code(high.trim())),
        (_, None) => code(text).map(|code| (code, code)),
    };
    let (low, high) = range.ok_or_else(|| {
        Invalid::new(format!("`{}` is not a status code", text.escape_debug()))
            .help("write `404`, `500-599` or `5xx`")
    })?;
    if low > high {
        return Err(Invalid::range("the range of status codes is upside down"));
    }
    if !(100..=599).contains(&low) || high > 599 {
        return Err(Invalid::range("a status code is 100 to 599"));
    }
    Ok((low, high))
}

/// One of these words; `fold`: in any letter case. Gives the word as the list has it.
///
/// # Errors
/// `bad-value`
pub fn parse_word<'w>(text: &str, words: &[&'w str], fold: bool) -> Result<&'w str, Invalid> {
    let same = |word: &&&str| **word == text || (fold && word.eq_ignore_ascii_case(text));
    if let Some(word) = words.iter().find(same) {
        return Ok(word);
    }
    let list: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    Err(
        Invalid::new(format!("`{}` is not an allowed value", text.escape_debug()))
            .help(format!("allowed: {}", list.join(", "))),
    )
}

fn capitalised(lower: &str) -> String {
    let mut chars = lower.chars();
    chars.next().map_or_else(String::new, |first| {
        first.to_ascii_uppercase().to_string() + chars.as_str()
    })
}
