//! `certManager` and `plugins` (config.md sections 10 and 11).

use super::Scalar::{Bool, Directory, Duration, Enum, File, Pem, Text, Url};
use super::Shape::{List, Named, One, Section as Map};
use super::{HTTP, Need, Section, key, section};

const KINDS: &[&str] = &["acme", "vault"];

pub(super) static CERT_MANAGER: Section = section(
    "Certificates from ACME or Vault.",
    &[
        key("defaultProvider", One(Text), "Of routes that name none; absent: the only one."),
        key("providers", Named(&PROVIDER), "By name."),
        key("provider", One(Enum(KINDS)), "Short form: one provider named `default`.").or("acme"),
        key("acme", Map(&ACME), "Short form."),
        key("vault", Map(&VAULT), "Short form."),
    ],
);

static PROVIDER: Section = section(
    "A source of certificates.",
    &[
        key("type", One(Enum(KINDS)), "What it is.").or("acme"),
        key("acme", Map(&ACME), "For `type: acme`."),
        key("vault", Map(&VAULT), "For `type: vault`."),
    ],
);

static ACME: Section = section(
    "An ACME server (RT-ACME).",
    &[
        key("email", One(Text), "Of the account; without it the provider is off.").value(),
        key("directoryUrl", One(Url(HTTP)), "Of the server.").or("https://acme-v02.api.letsencrypt.org/directory").value(),
        key("challengeType", One(Enum(&["http-01", "dns-01", "tls-alpn-01"])), "How names are proved.").or("http-01"),
        key("dnsProvider", One(Enum(&["cloudflare", "route53", "rfc2136", "exec"])), "For `dns-01`."),
        key("credentials", Map(&CREDENTIALS), "Of the DNS provider."),
        key("eab", Map(&EAB), "External account binding."),
        key("storage", One(Enum(&["file", "redis"])), "Where certificates are kept.").or("file").ours(),
        key("storageFile", One(File), "Absent: `/etc/letsencrypt/acme-<name>.json`.").value(),
        key("termsAccepted", One(Bool), "False: the provider is off.").or("true"),
        key("insecureSkipVerify", One(Bool), "The server's certificate is not verified.").or("false"),
        key("caBundle", One(Pem), "Verifies the server; absent: the system's roots.").value().ours(),
    ],
);

static CREDENTIALS: Section = section(
    "Of the DNS provider.",
    &[
        key("apiToken", One(Text), "cloudflare").secret(),
        key("accessKeyId", One(Text), "route53").secret().ours(),
        key("secretAccessKey", One(Text), "route53").secret().ours(),
        key("region", One(Text), "route53").value().ours(),
        key("hostedZoneId", One(Text), "route53").value().ours(),
        key("nameserver", One(Text), "rfc2136").value().ours(),
        key("tsigKey", One(Text), "rfc2136").value().ours(),
        key("tsigAlgorithm", One(Text), "rfc2136").or("hmac-sha256").value().ours(),
        key("tsigSecret", One(Text), "rfc2136").secret().ours(),
        key("command", List(Text), "exec: called with `present|cleanup <fqdn> <value>`.").value().ours(),
    ],
);

static EAB: Section = section(
    "External account binding.",
    &[
        key("kid", One(Text), "Key identifier.").value(),
        key("hmacKey", One(Text), "Base64url of the key.").secret(),
    ],
)
.needs(&[Need::Both("kid", "hmacKey")]);

static VAULT: Section = section(
    "The PKI engine of a Vault.",
    &[
        key("address", One(Url(HTTP)), "Of the server.").required().value(),
        key("token", One(Text), "For the server.").required().secret(),
        key("role", One(Text), "Of the PKI engine.").required().value(),
        key("mount", One(Text), "Of the PKI engine.").or("pki").value(),
        key("namespace", One(Text), "Of the server.").value(),
        key("ttl", One(Duration(1)), "Of certificates; absent: the role's.").value(),
        key("storageFile", One(File), "Absent: `/etc/letsencrypt/vault-<name>.json`.").value(),
        key("insecureSkipVerify", One(Bool), "The server's certificate is not verified.").or("false"),
        key("caBundle", One(Pem), "Verifies the server; absent: the system's roots.").value().ours(),
    ],
);

pub(super) static PLUGIN: Section = section(
    "A middleware type of your own (MW-PLUG).",
    &[
        key("type", One(Text), "The type it adds.").required().ours(),
        key("path", One(Directory), "A Rust crate that implements the middleware trait.").required().ours(),
    ],
);
