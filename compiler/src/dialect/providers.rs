//! `gateway.providers` and what they deliver (config.md sections 6.11 and 14).

use super::Scalar::{Bool, Directory, Duration, Enum, File, Int, Text, Url};
use super::Shape::{Names, One, Section as Map, Sections};
use super::route::ROUTE;
use super::rules::MIDDLEWARE;
use super::{HTTP, Section, key, section};

pub(super) static PROVIDERS: Section = section(
    "Bundles of routes and middlewares from elsewhere.",
    &[
        key("file", Map(&FILE), "A directory."),
        key("http", Map(&HTTP_PROVIDER), "One document."),
        key("git", Map(&GIT), "A repository."),
        key("signing", Map(&SIGNING), "Who may sign bundles (C-SIGN-1)."),
    ],
);

static FILE: Section = section(
    "Bundles of a directory.",
    &[
        key("enabled", One(Bool), "Whether it is read.").or("false"),
        key("watch", One(Bool), "`goma serve` reloads on change.").or("false"),
        key("directory", One(Directory), "Must exist; required while enabled."),
        key("debounce", One(Duration(0)), "Quiet time before a reload.").or("500ms"),
    ],
);

static HTTP_PROVIDER: Section = section(
    "A bundle over HTTP (RT-PROV-HTTP).",
    &[
        key("enabled", One(Bool), "Whether it is fetched.").or("false"),
        key("endpoint", One(Url(HTTP)), "May have a query; required while enabled."),
        key("interval", One(Duration(1)), "Between two polls of `goma serve`.").or("30s"),
        key("timeout", One(Duration(1)), "Of a try.").or("10s"),
        key("retryAttempts", One(Int(1, 100)), "Tries in total.").or("3"),
        key("retryDelay", One(Duration(0)), "Between two tries.").or("2s"),
        key("headers", Names(Text), "Sent with each request.").hidden(),
        key("insecureSkipVerify", One(Bool), "The server's certificate is not verified.").or("false"),
        key("cacheDir", One(File), "The last good bytes.").or("/var/lib/goma/cache/http.json"),
    ],
);

static GIT: Section = section(
    "Bundles of a repository (RT-PROV-GIT).",
    &[
        key("enabled", One(Bool), "Whether it is cloned.").or("false"),
        key("url", One(Text), "https or ssh; required while enabled."),
        key("branch", One(Text), "Which branch.").or("main"),
        key("path", One(Text), "A directory of the clone; absent: its root."),
        key("interval", One(Duration(1)), "Between two fetches of `goma serve`.").or("120s"),
        key("cloneDir", One(Directory), "Where the clone is.").or("/var/lib/goma/git"),
        key("auth", Map(&GIT_AUTH), "Credentials."),
    ],
);

static GIT_AUTH: Section = section(
    "Credentials of a repository.",
    &[
        key("type", One(Enum(&["token", "basic", "ssh"])), "Absent: none."),
        key("token", One(Text), "For `token`.").hidden(),
        key("username", One(Text), "For `basic`."),
        key("password", One(Text), "For `basic`.").hidden(),
        key("sshKeyPath", One(File), "For `ssh`: file of the key."),
        key("sshKeyData", One(Text), "For `ssh`: base64 of the key.").hidden(),
        key("hostKey", One(Text), "The host's key; wins over `knownHostsPath`."),
        key("knownHostsPath", One(File), "Known hosts.").or("~/.ssh/known_hosts"),
    ],
);

static SIGNING: Section = section(
    "Who may sign bundles (C-SIGN-1).",
    &[
        key("publicKey", One(Text), "Base64 of an Ed25519 key."),
        key("publicKeyFile", One(File), "One key a line."),
    ],
);

/// A bundle (config.md section 14).
pub(super) static BUNDLE: Section = section(
    "Routes and middlewares of a provider.",
    &[
        key("version", One(Text), "Whatever its author counts by."),
        key("routes", Sections(&ROUTE), "Which requests go where."),
        key("middlewares", Sections(&MIDDLEWARE), "What routes put in front of their backends."),
        key("metadata", Names(Text), "Without effect."),
        key("checksum", One(Text), "Sent as `If-None-Match` next time."),
        key("signature", One(Text), "Of all other keys but `checksum` and `timestamp` (C-SIGN-1)."),
        key("timestamp", One(Text), "When it was made."),
    ],
)
.hints(&[("gateway", "a bundle has routes and middlewares, never a `gateway`")]);
