//! Shares, and what the policies do with load.

use proptest::prelude::*;

use super::*;
use crate::h1::Limits;
use crate::h1::request::{self, Parsed};
use crate::head::{Buffer, Fields, Request};
use crate::upstream::InFlight;

/// A request whose header `X-Key` is this.
fn request(key: &str) -> Request {
    let mut fields = Fields::new(Buffer::default());
    let head = format!("GET /p HTTP/1.1\r\nHost: h\r\nX-Key: {key}\r\n\r\n");
    fields.buffer.push(head.as_bytes());
    match request::parse(fields, &Limits::default()) {
        Parsed::Complete(head) => head.head,
        other => panic!("{other:?}"),
    }
}

fn asked(request: &Request) -> Asked<'_> {
    Asked {
        request,
        client: std::net::Ipv4Addr::LOCALHOST.into(),
        stuck: None,
    }
}

/// Backends `0`, `1` and so on.
struct Rig {
    balance: Balance,
    loads: Vec<Rc<Load>>,
}

fn rig(policy: Policy, weights: &[u32], offset: usize) -> Rig {
    let loads: Vec<Rc<Load>> = weights.iter().map(|_| Rc::default()).collect();
    let names: Vec<_> = (0..weights.len()).map(|index| index.to_string()).collect();
    let candidates = names.iter().zip(weights).zip(&loads);
    let candidates: Vec<_> = candidates
        .map(|((endpoint, weight), load)| Candidate {
            endpoint,
            weight: *weight,
            load: Rc::clone(load),
        })
        .collect();
    Rig {
        balance: Balance::new(policy, &candidates, false, offset),
        loads,
    }
}

impl Rig {
    fn pick(&self, key: &str) -> usize {
        let request = request(key);
        let picked = self.balance.pick(self.loads.len(), asked(&request));
        picked.unwrap()
    }

    fn begin(&self, index: usize) -> InFlight {
        InFlight::begin(&self.loads[index], true)
    }
}

fn picks(weights: &[u32], offset: usize, count: usize) -> Vec<usize> {
    let rig = rig(Policy::Shares, weights, offset);
    (0..count).map(|_| rig.pick("")).collect()
}

/// RT-LB-4: smooth, so that the heaviest does not get all of its share in a row.
#[test]
fn weights_are_spread() {
    assert_eq!(picks(&[5, 1, 1], 0, 7), [0, 0, 1, 0, 2, 0, 0]);
    assert_eq!(picks(&[5, 1, 1], 2, 7), [1, 0, 2, 0, 0, 0, 0]);
    assert_eq!(picks(&[2, 2], 1, 4), [1, 0, 1, 0]);
    assert_eq!(picks(&[7], 3, 2), [0, 0]);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// RT-LB-4: exact over every round of as many requests as the weights add up to, and never
    /// further from the exact share than the number of backends, whatever the core.
    #[test]
    fn shares_are_exact(weights in prop::collection::vec(1_u32..200, 1..8), offset in 0_usize..64) {
        let sum: u32 = weights.iter().sum();
        let rounds = picks(&weights, offset, 2 * sum as usize);
        let mut taken = vec![0_u64; weights.len()];
        for (index, picked) in rounds.iter().enumerate() {
            taken[*picked] += 1;
            for (taken, weight) in taken.iter().zip(&weights) {
                let exact = (index as f64 + 1.0) * f64::from(*weight) / f64::from(sum);
                prop_assert!((*taken as f64 - exact).abs() <= weights.len() as f64);
            }
        }
        let expected: Vec<_> = weights.iter().map(|weight| 2 * u64::from(*weight)).collect();
        prop_assert_eq!(taken, expected);
    }
}

/// RT-LB-8: the fewest in flight; among equals by weight.
#[test]
fn least_conn() {
    let rig = rig(Policy::LeastConn, &[2, 1], 0);
    let idle: Vec<_> = (0..6).map(|_| rig.pick("")).collect();
    assert_eq!(idle.iter().filter(|index| **index == 0).count(), 4);
    let held = [rig.begin(0), rig.begin(0)];
    assert_eq!(rig.pick(""), 1);
    let more = rig.begin(1);
    // Two by two and one by one are the same: by weight.
    let equal: Vec<_> = (0..6).map(|_| rig.pick("")).collect();
    assert_eq!(equal.iter().filter(|index| **index == 0).count(), 4);
    drop(held);
    assert_eq!(rig.pick(""), 0);
    drop(more);
}

/// RT-LB-8
#[test]
fn random_by_weight() {
    let rig = rig(Policy::Random, &[3, 0, 1], 0);
    let mut taken = [0_usize; 3];
    for _ in 0..100_000 {
        taken[rig.pick("")] += 1;
    }
    assert_eq!(taken[1], 0);
    assert!(taken[0].abs_diff(75_000) <= 1_000, "{taken:?}");
}

