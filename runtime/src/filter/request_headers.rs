//! `requestHeaders` (middlewares.md 5.18): removes, sets and adds request fields.

use super::HeaderTemplate;
use crate::chain::{Exchange, ExplicitFields, Filter, Flow, RECEIVED};
use crate::gateway::{Start, StartError};
use crate::head::{Known, is_authority};
use crate::values::Value;

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Replaces all values; an empty one deletes.
    pub set: &'static [(&'static str, Value)],
    /// Names, or `Prefix-*`.
    pub remove: &'static [&'static str],
    /// Adds values.
    pub add: &'static [(&'static str, Value)],
}

/// The filter.
#[derive(Debug)]
pub struct RequestHeaders {
    remove: Vec<Removal>,
    set: Vec<HeaderTemplate>,
    add: Vec<HeaderTemplate>,
    /// What else is to be done; most rules only change fields that nothing here goes by.
    special: Option<Special>,
}

/// What a rule does to fields that other steps go by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Special {
    /// What is set or added.
    explicit: ExplicitFields,
    /// What is added and not set of the fields that the proxy step makes: the client's own go.
    replaced: ExplicitFields,
    /// Whether `Host` may change.
    changes_host: bool,
    /// Whether any of [`RECEIVED`] may change.
    changes_received: bool,
}

#[derive(Debug)]
enum Removal {
    Name(&'static str),
    Prefix(&'static str),
}

impl RequestHeaders {
    /// # Errors
    /// `env-unset`; `bad-rule` for a value with CR, LF or NUL.
    pub fn new(config: &'static Config, start: &Start<'_>) -> Result<Self, StartError> {
        let removal = |name: &&'static str| match name.strip_suffix('*') {
            Some(prefix) => Removal::Prefix(prefix),
            None => Removal::Name(name),
        };
        let mut set = HeaderTemplate::all(config.set, start)?;
        let mut add = HeaderTemplate::all(config.add, start)?;
        if !names(&set, "host") {
            // There is one only (MW-REQH-2).
            set.extend(add.extract_if(.., |header| header.is("host")));
        }
        let remove: Vec<Removal> = config.remove.iter().map(removal).collect();
        let is_set = |name: &str| names(&set, name);
        let is_written = |name: &str| is_set(name) || names(&add, name);
        let changes = |name: &str| {
            let mut removals = remove.iter();
            is_written(name) || removals.any(|removal| removal.takes(name.as_bytes()))
        };
        let special = Special {
            explicit: ExplicitFields::where_any(is_written),
            replaced: ExplicitFields::where_any(|name| is_written(name) && !is_set(name)),
            changes_host: changes("host"),
            changes_received: RECEIVED.into_iter().any(changes),
        };
        Ok(Self {
            special: Some(special).filter(|special| *special != Special::default()),
            remove,
            set,
            add,
        })
    }
}

impl Filter for RequestHeaders {
    /// MW-REQH-1: remove, set, add, in this order.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        if let Some(special) = &self.special {
            special.begin(exchange);
        }
        for removal in &self.remove {
            let fields = &mut exchange.request.fields;
            match removal {
                Removal::Name(name) => fields.remove(name),
                Removal::Prefix(_) => fields.remove_where(|name| removal.takes(name)),
            }
        }
        for header in &self.set {
            header.change(exchange, |fields, value| {
                if value.is_empty() {
                    fields.remove(header.name);
                } else {
                    fields.set(header.name, value);
                }
            });
        }
        if let Some(special) = &self.special {
            special.make_room(exchange);
        }
        for header in &self.add {
            header.change(exchange, |fields, value| fields.append(header.name, value));
        }
        match &self.special {
            None => Flow::Next,
            Some(special) => special.end(exchange),
        }
    }
}

impl Special {
    fn begin(&self, exchange: &mut Exchange) {
        if self.changes_received {
            exchange.note_received();
        }
    }

    /// Before fields of the proxy step are added: the client's own go, which that step would not have
    /// passed on either, unless a trusted proxy sent them (RT-HDR-2 to -5).
    fn make_room(&self, exchange: &mut Exchange) {
        let (replaced, explicit, trusted) = (self.replaced, exchange.explicit, exchange.trusted);
        let fields = &mut exchange.request.fields;
        for (name, replaced, explicit) in [
            (
                "X-Forwarded-For",
                replaced.forwarded_for,
                explicit.forwarded_for,
            ),
            (
                "X-Forwarded-Host",
                replaced.forwarded_host,
                explicit.forwarded_host,
            ),
            (
                "X-Forwarded-Proto",
                replaced.forwarded_proto,
                explicit.forwarded_proto,
            ),
            ("X-Real-IP", replaced.real_ip, explicit.real_ip),
        ] {
            if replaced && !explicit && !trusted {
                fields.remove(name);
            }
        }
    }

