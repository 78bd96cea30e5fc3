//! What is in an image beside the gateway, and what a gateway needs of its surroundings: both follow
//! from the plan.
//!
//! Certificates of authorities are there if the gateway may speak TLS to backends. There is no shell, no
//! loader and no library: the gateway is static.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use goma_compiler::plan::{Feature, Part, Plan, Value};

use super::authorities;
use super::layer::Entry;

/// Who the gateway runs as: nobody in particular, by the number that others use for it too.
pub(crate) const USER: u64 = 65532;

/// Where the gateway is (RT-CLI-9).
pub(crate) const PROGRAM: &str = "usr/local/bin/goma";

/// Where containers of one gateway meet, so that one takes over from another: a volume, made for nobody else's
/// eyes. An engine gives a new volume the owner of the image's directory.
const MEETING: &str = "run/goma";

/// Where the archive of the specification is.
pub(crate) const ARCHIVE: &str = "usr/local/share/goma/specification.json";

/// What a gateway needs around it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Contents {
    /// It listens on these, unless variables say otherwise.
    pub(crate) ports: BTreeSet<(u16, &'static str)>,
    /// Directories that it writes to, from the root, without `/` before and behind.
    pub(crate) writable: BTreeSet<String>,
    /// It may have to verify certificates.
    pub(super) verifies: bool,
}

/// What the gateway of a plan needs.
pub(crate) fn contents(plan: &Plan) -> Contents {
    let settings = &plan.settings;
    let mut ports: BTreeSet<_> = web_port(plan)
        .map(|port| (port, "tcp"))
        .into_iter()
        .collect();
    for forward in &settings.forwards {
        let port = usual(&forward.port).and_then(|port| port.parse().ok());
        let protocols = [("tcp", forward.tcp), ("udp", forward.udp)];
        let protocols = protocols.into_iter().filter(|(_, taken)| *taken);
        ports.extend(port.into_iter().flat_map(|port| {
            let protocols = protocols.clone();
            protocols.map(move |(protocol, _)| (port, protocol))
        }));
    }
    let log = usual(&settings.log_file).and_then(|file| directory_of(&file));
    Contents {
        ports,
        writable: log.into_iter().collect(),
        verifies: plan.features.contains(&Feature::Tls),
    }
}

/// Where it listens for HTTP, unless variables say otherwise; `None`: it does not.
pub(crate) fn web_port(plan: &Plan) -> Option<u16> {
    usual(&plan.settings.web_address).and_then(|address| port(&address))
}

/// The text of a value when no variable is set; none if it needs one.
pub(crate) fn usual(value: &Value) -> Option<String> {
    let texts = value.parts.iter().map(|part| match part {
        Part::Text(text) => Some(text.as_str()),
        Part::Env { default, .. } => default.as_deref(),
        Part::Encrypted { .. } => None,
    });
    texts.collect()
}

fn port(address: &str) -> Option<u16> {
    let (_, port) = address.rsplit_once(':')?;
    port.parse().ok().filter(|port| *port != 0)
}

/// The directory of an absolute path that goes only downwards; the root is none.
fn directory_of(file: &str) -> Option<String> {
    let mut components = Path::new(file).parent()?.components();
    components
        .next()
        .filter(|first| *first == Component::RootDir)?;
    let names = components.map(|component| match component {
        Component::Normal(name) => name.to_str(),
        Component::CurDir | Component::ParentDir | Component::Prefix(_) | Component::RootDir => {
            None
        }
    });
    let names: Vec<&str> = names.collect::<Option<_>>()?;
    (!names.is_empty()).then(|| names.join("/"))
}

impl Contents {
    /// Users and groups, and the directories that are written to.
    pub(super) fn base(&self) -> Vec<Entry> {
        let line = |name: &str, id: u64| format!("{name}:x:{id}:{id}:{name}:/:/sbin/nologin\n");
        let group = |name: &str, id: u64| format!("{name}:x:{id}:\n");
        let mut entries = vec![
            Entry::directory("etc"),
            Entry::file("etc/group", group("root", 0) + &group("goma", USER)),
            Entry::file("etc/passwd", line("root", 0) + &line("goma", USER)),
        ];
        if self.verifies {
            let directories = ["etc/ssl", "etc/ssl/certs"].map(Entry::directory);
            entries.extend(directories);
            entries.push(Entry::file(authorities::FILE, authorities::pem()));
        }
        let meeting = [MEETING.to_owned()];
        for directory in self.writable.iter().chain(&meeting) {
            for parent in parents(directory) {
                let known = entries.iter().any(|entry| entry.path == parent);
                entries.extend((!known).then(|| Entry::directory(parent)));
            }
            if let Some(entry) = entries.iter_mut().find(|entry| entry.path == *directory) {
                entry.owner = USER;
                entry.mode = 0o750;
            }
        }
        entries
    }
}

/// The layer of the specification.
pub(super) fn archive(text: &str) -> Vec<Entry> {
    with_parents(Entry::file(ARCHIVE, text))
}

/// The layer of the gateway.
pub(super) fn program(bytes: Vec<u8>) -> Vec<Entry> {
    let mut file = Entry::file(PROGRAM, bytes);
    file.mode = 0o755;
    with_parents(file)
}

fn with_parents(file: Entry) -> Vec<Entry> {
    let directory = file
        .path
        .rsplit_once('/')
        .map_or("", |(directory, _)| directory);
    let directories = parents(directory).map(Entry::directory);
    let mut entries: Vec<Entry> = directories.collect();
    entries.push(file);
    entries
}

/// `a`, `a/b` and `a/b/c` for `a/b/c`.
fn parents(path: &str) -> impl Iterator<Item = &str> {
    let ends = path.match_indices('/').map(|(at, _)| at);
    let ends = ends.chain(std::iter::once(path.len()));
    ends.filter_map(|end| path.get(..end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directories_of_files() {
        let check = |file: &str, expected: Option<&str>| {
            assert_eq!(directory_of(file).as_deref(), expected, "{file}");
        };
        check("/var/log/goma/a.log", Some("var/log/goma"));
        check("/a.log", None);
        check("logs/a.log", None);
        check("/var/../etc/a.log", None);
        check("", None);
    }

    #[test]
    fn ports_of_addresses() {
        assert_eq!(port(":8080"), Some(8080));
        assert_eq!(port("[::1]:80"), Some(80));
        assert_eq!(port("127.0.0.1:0"), None);
        assert_eq!(port("off"), None);
    }

    #[test]
    fn what_is_written_to_belongs_to_the_gateway() {
        let contents = Contents {
            ports: BTreeSet::new(),
            writable: ["etc/goma".to_owned(), "var/log".to_owned()].into(),
            verifies: true,
        };
        let base = contents.base();
        let shown = base.iter().map(|entry| (entry.path.as_str(), entry.owner));
        let expected = [
            ("etc", 0),
            ("etc/group", 0),
            ("etc/passwd", 0),
            ("etc/ssl", 0),
            ("etc/ssl/certs", 0),
            ("etc/ssl/certs/ca-certificates.crt", 0),
            ("etc/goma", USER),
            ("var", 0),
            ("var/log", USER),
            ("run", 0),
            ("run/goma", USER),
        ];
        assert_eq!(shown.collect::<Vec<_>>(), expected);
    }
}
