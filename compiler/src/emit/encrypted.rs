//! `src/encrypted.rs`: the messages that the gateway decrypts when it starts, as they are (C-SEC-1).

use proc_macro2::TokenStream;
use quote::quote;

use super::rt;
use crate::plan::Message;

/// What the header says about the file.
pub(super) const ABOUT: &str =
    "Encrypted values: decrypted when the gateway starts, with the passphrase in its environment.";

/// The items of the file.
pub(super) fn emit(messages: &[Message]) -> Vec<TokenStream> {
    messages.iter().map(emit_message).collect()
}

fn emit_message(message: &Message) -> TokenStream {
    let Message {
        constant,
        key,
        place,
        text,
    } = message;
    let doc = format!(" `{key}` ({place})");
    let constant = rt::ident(constant);
    quote! {
        #[doc = #doc]
        pub const #constant: &str = #text;
    }
}