    /// MW-REQH-2: an empty `Host` says nothing, so the backend gets the usual one.
    fn end(&self, exchange: &mut Exchange) -> Flow {
        exchange.explicit = exchange.explicit.or(self.explicit);
        if !self.changes_host {
            return Flow::Next;
        }
        let host = exchange.request.fields.known(Known::Host);
        let host = host.unwrap_or_default();
        let (is_said, is_valid) = (!host.is_empty(), is_authority(host));
        exchange.explicit.host = is_said;
        if is_said && !is_valid {
            return Flow::Answer(super::ambiguous());
        }
        Flow::Next
    }
}

/// Whether one of these has this name.
fn names(headers: &[HeaderTemplate], name: &str) -> bool {
    headers.iter().any(|header| header.is(name))
}

impl Removal {
    /// Whether it removes fields of this name.
    fn takes(&self, name: &[u8]) -> bool {
        match self {
            Self::Name(known) => name.eq_ignore_ascii_case(known.as_bytes()),
            Self::Prefix(prefix) => {
                let start = name.get(..prefix.len());
                start.is_some_and(|start| start.eq_ignore_ascii_case(prefix.as_bytes()))
            }
        }
    }
}

impl ExplicitFields {
    fn where_any(is_meant: impl Fn(&str) -> bool) -> Self {
        Self {
            host: is_meant("host"),
            forwarded_for: is_meant("x-forwarded-for"),
            forwarded_host: is_meant("x-forwarded-host"),
            forwarded_proto: is_meant("x-forwarded-proto"),
            real_ip: is_meant("x-real-ip"),
        }
    }

