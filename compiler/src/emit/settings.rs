//! `src/settings.rs`: listener, limits, timeouts, log and probes as one static.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{rt, upstream};
use crate::plan::{
    DnsCache, Forward, Limits, PassiveHealthCheck, Proxy, ProxyProtocol, Settings, Transport, Value,
};

/// What the header says about the file.
pub(super) const ABOUT: &str =
    "Listeners, limits, timeouts, log and probes: read when the gateway starts.";

/// The items of the file.
pub(super) fn emit(settings: &Settings) -> Vec<TokenStream> {
    let place = &settings.place;
    let doc = format!(" `gateway` ({place})");
    let fields = fields(settings);
    vec![
        rt::use_settings(&more(settings)),
        rt::use_values(),
        quote! {
            #[doc = #doc]
            pub static SETTINGS: Settings = Settings { #fields };
        },
    ]
}

/// The types that it names beside those of every gateway.
fn more(settings: &Settings) -> Vec<&'static str> {
    let used = [
        ("Forward", !settings.forwards.is_empty()),
        (
            "PassiveHealthCheck",
            settings.passive_health_check.is_some(),
        ),
        ("Proxy", settings.proxy.is_some()),
    ];
    let used = used.into_iter().filter(|(_, used)| *used);
    used.map(|(name, _)| name).collect()
}

fn fields(settings: &Settings) -> TokenStream {
    let Settings {
        place: _,
        strict_slash,
        debug,
        web_address,
        web_proxy_protocol,
        forwards,
        limits,
        proxy,
        read_timeout,
        write_timeout,
        idle_timeout,
        header_timeout,
        drain_timeout,
        drain_delay,
        log_level,
        log_format,
        log_file,
        log_megabytes_max,
        log_backups_max,
        log_days_max,
        readiness_enabled,
        liveness_enabled,
        route_health_enabled,
        route_health_errors,
        build_info_enabled,
        monitoring_host,
        dns_cache,
        passive_health_check,
        transport,
    } = settings;
    let values = [
        ("debug", debug),
        ("web_address", web_address),
        ("read_timeout", read_timeout),
        ("write_timeout", write_timeout),
        ("idle_timeout", idle_timeout),
        ("header_timeout", header_timeout),
        ("drain_timeout", drain_timeout),
        ("drain_delay", drain_delay),
        ("log_level", log_level),
        ("log_format", log_format),
        ("log_file", log_file),
        ("log_megabytes_max", log_megabytes_max),
        ("log_backups_max", log_backups_max),
        ("log_days_max", log_days_max),
        ("readiness_enabled", readiness_enabled),
        ("liveness_enabled", liveness_enabled),
    ];
    let values = values.map(value_of);
    let web_proxy_protocol = proxy_protocol(web_proxy_protocol);
    let forwards = forwards.iter().map(forward_of);
    let limits = limits_of(limits);
    let proxy = rt::option(proxy.as_ref().map(proxy_of));
    let monitoring_host = rt::option(monitoring_host.as_ref().map(|host| quote!(#host)));
    let networking = networking(dns_cache, passive_health_check.as_ref(), transport);
    quote! {
        strict_slash: #strict_slash,
        #(#values,)*
        web_proxy_protocol: #web_proxy_protocol,
        pass_through: &[#(#forwards),*],
        limits: #limits,
        proxy: #proxy,
        route_health_enabled: #route_health_enabled,
        route_health_errors: #route_health_errors,
        build_info_enabled: #build_info_enabled,
        monitoring_host: #monitoring_host,
        #networking
    }
}

fn networking(
    dns_cache: &DnsCache,
    passive: Option<&PassiveHealthCheck>,
    transport: &Transport,
) -> TokenStream {
    let dns_cache = upstream::dns_cache(dns_cache);
    let passive = upstream::passive_health_check(passive);
    let transport = upstream::transport(transport);
    quote! {
        dns_cache: #dns_cache,
        passive_health_check: #passive,
        transport: #transport,
    }
}

fn value_of((name, value): (&str, &Value)) -> TokenStream {
    let (name, value) = (rt::field(name), rt::value(value));
    quote!(#name: #value)
}

fn forward_of(forward: &Forward) -> TokenStream {
    let Forward {
        tcp,
        udp,
        port,
        address,
        target,
        connect_timeout_ms,
    } = forward;
    let (port, address, target) = (rt::value(port), rt::value(address), rt::value(target));
    let timeout = connect_timeout_ms.map(Literal::u64_unsuffixed);
    let timeout = rt::option(timeout.map(|timeout| quote!(#timeout)));
    quote! {
        Forward {
            tcp: #tcp,
            udp: #udp,
            port: #port,
            address: #address,
            target: #target,
            connect_timeout_ms: #timeout,
        }
    }
}

fn limits_of(limits: &Limits) -> TokenStream {
    let number = |number: &u64| Literal::u64_unsuffixed(*number);
    let optional = |limit: &Option<u64>| {
        let limit = limit.as_ref().map(number);
        rt::option(limit.map(|limit| quote!(#limit)))
    };
    let target_bytes_max = number(&limits.target_bytes_max);
    let header_bytes_max = number(&limits.header_bytes_max);
    let fields_max = number(&limits.fields_max);
    let connections_max = optional(&limits.connections_max);
    let requests_per_connection_max = optional(&limits.requests_per_connection_max);
    let http2_streams_max = number(&limits.http2_streams_max);
    let http2_resets_max = number(&limits.http2_resets_max);
    quote! {
        Limits {
            target_bytes_max: #target_bytes_max,
            header_bytes_max: #header_bytes_max,
            fields_max: #fields_max,
            connections_max: #connections_max,
            requests_per_connection_max: #requests_per_connection_max,
            http2_streams_max: #http2_streams_max,
            http2_resets_max: #http2_resets_max,
        }
    }
}

fn proxy_of(proxy: &Proxy) -> TokenStream {
    let trusted = values(&proxy.trusted);
    let headers = &proxy.headers;
    quote!(Proxy { trusted: #trusted, headers: &[#(#headers),*] })
}

fn proxy_protocol(spec: &ProxyProtocol) -> TokenStream {
    let trusted = values(&spec.trusted);
    let required = spec.required;
    quote!(ProxyProtocol { trusted: #trusted, required: #required })
}

fn values(values: &[Value]) -> TokenStream {
    let values = values.iter().map(rt::value);
    quote!(&[#(#values),*])
}
