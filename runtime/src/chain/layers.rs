//! Tuples of filters and policies as chains. Tuples nest, so that a chain can be of any length.

use std::rc::Rc;

use super::{Chain, Exchange, Filter, Flow, Policy};
use crate::head::Response;

/// A filter, or a tuple of them.
pub trait Filters {
    /// Number of filters.
    const COUNT: usize;
    /// Adds the fields that only these may set.
    fn owned(&self, names: &mut Vec<&'static str>);
    /// Request half; `base` is the index of the first filter of this tuple.
    fn request(&self, exchange: &mut Exchange, base: usize, from: usize) -> Flow;
    /// Response half in reverse order.
    fn response(&self, exchange: &Exchange, base: usize, response: &mut Response);
}

/// A policy, or a tuple of them, outermost first.
pub trait Policies {
    /// Adds the fields that only these say to the backend.
    fn owned(&self, names: &mut Vec<&'static str>);
    /// All, in order.
    fn admit(&self, exchange: &mut Exchange);
    /// The first policy that answers.
    fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool;
    /// The first policy that replaces the body.
    fn intercept(&self, exchange: &Exchange, response: &mut Response) -> Option<Vec<u8>>;
    /// All, innermost first.
    fn apply(&self, exchange: &Exchange, response: &mut Response);
    /// All, in order.
    fn record(&self, exchange: &Exchange, response: &Response);
}

/// The recorder's policies around the filters.
pub struct Layers<P, F> {
    pub(super) policies: P,
    pub(super) filters: F,
    /// What only the filters may set.
    pub(super) owned: Box<[&'static str]>,
    /// What no request trailer may have.
    pub(super) hidden: Option<Rc<[&'static str]>>,
}

impl<P: Policies, F: Filters> Chain for Layers<P, F> {
    fn enter(&self, exchange: &mut Exchange) {
        self.policies.admit(exchange);
        for name in &self.owned {
            exchange.request.fields.remove_alike(name);
        }
    }

    fn hidden(&self) -> Option<&Rc<[&'static str]>> {
        self.hidden.as_ref()
    }

    fn request(&self, exchange: &mut Exchange, from: usize) -> Flow {
        self.filters.request(exchange, 0, from)
    }

    fn response(&self, exchange: &Exchange, response: &mut Response) {
        self.filters.response(exchange, 0, response);
    }

    fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool {
        self.policies.preflight(exchange, response)
    }

    fn leave(&self, exchange: &Exchange, response: &mut Response) -> Option<Vec<u8>> {
        let body = self.policies.intercept(exchange, response);
        self.policies.apply(exchange, response);
        self.policies.record(exchange, response);
        body
    }
}

impl<T: Filter> Filters for T {
    const COUNT: usize = 1;

    fn owned(&self, names: &mut Vec<&'static str>) {
        names.extend(Filter::owned(self));
    }

    fn request(&self, exchange: &mut Exchange, base: usize, from: usize) -> Flow {
        if base < from {
            return Flow::Next;
        }
        exchange.passed = base + 1;
        Filter::request(self, exchange)
    }

    fn response(&self, exchange: &Exchange, base: usize, response: &mut Response) {
        if base < exchange.passed {
            Filter::response(self, exchange, response);
        }
    }
}

impl<T: Policy> Policies for T {
    fn owned(&self, names: &mut Vec<&'static str>) {
        names.extend(Policy::owned(self));
    }

    fn admit(&self, exchange: &mut Exchange) {
        Policy::admit(self, exchange);
    }

    fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool {
        Policy::preflight(self, exchange, response)
    }

    fn intercept(&self, exchange: &Exchange, response: &mut Response) -> Option<Vec<u8>> {
        Policy::intercept(self, exchange, response)
    }

    fn apply(&self, exchange: &Exchange, response: &mut Response) {
        Policy::apply(self, exchange, response);
    }

    fn record(&self, exchange: &Exchange, response: &Response) {
        Policy::record(self, exchange, response);
    }
}

impl Filters for () {
    const COUNT: usize = 0;
    fn owned(&self, _: &mut Vec<&'static str>) {}
    fn request(&self, _: &mut Exchange, _: usize, _: usize) -> Flow {
        Flow::Next
    }
    fn response(&self, _: &Exchange, _: usize, _: &mut Response) {}
}

impl Policies for () {
    fn owned(&self, _: &mut Vec<&'static str>) {}
    fn admit(&self, _: &mut Exchange) {}
    fn preflight(&self, _: &Exchange, _: &mut Response) -> bool {
        false
    }
    fn intercept(&self, _: &Exchange, _: &mut Response) -> Option<Vec<u8>> {
        None
    }
    fn apply(&self, _: &Exchange, _: &mut Response) {}
    fn record(&self, _: &Exchange, _: &Response) {}
}

macro_rules! tuples {
    ($first:ident) => { tuples!(@impl $first); };
    ($first:ident $($rest:ident)+) => {
        tuples!(@impl $first $($rest)+);
        tuples!($($rest)+);
    };
    (@impl $($name:ident)+) => {
        impl<$($name: Filters),+> Filters for ($($name,)+) {
            const COUNT: usize = 0 $(+ $name::COUNT)+;

            fn owned(&self, names: &mut Vec<&'static str>) {
                #[allow(non_snake_case, reason = "type parameters name the elements")]
                let ($($name,)+) = self;
                $($name.owned(names);)+
            }

            fn request(&self, exchange: &mut Exchange, base: usize, from: usize) -> Flow {
                #[allow(non_snake_case, reason = "type parameters name the elements")]
                let ($($name,)+) = self;
                let next = base;
                $(
                    match $name.request(exchange, next, from) {
                        Flow::Next => {}
                        stopped @ (Flow::Answer(_) | Flow::Hold(_) | Flow::Wait(_)) => return stopped,
                    }
                    let next = next + $name::COUNT;
                )+
                let _ = next;
                Flow::Next
            }

            fn response(&self, exchange: &Exchange, base: usize, response: &mut Response) {
                #[allow(non_snake_case, reason = "type parameters name the elements")]
                let ($($name,)+) = self;
                let end = base + Self::COUNT;
                tuples!(@reverse exchange end response; $($name)+);
            }
        }

        impl<$($name: Policies),+> Policies for ($($name,)+) {
            fn owned(&self, names: &mut Vec<&'static str>) {
                #[allow(non_snake_case, reason = "type parameters name the elements")]
                let ($($name,)+) = self;
                $($name.owned(names);)+
            }

            fn admit(&self, exchange: &mut Exchange) {
                #[allow(non_snake_case, reason = "type parameters name the elements")]
                let ($($name,)+) = self;
                $($name.admit(exchange);)+
            }

            fn preflight(&self, exchange: &Exchange, response: &mut Response) -> bool {
                #[allow(non_snake_case, reason = "type parameters name the elements")]
                let ($($name,)+) = self;
                false $(|| $name.preflight(exchange, response))+
            }

            fn intercept(&self, exchange: &Exchange, response: &mut Response) -> Option<Vec<u8>> {
                #[allow(non_snake_case, reason = "type parameters name the elements")]
                let ($($name,)+) = self;
                None$(.or_else(|| $name.intercept(exchange, response)))+
            }

            fn apply(&self, exchange: &Exchange, response: &mut Response) {
                #[allow(non_snake_case, reason = "type parameters name the elements")]
                let ($($name,)+) = self;
                tuples!(@innermost exchange response; $($name)+);
            }

            fn record(&self, exchange: &Exchange, response: &Response) {
                #[allow(non_snake_case, reason = "type parameters name the elements")]
                let ($($name,)+) = self;
                $($name.record(exchange, response);)+
            }
        }
    };
    (@innermost $exchange:ident $response:ident; ) => {};
    (@innermost $exchange:ident $response:ident; $first:ident $($rest:ident)*) => {
        tuples!(@innermost $exchange $response; $($rest)*);
        $first.apply($exchange, $response);
    };
    (@reverse $exchange:ident $end:ident $response:ident; ) => { let _ = $end; };
    (@reverse $exchange:ident $end:ident $response:ident; $first:ident $($rest:ident)*) => {
        // The rest first; what remains of `end` is where this element ends.
        let start = $end - ($first::COUNT $(+ $rest::COUNT)*);
        tuples!(@reverse $exchange $end $response; $($rest)*);
        $first.response($exchange, start, $response);
    };
}

tuples!(A B C D E F G H I J K L M N O P);

#[cfg(test)]
mod tests;