    fn or(self, other: Self) -> Self {
        Self {
            host: self.host || other.host,
            forwarded_for: self.forwarded_for || other.forwarded_for,
            forwarded_host: self.forwarded_host || other.forwarded_host,
            forwarded_proto: self.forwarded_proto || other.forwarded_proto,
            real_ip: self.real_ip || other.real_ip,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;
    use crate::answer::Answer;

    /// MW-REQH-1
    #[test]
    fn removes_sets_and_adds() {
        static CONFIG: Config = Config {
            set: &[
                ("X-T", rig::literal!("acme")),
                ("X-Old", rig::literal!("")),
                ("X-R", rig::literal!("{route.name}/{request.header.x-t}")),
            ],
            remove: &["Authorization", "X-Int-*"],
            add: &[("Accept", rig::literal!("b"))],
        };
        let mut exchange = rig::exchange(
            "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: s\r\nX-Old: 1\r\nx-int-a: 1\r\n\
             X-In: 1\r\nX-t: 1\r\nx-T: 2\r\nAccept: a\r\n\r\n",
        );
        let filter = rig::start(|start| RequestHeaders::new(&CONFIG, start)).unwrap();
        assert!(matches!(filter.request(&mut exchange), Flow::Next));
        assert_eq!(
            rig::text(&exchange.request.fields),
            "Host: h\nX-In: 1\nX-T: acme\nAccept: a\nX-R: t/acme\nAccept: b\n"
        );
        assert!(!exchange.explicit.host);
    }

    const NOTHING: Config = Config {
        set: &[],
        remove: &[],
        add: &[],
    };

    fn passed(config: &'static Config, exchange: &mut Exchange) -> Flow {
        let filter = rig::start(|start| RequestHeaders::new(config, start)).unwrap();
        filter.request(exchange)
    }

    /// MW-REQH-3, RT-HDR-2 to -5: what is added to does not make the client's own word count.
    #[test]
    fn forwarding_fields_of_strangers_go() {
        static ADDS: Config = Config {
            add: &[
                ("x-forwarded-for", rig::literal!("10.0.0.1")),
                ("X-Real-IP", rig::literal!("10.0.0.1")),
            ],
            ..NOTHING
        };
        static SETS: Config = Config {
            set: &[("X-Real-IP", rig::literal!("10.0.0.2"))],
            ..NOTHING
        };
        let head = "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 6.6.6.6\r\n\
                    X-Real-IP: 6.6.6.6\r\nX-Forwarded-Proto: https\r\n\r\n";
        let added = "x-forwarded-for: 10.0.0.1\nX-Real-IP: 10.0.0.1\n";
        let mut exchange = rig::exchange(head);
        assert!(matches!(passed(&ADDS, &mut exchange), Flow::Next));
        assert_eq!(
            rig::text(&exchange.request.fields),
            format!("Host: h\nX-Forwarded-Proto: https\n{added}")
        );
        assert!(exchange.explicit.forwarded_for && !exchange.explicit.forwarded_proto);
        let mut exchange = rig::exchange(head);
        exchange.trusted = true;
        assert!(matches!(passed(&ADDS, &mut exchange), Flow::Next));
        let sent = "X-Forwarded-For: 6.6.6.6\nX-Real-IP: 6.6.6.6\nX-Forwarded-Proto: https\n";
        assert_eq!(
            rig::text(&exchange.request.fields),
            format!("Host: h\n{sent}{added}")
        );
        // What an earlier filter has set stays.
        let mut exchange = rig::exchange("GET / HTTP/1.1\r\nHost: h\r\nX-Real-IP: 6.6.6.6\r\n\r\n");
        assert!(matches!(passed(&SETS, &mut exchange), Flow::Next));
        assert!(matches!(passed(&ADDS, &mut exchange), Flow::Next));
        assert_eq!(
            rig::text(&exchange.request.fields),
            format!("Host: h\nX-Real-IP: 10.0.0.2\n{added}")
        );
    }

    /// MW-REQH-2
    #[test]
    fn hosts() {
        static SET: Config = Config {
            set: &[("Host", rig::literal!("{request.header.x-host}"))],
            ..NOTHING
        };
        static ADDED: Config = Config {
            add: &[("host", rig::literal!("{request.header.x-host}"))],
            ..NOTHING
        };
        static DELETED: Config = Config {
            set: &[("Host", rig::literal!(""))],
            ..NOTHING
        };
        static REMOVED: Config = Config {
            remove: &["Ho*"],
            ..NOTHING
        };
        let head = |host| format!("GET / HTTP/1.1\r\nHost: h\r\nX-Host:{host}\r\n\r\n");
        for config in [&SET, &ADDED] {
            let mut exchange = rig::exchange(&head("b.test:81"));
            assert!(matches!(passed(config, &mut exchange), Flow::Next));
            assert!(exchange.explicit.host);
            let hosts: Vec<_> = exchange.request.fields.values("host").collect();
            assert_eq!(hosts, [b"b.test:81"]);
            // Later filters may take it back.
            for taken in [&DELETED, &REMOVED] {
                let mut exchange = rig::exchange(&head("b.test"));
                assert!(matches!(passed(config, &mut exchange), Flow::Next));
                assert!(matches!(passed(taken, &mut exchange), Flow::Next));
                assert!(!exchange.explicit.host);
            }
            let mut exchange = rig::exchange(&head(""));
            assert!(matches!(passed(config, &mut exchange), Flow::Next));
            assert!(!exchange.explicit.host);
            for bad in ["a b/c", "a b", "h:x", "u@h"] {
                let mut exchange = rig::exchange(&head(bad));
                let Flow::Answer(answer) = passed(config, &mut exchange) else {
                    panic!("{bad} passes");
                };
                assert_eq!(answer.status(), 400, "{bad}");
            }
        }
    }

    /// MW-CORS-4, MW-ERR-3, RT-LOG-2: what the client sent is known behind filters that change it.
    #[test]
    fn what_the_client_sent_is_kept() {
        static CHANGES: Config = Config {
            set: &[("origin", rig::literal!("http://inner"))],
            remove: &["User-*"],
            add: &[("Accept", rig::literal!("text/xml"))],
        };
        static XML_ONLY: Config = Config {
            set: &[("Accept", rig::literal!("text/xml"))],
            ..NOTHING
        };
        static OTHERS: Config = Config {
            set: &[("X-A", rig::literal!("a"))],
            ..NOTHING
        };
        let head = "GET / HTTP/1.1\r\nHost: h\r\nOrigin: http://o\r\nAccept: a/a\r\n\
                    User-Agent: u\r\n\r\n";
        let mut exchange = rig::exchange(head);
        assert!(matches!(passed(&OTHERS, &mut exchange), Flow::Next));
        assert!(exchange.received.is_none());
        assert!(matches!(passed(&CHANGES, &mut exchange), Flow::Next));
        assert!(matches!(passed(&CHANGES, &mut exchange), Flow::Next));
        let received = exchange.received();
        assert_eq!(received.get("origin"), Some(&b"http://o"[..]));
        assert_eq!(received.get("user-agent"), Some(&b"u"[..]));
        assert_eq!(received.values("accept").collect::<Vec<_>>(), [b"a/a"]);
        assert_eq!(received.get("referer"), None);
        assert_eq!(exchange.request.fields.get("user-agent"), None);
        let mut exchange = rig::exchange("GET / HTTP/1.1\r\nHost: h\r\nAccept: text/html\r\n\r\n");
        assert!(matches!(passed(&XML_ONLY, &mut exchange), Flow::Next));
        let (_, body) = Answer::of(403).render(Some(exchange.received()));
        assert_eq!(body, b"403 Forbidden\n");
    }
}
