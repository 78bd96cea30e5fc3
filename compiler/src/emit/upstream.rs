//! What rows and settings say of backends.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use crate::plan::{HealthCheck, PassiveHealthCheck};

/// A row's.
pub(super) fn health_check(check: &HealthCheck) -> TokenStream {
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
pub(super) fn passive_health_check(passive: &PassiveHealthCheck) -> TokenStream {
    let PassiveHealthCheck {
        fails_max,
        eject_ms,
    } = passive;
    let fails_max = Literal::u32_unsuffixed(*fails_max);
    let eject_ms = Literal::u64_unsuffixed(*eject_ms);
    quote!(PassiveHealthCheck { fails_max: #fails_max, eject_ms: #eject_ms })
}
