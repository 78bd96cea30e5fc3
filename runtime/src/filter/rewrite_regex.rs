//! `rewriteRegex` (middlewares.md 5.20): rewrites what matches in the path.

use super::replacement::Replacement;
use crate::answer::Answer;
use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};
use crate::head::Request;

pub use super::replacement::Piece;

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Searched in the path.
    pub pattern: &'static str,
    /// What each match becomes.
    pub replacement: &'static [Piece],
}

/// The filter.
#[derive(Debug)]
pub struct RewriteRegex {
    replacement: Replacement,
}

impl RewriteRegex {
    /// # Errors
    /// A pattern that the compiler should have refused.
    pub fn new(config: &'static Config, _start: &Start<'_>) -> Result<Self, StartError> {
        let replacement = Replacement::new(config.pattern, config.replacement)?;
        Ok(Self { replacement })
    }

    fn rewrite(&self, request: &mut Request) -> Result<(), u16> {
        let bytes_max = request.made_target_bytes_max();
        let path = request.path().as_bytes();
        let Some(result) = self.replacement.apply(path, request, bytes_max)? else {
            return Ok(());
        };
        // A path has no `?`, so the first one is the rule's (MW-REWRITE-4).
        let end = memchr::memchr(b'?', &result).unwrap_or(result.len());
        let (path, query) = result.split_at(end);
        let sent = request.query_bytes();
        let query = match (query, sent) {
            ([] | [b'?'], sent) => sent.to_vec(),
            (query, [] | [b'?']) => query.to_vec(),
            (query, [_, sent @ ..]) => [query, b"&", sent].concat(),
        };
        let replaced = request.replace_target(path, &query);
        replaced.map_err(|refusal| refusal.status)
    }
}

impl Filter for RewriteRegex {
    /// MW-REWRITE-1, -2, -4.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        match self.rewrite(&mut exchange.request) {
            Ok(()) => Flow::Next,
            Err(status) => Flow::Answer(Answer::of(status)),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::rig;
    use super::*;

    /// The target after the filter, or the status.
    fn after(config: &'static Config, target: &str, lines: &str) -> Result<String, u16> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: h\r\n{lines}\r\n");
        let mut exchange = rig::exchange(&head);
        let filter = rig::start(|start| RewriteRegex::new(config, start)).unwrap();
        match filter.request(&mut exchange) {
            Flow::Answer(answer) => Err(answer.status()),
            Flow::Next | Flow::Hold(_) | Flow::Wait(_) => {
                let request = &exchange.request;
                Ok(format!("{}{}", request.path(), request.query()))
            }
        }
    }

    #[track_caller]
    fn check(config: &'static Config, cases: &[(&str, &str)]) {
        for (target, expected) in cases {
            let found = after(config, target, "").unwrap_or_else(|status| status.to_string());
            assert_eq!(found, *expected, "{target}");
        }
    }

    /// MW-REWRITE-1
    #[test]
    fn vectors() {
        static SHOP: Config = Config {
            pattern: "^/shop/([0-9]+)$",
            replacement: &[Piece::Text("/items/"), Piece::Group(1)],
        };
        check(
            &SHOP,
            &[("/shop/7?x=1", "/items/7?x=1"), ("/shop/x", "/shop/x")],
        );
        static KEPT: Config = Config {
            pattern: "^/a/(.*)",
            replacement: &[Piece::Text("/b/"), Piece::Group(1)],
        };
        check(
            &KEPT,
            &[("/a/x%2Fy", "/b/x%2Fy"), ("/a/", "/b/"), ("/a/ä", "/b/ä")],
        );
        static ALL: Config = Config {
            pattern: "[^/]+",
            replacement: &[Piece::Text("x")],
        };
        check(&ALL, &[("/a/b", "/x/x")]);
    }

    /// No rewrite makes an authority, climbs, or leaves a path relative or empty.
    #[test]
    fn results_are_absolute() {
        static REST: Config = Config {
            pattern: "^/a(.*)",
            replacement: &[Piece::Group(1)],
        };
        check(
            &REST,
            &[
                ("/a", "/"),
                ("/ab", "/b"),
                ("/a//evil.test/x", "/evil.test/x"),
                ("/a%2e%2e%2fx", "400"),
            ],
        );
        static PARENT: Config = Config {
            pattern: "^/up/(.*)",
            replacement: &[Piece::Text("/x/../"), Piece::Group(1)],
        };
        check(
            &PARENT,
            &[("/up/y", "/y"), ("/up//evil.test", "/evil.test")],
        );
        static CLIMB: Config = Config {
            pattern: "^/up",
            replacement: &[Piece::Text("/..")],
        };
        check(&CLIMB, &[("/up/y", "400"), ("/upper", "/..per")]);
    }

