//! Header values with tokens (MW-GEN-24): cut into pieces at start, filled in per request.

use std::net::IpAddr;

use crate::head::Request;
use crate::route::{Route, parameter};

/// A text with tokens, ready to be filled in.
#[derive(Debug)]
pub struct Template {
    pieces: Vec<Piece>,
}

/// What tokens are filled in from.
#[derive(Clone, Copy, Debug)]
pub struct TemplateContext<'a> {
    /// The request as it is now.
    pub request: &'a Request,
    /// The route that was chosen.
    pub route: &'static Route,
    /// The path that was routed, where the parameters of its path are.
    pub routed_path: &'a str,
    /// The route's single target, if it has just one.
    pub target: Option<&'a str>,
    /// The client's address (RT-IP).
    pub client: IpAddr,
    /// Who the request was authenticated as.
    pub user: &'a str,
    /// The request id (RT-HDR-8).
    pub id: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// A claim of the auth context; empty without one (MW-GEN-20).
    Claim,
    ClientIp,
    GatewayVersion,
    Parameter(String),
    RequestHeader(String),
    RequestHost,
    RequestId,
    RequestMethod,
    RequestPath,
    RequestScheme,
    RouteName,
    RoutePath,
    RouteTarget,
    User,
}

impl Template {
    /// Cuts a text into pieces. Anything in braces that is no token is literal.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, braced) = rest.split_at(open);
            literal.push_str(before);
            let token = braced
                .find('}')
                .and_then(|close| braced.get(1..close).map(|name| (name, close + 1)))
                .and_then(|(name, end)| Some((Piece::of(name)?, end)));
            let consumed = match token {
                Some((piece, end)) => {
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(piece);
                    end
                }
                None => {
                    literal.push('{');
                    1
                }
            };
            rest = braced.get(consumed..).unwrap_or_default();
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        Self { pieces }
    }

    /// The text, if there is no token in it.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [Piece::Text(text)] => Some(text),
            _ => None,
        }
    }

    /// The text, if it is the same for all requests of a route and needs no putting together.
    #[must_use]
    pub fn of_route<'a>(&'a self, route: &'a Route) -> Option<&'a [u8]> {
        match self.pieces.as_slice() {
            [Piece::RouteName] => Some(route.name.as_bytes()),
            [Piece::RoutePath] => Some(route.path.as_bytes()),
            _ => self.literal().map(str::as_bytes),
        }
    }

    /// Fills in what is known before any middleware has seen the request; who the client is, is not.
    pub(crate) fn freeze(&self, cx: &TemplateContext<'_>) -> Self {
        let freeze = |piece: &Piece| {
            if matches!(piece, Piece::Claim | Piece::User) {
                return piece.clone();
            }
            let mut filled = Vec::new();
            piece.fill(cx, &mut filled);
            Piece::Text(String::from_utf8_lossy(&filled).into_owned())
        };
        Self {
            pieces: self.pieces.iter().map(freeze).collect(),
        }
    }

    /// Fills the tokens in; control characters of values are dropped.
    #[must_use]
    pub fn fill(&self, cx: &TemplateContext<'_>) -> Vec<u8> {
        let mut filled = Vec::new();
        for piece in &self.pieces {
            piece.fill(cx, &mut filled);
        }
        filled
    }
}

impl Piece {
    fn of(name: &str) -> Option<Self> {
        Some(match name {
            "client.ip" => Self::ClientIp,
            "gateway.version" => Self::GatewayVersion,
            "request.host" => Self::RequestHost,
            "request.id" => Self::RequestId,
            "request.method" => Self::RequestMethod,
            "request.path" => Self::RequestPath,
            "request.scheme" => Self::RequestScheme,
            "route.name" => Self::RouteName,
            "route.path" => Self::RoutePath,
            "route.target" => Self::RouteTarget,
            "user" => Self::User,
            name => {
                let after = |start| {
                    let rest = name.strip_prefix(start)?;
                    (!rest.is_empty()).then(|| rest.to_owned())
                };
                let parameter = || after("param.").map(Self::Parameter);
                let claim = || after("claim.").map(|_| Self::Claim);
                after("request.header.")
                    .map(Self::RequestHeader)
                    .or_else(parameter)
                    .or_else(claim)?
            }
        })
    }

