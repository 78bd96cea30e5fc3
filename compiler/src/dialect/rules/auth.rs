//! Types that ask who it is, but for tokens (middlewares.md 5.5, 5.8, 5.12, 6.3, 6.4).

use crate::dialect::Scalar::{Bool, Duration, Enum, File, Header, Int, LdapFilter, Pem, Size, Text, Time, Url, UrlOrPath};
use crate::dialect::Shape::{List, One, Section as Map, Sections, TextsOrSections};
use crate::dialect::{ANY, Change, HTTP, MOST, Need, Section, key, section};

pub(super) static BASIC_AUTH: Section = section(
    "User name and password (MW-BASIC).",
    &[
        key("users", TextsOrSections(&USER), "`{username, password}` or `user:password`.").secret(),
        key("usersFile", One(File), "htpasswd; read again when it changes.").value().ours(),
        key("realm", One(Text), "Shown by browsers.").or("Restricted"),
        key("forwardUsername", One(Bool), "Tells the backend the user's name.").or("false"),
        key("usernameHeader", One(Header), "By this header.").or("Username").ours(),
        key("removeAuthorization", One(Bool), "The backend does not see `Authorization`.").or("false").ours(),
        key("maxFailures", One(Int(0, 1000)), "Of one address; 0: any number.").or("0").ours(),
        key("failureWindow", One(Duration(1)), "Over which they count.").or("1m").ours(),
        key("lockDuration", One(Duration(1)), "How long the address is refused.").or("5m").ours(),
    ],
)
.folding()
.needs(&[Need::Any(&["users", "usersFile"])]);

static USER: Section = section(
    "A user.",
    &[
        key("username", One(Text), "Without `:`.").required().value(),
        key("password", One(Text), "Plain, or a hash.").required().secret(),
    ],
)
.folding();

pub(super) static FORWARD_AUTH: Section = section(
    "Asks a service (MW-FWD).",
    &[
        key("authUrl", One(Url(HTTP)), "The service.").required().value(),
        key("authSignIn", One(UrlOrPath), "Where to send whoever is not logged in.").value(),
        key("forwardHostHeaders", One(Bool), "The service sees the client's `Host`.").or("false"),
        key("insecureSkipVerify", One(Bool), "The service's certificate is not verified.").or("false"),
        key("authRequestHeaders", List(Header), "More request headers that it sees.").or("[]"),
        key("authResponseHeaders", List(Text), "`Name` or `Source: Target`, from its answer to the backend.").or("[]"),
        key("authResponseHeadersAsParams", List(Text), "`Name` or `Source: parameter`.").or("[]"),
        key("addAuthCookiesToResponse", List(Text), "Its cookies that the client gets; none: all.").or("[]"),
        key("forwardedUri", One(Enum(&["path", "url"])), "What `X-Forwarded-URI` is.").or("path").ours(),
        key("trustForwardHeader", One(Bool), "Keeps `X-Forwarded-*` of a trusted peer.").or("false").ours(),
        key("timeout", One(Duration(1)), "Of a question.").or("5s").ours(),
        key("tls", Map(&FORWARD_TLS), "TLS to the service.").ours(),
        key("relayResponse", One(Bool), "The client gets the service's refusal as it is.").or("false").ours(),
        key("cacheTtl", One(Duration(0)), "How long an answer counts; 0: once.").or("0").ours(),
    ],
)
.folding()
.old(&[
    ("enableHostForwarding", Change::Move("forwardHostHeaders")),
    ("skipInsecureVerify", Change::Move("insecureSkipVerify")),
]);

static FORWARD_TLS: Section = section(
    "TLS to the service.",
    &[
        key("rootCAs", One(Pem), "Takes the place of the system's roots.").value().ours(),
        key("clientCert", One(Pem), "Shown to the service.").value().ours(),
        key("clientKey", One(Pem), "Of `clientCert`.").secret().ours(),
    ],
)
.folding()
.needs(&[Need::Pair("clientCert", "clientKey")]);