/// RT-LB-8: where one of the two is always asked, rates go with 1 / latency², because each is balanced
/// by rate × latency (what is in flight) × latency.
#[tokio::test(start_paused = true)]
async fn the_slow_one_gets_what_the_literature_says() {
    const IN_FLIGHT: usize = 64;
    let rig = Rc::new(rig(Policy::P2cEwma, &[1, 1], 0));
    let taken = Rc::new(RefCell::new([0_usize; 2]));
    let tasks = tokio::task::LocalSet::new();
    for _ in 0..IN_FLIGHT {
        let (rig, taken) = (Rc::clone(&rig), Rc::clone(&taken));
        tasks.spawn_local(async move {
            for _ in 0..400 {
                let index = rig.pick("");
                taken.borrow_mut()[index] += 1;
                let mut held = rig.begin(index);
                let latency = [10, 20][index];
                tokio::time::sleep(std::time::Duration::from_millis(latency)).await;
                held.answered();
            }
        });
    }
    tasks.await;
    let [fast, slow] = *taken.borrow();
    let share = slow as f64 / (fast + slow) as f64;
    assert!((share - 0.2).abs() <= 0.03, "{share}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 32, ..ProptestConfig::default() })]

    /// RT-LB-8: removing one of N backends moves only its keys; shares go with weights.
    #[test]
    fn consistent_hash(weights in prop::collection::vec(1_u32..5, 2..8), gone in 0_usize..8) {
        const KEYS: usize = 2_000;
        let gone = gone % weights.len();
        let rig = rig(Policy::ConsistentHash(Source::Header("x-key")), &weights, 0);
        let mut taken = vec![0_usize; weights.len()];
        for key in 0..KEYS {
            let request = request(&format!("k{key}"));
            let (count, asked) = (weights.len(), asked(&request));
            let before = rig.balance.pick(count, asked).unwrap();
            taken[before] += 1;
            let after = rig.balance.pick_among((count, 0), asked, |index| index != gone);
            prop_assert!(after != Some(gone));
            prop_assert!(before == gone || after == Some(before));
        }
        let sum: u32 = weights.iter().sum();
        for (taken, weight) in taken.iter().zip(&weights) {
            let exact = KEYS as f64 * f64::from(*weight) / f64::from(sum);
            prop_assert!((*taken as f64 - exact).abs() <= 0.06 * KEYS as f64, "{taken} of {exact}");
        }
    }

    /// RT-LB-8: no backend is above 1.25 times the mean in flight, however one-sided the keys are.
    #[test]
    fn bounded_load(weights in prop::collection::vec(1_u32..5, 2..8), keys in prop::collection::vec(0_u8..3, 1..200)) {
        let rig = rig(Policy::ConsistentHash(Source::Header("x-key")), &weights, 0);
        let sum: u32 = weights.iter().sum();
        let mut held = Vec::new();
        for key in keys {
            let picked = rig.pick(&key.to_string());
            held.push(rig.begin(picked));
            let mean = held.len() as f64 * f64::from(weights[picked]) / f64::from(sum);
            prop_assert!(f64::from(rig.loads[picked].in_flight()) <= (1.25 * mean).ceil());
        }
    }

    /// RT-LB-8, RT-LB-5: whatever the policy, only what is admitted and has a weight is picked, and
    /// something is if there is any.
    #[test]
    fn only_what_is_admitted(
        policy in prop::sample::select(vec![
            Policy::ConsistentHash(Source::Path), Policy::LeastConn, Policy::P2cEwma, Policy::Random,
            Policy::Shares,
        ]),
        backends in prop::collection::vec((1_u32..5, any::<bool>(), 0_usize..4), 1..8),
    ) {
        let weights: Vec<_> = backends.iter().map(|(weight, ..)| *weight).collect();
        let rig = rig(policy, &weights, 0);
        let held: Vec<_> = backends
            .iter()
            .enumerate()
            .flat_map(|(index, (_, _, busy))| (0..*busy).map(move |_| index))
            .map(|index| rig.begin(index))
            .collect();
        let request = request("k");
        for _ in 0..8 {
            let picked = rig.balance.pick_among((weights.len(), 0), asked(&request), |index| backends[index].1);
            let fits = |index: usize| backends[index].1;
            prop_assert_eq!(picked.is_some(), backends.iter().any(|(_, admitted, _)| *admitted));
            prop_assert!(picked.is_none_or(fits));
        }
        drop(held);
    }
}

/// RT-LB-8: without a value it is the client's address.
#[test]
fn a_missing_key() {
    let rig = rig(Policy::ConsistentHash(Source::Cookie("none")), &[1; 16], 0);
    let by_ip = super::hash::key(Source::Ip, asked(&request("a")));
    assert_eq!(
        super::hash::key(Source::Cookie("none"), asked(&request("a"))),
        by_ip
    );
    assert_eq!(rig.pick("a"), rig.pick("b"));
}
