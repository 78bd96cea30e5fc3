//! One request through its route: chain in, backend or answer, chain out, log (RT-CHAIN-1).

use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::downstream::{Downstream, Peer, Persistence};
use super::forward::{Body, Failure, Open, forward};
use super::hold::hold;
use super::limits::Limits;
use super::method::check_method;
use super::respond::{self, Sent};
use super::{Core, deadlines, debug, endpoints};
use crate::answer::Answer;
use crate::chain::{Chain, Exchange, Flow, Hold, Resume, request_id};
use crate::clock::Moment;
use crate::error::UpstreamFault;
use crate::filter::body_limit;
use crate::h1::request::RequestHead;
use crate::h1::trailers;
use crate::head::{Buffer, Fields, Method, Request, Response, Span, TargetForm};
use crate::identity;
use crate::log::Record;
use crate::overlay::Closed;
use crate::route::rewrite::Rewriting;
use crate::route::{Route, RouteId};
use crate::upstream::Upstream;

/// The row of requests that no route takes (RT-ROUTE-9).
static UNMATCHED: Route = Route {
    name: "_unmatched",
    enabled: false,
    ..Route::PLAIN
};

/// What the chain and the rules around it decided.
enum Verdict {
    Answer(Answer),
    /// A preflight's answer, which only policies have shaped (RT-CHAIN-4).
    Preflight(Response),
    Forward,
    /// The body could not be held back.
    Failed(Failure),
}

/// What a request's line says besides what is in its exchange.
struct Noted {
    /// `None`: nothing is logged.
    started: Option<Moment>,
    received_path: Span,
    /// Whether an operator's endpoint takes it.
    own: bool,
    arrived: Option<debug::Arrived>,
}

/// What the head says of its connection and target.
#[derive(Clone, Copy)]
struct Said {
    keep_alive: bool,
    form: TargetForm,
    /// See [`RequestHead::forwarded`].
    forwarded: bool,
}

/// Takes one request from its head to its last byte and its log line. If anything panics on the way,
/// the client gets a 500 where it has got nothing yet (RT-ERR-19, MW-GEN-23). Takes `request` out of its
/// place, because it is too large to be handed on by value.
#[expect(
    clippy::manual_async_fn,
    reason = "an async fn moves its arguments twice, and these are large"
)]
pub(super) fn run<D: Downstream>(
    core: &'static Core,
    downstream: &mut D,
    request: &mut Option<RequestHead>,
    body: Body,
) -> impl Future<Output = Persistence> {
    async move {
        let Some(request) = request.take() else {
            return Persistence::Abort;
        };
        let mut noted = Noted {
            started: core.log.is_on().then(Moment::now),
            received_path: request.received_path,
            own: false,
            arrived: None,
        };
        let said = Said {
            keep_alive: request.keep_alive,
            form: request.form,
            forwarded: request.forwarded,
        };
        let (upgrade, content_length) = (request.upgrade, request.content_length);
        let mut exchange = Exchange::new(request.head, &UNMATCHED, downstream.peer().address);
        exchange.upgrade = upgrade;
        exchange.content_length = content_length;
        let outcome = {
            let served = serve(
                core,
                &mut *downstream,
                &mut exchange,
                &mut noted,
                said,
                body,
            );
            let mut served = pin!(served);
            caught(served.as_mut()).await
        };
        let sent = match outcome {
            Some(sent) => sent,
            None => Box::pin(answer_panic(core, downstream, &exchange)).await,
        };
        if let Some(arrived) = noted.arrived {
            debug::add(&exchange, arrived, sent.bytes);
        }
        if let Some(started) = noted.started {
            log(core, downstream.peer(), &exchange, &sent, |record| Record {
                received_path: noted.received_path,
                own: noted.own,
                elapsed: started.elapsed(),
                ..record
            });
        }
        core.buffers.put_head(exchange.request.fields);
        sent.persistence
    }
}

/// What a future comes to; `None`: it has panicked. What that leaves behind is dropped with the future;
/// cells of the core hold no half-made values between two calls.
async fn caught<F: Future>(mut future: Pin<&mut F>) -> Option<F::Output> {
    poll_fn(|cx| {
        let poll = AssertUnwindSafe(|| future.as_mut().poll(cx));
        catch_unwind(poll).map_or(Poll::Ready(None), |poll| poll.map(Some))
    })
    .await
}