pub(super) static LDAP_AUTH: Section = section(
    "User name and password of a directory (MW-LDAP).",
    &[
        key("url", One(Url(&["ldap", "ldaps", "ldapi"])), "The directory.").required().value(),
        key("baseDN", One(Text), "Where users are.").required().value(),
        key("bindDN", One(Text), "Who searches; absent: anonymous.").value(),
        key("bindPass", One(Text), "Of `bindDN`.").secret(),
        key("userFilter", One(LdapFilter), "`%s` is the user's name.").required(),
        key("realm", One(Text), "Shown by browsers.").or("Restricted"),
        key("forwardUsername", One(Bool), "Tells the backend the user's name.").or("false"),
        key("usernameHeader", One(Header), "By this header.").or("Username").ours(),
        key("startTLS", One(Bool), "TLS on `ldap://`.").or("false"),
        key("insecureSkipVerify", One(Bool), "The directory's certificate is not verified.").or("false"),
        key("connPool", Map(&CONN_POOL), "Connections to the directory."),
        key("timeout", One(Duration(1)), "Of a question.").or("5s").ours(),
        key("cacheTtl", One(Duration(0)), "How long a success counts; 0: once.").or("0").ours(),
        key("rootCAs", One(Pem), "Takes the place of the system's roots.").value().ours(),
    ],
)
.folding()
.needs(&[Need::Both("bindDN", "bindPass")]);

static CONN_POOL: Section = section(
    "Connections to the directory.",
    &[
        key("size", One(Int(1, 1000)), "How many.").or("10"),
        key("burst", One(Int(1, ANY)), "Failed logins of an address at once.").or("20"),
        key("ttl", One(Duration(1)), "How long one lives.").or("1m"),
    ],
)
.folding();

pub(super) static API_KEY: Section = section(
    "A key (MW-APIKEY).",
    &[
        key("keys", Sections(&API_KEY_ENTRY), "Who may come in.").secret().ours(),
        key("keysFile", One(File), "The same list as YAML; read again when it changes.").value().ours(),
        key("pepper", One(Text), "For `hmac-sha256`.").secret().ours(),
        key("sources", List(Text), "`header:`, `query:` or `cookie:` and a name.").or("[header:X-API-Key]").ours(),
        key("requiredScopes", List(Text), "All are needed.").or("[]").ours(),
        key("hideCredentials", One(Bool), "The backend does not see the key.").or("true").ours(),
        key("forwardHeader", One(Header), "Tells the backend the key's id.").ours(),
    ],
)
.folding()
.needs(&[Need::One(&["keys", "keysFile"])]);

static API_KEY_ENTRY: Section = section(
    "A key.",
    &[
        key("id", One(Text), "Unique.").required().value().ours(),
        key("key", One(Text), "In clear.").secret().ours(),
        key("hash", One(Text), "`sha256:<hex>` or `hmac-sha256:<hex>`.").value().ours(),
        key("scopes", List(Text), "What it may do.").value().ours(),
        key("expires", One(Time), "RFC 3339.").value().ours(),
    ],
)
.folding()
.needs(&[Need::One(&["key", "hash"])]);

pub(super) static HMAC_AUTH: Section = section(
    "HTTP message signatures, RFC 9421 (MW-HMAC).",
    &[
        key("keys", Sections(&HMAC_KEY), "Who may sign.").required().secret().ours(),
        key("components", List(Text), "Must be covered.").or("[\"@method\", \"@authority\", \"@path\", \"@query\"]").ours(),
        key("requireDigest", One(Bool), "A body must be covered by `content-digest`.").or("true").ours(),
        key("maxBody", One(Size(1, MOST)), "Held for the digest.").or("1Mi").ours(),
        key("maxSkew", One(Duration(0)), "Between the clocks.").or("300s").ours(),
        key("requireNonce", One(Bool), "No signature twice.").or("false").ours(),
        key("forwardHeader", One(Header), "Tells the backend the key's id.").ours(),
    ],
)
.folding();

static HMAC_KEY: Section = section(
    "A key.",
    &[
        key("id", One(Text), "`keyid` of a signature.").required().value().ours(),
        key("secret", One(Text), "For `hmac-sha256`.").secret().ours(),
        key("publicKey", One(Pem), "For the others.").value().ours(),
        key("algorithm", One(Enum(&["hmac-sha256", "ed25519", "ecdsa-p256-sha256", "rsa-pss-sha512"])), "With `secret`: `hmac-sha256`.").ours(),
    ],
)
.folding()
.needs(&[Need::One(&["secret", "publicKey"])]);
