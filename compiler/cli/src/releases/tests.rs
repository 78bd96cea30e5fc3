//! Releases that come, go and come back.

use super::*;

const WAIT: Duration = Duration::from_secs(5);

#[test]
fn releases_come_and_go() {
    let home = tempfile::tempdir().unwrap();
    let releases = Releases::at(home.path());
    assert_eq!(releases.current(), None);
    for number in 0..12 {
        let revision = format!("{number:012x}");
        releases.install(&revision, b"x", &json!({}), &[]).unwrap();
        let switched = releases.switch(&revision, "deploy", WAIT).unwrap();
        assert_eq!(switched, Switched::NotRun);
        assert_eq!(releases.current(), Some(revision));
    }
    assert_eq!(releases.history().entries().len(), 12);
    let kept = fs::read_dir(home.path().join("releases")).unwrap().count();
    assert_eq!(kept, KEPT_MAX);
    let error = releases.install("00000000000b", b"y", &json!({}), &[]);
    assert!(error.unwrap_err().to_string().contains("built otherwise"));
    let golden = ["GET http://h/ 200".parse().unwrap()];
    let error = releases.install("00000000000b", b"x", &json!({}), &golden);
    assert!(
        error
            .unwrap_err()
            .to_string()
            .contains("other golden requests")
    );
    let error = releases.install("../../../x", b"y", &json!({}), &[]);
    assert!(error.unwrap_err().to_string().contains("is no revision"));
}

#[test]
fn one_at_a_time() {
    let home = tempfile::tempdir().unwrap();
    let releases = Releases::at(home.path());
    let held = releases.lock().unwrap();
    assert!(releases.lock().is_err());
    drop(held);
    releases.lock().unwrap();
    assert!(!releases.is_run());
    let run = releases.run().unwrap();
    assert!(releases.is_run());
    releases
        .tell(&State {
            failed: Some("0".repeat(12)),
            ..State::default()
        })
        .unwrap();
    drop(run);
    assert!(!releases.is_run());
}

/// Who asks whether it is run does not keep it from being run.
#[test]
fn asking_is_not_running() {
    let home = tempfile::tempdir().unwrap();
    let asked = home.path().to_path_buf();
    let (stop, stopped) = std::sync::mpsc::channel::<()>();
    let asking = std::thread::spawn(move || {
        let ended = Err(std::sync::mpsc::TryRecvError::Disconnected);
        while stopped.try_recv() != ended {
            Releases::at(&asked).is_run();
        }
    });
    for _ in 0..100 {
        Releases::at(home.path()).run().unwrap();
    }
    drop(stop);
    asking.join().unwrap();
}

/// Golden requests are for what takes over: a release that has served starts again without them.
#[test]
fn confirmed_until_it_takes_over_again() {
    let home = tempfile::tempdir().unwrap();
    let releases = Releases::at(home.path());
    let (old, new) = ("0".repeat(12), "1".repeat(12));
    for revision in [&old, &new] {
        releases.install(revision, b"x", &json!({}), &[]).unwrap();
        releases.switch(revision, "deploy", WAIT).unwrap();
        assert!(!releases.is_confirmed(revision));
        releases.set_confirmed(revision).unwrap();
    }
    releases.switch(&new, "deploy", WAIT).unwrap();
    assert!(releases.is_confirmed(&new));
    releases.switch(&old, "rollback", WAIT).unwrap();
    assert!(!releases.is_confirmed(&old));
    assert!(releases.is_confirmed(&new));
}

/// What does not start is not current.
#[test]
fn back_again() {
    let home = tempfile::tempdir().unwrap();
    let releases = Releases::at(home.path());
    let (old, new) = ("0".repeat(12), "1".repeat(12));
    for revision in [&old, &new] {
        releases.install(revision, b"x", &json!({}), &[]).unwrap();
    }
    releases.switch(&old, "deploy", WAIT).unwrap();
    let _run = releases.run().unwrap();
    let running = State {
        running: Some(old.clone()),
        ..State::default()
    };
    releases.tell(&running).unwrap();
    let short = Duration::from_millis(1);
    let error = releases.switch(&new, "deploy", short).unwrap_err();
    assert!(format!("{error:#}").contains("did not serve in time"));
    assert_eq!(releases.current(), Some(old));
    assert_eq!(releases.history().entries().len(), 1);
}
