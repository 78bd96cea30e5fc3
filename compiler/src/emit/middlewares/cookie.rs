//! Cookies of `responseHeaders`.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::rt;
use crate::plan::{Age, Cookie};

pub(super) fn cookie(cookie: &Cookie) -> TokenStream {
    let Cookie {
        name,
        value,
        place,
        age,
        flags,
    } = cookie;
    let value = rt::value(value);
    let age = match age {
        Age::Over => quote!(Over),
        Age::Seconds(seconds) => {
            let seconds = Literal::u32_unsuffixed(*seconds);
            quote!(Seconds(#seconds))
        }
        Age::Session => quote!(Session),
    };
    quote! {
        response_headers::Cookie {
            name: #name,
            value: #value,
            place: #place,
            age: response_headers::Age::#age,
            flags: #flags,
        }
    }
}
