//! `goma deploy --to kubernetes:…`: what is left as it is, and what is kept of what served.

use serde_json::json;

use super::kubernetes::{SHOP, SPEC, Scene, ends};

/// A number of pods that is said no longer stays as it is, and can be said again.
#[test]
fn nobody_cuts_pods_by_saying_nothing() {
    let scene = Scene::start("kubernetes-replicas");
    let Scene { cluster, .. } = &scene;
    let one = scene.image(SPEC);
    let runs = || {
        (
            cluster.deployment("shop")["spec"]["replicas"].clone(),
            scene.runs().1["availableReplicas"].clone(),
        )
    };
    ends(&scene.deploy(&one, &["--", "--replicas", "3"]), 0, "serves");
    let silent = ["--", "--requests", "cpu=50m"];
    let dry = scene.deploy(&one, &[&["--dry-run"], &silent[..]].concat());
    ends(&dry, 0, "cpu");
    assert!(!dry.1.contains("replicas"), "{}", dry.1);
    // Twice: then it is no longer ours.
    for _ in 0..2 {
        ends(&scene.deploy(&one, &silent), 0, "serves");
        assert_eq!(runs(), (json!(3), json!(3)));
    }
    let two = ["--", "--replicas", "2"];
    let dry = scene.deploy(&one, &[&["--dry-run"], &two[..]].concat());
    ends(&dry, 0, "spec.replicas: 3 → 2");
    ends(&scene.deploy(&one, &two), 0, "serves");
    assert_eq!(runs(), (json!(2), json!(2)));
}

/// What serves has been deployed, whatever becomes of its entry in the history; one is made once.
#[test]
fn a_history_that_cannot_be_written() {
    let scene = Scene::start("kubernetes-history");
    let Scene { cluster, .. } = &scene;
    let one = scene.image(SPEC);
    let entries = || {
        let (_, list) = cluster.run(&["rollback", "--to", SHOP, "--list"]);
        list.lines().count()
    };
    // It is there, and the answer is another.
    cluster.steer("lose", &json!(["controllerrevisions"]));
    let (code, text) = scene.deploy(&one, &[]);
    assert!(code == 0 && !text.contains("note:"), "{text}");
    assert_eq!(entries(), 1);
    let denied = json!(["create controllerrevisions"]);
    cluster.steer("deny", &denied);
    let deployed = scene.deploy(&one, &["--", "--replicas", "2"]);
    let note =
        "note: it serves, but was not added to the history: cannot create ControllerRevision";
    ends(&deployed, 0, note);
    ends(&deployed, 0, "serves    as web/shop");
    assert_eq!(scene.runs().1["availableReplicas"], 2);
    assert_eq!(entries(), 1);
}
