//! `src/routes.rs`: the route table, one row of static data per route.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::{resilience, rt, upstream};
use crate::plan::{Condition, Maintenance, PathType, Policy, Route, RouteTable, Test};

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
        rt::use_route(&named(&table.rows)),
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

/// The types that rows name beside those of every row.
fn named(rows: &[Route]) -> Vec<&'static str> {
    let conditions = || rows.iter().flat_map(|row| &row.conditions);
    let tested = |condition: &Condition| !matches!(condition, Condition::Methods(_));
    let has_canaries = rows.iter().any(|row| !row.canaries.is_empty());
    let policies = || rows.iter().map(|row| &row.policy);
    let resilient = || rows.iter().filter_map(|row| row.resilience.as_ref());
    let hashes = |policy: &Policy| matches!(policy, Policy::ConsistentHash(_));
    let used = [
        ("Canary", has_canaries),
        ("CanaryTest", has_canaries),
        ("Operator", has_canaries),
        ("Policy", policies().any(|policy| *policy != Policy::Shares)),
        ("Source", has_canaries || policies().any(hashes)),
        ("BackendTls", rows.iter().any(|row| row.tls.is_some())),
        ("Sticky", rows.iter().any(|row| row.sticky.is_some())),
        ("Condition", conditions().next().is_some()),
        (
            "HealthCheck",
            rows.iter().any(|row| row.health_check.is_some()),
        ),
        (
            "Maintenance",
            rows.iter().any(|row| row.maintenance.is_some()),
        ),
        (
            "PathType",
            rows.iter().any(|row| row.path_type != PathType::Prefix),
        ),
        ("Test", conditions().any(tested)),
        ("Resilience", resilient().next().is_some()),
        (
            "CircuitBreaker",
            resilient().any(|row| row.circuit_breaker.is_some()),
        ),
        ("Retry", resilient().any(|row| row.retry.is_some())),
        ("Timeouts", resilient().any(|row| row.timeouts.is_some())),
    ];
    let used = used.into_iter().filter(|(_, used)| *used);
    used.map(|(name, _)| name).collect()
}

/// What differs from a plain row.
fn emit_row(route: &Route) -> TokenStream {
    let Route {
        name,
        place,
        enabled,
        priority,
        path,
        path_type,
        hosts,
        conditions,
        methods,
        rewrite,
        maintenance,
        forward_host,
        backends,
        weights: _,
        canaries: _,
        policy: _,
        sticky: _,
        tls: _,
        health_check: _,
        resilience,
        chain,
    } = route;
    let source = place.to_string();
    let enabled = (!enabled).then(|| quote!(enabled: false,));
    let priority = priority.map(|priority| {
        let priority = rt::signed(priority);
        quote!(priority: Some(#priority),)
    });
    let path_type = emit_path_type(path_type);
    let hosts = (!hosts.is_empty()).then(|| quote!(hosts: &[#(#hosts),*],));
    let conditions = (!conditions.is_empty()).then(|| {
        let conditions = conditions.iter().map(emit_condition);
        quote!(conditions: &[#(#conditions),*],)
    });
    let methods = (!methods.is_empty()).then(|| quote!(methods: &[#(#methods),*],));
    let rewrite = rewrite.as_ref().map(|path| quote!(rewrite: Some(#path),));
    let maintenance = maintenance.as_ref().map(|maintenance| {
        let maintenance = emit_maintenance(maintenance);
        quote!(maintenance: Some(#maintenance),)
    });
    let forward_host = (!forward_host).then(|| quote!(forward_host: false,));
    let endpoints = backends.iter().map(rt::value);
    let balancing = upstream::balancing(route);
    let resilience = resilience.as_ref().map(|resilience| {
        let resilience = resilience::resilience(resilience);
        quote!(resilience: Some(&#resilience),)
    });
    let chain = rt::ident(chain);
    quote! {
        Route {
            name: #name,
            source: #source,
            #enabled
            #priority
            path: #path,
            #path_type
            #hosts
            #conditions
            #methods
            #rewrite
            #maintenance
            #forward_host
            backends: &[#(Backend { endpoint: #endpoints }),*],
            #balancing
            #resilience
            chain: chains::#chain,
            ..Route::PLAIN
        }
    }
}

fn emit_path_type(path_type: &PathType) -> Option<TokenStream> {
    match path_type {
        PathType::Exact => Some(quote!(path_type: PathType::Exact,)),
        PathType::Prefix => None,
        PathType::Regex { literal } => {
            Some(quote!(path_type: PathType::Regex { literal: #literal },))
        }
    }
}

fn emit_condition(condition: &Condition) -> TokenStream {
    match condition {
        Condition::Cookie(name, test) => {
            let test = emit_test(test);
            quote!(Condition::Cookie(#name, #test))
        }
        Condition::Header(name, test) => {
            let test = emit_test(test);
            quote!(Condition::Header(#name, #test))
        }
        Condition::Methods(methods) => quote!(Condition::Methods(&[#(#methods),*])),
        Condition::Query(name, test) => {
            let test = emit_test(test);
            quote!(Condition::Query(#name, #test))
        }
    }
}

fn emit_test(test: &Test) -> TokenStream {
    match test {
        Test::Equals(text) => quote!(Test::Equals(#text)),
        Test::Present(present) => quote!(Test::Present(#present)),
        Test::Regex(text) => quote!(Test::Regex(#text)),
    }
}

fn emit_maintenance(maintenance: &Maintenance) -> TokenStream {
    let Maintenance {
        status,
        message,
        message_is_json,
        retry_after_seconds,
    } = maintenance;
    let status = Literal::u16_unsuffixed(*status);
    let message = rt::option(message.as_ref().map(|text| quote!(#text)));
    let seconds = retry_after_seconds.map(Literal::u32_unsuffixed);
    let seconds = rt::option(seconds.map(|seconds| quote!(#seconds)));
    quote! {
        Maintenance {
            status: #status,
            message: #message,
            message_is_json: #message_is_json,
            retry_after_seconds: #seconds,
        }
    }
}
