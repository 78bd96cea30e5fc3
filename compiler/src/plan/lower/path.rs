//! Lowering of the rules that redirect, or change path and query.

use super::{Cx, lower_value, methods};
use crate::model::replacement::{self, Replacement};
use crate::model::{self, rule};
use crate::plan::{
    Piece, Redirect, RedirectRegex, ReplacePath, RewriteRegex, StripQuery, TemplatePiece,
};

pub(super) fn redirect(cx: &Cx<'_>, rule: &rule::Redirect) -> Redirect {
    let rule::Redirect {
        url,
        permanent,
        preserve_path,
        preserve_query,
        preserve_method,
    } = rule;
    Redirect {
        url: lower_value(cx, url),
        permanent: *permanent,
        preserve_path: *preserve_path,
        preserve_query: *preserve_query,
        preserve_method: *preserve_method,
    }
}

pub(super) fn redirect_regex(rule: &rule::RedirectRegex) -> RedirectRegex {
    RedirectRegex {
        pattern: rule.pattern.as_str().to_owned(),
        replacement: pieces(&rule.replacement),
        origin: rule.origin.clone(),
        permanent: rule.permanent,
    }
}

pub(super) fn replace_path(rule: &rule::ReplacePath) -> ReplacePath {
    let lower = |piece| match piece {
        model::TemplatePiece::Parameter(name) => TemplatePiece::Parameter(name.to_owned()),
        model::TemplatePiece::Text(text) => TemplatePiece::Text(text.to_owned()),
    };
    ReplacePath {
        path: rule.path.pieces().map(lower).collect(),
    }
}

pub(super) fn rewrite_regex(rule: &rule::RewriteRegex) -> RewriteRegex {
    RewriteRegex {
        pattern: rule.pattern.as_str().to_owned(),
        replacement: pieces(&rule.replacement),
    }
}

pub(super) fn strip_query(rule: &rule::StripQuery) -> StripQuery {
    let path_pattern = rule.path_pattern.as_ref();
    StripQuery {
        params: rule.params.clone(),
        methods: methods(&rule.methods),
        path_pattern: path_pattern.map(|pattern| pattern.as_str().to_owned()),
    }
}

fn pieces(replacement: &Replacement) -> Vec<Piece> {
    let lower = |piece: &replacement::Piece| match piece {
        replacement::Piece::Group(group) => Piece::Group(*group),
        replacement::Piece::Header(name) => Piece::Header(name.clone()),
        replacement::Piece::Query(name) => Piece::Query(name.clone()),
        replacement::Piece::Text(text) => Piece::Text(text.clone()),
    };
    replacement.pieces().iter().map(lower).collect()
}
