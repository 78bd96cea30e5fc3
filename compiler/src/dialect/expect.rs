//! Files of tests, `*.test.yaml` (RT-TEST-1): not part of a configuration, but held against a table
//! in the same way.

use super::Scalar::{Bool, Codes, Int, Ip, Method, Name, Text};
use super::Shape::{List, Names, One, OneOrSection, Section as Map, Sections};
use super::{Section, key, section};

/// A whole file.
pub(crate) static TESTS: Section = section(
    "Requests and what must become of them.",
    &[key("tests", Sections(&CASE), "One after another.")],
);

static CASE: Section = section(
    "A request and what must become of it.",
    &[
        key("name", One(Text), "Shown if it fails; its request, if there is none."),
        key("request", Map(&REQUEST), "What a client sends.").required(),
        key("backend", Map(&BACKEND), "What the backend answers; needs a running gateway."),
        key("expect", Map(&EXPECT), "What must become of it.").required(),
        key("repeat", One(Int(1, 10_000)), "How often it is sent; needs a running gateway."),
    ],
)
.hints(&[
    ("status", "write `expect: {status: …}`"),
    ("url", "write `request: {url: …}`"),
    ("route", "write `expect: {route: …}`"),
]);

static REQUEST: Section = section(
    "What a client sends.",
    &[
        key("method", One(Method), "As sent.").or("GET"),
        key("url", One(Text), "Absolute: `https://example.com/path`.").required(),
        key("headers", Names(Text), "By name, but for `Host`."),
        key("body", One(Text), "Needs a running gateway."),
        key("ip", One(Ip), "The client's address."),
    ],
)
.hints(&[("path", "write `url: http://host/path`"), ("host", "the host stands in `url`")]);

static BACKEND: Section = section(
    "What the backend answers.",
    &[
        key("status", One(Codes), "Of its answer.").or("200"),
        key("headers", Names(Text), "Of its answer."),
        key("body", One(Text), "Of its answer."),
        key("down", One(Bool), "It cannot be reached.").or("false"),
    ],
);

static EXPECT: Section = section(
    "What must become of a request; what is not given is not looked at.",
    &[
        key("status", One(Codes), "Decided without a backend: `404`, `4xx`, `301-308`."),
        key("route", One(Text), "The route that answers; `none`: the gateway itself."),
        key("chain", List(Name), "The middlewares that act, outermost first, and no others."),
        key("upstream", OneOrSection(Text, &UPSTREAM), "Where it goes; `none`: no backend is asked."),
        key("headers", Names(Text), "Of the answer; `Location` of a redirect is known offline."),
        key("body", One(Text), "Of the answer; needs a running gateway."),
    ],
)
.hints(&[
    ("location", "write `headers: {Location: …}`"),
    ("middlewares", "write `chain`"),
    ("url", "write `upstream: {url: …}`"),
]);

static UPSTREAM: Section = section(
    "What the first backend gets.",
    &[
        key("url", One(Text), "With path and query."),
        key("host", One(Text), "`Host` as the backend sees it."),
        key("headers", Names(Text), "By name; an empty text: not there."),
    ],
);
