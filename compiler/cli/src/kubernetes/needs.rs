//! What a gateway needs of the pod that it runs in: ports, variables, files, probes, and time to stop. All of it
//! follows from its plan; nothing here knows objects of Kubernetes.

use std::collections::BTreeMap;
use std::path::Path;

use goma_compiler::StartFile;
use goma_compiler::model::scalar::{parse_bool, parse_seconds};
use goma_compiler::plan::Plan;

use crate::image::{self, Contents, usual};

/// How long a service may go on to send connections to a pod that is stopped, in seconds (K-BUILD-6).
const DRAIN_DELAY: u64 = 5;
/// On top of all that a gateway waits for when it stops, in seconds (K-BUILD-6).
const GRACE: u64 = 5;
/// Directories of the image that nothing may be mounted over.
const OWN: [&str; 6] = [
    "/",
    "/etc",
    "/etc/ssl",
    "/etc/ssl/certs",
    "/usr/local/bin",
    "/usr/local/share/goma",
];

/// What a gateway needs.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Needs {
    /// Where it listens for HTTP.
    pub(super) web: Option<u16>,
    /// Ports that it forwards, with `tcp` or `udp`.
    pub(super) forwards: Vec<(u16, &'static str)>,
    /// How it is asked whether it is alive.
    pub(super) probes: Probes,
    /// Names of variables, and whether it does not start without.
    variables: BTreeMap<String, bool>,
    /// Directories of files that it reads, each with the name of the Secret that has them.
    mounts: BTreeMap<String, String>,
    /// Directories that it writes to.
    pub(super) writable: Vec<String>,
    /// How long it goes on to listen before it is told to stop, in seconds.
    pub(super) pause: u64,
    /// How long it may take to end, in seconds.
    pub(super) grace: u64,
}

/// How a gateway is asked whether it is alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Probes {
    /// By its own command: it has no endpoint that could be asked from outside.
    Command,
    /// By HTTP, with the path for readiness, and that for liveness if there is one.
    Http(&'static str, Option<&'static str>),
}

/// A gateway that cannot run in a pod.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Unfit {
    /// It listens where nobody can reach it.
    #[error("it listens on {0}, which cannot be reached from outside its pod")]
    Loopback(String),
    /// A file that cannot be mounted.
    #[error("`{key}` names {file}, which cannot be mounted")]
    File {
        /// Dotted.
        key: String,
        /// As written.
        file: String,
    },
}

impl Unfit {
    /// What to do about it.
    pub(crate) const fn help(&self) -> &'static str {
        match self {
            Self::Loopback(_) => "leave the host out: `address: \":8080\"`",
            Self::File { .. } => {
                "name an absolute path whose directory is called like a Secret, such as /etc/goma/certs/shop-tls/tls.crt"
            }
        }
    }
}

impl Needs {
    /// What the gateway of a plan needs that looks up these variables and reads these files when it starts.
    ///
    /// # Errors
    /// It cannot run in a pod.
    pub(crate) fn of(
        plan: &Plan,
        variables: BTreeMap<String, bool>,
        files: &[StartFile],
    ) -> Result<Self, Unfit> {
        if let Some(address) = image::loopback(plan) {
            return Err(Unfit::Loopback(address));
        }
        let web = image::web_port(plan);
        let Contents {
            ports, writable, ..
        } = image::contents(plan);
        let forwards = ports.into_iter();
        let settings = &plan.settings;
        let seconds = |value, otherwise| {
            let time = usual(value).and_then(|text| parse_seconds(&text).ok());
            // A part of one is one: a cluster counts no parts.
            time.map_or(otherwise, |time| {
                time.as_secs() + u64::from(time.subsec_nanos() > 0)
            })
        };
        let delay = seconds(&settings.drain_delay, 0);
        let drain = seconds(&settings.drain_timeout, 10);
        let pause = DRAIN_DELAY.saturating_sub(delay);
        Ok(Self {
            web,
            forwards: forwards
                .filter(|forward| *forward != (web.unwrap_or_default(), "tcp"))
                .collect(),
            probes: probes(plan, web),
            variables,
            mounts: mounts(files)?,
            writable: writable
                .into_iter()
                .map(|path| format!("/{path}"))
                .collect(),
            pause,
            grace: [pause, delay, drain, GRACE]
                .into_iter()
                .fold(0, u64::saturating_add),
        })
    }

    /// Names of variables, and whether it does not start without.
    pub(super) fn variables(&self) -> impl Iterator<Item = (&str, bool)> {
        let variables = self.variables.iter();
        variables.map(|(name, required)| (name.as_str(), *required))
    }

    /// Directories that it reads, each with the Secret whose files are there.
    pub(super) fn mounts(&self) -> impl Iterator<Item = (&str, &str)> {
        let mounts = self.mounts.iter();
        mounts.map(|(directory, secret)| (directory.as_str(), secret.as_str()))
    }
}

/// A gateway that takes the PROXY protocol only is asked by its own command, which speaks it.
fn probes(plan: &Plan, web: Option<u16>) -> Probes {
    let settings = &plan.settings;
    let on = |value| usual(value).is_some_and(|text| parse_bool(&text) == Ok(true));
    let ready = on(&settings.readiness_enabled);
    let live = on(&settings.liveness_enabled);
    let proxy = &settings.web_proxy_protocol;
    if web.is_none() || proxy.required && !proxy.trusted.is_empty() {
        return Probes::Command;
    }
    let live = live.then_some("/healthz");
    match (ready, live) {
        (true, live) => Probes::Http("/readyz", live),
        (false, Some(path)) => Probes::Http(path, live),
        (false, None) => Probes::Command,
    }
}