/// After a panic. The answer passes no chain, which may be what has panicked.
async fn answer_panic<D: Downstream>(core: &Core, downstream: &mut D, exchange: &Exchange) -> Sent {
    core.log.panicked(&downstream.peer().text);
    if downstream.has_begun() {
        return Sent::broken_off(500);
    }
    downstream.watch().limit(core.settings.write_timeout);
    respond::answer(core, downstream, exchange, None, Answer::of(500), false).await
}

#[expect(clippy::manual_async_fn, reason = "as for run")]
fn serve<D: Downstream>(
    core: &'static Core,
    downstream: &mut D,
    exchange: &mut Exchange,
    noted: &mut Noted,
    said: Said,
    mut body: Body,
) -> impl Future<Output = Sent> {
    async move {
        deadlines::begin(core, downstream);
        let route = match said.form {
            TargetForm::Path => find_route(core, downstream.peer(), &exchange.request),
            TargetForm::Asterisk | TargetForm::Authority => None,
        };
        let upstream = route.and_then(|id| core.upstream(id));
        if let Some(id) = route {
            exchange.route = core.table.route(id).unwrap_or(&UNMATCHED);
            exchange.target = upstream.as_deref().and_then(Upstream::target);
            exchange.path_regex = core.table.regex(id);
        }
        identify(core, downstream.peer(), exchange, said.forwarded);
        let chain = core
            .chains
            .get(exchange.route.chain.index())
            .map(Box::as_ref);
        noted.own = endpoints::is_own(core, &exchange.request);
        noted.arrived = core.settings.debug.then(|| debug::arrived(exchange));
        let own = endpoints::answer(core, exchange, noted.own, route.is_none(), said.form);
        if let Some(answer) = own {
            let keep = said.keep_alive && downstream.is_received();
            return respond::answer(core, downstream, exchange, None, answer, keep).await;
        }
        let verdict = match chain.map(|chain| (chain, admit(core, exchange, route, chain))) {
            None => Verdict::Answer(Answer::of(404)),
            Some((_, Ok(verdict))) => verdict,
            // Boxed: the task of a connection is not to keep room for it.
            Some((chain, Err(flow))) => {
                Box::pin(wait(core, downstream, exchange, &mut body, chain, flow)).await
            }
        };
        if let Some(hidden) = chain.and_then(Chain::hidden) {
            trailers::hide(&mut body.trailers, hidden);
        }
        let keep = said.keep_alive && downstream.is_received();
        let failure = match verdict {
            Verdict::Forward => {
                let to = (chain, upstream.as_deref());
                let passed = pass_on(core, downstream, exchange, to, &body, said.keep_alive);
                match passed.await {
                    Ok(sent) => return sent,
                    Err(failure) => failure,
                }
            }
            Verdict::Answer(answer) => {
                return respond::answer(core, downstream, exchange, chain, answer, keep).await;
            }
            Verdict::Preflight(response) => {
                return respond::preflight(core, downstream, exchange, response, keep).await;
            }
            Verdict::Failed(failure) => failure,
        };
        let Some(answer) = answer_to(core, downstream.peer(), exchange, failure) else {
            return Sent::client_gone();
        };
        downstream.watch().limit(core.settings.write_timeout);
        let keep = said.keep_alive && downstream.is_received();
        respond::answer(core, downstream, exchange, chain, answer, keep).await
    }
}

/// Logs a request; `complete` fills in what is known before its response.
fn log<'a>(
    core: &Core,
    peer: &'a Peer,
    exchange: &Exchange,
    sent: &'a Sent,
    complete: impl FnOnce(Record<'a>) -> Record<'a>,
) {
    let record = complete(Record {
        received_path: Span::default(),
        address: &peer.text,
        status: sent.status,
        bytes_out: sent.bytes,
        bytes_in: sent.tunnelled,
        backend: sent.backend.unwrap_or_default(),
        aborted: sent.aborted,
        own: false,
        elapsed: Duration::ZERO,
    });
    if exchange.client == peer.address {
        return core.log.request(exchange, &record);
    }
    // RT-IP-5: the same client everywhere.
    let address = exchange.client.to_string();
    let address = address.as_str();
    core.log.request(exchange, &Record { address, ..record });
}

/// An answer to bytes that never became a request, but may have a method, so that HEAD gets no body (RT-SEM-3); the
/// connection ends with it.
pub(super) async fn answer_unrouted<D: Downstream>(
    core: &'static Core,
    downstream: &mut D,
    fields: Box<Fields>,
    kind: Method,
    answer: Answer,
) -> Persistence {
    downstream.watch().limit(core.settings.write_timeout);
    let request = RequestHead::unreadable(fields, kind);
    let mut exchange = Exchange::new(request.head, &UNMATCHED, downstream.peer().address);
    identify(core, downstream.peer(), &mut exchange, false);
    let sent = respond::answer(core, downstream, &exchange, None, answer, false).await;
    core.buffers.put_head(exchange.request.fields);
    sent.persistence
}

