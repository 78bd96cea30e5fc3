//! `src/middlewares.rs`: one function per middleware, with its rule as static data.

mod cookie;
mod path;

use std::collections::BTreeMap;

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::{recorder, rt};
use crate::plan::{
    Access, AccessPolicy, AddPrefix, BasicAuth, BodyLimit, Cors, FailureLimit, Filter, Header,
    Middleware, Pattern, RedirectScheme, RequestHeaders, ResponseHeaders, Scope, StripPrefix, User,
    Value,
};

/// What the header says about the file.
pub(super) const ABOUT: &str = "Every middleware in use, with its rule.";

/// The items of the file.
pub(super) fn emit(middlewares: &[Middleware]) -> Vec<TokenStream> {
    if middlewares.is_empty() {
        return Vec::new();
    }
    let modules: BTreeMap<String, _> = middlewares
        .iter()
        .map(|middleware| rt::filter_path(&middleware.filter).module)
        .map(|module| (module.to_string(), module))
        .collect();
    let modules: Vec<_> = modules.into_values().collect();
    let mut items = Vec::new();
    if middlewares.iter().any(|item| item.scope.is_some()) {
        items.push(rt::use_scopes());
    }
    items.extend([rt::use_filters(&modules), rt::use_start()]);
    let values: Vec<&Value> = middlewares
        .iter()
        .flat_map(|middleware| middleware.filter.values())
        .collect();
    items.extend(rt::use_values_in(&values));
    items.extend(middlewares.iter().map(emit_middleware));
    items
}

fn emit_middleware(middleware: &Middleware) -> TokenStream {
    let Middleware {
        name,
        place,
        function,
        scope,
        filter,
    } = middleware;
    let doc = format!(" `{name}` ({place}): {}", filter.type_name());
    let function = rt::ident(function);
    let rt::FilterPath { module, name } = rt::filter_path(filter);
    let config = emit_config(filter);
    let filter = quote!(#module::#name::new(&#module::Config { #config }, start));
    let Some(scope) = scope else {
        return quote! {
            #[doc = #doc]
            pub fn #function(start: &Start<'_>) -> Result<#module::#name, StartError> {
                #filter
            }
        };
    };
    let scope = emit_scope(scope);
    quote! {
        #[doc = #doc]
        pub fn #function(start: &Start<'_>) -> Result<Scoped<#module::#name>, StartError> {
            Scoped::new(&#scope, #filter?)
        }
    }
}

