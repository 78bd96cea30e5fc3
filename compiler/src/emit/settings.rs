//! `src/settings.rs`: listener, timeouts, log and probes as one static.

use proc_macro2::TokenStream;
use quote::quote;

use super::rt;
use crate::plan::Settings;

/// What the header says about the file.
pub(super) const ABOUT: &str = "Listeners, timeouts, log and probes: read when the gateway starts.";

/// The items of the file.
pub(super) fn emit(settings: &Settings) -> Vec<TokenStream> {
    let Settings {
        place,
        web_address,
        read_timeout,
        write_timeout,
        idle_timeout,
        header_timeout,
        drain_timeout,
        drain_delay,
        log_level,
        log_format,
        readiness_enabled,
        liveness_enabled,
    } = settings;
    let doc = format!(" `gateway` ({place})");
    let web_address = rt::value(web_address);
    let read_timeout = rt::value(read_timeout);
    let write_timeout = rt::value(write_timeout);
    let idle_timeout = rt::value(idle_timeout);
    let header_timeout = rt::value(header_timeout);
    let drain_timeout = rt::value(drain_timeout);
    let drain_delay = rt::value(drain_delay);
    let log_level = rt::value(log_level);
    let log_format = rt::value(log_format);
    let readiness_enabled = rt::value(readiness_enabled);
    let liveness_enabled = rt::value(liveness_enabled);
    vec![
        rt::use_settings(),
        rt::use_values(),
        quote! {
            #[doc = #doc]
            pub static SETTINGS: Settings = Settings {
                web_address: #web_address,
                read_timeout: #read_timeout,
                write_timeout: #write_timeout,
                idle_timeout: #idle_timeout,
                header_timeout: #header_timeout,
                drain_timeout: #drain_timeout,
                drain_delay: #drain_delay,
                log_level: #log_level,
                log_format: #log_format,
                readiness_enabled: #readiness_enabled,
                liveness_enabled: #liveness_enabled,
            };
        },
    ]
}
