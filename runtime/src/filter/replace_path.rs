//! `replacePath` (middlewares.md 6.2): another path in place of the client's, and which it was.

use crate::answer::Answer;
use crate::chain::{Exchange, Filter, Flow};
use crate::gateway::{Start, StartError};

/// What the backend reads the replaced path from.
const HEADER: &str = "X-Replaced-Path";

/// The rule.
#[derive(Debug)]
pub struct Config {
    /// Together canonical, but for what parameters hold.
    pub path: &'static [Piece],
}

/// A piece of the new path.
#[derive(Debug)]
pub enum Piece {
    /// The value of a parameter of the route's path (RT-ROUTE-15).
    Parameter(&'static str),
    /// As it stands.
    Text(&'static str),
}

/// The filter.
#[derive(Debug)]
pub struct ReplacePath {
    path: &'static [Piece],
}

impl ReplacePath {
    /// # Errors
    /// None; the signature is that of every filter.
    pub fn new(config: &'static Config, _start: &Start<'_>) -> Result<Self, StartError> {
        Ok(Self { path: config.path })
    }

    /// The new path. A parameter is one segment as it was received, so without `/`, `?` and `#` and
    /// with its escapes; what it makes of a segment together with text is for the reader to judge.
    fn made(&self, exchange: &Exchange) -> String {
        let pieces = self.path.iter().map(|piece| match piece {
            Piece::Parameter(name) => exchange.param(name).unwrap_or_default(),
            Piece::Text(text) => text,
        });
        pieces.collect()
    }
}

impl Filter for ReplacePath {
    /// MW-GEN-12
    fn owned(&self) -> Option<&'static str> {
        Some(HEADER)
    }

    /// MW-REPL-1: query untouched.
    fn request(&self, exchange: &mut Exchange) -> Flow {
        let replaced = exchange.request.path().to_owned();
        if let [Piece::Text(path)] = self.path {
            exchange.request.set_path(path, path);
        } else {
            let made = self.made(exchange);
            let request = &mut exchange.request;
            let query = request.query_bytes().to_vec();
            if let Err(refusal) = request.replace_target(made.as_bytes(), &query) {
                return Flow::Answer(Answer::of(refusal.status));
            }
        }
        let fields = &mut exchange.request.fields;
        fields.set(HEADER, replaced.as_bytes());
        Flow::Next
    }
}

#[cfg(test)]
mod tests {
    use super::super::rig;
    use super::*;
    use crate::route::Route;

    /// Target and `X-Replaced-Path` behind the filter, or the status.
    fn after(route: &'static Route, config: &'static Config, target: &str) -> (String, String) {
        let mut exchange = rig::exchange(&format!(
            "GET {target} HTTP/1.1\r\nHost: h\r\nX-Replaced-Path: /evil\r\nx_replaced-path: /evil\r\n\r\n"
        ));
        exchange.route = route;
        let filter = rig::start(|start| ReplacePath::new(config, start)).unwrap();
        rig::clean(&filter, &mut exchange);
        assert_eq!(exchange.request.fields.len(), 1);
        if let Flow::Answer(answer) = filter.request(&mut exchange) {
            return (answer.status().to_string(), String::new());
        }
        let request = &exchange.request;
        let replaced = request.fields.get(HEADER).unwrap_or_default();
        (
            format!("{}{}", request.path(), request.query()),
            String::from_utf8(replaced.to_vec()).unwrap(),
        )
    }

    #[track_caller]
    fn check(route: &'static Route, config: &'static Config, cases: &[(&str, &str, &str)]) {
        for (target, path, replaced) in cases {
            assert_eq!(
                after(route, config, target),
                ((*path).to_owned(), (*replaced).to_owned()),
                "{target}"
            );
        }
    }

    /// MW-REPL-1, MW-GEN-12
    #[test]
    fn vectors() {
        static ROUTE: Route = Route {
            path: "/u/{id}",
            ..Route::PLAIN
        };
        static CARD: Config = Config {
            path: &[
                Piece::Text("/users/"),
                Piece::Parameter("id"),
                Piece::Text("/card"),
            ],
        };
        check(
            &ROUTE,
            &CARD,
            &[
                ("/u/7", "/users/7/card", "/u/7"),
                ("/u/7/x?a=1&b", "/users/7/card?a=1&b", "/u/7/x"),
                ("//u//7", "/users/7/card", "//u//7"),
                (
                    "/%75/a%2Fb%3fc/",
                    "/users/a%2Fb%3fc/card",
                    "/%75/a%2Fb%3fc/",
                ),
                ("/u/ä", "/users/ä/card", "/u/ä"),
            ],
        );
        static FIXED: Config = Config {
            path: &[Piece::Text("/x/")],
        };
        check(&ROUTE, &FIXED, &[("/u/7/y?z", "/x/?z", "/u/7/y")]);
    }

    /// Nothing that a parameter holds climbs, makes an authority or a target without end.
    #[test]
    fn parameters_stay_one_segment() {
        static ROUTE: Route = Route {
            path: "/{a}",
            ..Route::PLAIN
        };
        static FIRST: Config = Config {
            path: &[Piece::Text("/"), Piece::Parameter("a"), Piece::Text("/x")],
        };
        check(
            &ROUTE,
            &FIRST,
            &[
                ("//evil.test", "/evil.test/x", "//evil.test"),
                ("/%2Fevil.test", "/%2Fevil.test/x", "/%2Fevil.test"),
            ],
        );
        static DOTTED: Config = Config {
            path: &[Piece::Text("/y/."), Piece::Parameter("a")],
        };
        check(
            &ROUTE,
            &DOTTED,
            &[
                ("/.a", "/y/..a", "/.a"),
                ("/.;b", "400", ""),
                ("/.%2fb", "400", ""),
            ],
        );
        static TWICE: Config = Config {
            path: &[
                Piece::Text("/"),
                Piece::Parameter("a"),
                Piece::Parameter("a"),
            ],
        };
        let long = format!("/{}", "a".repeat(9000));
        assert_eq!(after(&ROUTE, &TWICE, &long).0, "414");
    }
}