/// RT-ROUTE-5: an authority without a port means the one of its scheme, as the client sees it (MW-CLI-5).
fn find_route(core: &Core, peer: &Peer, request: &Request) -> Option<RouteId> {
    let port = if is_secure(peer, request) { 443 } else { 80 };
    core.table.find(request, port)
}

/// Whether the client speaks TLS, to us or to a proxy that may say so.
fn is_secure(peer: &Peer, request: &Request) -> bool {
    peer.secure || (peer.trusted && identity::says_https(&request.fields))
}

/// Who asks, as far as the peer is to be believed; and the request's id. `forwarded`: there are fields
/// that only a trusted proxy may send.
fn identify(core: &'static Core, peer: &Peer, exchange: &mut Exchange, forwarded: bool) {
    exchange.trusted = peer.trusted;
    exchange.secure = is_secure(peer, &exchange.request);
    let fields = &mut exchange.request.fields;
    if forwarded && !peer.trusted {
        // RT-HDR-5, and the other name of the scheme.
        for name in ["Forwarded", "X-Forwarded-Port", "X-Forwarded-Scheme"] {
            fields.remove(name);
        }
    }
    exchange.id = request_id(fields, || core.random.borrow_mut().u128(..));
    if let Some(proxies) = core.settings.proxies.as_ref().filter(|_| peer.trusted) {
        exchange.client = proxies.client(peer.address, fields);
    }
}

/// Steps (2) to (7) of RT-CHAIN-1, and `rewrite` of (8); `Err`: what a filter waits for.
fn admit(
    core: &Core,
    exchange: &mut Exchange,
    route: Option<RouteId>,
    chain: &dyn Chain,
) -> Result<Verdict, Flow> {
    chain.enter(exchange);
    if let Some(answer) = closed(core, exchange.route, route) {
        return Ok(Verdict::Answer(answer));
    }
    if is_preflight(&exchange.request) {
        let mut response = Response::new(204, Fields::new(Buffer::default()));
        if chain.preflight(exchange, &mut response) {
            return Ok(Verdict::Preflight(response));
        }
    }
    let flow = chain.request(exchange, 0);
    judge(exchange, flow)
}

/// What a chain has come to; `Err`: what a filter waits for.
fn judge(exchange: &mut Exchange, flow: Flow) -> Result<Verdict, Flow> {
    match flow {
        Flow::Next => Ok(prepare(exchange)),
        Flow::Answer(answer) => Ok(Verdict::Answer(answer)),
        waiting @ (Flow::Hold(_) | Flow::Wait(_)) => Err(waiting),
    }
}

/// The rest of [`admit`], when a filter waits.
async fn wait<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &mut Exchange,
    body: &mut Body,
    chain: &dyn Chain,
    mut flow: Flow,
) -> Verdict {
    loop {
        let resume = match flow {
            Flow::Hold(Hold { bytes_max, then }) => {
                if let Err(failure) = hold(core, downstream, exchange, body, bytes_max).await {
                    return Verdict::Failed(failure);
                }
                then
            }
            Flow::Wait(wait) => wait.await,
            decided @ (Flow::Next | Flow::Answer(_)) => match judge(exchange, decided) {
                Ok(verdict) => return verdict,
                Err(waiting) => {
                    flow = waiting;
                    continue;
                }
            },
        };
        flow = go_on(exchange, chain, resume);
    }
}

/// Makes a request that its chain lets pass ready for a backend.
fn prepare(exchange: &mut Exchange) -> Verdict {
    if let Some(answer) = check_method(exchange) {
        return Verdict::Answer(answer);
    }
    if let Some(names) = exchange.id_fields {
        // The gateway alone says it to the backend.
        exchange.request.fields.remove_alike(names.request);
    }
    let rewriting = Rewriting {
        route: exchange.route,
        regex: exchange.path_regex,
        routed_path: exchange.routed_path,
    };
    match rewriting.apply(&mut exchange.request) {
        Ok(path) => {
            exchange.upstream_path = path;
            Verdict::Forward
        }
        Err(refusal) => Verdict::Answer(Answer::of(refusal.status)),
    }
}

