//! `jwtAuth` and what it shares with `oidc` (middlewares.md 5.11).

use crate::dialect::Scalar::{Bool, Claims, Duration, Enum, File, Header, Int, Pem, Text, Url};
use crate::dialect::Shape::{List, Names, One, OneOrList, Section as Map};
use crate::dialect::{Change, HTTP, Key, Section, key, section};

const ALGORITHMS: &[&str] = &[
    "HS256", "HS384", "HS512", "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA",
];

pub(super) static JWT_AUTH: Section = section(
    "JSON Web Tokens (MW-JWT).",
    &[
        key("secret", One(Text), "HMAC key.").secret(),
        key("publicKey", One(Pem), "RSA, EC or Ed25519.").value(),
        key("jwksUrl", One(Url(HTTP)), "A key set, fetched and refreshed.").value(),
        key("jwksFile", One(File), "A key set: file, base64 or inline JSON.").value(),
        key("algorithms", List(Enum(ALGORITHMS)), "Absent: those of the key."),
        key("issuer", OneOrList(Text), "Of tokens; required with a public key.").value(),
        key("audience", OneOrList(Text), "Of tokens; required with a public key.").value(),
        key("allowAnyIssuer", One(Bool), "`issuer` may be absent.").or("false").ours(),
        key("allowAnyAudience", One(Bool), "`audience` may be absent.").or("false").ours(),
        key("requireExpiration", One(Bool), "Tokens must have `exp`.").or("true").ours(),
        key("claimsExpression", One(Claims), "Must hold (MW-CLAIM)."),
        key("claimsFailureStatus", One(Enum(&["401", "403"])), "When it does not.").or("403").ours(),
        key("forward", Map(&FORWARD), "Claims that the backend gets (MW-PROJ)."),
        key("forwardAuthorization", One(Bool), "The backend sees the token.").or("false"),
        key("leeway", One(Duration(0)), "Between the clocks.").or("0s").ours(),
        key("jwksCacheTtl", One(Duration(1)), "How long a key set is kept if it does not say.").or("10m").ours(),
        key("tokenSources", List(Text), "`header:`, `cookie:` or `query:` and a name.").or("[header:Authorization]").ours(),
        key("realm", One(Text), "Absent: the middleware's name.").ours(),
    ],
)
.folding()
.old(&[
    ("alg", Change::List("algorithms")),
    ("algo", Change::List("algorithms")),
    ("forwardHeaders", Change::Move("forward.headers")),
]);

const NAMES: &str = "Name to claim path or template.";
const HEADERS: Key = key("headers", Names(Text), NAMES);
const QUERY: Key = key("query", Names(Text), NAMES);
const COOKIES: Key = key("cookies", Names(Text), NAMES);
const STRIP: Key = key("stripInbound", One(Bool), "What the client sent under these names is removed.").or("true");
const SEPARATOR: Key = key("arraySeparator", One(Text), "Between elements of an array.").or(",");
const ENCODING: Key = key("encoding", One(Enum(&["auto", "raw"])), "`auto`: base64 for values that are not ASCII.").or("auto");
const MAX_BYTES: Key = key("maxValueBytes", One(Int(1, 65536)), "Longer values are left out.").or("4096");

static FORWARD: Section = section(
    "Claims that the backend gets (MW-PROJ).",
    &[HEADERS, QUERY, COOKIES, STRIP, SEPARATOR, ENCODING, MAX_BYTES],
)
.folding();

/// The same with tokens, for `oidc`.
pub(super) static FORWARD_TOKENS: Section = section(
    "Claims and tokens that the backend gets (MW-PROJ).",
    &[
        HEADERS, QUERY, COOKIES, STRIP, SEPARATOR, ENCODING, MAX_BYTES,
        key("accessTokenHeader", One(Header), "The access token."),
        key("idTokenHeader", One(Header), "The ID token."),
    ],
)
.folding();