/// Each directory once, from the Secret that has its name (K-MAP-4 to -6).
fn mounts(files: &[StartFile]) -> Result<BTreeMap<String, String>, Unfit> {
    let mut mounts = BTreeMap::new();
    for StartFile { key, name, .. } in files {
        let (directory, secret) = mount(name).ok_or_else(|| Unfit::File {
            key: key.clone(),
            file: name.clone(),
        })?;
        mounts.insert(directory, secret);
    }
    let inside = |file: &StartFile| {
        // A directory in another that is mounted would have to be made in a Secret.
        let mut parents = Path::new(&file.name).ancestors().skip(2);
        parents.any(|parent| {
            parent
                .to_str()
                .is_some_and(|parent| mounts.contains_key(parent))
        })
    };
    match files.iter().find(|file| inside(file)) {
        Some(StartFile { key, name, .. }) => Err(Unfit::File {
            key: key.clone(),
            file: name.clone(),
        }),
        None => Ok(mounts),
    }
}

fn mount(file: &str) -> Option<(String, String)> {
    let directory = Path::new(file).parent()?.to_str()?;
    let secret = Path::new(directory).file_name()?.to_str()?;
    let plain = file.starts_with('/') && !file.contains("/../") && !file.contains(['$', ':']);
    (plain && super::is_name(secret) && !OWN.contains(&directory))
        .then(|| (directory.to_owned(), secret.to_owned()))
}

#[cfg(test)]
mod tests {
    use goma_compiler::archive::Archive;
    use goma_compiler::source::{SourceMap, Span};
    use goma_compiler::{Options, Output, archive, compile};

    use super::*;

    fn compiled(sources: &SourceMap, env: BTreeMap<String, String>) -> (Options, Output) {
        let options = Options {
            env,
            ..Options::default()
        };
        let output = compile(sources, &options).output.unwrap();
        (options, output)
    }

    /// C-ENV-2, K-BUILD-6: an image withholds values, and not what they are made of; times are in any unit.
    #[test]
    fn an_image_needs_what_its_files_need() {
        let text = "\
version: 2
gateway:
  timeouts: { drain: 2m, drainDelay: 1.5s }
  monitoring: { enableLiveness: yes, enableReadiness: yes }
  routes:
    - { name: all, path: /, target: \"http://127.0.0.1:1\", middlewares: [guard] }
middlewares:
  - name: guard
    type: basicAuth
    rule: { users: [ \"ada:${ADA}\", \"bob:${BOB:-changeme}\" ] }
";
        let mut sources = SourceMap::new();
        sources.add("goma.yml", text);
        let (options, output) = compiled(&sources, BTreeMap::new());
        let of_files = Needs::of(&output.plan, output.plan.variables(), &[]).unwrap();
        let variables: Vec<_> = of_files.variables().collect();
        assert_eq!(variables, [("ADA", true), ("BOB", false)]);
        assert_eq!((of_files.pause, of_files.grace), (3, 3 + 2 + 120 + 5));
        let probes = Probes::Http("/readyz", Some("/healthz"));
        assert_eq!(of_files.probes, probes);
        let text = archive(&sources, &options, &output).text();
        let archive = Archive::read(&text).unwrap();
        let (_, output) = compiled(&archive.sources(), archive.env_of_build());
        let of_image = Needs::of(&output.plan, archive.values, &[]).unwrap();
        assert_eq!(of_image, of_files);
    }

    fn mounted(names: &[&str]) -> Result<Vec<String>, Unfit> {
        let source = SourceMap::new().add("goma.yml", "");
        let files: Vec<StartFile> = names
            .iter()
            .map(|name| StartFile {
                key: "key".to_owned(),
                name: (*name).to_owned(),
                span: Span::new(source, 0, 0),
            })
            .collect();
        let mounts = mounts(&files)?.into_iter();
        Ok(mounts
            .map(|(at, secret)| format!("{at} {secret}"))
            .collect())
    }

    /// K-MAP-4, K-MAP-6
    #[test]
    fn each_secret_once_per_directory() {
        let one = "/etc/goma/certs/shop-tls/tls.crt";
        let two = "/etc/goma/certs/shop-tls/tls.key";
        let other = "/etc/goma/upstream/shop-tls/ca.crt";
        let expected = [
            "/etc/goma/certs/shop-tls shop-tls",
            "/etc/goma/upstream/shop-tls shop-tls",
        ];
        assert_eq!(mounted(&[one, two, other]).unwrap(), expected);
        for bad in [
            "users.txt",
            "/users.txt",
            "/etc/users.txt",
            "/etc/ssl/certs/ca.pem",
            "/srv/My-Users/a.txt",
            "/srv/../etc/a/b",
            "/srv/${X}/b",
        ] {
            let unfit = mounted(&[bad]).unwrap_err();
            let expected = format!("`key` names {bad}, which cannot be mounted");
            assert_eq!(unfit.to_string(), expected);
        }
        assert!(mounted(&["/srv/goma/a.txt", "/srv/goma/more/b.txt"]).is_err());
    }
}