fn emit_scope(scope: &Scope) -> TokenStream {
    let Scope { patterns, guard } = scope;
    let patterns = patterns.iter().map(|pattern| match pattern {
        Pattern::Literal(text) => quote!(Pattern::Literal(#text)),
        Pattern::Regex(text) => quote!(Pattern::Regex(#text)),
    });
    quote!(Scope { patterns: &[#(#patterns),*], guard: #guard })
}

/// The fields of a filter's `Config`.
fn emit_config(filter: &Filter) -> TokenStream {
    match filter {
        Filter::Access(Access { status }) => {
            let status = Literal::u16_unsuffixed(*status);
            quote!(status: #status)
        }
        Filter::AccessLog(rule) => recorder::access_log(rule),
        Filter::AccessPolicy(rule) => emit_access_policy(rule),
        Filter::AddPrefix(AddPrefix { prefix }) => quote!(prefix: #prefix),
        Filter::BasicAuth(rule) => emit_basic_auth(rule),
        Filter::BodyLimit(BodyLimit {
            limit_bytes,
            buffer,
        }) => {
            let limit = Literal::u64_unsuffixed(*limit_bytes);
            quote!(limit: #limit, buffer: #buffer)
        }
        Filter::ErrorInterceptor(rule) => recorder::error_interceptor(rule),
        Filter::Redirect(rule) => path::redirect(rule),
        Filter::RedirectRegex(rule) => path::redirect_regex(rule),
        Filter::RedirectScheme(rule) => emit_redirect_scheme(rule),
        Filter::ReplacePath(rule) => path::replace_path(rule),
        Filter::RequestHeaders(RequestHeaders { set, remove, add }) => {
            let (set, add) = (emit_headers(set), emit_headers(add));
            quote!(set: #set, remove: &[#(#remove),*], add: #add)
        }
        Filter::RequestId(rule) => recorder::request_id(rule),
        Filter::ResponseHeaders(rule) => emit_response_headers(rule),
        Filter::RewriteRegex(rule) => path::rewrite_regex(rule),
        Filter::SecurityHeaders(rule) => recorder::security_headers(rule),
        Filter::StripPrefix(StripPrefix { prefixes }) => quote!(prefixes: &[#(#prefixes),*]),
        Filter::StripQuery(rule) => path::strip_query(rule),
    }
}

fn emit_access_policy(rule: &AccessPolicy) -> TokenStream {
    let AccessPolicy {
        allow,
        ranges,
        status,
        message,
    } = rule;
    let ranges = ranges.iter().map(|(first, last)| quote!((#first, #last)));
    let status = Literal::u16_unsuffixed(*status);
    let message = rt::option(message.as_ref().map(|text| quote!(#text)));
    quote!(allow: #allow, ranges: &[#(#ranges),*], status: #status, message: #message)
}

fn emit_basic_auth(rule: &BasicAuth) -> TokenStream {
    let BasicAuth {
        users,
        users_file,
        realm,
        forward_username,
        username_header,
        remove_authorization,
        limit,
    } = rule;
    let users = users.iter().map(emit_user);
    let users_file = rt::option(users_file.as_ref().map(rt::value));
    let limit = rt::option(limit.as_ref().map(emit_failure_limit));
    quote! {
        users: &[#(#users),*],
        users_file: #users_file,
        realm: #realm,
        forward_username: #forward_username,
        username_header: #username_header,
        remove_authorization: #remove_authorization,
        limit: #limit
    }
}

fn emit_failure_limit(limit: &FailureLimit) -> TokenStream {
    let FailureLimit {
        failures,
        window_ms,
        lock_ms,
    } = limit;
    let failures = Literal::u32_unsuffixed(*failures);
    let [window, lock] = [window_ms, lock_ms].map(|time| Literal::u64_unsuffixed(*time));
    quote! {
        basic_auth::Limit { failures: #failures, window_ms: #window, lock_ms: #lock }
    }
}

fn emit_user(user: &User) -> TokenStream {
    let User { username, password } = user;
    let (username, password) = (rt::value(username), rt::value(password));
    quote!(basic_auth::User { username: #username, password: #password })
}

fn emit_redirect_scheme(rule: &RedirectScheme) -> TokenStream {
    let RedirectScheme {
        scheme,
        port,
        permanent,
        preserve_method,
    } = rule;
    let port = rt::option(port.as_ref().map(rt::value));
    quote! {
        scheme: #scheme,
        port: #port,
        permanent: #permanent,
        preserve_method: #preserve_method
    }
}

pub(super) fn emit_headers(headers: &[Header]) -> TokenStream {
    let pairs = headers.iter().map(|Header { name, value }| {
        let value = rt::value(value);
        quote!((#name, #value))
    });
    quote!(&[#(#pairs),*])
}

fn emit_response_headers(rule: &ResponseHeaders) -> TokenStream {
    let ResponseHeaders {
        set,
        cookies,
        cache_control,
        cache_statuses,
        statuses,
        cors,
    } = rule;
    let set = emit_headers(set);
    let cookies = cookies.iter().map(cookie::cookie);
    let cache_control = rt::option(cache_control.as_ref().map(rt::value));
    let list = |statuses: &[u16]| {
        let statuses = statuses.iter().copied().map(Literal::u16_unsuffixed);
        quote!(&[#(#statuses),*])
    };
    let (cache_statuses, statuses) = (list(cache_statuses), list(statuses));
    let cors = rt::option(cors.as_ref().map(emit_cors));
    quote! {
        set: #set,
        cookies: &[#(#cookies),*],
        cache_control: #cache_control,
        cache_statuses: #cache_statuses,
        statuses: #statuses,
        cors: #cors
    }
}

fn emit_cors(cors: &Cors) -> TokenStream {
    let Cors {
        origins,
        allow_methods,
        allowed_headers,
        expose_headers,
        max_age_seconds,
        allow_credentials,
    } = cors;
    let origins = origins.iter().map(rt::value);
    let max_age = rt::option(max_age_seconds.map(|seconds| {
        let seconds = Literal::u32_unsuffixed(seconds);
        quote!(#seconds)
    }));
    quote! {
        response_headers::Cors {
            origins: &[#(#origins),*],
            allow_methods: &[#(#allow_methods),*],
            allowed_headers: &[#(#allowed_headers),*],
            expose_headers: &[#(#expose_headers),*],
            max_age: #max_age,
            allow_credentials: #allow_credentials,
        }
    }
}
