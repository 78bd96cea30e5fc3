//! Rules that redirect, or change path and query.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::rt;
use crate::plan::{
    Piece, Redirect, RedirectRegex, ReplacePath, RewriteRegex, StripQuery, TemplatePiece,
};

pub(super) fn redirect(rule: &Redirect) -> TokenStream {
    let Redirect {
        url,
        permanent,
        preserve_path,
        preserve_query,
        preserve_method,
    } = rule;
    let url = rt::value(url);
    quote! {
        url: #url,
        permanent: #permanent,
        preserve_path: #preserve_path,
        preserve_query: #preserve_query,
        preserve_method: #preserve_method
    }
}

pub(super) fn redirect_regex(rule: &RedirectRegex) -> TokenStream {
    let RedirectRegex {
        pattern,
        replacement,
        origin,
        permanent,
    } = rule;
    let pieces = replacement
        .iter()
        .map(|piece| emit_piece(&quote!(redirect_regex), piece));
    let origin = rt::option(origin.as_ref().map(|text| quote!(#text)));
    quote! {
        pattern: #pattern,
        replacement: &[#(#pieces),*],
        origin: #origin,
        permanent: #permanent
    }
}

pub(super) fn replace_path(rule: &ReplacePath) -> TokenStream {
    let ReplacePath { path } = rule;
    let pieces = path.iter().map(|piece| match piece {
        TemplatePiece::Parameter(name) => quote!(replace_path::Piece::Parameter(#name)),
        TemplatePiece::Text(text) => quote!(replace_path::Piece::Text(#text)),
    });
    quote!(path: &[#(#pieces),*])
}

pub(super) fn rewrite_regex(rule: &RewriteRegex) -> TokenStream {
    let RewriteRegex {
        pattern,
        replacement,
    } = rule;
    let pieces = replacement
        .iter()
        .map(|piece| emit_piece(&quote!(rewrite_regex), piece));
    quote!(pattern: #pattern, replacement: &[#(#pieces),*])
}

fn emit_piece(module: &TokenStream, piece: &Piece) -> TokenStream {
    match piece {
        Piece::Group(group) => {
            let group = Literal::usize_unsuffixed(*group);
            quote!(#module::Piece::Group(#group))
        }
        Piece::Header(name) => quote!(#module::Piece::Header(#name)),
        Piece::Query(name) => quote!(#module::Piece::Query(#name)),
        Piece::Text(text) => quote!(#module::Piece::Text(#text)),
    }
}

pub(super) fn strip_query(rule: &StripQuery) -> TokenStream {
    let StripQuery {
        params,
        methods,
        path_pattern,
    } = rule;
    let paths = match path_pattern {
        None => quote!(strip_query::Paths::All),
        Some(pattern) => quote!(strip_query::Paths::Matching(#pattern)),
    };
    quote!(params: &[#(#params),*], methods: &[#(#methods),*], paths: #paths)
}
