//! `src/main.rs`: the gateway as one static, and the call that runs it.

use proc_macro2::TokenStream;
use quote::quote;

use super::rt;
use crate::plan::Plan;

/// What the header says about the file.
pub(super) const ABOUT: &str =
    "The gateway: start reading here. `routes` names `chains`, which name `middlewares`.";

/// The items of the file.
pub(super) fn emit(plan: &Plan, revision: &str) -> Vec<TokenStream> {
    let name = &plan.name;
    let run = rt::main(&quote!(GATEWAY));
    let encrypted = (!plan.messages.is_empty()).then(|| {
        quote!(
            mod encrypted;
        )
    });
    let mut items = vec![quote!(
        mod chains;
    )];
    items.extend(encrypted);
    items.extend([
        quote!(
            mod middlewares;
        ),
        quote!(
            mod routes;
        ),
        quote!(
            mod settings;
        ),
        rt::use_gateway(),
        quote! {
            /// Everything this gateway is made of.
            static GATEWAY: Gateway = Gateway {
                name: #name,
                revision: #revision,
                settings: &settings::SETTINGS,
                routes: &routes::ROUTES,
                chains: &chains::CHAINS,
            };
        },
        quote! {
            fn main() -> std::process::ExitCode {
                #run
            }
        },
    ]);
    items
}
