//! The name of an image in a registry: `oci://host/repository:tag@digest`.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

/// What a reference begins with where a file could be meant too.
pub(crate) const SCHEME: &str = "oci://";

/// The longest name of a registry and a repository together (distribution specification).
const NAME_BYTES_MAX: usize = 255;
/// The longest tag (distribution specification).
const TAG_BYTES_MAX: usize = 128;

/// Docker Hub, as its users call it, and its API.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A repository, and perhaps an image in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Reference {
    /// Name and perhaps port of the registry.
    pub(crate) host: String,
    /// The repository.
    pub(crate) repository: String,
    /// A name that can be given to another image.
    pub(crate) tag: Option<String>,
    /// `sha256:…`, which wins over the tag.
    pub(crate) digest: Option<String>,
}

impl Reference {
    /// The image of this digest in the same repository.
    pub(crate) fn at(&self, digest: &str) -> Self {
        Self {
            tag: None,
            digest: Some(digest.to_owned()),
            ..self.clone()
        }
    }

    /// As those call it who pull it: without scheme, and by its digest if it has one.
    pub(crate) fn by_digest(&self) -> String {
        let reference = match &self.digest {
            Some(digest) => self.at(digest),
            None => self.clone(),
        };
        reference.to_string().trim_start_matches(SCHEME).to_owned()
    }

    /// The host that speaks the API.
    pub(super) fn api_host(&self) -> &str {
        if self.host == DOCKER_HUB.0 {
            DOCKER_HUB.1
        } else {
            &self.host
        }
    }

    /// What an image is asked for by; without tag and digest the usual tag.
    pub(super) fn name(&self) -> &str {
        let tag = || self.tag.as_deref().unwrap_or("latest");
        self.digest.as_deref().unwrap_or_else(tag)
    }

    /// Whether nobody else can listen in.
    pub(super) fn is_loopback(&self) -> bool {
        let name = match self.host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            Some(_) | None => &self.host,
        };
        let name = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }
}

impl FromStr for Reference {
    type Err = String;

    /// The scheme may be left out.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || {
            let shown = text.escape_debug();
            format!("`{shown}` is not of the form oci://HOST/REPOSITORY[:TAG][@sha256:DIGEST]")
        };
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest)),
            None => (rest, None),
        };
        let (host, path) = rest.split_once('/').ok_or_else(form)?;
        let (path, tag) = match path.split_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (path, None),
        };
        let fits = is_host(host)
            && is_repository(path)
            && host.len() + path.len() < NAME_BYTES_MAX
            && tag.is_none_or(is_tag)
            && digest.is_none_or(is_digest);
        if !fits {
            return Err(form());
        }
        let hub = host == DOCKER_HUB.0 || host == DOCKER_HUB.1 || host == "index.docker.io";
        let official = hub && !path.contains('/');
        Ok(Self {
            host: if hub { DOCKER_HUB.0 } else { host }.to_owned(),
            repository: format!("{}{path}", if official { "library/" } else { "" }),
            tag: tag.map(str::to_owned),
            digest: digest.map(str::to_owned),
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.host, self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        self.digest
            .as_ref()
            .map_or(Ok(()), |digest| write!(f, "@{digest}"))
    }
}

/// A host has a dot or a port, or is this machine: `team/shop` names none.
fn is_host(text: &str) -> bool {
    let letters = |char: char| char.is_ascii_alphanumeric() || ".-:[]".contains(char);
    let host = text == "localhost" || text.contains(['.', ':']);
    host && text.chars().all(letters) && text.starts_with(|char: char| char != '.' && char != ':')
}

/// Parts of small letters and digits, with separators between them.
fn is_repository(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    text.split('/').all(|part| {
        let ends = [part.bytes().next(), part.bytes().next_back()];
        let ends = ends.iter().all(|byte| byte.is_some_and(plain));
        let letters = part
            .bytes()
            .all(|byte| plain(byte) || b"._-".contains(&byte));
        ends && letters && !part.contains("..")
    })
}

fn is_tag(text: &str) -> bool {
    let word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let starts = text.bytes().next().is_some_and(word);
    let letters = text.bytes().all(|byte| word(byte) || b".-".contains(&byte));
    starts && letters && text.len() <= TAG_BYTES_MAX
}

/// Whether it is a digest of the one kind that is used.
pub(crate) fn is_digest(text: &str) -> bool {
    let hex = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    text.strip_prefix("sha256:")
        .is_some_and(|digest| digest.len() == 64 && digest.bytes().all(hex))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_images() {
        let digest = format!("sha256:{}", "0a".repeat(32));
        for (text, shown, name) in [
            ("oci://h.example/a/b:1.0", "oci://h.example/a/b:1.0", "1.0"),
            ("h:5000/a", "oci://h:5000/a", "latest"),
            ("[::1]:5000/a-b_c", "oci://[::1]:5000/a-b_c", "latest"),
            ("docker.io/shop", "oci://docker.io/library/shop", "latest"),
            (
                "index.docker.io/me/shop",
                "oci://docker.io/me/shop",
                "latest",
            ),
            (
                &format!("localhost/a:1@{digest}"),
                &format!("oci://localhost/a:1@{digest}"),
                &digest,
            ),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.to_string(), shown);
            assert_eq!(reference.name(), name);
        }
        for text in [
            "",
            "shop",
            "team/shop",
            "oci://h.example",
            "h.example/",
            "h.example/A",
            "h.example/a:",
            "h.example/a/../b",
            "h.example/a@sha256:00",
            "h.example/a?x=1",
            "u:p@h.example/a",
            ".h/a",
        ] {
            assert!(text.parse::<Reference>().is_err(), "{text}");
        }
    }

    #[test]
    fn hosts_of_this_machine() {
        for (text, expected) in [
            ("localhost/a", true),
            ("localhost:5000/a", true),
            ("127.0.0.2:1/a", true),
            ("[::1]:5000/a", true),
            ("localhost.example/a", false),
            ("10.0.0.1:5000/a", false),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.is_loopback(), expected, "{text}");
        }
    }
}