    /// MW-REWRITE-2
    #[test]
    fn tokens() {
        static CONFIG: Config = Config {
            pattern: "^/t/(.*)",
            replacement: &[
                Piece::Text("/t/"),
                Piece::Header("X-Team"),
                Piece::Text("/"),
                Piece::Query("zone"),
                Piece::Text("/"),
                Piece::Group(1),
            ],
        };
        let team = |value: &str| after(&CONFIG, "/t/a/b?zone=eu", &format!("X-Team: {value}\r\n"));
        assert_eq!(team("r/x y"), Ok("/t/r%2Fx%20y/eu/a/b?zone=eu".to_owned()));
        assert_eq!(
            team("a;b%2e"),
            Ok("/t/a%3Bb%252e/eu/a/b?zone=eu".to_owned())
        );
        for climbs in ["../x", "x/..", ".", "a/./b", "..\\x"] {
            assert_eq!(team(climbs), Err(400), "{climbs}");
        }
        let zone = |query: &str| after(&CONFIG, &format!("/t/a{query}"), "");
        assert_eq!(zone(""), Ok("/t///a".to_owned()));
        assert_eq!(
            zone("?zone=e%2Fu+&zone=2"),
            Ok("/t//e%2Fu%20/a?zone=e%2Fu+&zone=2".to_owned())
        );
        assert_eq!(zone("?zone=%2e%2e"), Err(400));
        assert_eq!(zone("?zone=a%00"), Err(400));
        // Captured text is never read as a token.
        let captured = after(&CONFIG, "/t/{{goma.query.zone}}?zone=eu", "");
        assert_eq!(
            captured,
            Ok("/t//eu/{{goma.query.zone}}?zone=eu".to_owned())
        );
    }

    /// MW-REWRITE-4
    #[test]
    fn a_query_of_the_rule() {
        static CONFIG: Config = Config {
            pattern: "^/q/([^/]*)",
            replacement: &[Piece::Text("/find?id="), Piece::Group(1)],
        };
        check(
            &CONFIG,
            &[
                ("/q/7", "/find?id=7"),
                ("/q/7?", "/find?id=7"),
                ("/q/7?x=1&y", "/find?id=7&x=1&y"),
            ],
        );
        static EMPTY: Config = Config {
            pattern: "^/q",
            replacement: &[Piece::Text("/r?")],
        };
        check(&EMPTY, &[("/q", "/r"), ("/q?x", "/r?x")]);
    }

    /// A rule lengthens a target up to the bound, and no further.
    #[test]
    fn bounds() {
        static CONFIG: Config = Config {
            pattern: "^/(.*)",
            replacement: &[Piece::Text("/"), Piece::Group(1), Piece::Group(1)],
        };
        let target = |count: usize| format!("/{}", "a".repeat(count));
        assert!(after(&CONFIG, &target(1000), "").is_ok());
        assert_eq!(after(&CONFIG, &target(8191), "").err(), None);
        assert_eq!(after(&CONFIG, &target(8192), ""), Err(414));
        static HEADER: Config = Config {
            pattern: "^/",
            replacement: &[Piece::Text("/"), Piece::Header("X-A")],
        };
        let lines = format!("X-A: {}\r\n", "%".repeat(8000));
        assert_eq!(after(&HEADER, "/", &lines), Err(414));
    }

    proptest! {
        /// Whatever is captured and inserted: a path that would be accepted from a client, or 400.
        #[test]
        fn a_valid_absolute_path_or_400(
            path in "(/[a-zA-Z0-9.;~%äß]{0,4}(%2[fFeE]|%5[cC]|\\.\\.)?){1,6}",
            value in "[a-z./\\\\;%~]{0,8}",
        ) {
            static CONFIG: Config = Config {
                pattern: "^/[^/]*(.*)",
                replacement: &[
                    Piece::Group(1),
                    Piece::Text("/."),
                    Piece::Header("X-A"),
                    Piece::Text("/.."),
                    Piece::Group(1),
                ],
            };
            // Clients cannot send every such path; those that can be sent are rewritten.
            prop_assume!(crate::head::path::canonicalize(path.as_bytes()).is_ok());
            match after(&CONFIG, &path, &format!("X-A: {value}\r\n")) {
                Err(status) => prop_assert_eq!(status, 400),
                Ok(made) => {
                    prop_assert!(made.starts_with('/') && !made.starts_with("//"), "{}", made);
                    let again = crate::head::path::canonicalize(made.as_bytes());
                    let again = again.expect("a path that a client may send");
                    let forwarded = again.map_or(made.clone(), |again| again.forwarded);
                    prop_assert_eq!(forwarded, made);
                }
            }
        }
    }
}
