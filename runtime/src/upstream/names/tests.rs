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

/// RT-DNS-3: of a family that DNS fails to answer for, the last good answer stays.
#[tokio::test]
async fn half_an_answer() {
    let (name, local) = known(found(&["10.0.0.1", "::1"]));
    let list = local.list();
    name.learn(Outcome::Half(ips(&["::1"])));
    assert!(local.list() == list && local.has(ips(&["10.0.0.1"])[0]));
    name.learn(Outcome::Half(ips(&["::2"])));
    assert!(local.list() > list && !local.has(ips(&["::1"])[0]));
    assert!(local.has(ips(&["::2"])[0]) && local.has(ips(&["10.0.0.1"])[0]));
    name.learn(found(&["::2"]));
    assert_eq!(local.addresses().await.unwrap(), ips(&["::2"]));
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
    assert!(!name.rest(ttl).await && !local.known().good);
    assert!(!name.rest(ttl).await);
    name.ask();
    assert!(name.rest(ttl).await);
    // What could not be renewed is tried again soon.
    name.learn(Outcome::Failed("SERVFAIL".to_owned()));
    local.touch();
    let begun = Moment::now();
    name.rest(ttl).await;
    assert!((RETRY..RETRY * 2).contains(&begun.elapsed()));
}

/// What no core has any more is not kept for ever; overlays name new hosts all the time.
#[tokio::test(start_paused = true)]
async fn names_are_forgotten() {
    let ttl = Duration::from_secs(60);
    // Nobody is there.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let names = Arc::new(Names::new(ttl, vec![socket.local_addr().unwrap()]));
    let hosts = || -> Vec<_> { names.all().iter().map(|name| name.host.clone()).collect() };
    let test = async {
        tokio::task::spawn_local(Arc::clone(&names).keep(Rc::new(|_, _| {})));
        let (kept, left) = (names.local("kept.test"), names.local("left.test"));
        tokio::time::sleep(ttl * 5).await;
        assert_eq!(hosts(), ["kept.test", "left.test"]);
        assert!(!left.is_in_use());
        drop(left);
        tokio::time::sleep(ttl * 5).await;
        assert_eq!(hosts(), ["kept.test"]);
        // It is another one now.
        let again = names.local("left.test");
        tokio::time::sleep(ttl * 5).await;
        let news = again.answer.borrow().round;
        assert!(again.known().round > news);
        drop(kept);
    };
    tokio::task::LocalSet::new().run_until(test).await;
}
