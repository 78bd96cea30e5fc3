//! What rows say of trouble with backends.

use proc_macro2::{Literal, TokenStream};
use quote::quote;

use super::rt;
use crate::plan::{CircuitBreaker, Resilience, Retry, Timeouts};

/// The value of a row's field.
pub(super) fn resilience(resilience: &Resilience) -> TokenStream {
    let Resilience {
        in_flight_max,
        timeouts,
        retry,
        circuit_breaker,
    } = resilience;
    let in_flight_max = in_flight_max.map(|most| {
        let most = Literal::u32_unsuffixed(most);
        quote!(in_flight_max: Some(#most),)
    });
    let timeouts = timeouts.as_ref().map(|timeouts| {
        let timeouts = self::timeouts(timeouts);
        quote!(timeouts: #timeouts,)
    });
    let retry = retry.as_ref().map(|retry| {
        let retry = self::retry(retry);
        quote!(retry: Some(#retry),)
    });
    let circuit_breaker = circuit_breaker.as_ref().map(|breaker| {
        let breaker = self::circuit_breaker(breaker);
        quote!(circuit_breaker: Some(#breaker),)
    });
    quote! {
        Resilience {
            #in_flight_max
            #timeouts
            #retry
            #circuit_breaker
            ..Resilience::NONE
        }
    }
}

fn timeouts(timeouts: &Timeouts) -> TokenStream {
    let Timeouts {
        connect_ms,
        response_header_ms,
        request_ms,
        idle_ms,
    } = timeouts;
    let [connect, response_header, request, idle] =
        [connect_ms, response_header_ms, request_ms, idle_ms].map(|time| time_ms(*time));
    quote! {
        Timeouts {
            connect_ms: #connect,
            response_header_ms: #response_header,
            request_ms: #request,
            idle_ms: #idle,
        }
    }
}

/// `None`: no limit.
fn time_ms(time: u64) -> TokenStream {
    let literal = Literal::u64_unsuffixed(time);
    rt::option((time > 0).then(|| quote!(#literal)))
}

fn retry(retry: &Retry) -> TokenStream {
    let Retry {
        attempts,
        connect,
        reset,
        timeout,
        statuses,
        base_ms,
        max_ms,
        budget_millionths,
    } = retry;
    let attempts = Literal::u32_unsuffixed(*attempts);
    let statuses = statuses.iter().copied().map(Literal::u16_unsuffixed);
    let [base_ms, max_ms] = [base_ms, max_ms].map(|ms| Literal::u64_unsuffixed(*ms));
    let budget = Literal::u32_unsuffixed(*budget_millionths);
    quote! {
        Retry {
            attempts: #attempts,
            connect: #connect,
            reset: #reset,
            timeout: #timeout,
            statuses: &[#(#statuses),*],
            base_ms: #base_ms,
            max_ms: #max_ms,
            budget_millionths: #budget,
        }
    }
}

fn circuit_breaker(breaker: &CircuitBreaker) -> TokenStream {
    let CircuitBreaker {
        failure_millionths,
        requests_min,
        window_ms,
        open_ms,
        trials,
    } = breaker;
    let [failure_millionths, requests_min, trials] =
        [failure_millionths, requests_min, trials].map(|count| Literal::u32_unsuffixed(*count));
    let [window_ms, open_ms] = [window_ms, open_ms].map(|ms| Literal::u64_unsuffixed(*ms));
    quote! {
        CircuitBreaker {
            failure_millionths: #failure_millionths,
            requests_min: #requests_min,
            window_ms: #window_ms,
            open_ms: #open_ms,
            trials: #trials,
        }
    }
}
