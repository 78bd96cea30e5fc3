//! Names as cores see them, without a DNS server: what each answer, or none, changes.

use super::*;

fn ips(texts: &[&str]) -> Vec<IpAddr> {
    texts.iter().map(|text| text.parse().unwrap()).collect()
}

fn found(texts: &[&str]) -> Outcome {
    Outcome::Found(ips(texts))
}

/// A name that DNS has said this of, and a core that uses it.
fn known(outcome: Outcome) -> (Arc<Name>, Local) {
    let name = Arc::new(Name::new("shop.test"));
    name.learn(outcome);
    let local = Local::new(Arc::clone(&name));
    local.turn.set(0);
    (name, local)
}

/// Issue 5, RFC 8767: silence of DNS changes nothing, an answer without addresses does.
#[tokio::test(start_paused = true)]
async fn the_last_good_answer_stays() {
    let (name, local) = known(found(&["10.0.0.1"]));
    name.learn(Outcome::Failed("SERVFAIL".to_owned()));
    assert_eq!(local.addresses().await.unwrap(), ips(&["10.0.0.1"]));
    // RT-DNS-2: what could not be renewed is not dropped again at once.
    local.unreachable();
    assert!(local.known().good);
    name.learn(found(&["10.0.0.2"]));
    assert_eq!(local.addresses().await.unwrap(), ips(&["10.0.0.2"]));
    name.learn(Outcome::Nothing);
    let error = local.addresses().await.unwrap_err().to_string();
    assert_eq!(error, "look-up of shop.test: the name has no address");
    // A request that waited for it has had it asked for (RT-DNS-1: failures are not cached).
    assert!(name.wanted.load(Ordering::Relaxed));
}

/// RT-DNS-2: an answer none of whose addresses takes a connection is asked for anew; until DNS answers, a
/// request waits for a moment only.
#[tokio::test(start_paused = true)]
async fn an_answer_is_dropped() {
    let (name, local) = known(found(&["10.0.0.1"]));
    local.unreachable();
    assert!(local.known().good, "it has just come");
    tokio::time::advance(YOUNG).await;
    local.unreachable();
    assert!(!local.known().good);
    let begun = Moment::now();
    assert_eq!(local.addresses().await.unwrap(), ips(&["10.0.0.1"]));
    assert!((PATIENCE..PATIENCE * 2).contains(&begun.elapsed()));
    let (waiting, ()) = tokio::join!(local.addresses(), async {
        tokio::task::yield_now().await;
        name.learn(found(&["10.0.0.9"]));
    });
    assert_eq!(waiting.unwrap(), ips(&["10.0.0.9"]));
    assert!(!name.wanted.load(Ordering::Relaxed));
}

/// Issue 5: new connections spread over all addresses; the order in which DNS names them is nothing new.
#[tokio::test]
async fn every_address_has_its_turn() {
    let (name, local) = known(found(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]));
    let list = local.list();
    name.learn(found(&["10.0.0.3", "10.0.0.1", "10.0.0.2"]));
    assert_eq!(local.list(), list);
    let mut first = Vec::new();
    for _ in 0..6 {
        first.extend(local.addresses().await.unwrap().first().copied());
    }
    let turn = ips(&["10.0.0.1", "10.0.0.2", "10.0.0.3"]);
    assert_eq!(first, [turn.clone(), turn].concat());
    // What has gone, and what not.
    name.learn(found(&["10.0.0.2"]));
    assert!(local.list() > list && !local.has(ips(&["10.0.0.1"])[0]));
    assert!(local.has(ips(&["::ffff:10.0.0.2"])[0]));
    name.learn(Outcome::Nothing);
    assert!(
        local.has(ips(&["10.0.0.1"])[0]),
        "connections prove themselves"
    );
}

/// RFC 8305: the family that was faster comes first, until DNS has answered again.
#[tokio::test]
async fn the_faster_family_comes_first() {
    let (name, local) = known(found(&["10.0.0.1", "::1"]));
    assert_eq!(local.addresses().await.unwrap(), ips(&["::1", "10.0.0.1"]));
    local.reached(ips(&["10.0.0.1"])[0]);
    assert_eq!(local.addresses().await.unwrap(), ips(&["10.0.0.1", "::1"]));
    name.learn(found(&["10.0.0.1", "::1"]));
    assert_eq!(local.addresses().await.unwrap(), ips(&["::1", "10.0.0.1"]));
}

/// RT-DNS-1: a name in use is asked for when its time is over; one that nobody uses is not, and then the next
/// request waits.
#[tokio::test(start_paused = true)]
async fn names_in_use_are_kept_fresh() {
    let (name, local) = known(found(&["10.0.0.1"]));
    let ttl = Duration::from_secs(60);
    local.touch();
    let begun = Moment::now();
    name.rest(ttl).await;
    assert!((ttl..ttl * 2).contains(&begun.elapsed()));
    assert!(local.known().good);
    let rested = tokio::time::timeout(ttl * 3, name.rest(ttl)).await;
    assert!(rested.is_err() && !local.known().good);
    name.ask();
    name.rest(ttl).await;
    // What could not be renewed is tried again soon.
    name.learn(Outcome::Failed("SERVFAIL".to_owned()));
    local.touch();
    let begun = Moment::now();
    name.rest(ttl).await;
    assert!((RETRY..RETRY * 2).contains(&begun.elapsed()));
}