    /// Appends a text as it is, a value without control characters.
    fn fill(&self, cx: &TemplateContext<'_>, filled: &mut Vec<u8>) {
        let start = filled.len();
        self.append(cx, filled);
        if !matches!(self, Self::Text(_)) {
            let value = filled.split_off(start);
            filled.extend(value.into_iter().filter(|byte| !byte.is_ascii_control()));
        }
    }

    fn append(&self, cx: &TemplateContext<'_>, filled: &mut Vec<u8>) {
        match self {
            Self::Text(text) => filled.extend_from_slice(text.as_bytes()),
            Self::Claim => {}
            Self::ClientIp => filled.extend_from_slice(cx.client.to_string().as_bytes()),
            Self::GatewayVersion => filled.extend_from_slice(crate::VERSION.as_bytes()),
            Self::Parameter(name) => {
                let value = parameter(cx.route, cx.routed_path, name);
                filled.extend_from_slice(value.unwrap_or_default().as_bytes());
            }
            Self::RequestHeader(name) => {
                filled.extend_from_slice(cx.request.fields.get(name).unwrap_or_default());
            }
            Self::RequestHost => filled.extend_from_slice(cx.request.host().as_bytes()),
            Self::RequestId => filled.extend_from_slice(cx.id.as_bytes()),
            Self::RequestMethod => filled.extend_from_slice(cx.request.method().as_bytes()),
            Self::RequestPath => filled.extend_from_slice(cx.request.path().as_bytes()),
            Self::RequestScheme => filled.extend_from_slice(cx.scheme.as_bytes()),
            Self::RouteName => filled.extend_from_slice(cx.route.name.as_bytes()),
            Self::RoutePath => filled.extend_from_slice(cx.route.path.as_bytes()),
            Self::RouteTarget => {
                filled.extend_from_slice(cx.target.unwrap_or("{route.target}").as_bytes());
            }
            Self::User => filled.extend_from_slice(cx.user.as_bytes()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::rig;

    /// MW-GEN-24
    #[test]
    fn tokens_are_found_and_other_braces_are_literal() {
        let template = Template::parse("a{route.name}{nope}{param.id}{client.ip}{param.}{");
        assert_eq!(
            template.pieces,
            [
                Piece::Text("a".into()),
                Piece::RouteName,
                Piece::Text("{nope}".into()),
                Piece::Parameter("id".into()),
                Piece::ClientIp,
                Piece::Text("{param.}{".into()),
            ]
        );
        assert_eq!(template.literal(), None);
        assert_eq!(Template::parse("{x}").literal(), Some("{x}"));
    }

    /// MW-GEN-24: an absent value is empty, control characters are dropped; and what is frozen does
    /// not follow later changes, except who the user is.
    #[test]
    fn tokens_are_filled_in() {
        let template = Template::parse(
            "{request.method} {request.scheme}://{request.host}{request.path} {route.name} {route.path} \
             {route.target} {client.ip} {request.header.X-A}|{request.header.X-B}|{claim.sub}|{user}",
        );
        let mut exchange = rig::exchange("GET /a?b HTTP/1.1\r\nHost: H:81\r\nX-A: a\tb\r\n\r\n");
        let frozen = template.freeze(&exchange.template_context());
        exchange.user = "u".to_owned();
        exchange.request.fields.set("X-A", b"later");
        let filled = |template: &Template| {
            let filled = template.fill(&exchange.template_context());
            String::from_utf8(filled).unwrap()
        };
        let before = "GET http://h/a t / {route.target} 127.0.0.1 ";
        assert_eq!(filled(&template), format!("{before}later|||u"));
        assert_eq!(filled(&frozen), format!("{before}ab|||u"));
    }
}
