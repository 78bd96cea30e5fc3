//! What rows and settings say of backends.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::rt;
use crate::plan::{
    BackendTls, Canary, CanaryTest, DnsCache, HealthCheck, Operator, PassiveHealthCheck, Policy,
    Route, Source, Sticky, Transport,
};

/// What a row says of its backends beside their addresses.
pub(super) fn balancing(route: &Route) -> TokenStream {
    let Route {
        weights,
        canaries,
        policy,
        sticky,
        tls,
        health_check,
        ..
    } = route;
    let weights = (!weights.is_empty()).then(|| {
        let weights = weights.iter().copied().map(Literal::u32_unsuffixed);
        quote!(weights: &[#(#weights),*],)
    });
    let canaries = (!canaries.is_empty()).then(|| {
        let canaries = canaries.iter().map(canary);
        quote!(canaries: &[#(#canaries),*],)
    });
    let policy = self::policy(policy).map(|policy| quote!(policy: #policy,));
    let health_check = health_check.as_ref().map(|check| {
        let check = self::health_check(check);
        quote!(health_check: Some(#check),)
    });
    let sticky = sticky.as_ref().map(|sticky| {
        let sticky = self::sticky(sticky);
        quote!(sticky: Some(#sticky),)
    });
    let tls = tls.as_ref().map(|tls| {
        let tls = self::tls(tls);
        quote!(tls: Some(&#tls),)
    });
    quote!(#weights #canaries #policy #sticky #tls #health_check)
}

fn canary(canary: &Canary) -> TokenStream {
    let Canary {
        backend,
        tests,
        exclusive,
        priority,
    } = canary;
    let backend = Literal::usize_unsuffixed(*backend);
    let tests = tests.iter().map(test);
    let priority = rt::signed(*priority);
    quote! {
        Canary {
            backend: #backend,
            tests: &[#(#tests),*],
            exclusive: #exclusive,
            priority: #priority,
        }
    }
}

fn test(test: &CanaryTest) -> TokenStream {
    let source = source(&test.source);
    let operator = match &test.operator {
        Operator::Contains(text) => quote!(Contains(#text)),
        Operator::EndsWith(text) => quote!(EndsWith(#text)),
        Operator::Equals(text) => quote!(Equals(#text)),
        Operator::In(texts) => quote!(In(&[#(#texts),*])),
        Operator::NotContains(text) => quote!(NotContains(#text)),
        Operator::NotEquals(text) => quote!(NotEquals(#text)),
        Operator::Regex(text) => quote!(Regex(#text)),
        Operator::StartsWith(text) => quote!(StartsWith(#text)),
    };
    quote!(CanaryTest { source: #source, operator: Operator::#operator })
}

fn source(source: &Source) -> TokenStream {
    match source {
        Source::Cookie(name) => quote!(Source::Cookie(#name)),
        Source::Header(name) => quote!(Source::Header(#name)),
        Source::Ip => quote!(Source::Ip),
        Source::Path => quote!(Source::Path),
        Source::Query(name) => quote!(Source::Query(#name)),
    }
}

/// `None`: the usual one.
fn policy(policy: &Policy) -> Option<TokenStream> {
    Some(match policy {
        Policy::ConsistentHash(on) => {
            let on = source(on);
            quote!(Policy::ConsistentHash(#on))
        }
        Policy::LeastConn => quote!(Policy::LeastConn),
        Policy::P2cEwma => quote!(Policy::P2cEwma),
        Policy::Random => quote!(Policy::Random),
        Policy::Shares => return None,
    })
}

fn sticky(sticky: &Sticky) -> TokenStream {
    let Sticky {
        cookie,
        attributes,
        secure,
        secret,
    } = sticky;
    let secure = rt::option(secure.map(|secure| quote!(#secure)));
    let secret = rt::value(secret);
    quote! {
        Sticky {
            cookie: #cookie,
            attributes: #attributes,
            secure: #secure,
            secret: #secret,
        }
    }
}

fn tls(tls: &BackendTls) -> TokenStream {
    let BackendTls {
        insecure,
        roots,
        client,
    } = tls;
    let roots = rt::option(roots.as_ref().map(rt::value));
    let client = rt::option(client.as_ref().map(|(certificate, key)| {
        let (certificate, key) = (rt::value(certificate), rt::value(key));
        quote!((#certificate, #key))
    }));
    quote!(BackendTls { insecure: #insecure, roots: #roots, client: #client })
}

/// The gateway's.
pub(super) fn dns_cache(dns: &DnsCache) -> TokenStream {
    let DnsCache {
        ttl_ms,
        clear_on_reload,
        servers,
    } = dns;
    let ttl_ms = Literal::u64_unsuffixed(*ttl_ms);
    let servers = servers.iter().map(rt::value);
    quote! {
        DnsCache {
            ttl_ms: #ttl_ms,
            clear_on_reload: #clear_on_reload,
            servers: &[#(#servers),*],
        }
    }
}

/// The gateway's.
pub(super) fn transport(transport: &Transport) -> TokenStream {
    let Transport {
        http2,
        idle_max,
        idle_per_host_max,
        per_host_max,
        idle_timeout_ms,
        response_header_timeout_ms,
        handshake_timeout_ms,
    } = transport;
    let numbers = [
        ("idle_max", idle_max),
        ("idle_per_host_max", idle_per_host_max),
        ("per_host_max", per_host_max),
        ("idle_timeout_ms", idle_timeout_ms),
        ("response_header_timeout_ms", response_header_timeout_ms),
        ("handshake_timeout_ms", handshake_timeout_ms),
    ];
    let numbers = numbers.map(|(name, number)| {
        let (name, number) = (rt::field(name), Literal::u64_unsuffixed(*number));
        quote!(#name: #number)
    });
    quote!(Transport { http2: #http2, #(#numbers),* })
}

fn health_check(check: &HealthCheck) -> TokenStream {
    let HealthCheck {
        path,
        interval_ms,
        timeout_ms,
        healthy_statuses,
    } = check;
    let [interval_ms, timeout_ms] =
        [interval_ms, timeout_ms].map(|ms| Literal::u64_unsuffixed(*ms));
    let statuses = healthy_statuses.iter();
    let statuses = statuses.map(|status| Literal::u16_unsuffixed(*status));
    quote! {
        HealthCheck {
            path: #path,
            interval_ms: #interval_ms,
            timeout_ms: #timeout_ms,
            healthy_statuses: &[#(#statuses),*],
        }
    }
}

/// The gateway's.
pub(super) fn passive_health_check(passive: Option<&PassiveHealthCheck>) -> TokenStream {
    let passive = passive.map(|passive| {
        let PassiveHealthCheck {
            fails_max,
            eject_ms,
        } = passive;
        let fails_max = Literal::u32_unsuffixed(*fails_max);
        let eject_ms = Literal::u64_unsuffixed(*eject_ms);
        quote!(PassiveHealthCheck { fails_max: #fails_max, eject_ms: #eject_ms })
    });
    rt::option(passive)
}
