//! The runtime as generated code sees it: every path, type and shape of `goma-runtime`.
//!
//! Apart, so that a change of the runtime's interface is a change of this file. Types that occur
//! once per file are imported by name ([`use_values`] and friends); nothing here reads a plan
//! except its leaves.

use proc_macro2::{Ident, Literal, Span, TokenStream};
use quote::{format_ident, quote};

use crate::plan::{self, Cut, Filter, Part, Value};

/// The most members of one tuple for which the runtime implements its traits.
const TUPLE_MEMBERS_MAX: usize = 16;

/// An identifier of the plan.
pub(super) fn ident(ident: &plan::Ident) -> Ident {
    Ident::new(ident.as_str(), Span::call_site())
}

/// Imports of a file that writes scopes.
pub(super) fn use_scopes() -> TokenStream {
    quote!(
        use goma_runtime::chain::{Pattern, Scope, Scoped};
    )
}

/// Imports of a file that writes values.
pub(super) fn use_values() -> TokenStream {
    quote!(
        use goma_runtime::values::{Part, Value};
    )
}

/// Imports of the settings; `more` beside what every gateway names.
pub(super) fn use_settings(more: &[&str]) -> TokenStream {
    let mut names = vec![
        "DnsCache",
        "Limits",
        "ProxyProtocol",
        "Settings",
        "Transport",
    ];
    names.extend(more);
    names.sort_unstable();
    let names = names.iter().map(|name| format_ident!("{name}"));
    quote!(
        use goma_runtime::gateway::{#(#names),*};
    )
}

/// The name of a field.
pub(super) fn field(name: &str) -> Ident {
    format_ident!("{name}")
}

/// Import of the gateway.
pub(super) fn use_gateway() -> TokenStream {
    quote!(
        use goma_runtime::gateway::Gateway;
    )
}

/// Imports of a file with functions that run at start.
pub(super) fn use_start() -> TokenStream {
    quote!(
        use goma_runtime::gateway::{Start, StartError};
    )
}

/// Import of a route table without rows.
pub(super) fn use_empty_route() -> TokenStream {
    quote!(
        use goma_runtime::route::Route;
    )
}

/// Import of a table without chains.
pub(super) fn use_chain_source() -> TokenStream {
    quote!(
        use goma_runtime::chain::ChainSource;
    )
}

/// Imports of a file whose values may be absent or empty: rustc warns of unused ones.
pub(super) fn use_values_in(values: &[&Value]) -> Option<TokenStream> {
    if values.is_empty() {
        None
    } else if values.iter().all(|value| value.parts.is_empty()) {
        Some(quote!(
            use goma_runtime::values::Value;
        ))
    } else {
        Some(use_values())
    }
}

/// Imports of the route table; `more` beside what every row names.
pub(super) fn use_route(more: &[&str]) -> TokenStream {
    let mut names = vec!["Backend", "Route"];
    names.extend(more);
    names.sort_unstable();
    let names = names.iter().map(|name| format_ident!("{name}"));
    quote!(
        use goma_runtime::route::{#(#names),*};
    )
}

/// Imports of the chains.
pub(super) fn use_chain() -> TokenStream {
    quote!(
        use goma_runtime::chain::{self, Chain, ChainId, ChainSource};
    )
}

/// Imports of the filters in use, each once.
pub(super) fn use_filters(modules: &[Ident]) -> TokenStream {
    match modules {
        [module] => quote!(use goma_runtime::filter::#module;),
        modules => quote!(use goma_runtime::filter::{#(#modules),*};),
    }
}

/// The gateway's entry point.
pub(super) fn main(gateway: &TokenStream) -> TokenStream {
    quote!(goma_runtime::main(&#gateway))
}

/// A class V value.
pub(super) fn value(value: &Value) -> TokenStream {
    let key = &value.key;
    let source = value.place.exact();
    let parts = value.parts.iter().map(part);
    quote!(Value { key: #key, source: #source, parts: &[#(#parts),*] })
}

fn part(part: &Part) -> TokenStream {
    match part {
        Part::Env { name, default } => {
            let default = option(default.as_ref().map(|text| quote!(#text)));
            quote!(Part::Env { name: #name, default: #default })
        }
        Part::Encrypted { message, cut } => {
            let message = ident(message);
            let message = quote!(crate::encrypted::#message);
            match cut {
                Cut::Password => quote!(Part::EncryptedPassword(#message)),
                Cut::Range(start, end) => {
                    let [start, end] = [start, end].map(|at| Literal::u32_unsuffixed(*at));
                    quote!(Part::EncryptedRange(#message, #start, #end))
                }
                Cut::User => quote!(Part::EncryptedUser(#message)),
                Cut::Whole => quote!(Part::Encrypted(#message)),
            }
        }
        Part::Text(text) => quote!(Part::Text(#text)),
    }
}

/// A literal of either sign.
pub(super) fn signed(value: i64) -> TokenStream {
    let digits = Literal::u64_unsuffixed(value.unsigned_abs());
    if value < 0 {
        quote!(-#digits)
    } else {
        quote!(#digits)
    }
}

/// `Some(x)` or `None`; quote prints nothing for `None`.
pub(super) fn option(value: Option<TokenStream>) -> TokenStream {
    value.map_or_else(|| quote!(None), |value| quote!(Some(#value)))
}

/// A boxed chain of two tuples.
pub(super) fn boxed_chain(policies: Vec<TokenStream>, filters: Vec<TokenStream>) -> TokenStream {
    let policies = tuple(policies);
    let filters = tuple(filters);
    quote!(Ok(chain::boxed(#policies, #filters)))
}

/// Members as a tuple; more than fit go into a tuple at the last place, and so on.
fn tuple(mut members: Vec<TokenStream>) -> TokenStream {
    if members.len() > TUPLE_MEMBERS_MAX {
        let rest = tuple(members.split_off(TUPLE_MEMBERS_MAX - 1));
        members.push(rest);
    }
    match members.as_slice() {
        [member] => quote!((#member,)),
        members => quote!((#(#members),*)),
    }
}

/// The type of what a middleware's function makes, without paths.
pub(super) fn type_name(middleware: &plan::Middleware) -> String {
    let name = filter_path(&middleware.filter).name;
    match middleware.scope {
        Some(_) => format!("Scoped<{name}>"),
        None => name.to_string(),
    }
}

/// The type of a tuple of these types; as [`tuple`] nests them.
pub(super) fn tuple_name(mut members: Vec<String>) -> String {
    if members.len() > TUPLE_MEMBERS_MAX {
        let rest = tuple_name(members.split_off(TUPLE_MEMBERS_MAX - 1));
        members.push(rest);
    }
    match members.as_slice() {
        [member] => format!("({member},)"),
        members => format!("({})", members.join(", ")),
    }
}

/// The names of a filter: its module and its type.
pub(super) struct FilterPath {
    /// Module below `goma_runtime::filter`.
    pub(super) module: Ident,
    /// Type in that module, beside its `Config`.
    pub(super) name: Ident,
}

/// Where the runtime keeps a filter.
pub(super) fn filter_path(filter: &Filter) -> FilterPath {
    let (module, name) = match filter {
        Filter::Access(_) => ("access", "Access"),
        Filter::AccessLog(_) => ("access_log", "AccessLog"),
        Filter::AccessPolicy(_) => ("access_policy", "AccessPolicy"),
        Filter::AddPrefix(_) => ("add_prefix", "AddPrefix"),
        Filter::BasicAuth(_) => ("basic_auth", "BasicAuth"),
        Filter::BodyLimit(_) => ("body_limit", "BodyLimit"),
        Filter::ErrorInterceptor(_) => ("error_interceptor", "ErrorInterceptor"),
        Filter::Redirect(_) => ("redirect", "Redirect"),
        Filter::RedirectRegex(_) => ("redirect_regex", "RedirectRegex"),
        Filter::RedirectScheme(_) => ("redirect_scheme", "RedirectScheme"),
        Filter::ReplacePath(_) => ("replace_path", "ReplacePath"),
        Filter::RequestHeaders(_) => ("request_headers", "RequestHeaders"),
        Filter::RequestId(_) => ("request_id", "RequestId"),
        Filter::ResponseHeaders(_) => ("response_headers", "ResponseHeaders"),
        Filter::RewriteRegex(_) => ("rewrite_regex", "RewriteRegex"),
        Filter::SecurityHeaders(_) => ("security_headers", "SecurityHeaders"),
        Filter::StripPrefix(_) => ("strip_prefix", "StripPrefix"),
        Filter::StripQuery(_) => ("strip_query", "StripQuery"),
    };
    FilterPath {
        module: format_ident!("{module}"),
        name: format_ident!("{name}"),
    }
}
