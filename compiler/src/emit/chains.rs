//! `src/chains.rs`: one function per distinct list of middlewares, and the table of them.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::rt;
use crate::plan::{Chain, Member, Middleware};

/// What the header says about the file.
pub(super) const ABOUT: &str = "Every distinct list of middlewares, built once per core.";

/// The items of the file.
pub(super) fn emit(chains: &[Chain]) -> Vec<TokenStream> {
    let table = emit_table(chains);
    if chains.is_empty() {
        return vec![rt::use_chain_source(), table];
    }
    let mut items = vec![rt::use_chain(), rt::use_start()];
    if chains.iter().any(|chain| !is_empty(chain)) {
        items.push(quote!(
            use crate::middlewares;
        ));
    }
    items.extend(chains.iter().map(emit_constant));
    items.push(table);
    items.extend(chains.iter().map(emit_function));
    items
}

/// The names of the types of a chain's policies and filters as rustc puts them into the names of functions, without
/// paths: `(Cors, Headers), ()`.
pub(super) fn types(chain: &Chain, middlewares: &[Middleware]) -> (String, String) {
    let tuple = |members: &[Member]| {
        let types = members.iter().filter_map(|member| {
            let mut all = middlewares.iter();
            all.find(|middleware| middleware.function == member.function)
                .map(rt::type_name)
        });
        rt::tuple_name(types.collect())
    };
    (tuple(&chain.policies), tuple(&chain.filters))
}

fn is_empty(chain: &Chain) -> bool {
    chain.policies.is_empty() && chain.filters.is_empty()
}

fn emit_constant(chain: &Chain) -> TokenStream {
    let doc = format!(" Chain of {}.", routes(chain));
    let name = rt::ident(&chain.constant);
    let id = Literal::u32_unsuffixed(chain.id);
    quote! {
        #[doc = #doc]
        pub const #name: ChainId = ChainId(#id);
    }
}

/// `site` (goma.yaml:17) and 2 more routes
fn routes(chain: &Chain) -> String {
    let first = &chain.first_route;
    let more = match chain.more_routes {
        0 => String::new(),
        1 => " and 1 more route".to_owned(),
        more => format!(" and {more} more routes"),
    };
    format!("`{}` ({}){more}", first.name, first.place)
}

fn emit_table(chains: &[Chain]) -> TokenStream {
    let count = Literal::usize_unsuffixed(chains.len());
    let functions = chains.iter().map(|chain| rt::ident(&chain.function));
    quote! {
        /// Every distinct chain, by its `ChainId`.
        pub static CHAINS: [ChainSource; #count] = [#(#functions),*];
    }
}

fn emit_function(chain: &Chain) -> TokenStream {
    let doc = describe(chain);
    let name = rt::ident(&chain.function);
    let calls = |members: &[Member]| members.iter().map(call).collect();
    let body = rt::boxed_chain(calls(&chain.policies), calls(&chain.filters));
    let start = if is_empty(chain) {
        quote!(_start)
    } else {
        quote!(start)
    };
    quote! {
        #[doc = #doc]
        fn #name(#start: &Start<'_>) -> Result<Box<dyn Chain>, StartError> {
            #body
        }
    }
}

fn call(member: &Member) -> TokenStream {
    let function = rt::ident(&member.function);
    quote!(middlewares::#function(start)?)
}

/// Policies run in the recorder, around the filters (MW-GEN-7): the two are told apart.
fn describe(chain: &Chain) -> String {
    if is_empty(chain) {
        return format!(" No middlewares: {}.", routes(chain));
    }
    let list = |members: &[Member]| {
        let names: Vec<String> = members
            .iter()
            .map(|member| format!("`{}`", member.name))
            .collect();
        names.join(" → ")
    };
    let parts: Vec<String> = [("recorder", &chain.policies), ("filters", &chain.filters)]
        .into_iter()
        .filter(|(_, members)| !members.is_empty())
        .map(|(kind, members)| format!("{kind} {}", list(members)))
        .collect();
    format!(" {}: {}", routes(chain), parts.join(", "))
}
