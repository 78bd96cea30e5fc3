//! `src/routes.rs`: the route table, one row of static data per route.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::rt;
use crate::plan::{Route, RouteTable};

/// What the header says about the file.
pub(super) const ABOUT: &str = "The route table: one row per route, which names its chain.";

/// How many rows a static holds: rustc's time for one grows with the square of its rows. Measured at
/// 10,000 routes: 24 s in one static, 3 s in blocks of 250.
const ROWS_PER_BLOCK: usize = 250;

/// The items of the file.
pub(super) fn emit(table: &RouteTable) -> Vec<TokenStream> {
    let doc = format!(" `gateway.routes` ({}), in spec order.", table.place);
    let blocks: Vec<_> = table.rows.chunks(ROWS_PER_BLOCK).collect();
    let names: Vec<_> = (0..blocks.len())
        .map(|at| format_ident!("ROWS_{at}"))
        .collect();
    // A plain usize would be printed with its suffix: `[Route; 3usize]`.
    let count = Literal::usize_unsuffixed(blocks.len());
    let index = quote! {
        #[doc = #doc]
        pub static ROUTES: [&[Route]; #count] = [#(&#names),*];
    };
    if table.rows.is_empty() {
        return vec![rt::use_empty_route(), index];
    }
    let mut items = vec![
        rt::use_route(),
        rt::use_values(),
        quote!(
            use crate::chains;
        ),
        index,
    ];
    items.extend(names.iter().zip(blocks).map(|(name, rows)| {
        let places = [rows.first(), rows.last()].map(|row| row.map(|row| row.place.to_string()));
        let [first, last] = places.map(Option::unwrap_or_default);
        let doc = format!(" Routes from {first} to {last}.");
        let count = Literal::usize_unsuffixed(rows.len());
        let rows = rows.iter().map(emit_row);
        quote! {
            #[doc = #doc]
            static #name: [Route; #count] = [#(#rows),*];
        }
    }));
    items
}

/// What differs from a plain row.
fn emit_row(route: &Route) -> TokenStream {
    let Route {
        name,
        place,
        enabled,
        path,
        hosts,
        methods,
        rewrite,
        backends,
        chain,
    } = route;
    let source = place.to_string();
    let enabled = (!enabled).then(|| quote!(enabled: false,));
    let hosts = (!hosts.is_empty()).then(|| quote!(hosts: &[#(#hosts),*],));
    let methods = (!methods.is_empty()).then(|| quote!(methods: &[#(#methods),*],));
    let rewrite = rewrite.as_ref().map(|path| quote!(rewrite: Some(#path),));
    let endpoints = backends.iter().map(rt::value);
    let chain = rt::ident(chain);
    quote! {
        Route {
            name: #name,
            source: #source,
            #enabled
            path: #path,
            #hosts
            #methods
            #rewrite
            backends: &[#(Backend { endpoint: #endpoints }),*],
            chain: chains::#chain,
            ..Route::PLAIN
        }
    }
}
