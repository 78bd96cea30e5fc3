//! The rules of the recorder's types as fields of their `Config`.

use proc_macro2::{Literal, TokenStream};
use quote::{format_ident, quote};

use super::middlewares::emit_headers;
use super::rt;
use crate::plan::{
    AccessLog, ErrorInterceptor, Filter, Intercepted, LogItem, Middleware, RequestId,
    SecurityHeaders,
};

pub(super) fn access_log(rule: &AccessLog) -> TokenStream {
    let AccessLog {
        headers,
        query,
        cookies,
        response_headers,
        fields,
        user,
        emit_missing,
    } = rule;
    let [headers, query, cookies, response_headers, fields] =
        [headers, query, cookies, response_headers, fields].map(|items| log_items(items));
    quote! {
        headers: #headers,
        query: #query,
        cookies: #cookies,
        response_headers: #response_headers,
        fields: #fields,
        user: #user,
        emit_missing: #emit_missing
    }
}

fn log_items(items: &[LogItem]) -> TokenStream {
    let items = items.iter().map(|LogItem { key, source, show }| {
        let show = format_ident!("{show}");
        quote! {
            access_log::Item { key: #key, source: #source, show: access_log::Show::#show }
        }
    });
    quote!(&[#(#items),*])
}

pub(super) fn error_interceptor(rule: &ErrorInterceptor) -> TokenStream {
    let errors = rule.errors.iter().map(|error| {
        let Intercepted {
            first,
            last,
            body,
            file,
            content,
            media_type,
        } = error;
        let [first, last] = [first, last].map(|status| Literal::u16_unsuffixed(*status));
        let body = match file {
            Some(file) => quote!(include_str!(#file)),
            None => quote!(#body),
        };
        let content = format_ident!("{content}");
        let media_type = media_type.as_ref().map(|text| quote!((#text)));
        quote! {
            error_interceptor::Intercepted {
                first: #first,
                last: #last,
                body: #body,
                content: error_interceptor::Content::#content #media_type,
            }
        }
    });
    quote!(errors: &[#(#errors),*])
}

/// Embedded files: their paths in the crate, and what they hold.
pub(super) fn pages(middlewares: &[Middleware]) -> Vec<(String, String)> {
    let rules = middlewares.iter().filter_map(|item| {
        let Filter::ErrorInterceptor(rule) = &item.filter else {
            return None;
        };
        Some(rule)
    });
    let page = |error: &Intercepted| {
        let file = error.file.as_ref()?;
        Some((format!("src/{file}"), error.body.clone()))
    };
    rules
        .flat_map(|rule| &rule.errors)
        .filter_map(page)
        .collect()
}

pub(super) fn request_id(rule: &RequestId) -> TokenStream {
    let RequestId {
        header,
        response_header,
        trust,
        format,
    } = rule;
    let (trust, format) = (format_ident!("{trust}"), format_ident!("{format}"));
    quote! {
        header: #header,
        response_header: #response_header,
        trust: request_id::Trust::#trust,
        format: request_id::Format::#format
    }
}

pub(super) fn security_headers(rule: &SecurityHeaders) -> TokenStream {
    let SecurityHeaders {
        hsts,
        preset,
        set,
        overwrite,
    } = rule;
    let hsts = rt::option(hsts.as_ref().map(|text| quote!(#text)));
    let preset = preset.iter().map(|(name, value)| quote!((#name, #value)));
    let set = emit_headers(set);
    quote!(hsts: #hsts, preset: &[#(#preset),*], set: #set, overwrite: #overwrite)
}