/// The rest of a filter that has got what it waited for, then the filters behind it.
fn go_on(exchange: &mut Exchange, chain: &dyn Chain, resume: Resume) -> Flow {
    match resume(exchange) {
        Flow::Next => chain.request(exchange, exchange.passed),
        stopped @ (Flow::Answer(_) | Flow::Hold(_) | Flow::Wait(_)) => stopped,
    }
}

/// RT-MAINT-1: what a route in maintenance answers, as built or as an overlay says.
fn closed(core: &Core, route: &Route, id: Option<RouteId>) -> Option<Answer> {
    let live = core.live.borrow();
    if let Some(closed) = id.and_then(|id| live.maintenance(id)) {
        return closed.as_ref().map(Closed::answer);
    }
    let maintenance = route.maintenance?;
    let answer = match maintenance.message {
        Some(message) => Answer::operator(maintenance.status, message, maintenance.message_is_json),
        None => Answer::of(maintenance.status),
    };
    Some(answer.retry_after(maintenance.retry_after_seconds))
}

fn is_preflight(request: &Request) -> bool {
    request.kind() == Method::Options
        && request.fields.get("origin").is_some()
        && request
            .fields
            .get("access-control-request-method")
            .is_some()
}

/// Whether what has come with the head is over `bodyLimit` already (MW-BODY-2).
fn is_too_large(exchange: &Exchange, body: &Body) -> bool {
    let received = body.prefix.len() as u64;
    exchange.body_limit.is_some_and(|limit| received > limit)
}

/// Sends the request to a backend and its response to the client.
#[expect(clippy::manual_async_fn, reason = "as for run")]
fn pass_on<D: Downstream>(
    core: &Core,
    downstream: &mut D,
    exchange: &mut Exchange,
    (chain, upstream): (Option<&dyn Chain>, Option<&Upstream>),
    body: &Body,
    keep_alive: bool,
) -> impl Future<Output = Result<Sent, Failure>> {
    async move {
        if is_too_large(exchange, body) {
            return Err(Failure::TooLarge(exchange.body_limit.unwrap_or_default()));
        }
        let Some(upstream) = upstream.filter(|upstream| !upstream.is_empty()) else {
            return Err(Failure::Unavailable);
        };
        let Some(_slot) = upstream.admit() else {
            return Err(Failure::Busy(Duration::from_secs(1)));
        };
        let mut open = Open::new(
            body,
            exchange.held.take(),
            chain.and_then(Chain::hidden).cloned(),
            downstream.is_received(),
            exchange.body_limit,
            deadlines::of_response(core, downstream),
        );
        if !downstream.is_received() {
            deadlines::of_pieces(core, downstream, &exchange.request.fields, &mut open.upload);
        }
        open.stuck = upstream.take_cookie(&mut exchange.request);
        if let Some(measures) = upstream.measures() {
            open.limits = Limits::begin(core, measures.timeouts());
        }
        let backend = forward(core, downstream, exchange, body, upstream, &mut open).await?;
        let open = &mut open;
        Ok(if open.switches_protocols() {
            respond::tunnel(core, downstream, exchange, chain, backend, open).await
        } else {
            respond::pass(core, downstream, exchange, chain, backend, open, keep_alive).await
        })
    }
}

/// Logs a failure; `None`: there is nobody to answer.
fn answer_to(core: &Core, peer: &Peer, exchange: &Exchange, failure: Failure) -> Option<Answer> {
    match failure {
        Failure::ClientGone => None,
        // The drain is over (RT-STOP-1): the deadline was the gateway's own.
        _ if core.is_ending.get() => Some(Answer::unavailable()),
        Failure::Refused(refusal) => {
            core.log.refused(&peer.text, refusal);
            Some(Answer::of(refusal.status))
        }
        Failure::TooLarge(limit) => Some(body_limit::too_large(limit)),
        Failure::Busy(time) => {
            let seconds = time.as_millis().div_ceil(1000).max(1);
            Some(Answer::of(503).with("Retry-After", seconds.to_string()))
        }
        Failure::Unavailable => Some(Answer::unavailable()),
        Failure::Upstream(fault) => {
            // Failed connections are logged as they fail, one by one.
            if !fault.is_before_sending() {
                core.log.fault(exchange, &fault);
            }
            let answer = Answer::of(fault.status());
            Some(match fault {
                // RT-ERR-20
                UpstreamFault::Crowded => answer.with("Retry-After", "1".to_owned()),
                _ => answer,
            })
        }
    }
}
