//! Where a gateway is: `kubernetes:[NAMESPACE/]NAME[@CONTEXT]`.

use std::fmt;
use std::str::FromStr;

/// The longest name of a gateway: those of its pods begin with it.
const NAME_BYTES_MAX: usize = 52;
/// The longest label of DNS (RFC 1123).
const LABEL_BYTES_MAX: usize = 63;
/// The longest name of a context; there is no rule for it.
const CONTEXT_BYTES_MAX: usize = 253;

/// A gateway of a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    /// None: that of the context.
    pub(crate) namespace: Option<String>,
    /// The gateway's.
    pub(crate) name: String,
    /// Of the kubeconfig; none: the current one.
    pub(crate) context: Option<String>,
}

impl Place {
    /// What it begins with.
    pub(crate) const SCHEME: &'static str = "kubernetes:";
}

impl FromStr for Place {
    type Err = String;

    /// Without the scheme.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (place, context) = match text.split_once('@') {
            Some((place, context)) => (place, Some(context)),
            None => (text, None),
        };
        let (namespace, name) = match place.split_once('/') {
            Some((namespace, name)) => (Some(namespace), name),
            None => (None, place),
        };
        let fits = gateway_name(name).is_ok()
            && namespace.is_none_or(is_name)
            && context.is_none_or(|context| (1..=CONTEXT_BYTES_MAX).contains(&context.len()));
        if !fits {
            let shown = text.escape_debug();
            let form = "kubernetes:[NAMESPACE/]NAME[@CONTEXT]";
            return Err(format!("`{shown}` is not of the form {form}"));
        }
        Ok(Self {
            namespace: namespace.map(str::to_owned),
            name: name.to_owned(),
            context: context.map(str::to_owned),
        })
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(Self::SCHEME)?;
        if let Some(namespace) = &self.namespace {
            write!(f, "{namespace}/")?;
        }
        f.write_str(&self.name)?;
        let context = self.context.as_ref();
        context.map_or(Ok(()), |context| write!(f, "@{context}"))
    }
}

/// What a service can be called, and short enough for names that begin with it.
pub(crate) fn gateway_name(text: &str) -> Result<String, String> {
    let starts = text.starts_with(|first: char| first.is_ascii_lowercase());
    if starts && is_name(text) && text.len() <= NAME_BYTES_MAX {
        return Ok(text.to_owned());
    }
    Err(format!(
        "expected up to {NAME_BYTES_MAX} of a-z, 0-9 and `-`, a letter first"
    ))
}

/// A label of DNS (RFC 1123).
pub(crate) fn is_name(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=LABEL_BYTES_MAX).contains(&text.len())
        && text.bytes().all(fits)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        for good in [
            "shop",
            "web/shop",
            "shop@prod",
            "web/shop@arn:aws:eks:eu-1:1:cluster/a@b",
        ] {
            let place: Place = good.parse().unwrap();
            assert_eq!(place.to_string(), format!("kubernetes:{good}"));
        }
        for bad in [
            "",
            "/shop",
            "web/",
            "Shop",
            "a/b/c",
            "1shop",
            "shop-",
            "shop@",
            "we_b/shop",
        ] {
            assert!(bad.parse::<Place>().is_err(), "{bad}");
        }
        assert!("s".repeat(53).parse::<Place>().is_err());
    }
}
