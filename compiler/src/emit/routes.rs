//! `src/routes.rs`: the route table, one row of static data per route.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::rt;
use crate::plan::{Route, RouteTable};

/// What the header says about the file.
pub(super) const ABOUT: &str = "The route table: one row per route, which names its chain.";

/// The items of the file.
pub(super) fn emit(table: &RouteTable) -> Vec<TokenStream> {
    let doc = format!(" `gateway.routes` ({}), in spec order.", table.place);
    // A plain usize would be printed with its suffix: `[Route; 3usize]`.
    let count = Literal::usize_unsuffixed(table.rows.len());
    let rows = table.rows.iter().map(emit_row);
    let statics = quote! {
        #[doc = #doc]
        pub static ROUTES: [Route; #count] = [#(#rows),*];
    };
    if table.rows.is_empty() {
        return vec![rt::use_empty_route(), statics];
    }
    vec![
        rt::use_route(),
        rt::use_values(),
        quote!(
            use crate::chains;
        ),
        statics,
    ]
}

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
    let rewrite = rt::option(rewrite.as_ref().map(|path| quote!(#path)));
    let endpoints = backends.iter().map(rt::value);
    let chain = rt::ident(chain);
    quote! {
        Route {
            name: #name,
            source: #source,
            enabled: #enabled,
            path: #path,
            hosts: &[#(#hosts),*],
            methods: &[#(#methods),*],
            rewrite: #rewrite,
            backends: &[#(Backend { endpoint: #endpoints }),*],
            chain: chains::#chain,
        }
    }
}
