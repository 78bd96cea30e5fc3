//! Order of a chain, and where it goes on after an answer or a wait.

use std::cell::RefCell;
use std::rc::Rc;

use super::super::{Chain, Exchange, Filter, Flow, Policy, boxed};
use crate::answer::Answer;
use crate::filter::rig;
use crate::head::{Buffer, Fields, Response};

type Trace = Rc<RefCell<Vec<String>>>;

#[derive(Debug)]
struct Step(&'static str, Trace);

impl Filter for Step {
    fn request(&self, _: &mut Exchange) -> Flow {
        self.1.borrow_mut().push(format!("+{}", self.0));
        match self.0 {
            "answer" => Flow::Answer(Answer::of(403)),
            "wait" => Flow::Wait(Box::pin(async {
                Box::new(|_: &mut Exchange| Flow::Next) as _
            })),
            _ => Flow::Next,
        }
    }

    fn response(&self, _: &Exchange, _: &mut Response) {
        self.1.borrow_mut().push(format!("-{}", self.0));
    }
}

impl Policy for Step {
    fn admit(&self, _: &mut Exchange) {
        self.1.borrow_mut().push(format!("admit {}", self.0));
    }

    fn preflight(&self, _: &Exchange, _: &mut Response) -> bool {
        self.1.borrow_mut().push(format!("ask {}", self.0));
        self.0 == "answer"
    }

    fn apply(&self, _: &Exchange, _: &mut Response) {
        self.1.borrow_mut().push(format!("apply {}", self.0));
    }

    fn intercept(&self, _: &Exchange, _: &mut Response) -> Option<Vec<u8>> {
        self.1.borrow_mut().push(format!("try {}", self.0));
        (self.0 == "answer").then(|| b"body".to_vec())
    }

    fn record(&self, _: &Exchange, _: &Response) {
        self.1.borrow_mut().push(format!("record {}", self.0));
    }
}

fn traced(chain: &dyn Chain, trace: &Trace, from: usize) -> String {
    let mut exchange = rig::exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    let _ = chain.request(&mut exchange, from);
    let mut response = Response::new(200, Fields::new(Buffer::default()));
    chain.response(&exchange, &mut response);
    trace.take().join(" ")
}

/// MW-GEN-7: list order in, reverse order out, nested tuples included.
#[test]
fn in_order_and_back() {
    let trace = Trace::default();
    let step = |name| Step(name, Rc::clone(&trace));
    let chain = boxed((), (step("a"), (step("b"), (), step("c")), step("d")));
    assert_eq!(traced(&*chain, &trace, 0), "+a +b +c +d -d -c -b -a");
}

/// MW-GEN-7: a generated answer runs the response half from the point where it was made.
#[test]
fn an_answer_turns_back_where_it_was_made() {
    let trace = Trace::default();
    let step = |name| Step(name, Rc::clone(&trace));
    let chain = boxed((), (step("a"), (step("answer"), step("c")), step("d")));
    assert_eq!(traced(&*chain, &trace, 0), "+a +answer -answer -a");
}

#[test]
fn after_a_wait_the_chain_goes_on_behind_the_filter() {
    let trace = Trace::default();
    let step = |name| Step(name, Rc::clone(&trace));
    let chain = boxed((), (step("a"), (step("wait"), step("c")), step("d")));
    assert_eq!(traced(&*chain, &trace, 0), "+a +wait -wait -a");
    assert_eq!(traced(&*chain, &trace, 2), "+c +d -d -c -wait -a");
}

/// MW-GEN-7: the recorder's policies are outermost first, so answers meet the last one first.
#[test]
fn policies_from_outside_in_and_back() {
    let trace = Trace::default();
    let step = |name| Step(name, Rc::clone(&trace));
    let policies = (step("a"), (step("b"), (), step("answer")), step("d"));
    let chain = boxed(policies, ());
    let mut exchange = rig::exchange("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
    chain.enter(&mut exchange);
    assert_eq!(
        trace.take().join(" "),
        "admit a admit b admit answer admit d"
    );
    let mut response = Response::new(200, Fields::new(Buffer::default()));
    assert!(chain.preflight(&exchange, &mut response));
    assert_eq!(trace.take().join(" "), "ask a ask b ask answer");
    let body = chain.leave(&exchange, &mut response);
    assert_eq!(body.as_deref(), Some(&b"body"[..]));
    assert_eq!(
        trace.take().join(" "),
        "try a try b try answer apply d apply answer apply b apply a record a record b record answer record d"
    );
}

/// MW-RID-1, MW-GEN-12: what a policy says to the backend is in no request trailer, but stays in the
/// request until its chain is through.
#[test]
fn what_trailers_may_not_have() {
    #[derive(Debug)]
    struct Owner(&'static str);
    impl Filter for Owner {
        fn owned(&self) -> Option<&'static str> {
            Some(self.0)
        }
    }
    impl Policy for Owner {
        fn owned(&self) -> Option<&'static str> {
            Some(self.0)
        }
    }
    let chain = boxed((Owner("X-Trace"),), (Owner("X-User"),));
    let hidden: Option<&[_]> = chain.hidden().map(|names| &**names);
    assert_eq!(hidden, Some(&["X-User", "X-Trace"][..]));
    let mut exchange =
        rig::exchange("GET / HTTP/1.1\r\nX-Trace: t\r\nX_User: u\r\nHost: h\r\n\r\n");
    chain.enter(&mut exchange);
    assert_eq!(rig::text(&exchange.request.fields), "X-Trace: t\nHost: h\n");
    assert!(boxed((), ()).hidden().is_none());
}
