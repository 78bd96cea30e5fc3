//! Both ends of the conversation, each against what the other end must not say.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use proptest::prelude::*;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::log::Writer;
use crate::overlay::Live;
use crate::values::scalar::{Format, Level};

fn path() -> PathBuf {
    static NUMBER: AtomicUsize = AtomicUsize::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let name = format!("goma-takeover-test-{}-{number}", std::process::id());
    std::env::temp_dir().join(name)
}

fn log() -> AccessLog {
    let (writer, _) = Writer::start(None, Format::Text).unwrap();
    AccessLog::new(Level::Off, Format::Text, writer)
}

fn claim(path: &Path) -> Claim {
    Claim::new(path).unwrap().unwrap()
}

fn remove(path: &Path) {
    std::fs::remove_file(path).unwrap();
    std::fs::remove_file(path.with_extension("lock")).unwrap();
}

/// The gateway that [`offer`]s.
async fn next(path: &Path) -> Box<Predecessor> {
    while !path.exists() {
        tokio::task::yield_now().await;
    }
    match begin(path).await.unwrap() {
        Begun::Next(predecessor) => predecessor,
        Begun::First(_) => panic!("somebody is there"),
    }
}

/// Hands over one TCP socket at a path, until somebody has taken over.
async fn offer(path: &Path) -> u32 {
    let socket = Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    let any: std::net::SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&any.into()).unwrap();
    let live = overlay::Shared::new(Arc::new(Live::built(Vec::new())));
    let estate = Estate {
        station: Station::new(claim(path)).unwrap(),
        listeners: vec![Listener {
            protocol: Protocol::Tcp,
            asked: any,
            address: socket.local_addr().unwrap().as_socket().unwrap(),
            sockets: vec![socket.try_clone().unwrap(), socket],
        }],
        live: &live,
    };
    estate.offer(&log()).await
}

/// Says something and listens to the end.
async fn say(path: &Path, text: &[u8]) -> String {
    let mut stream = UnixStream::connect(path).await.unwrap();
    let _ = stream.write_all(text).await;
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer).await;
    answer
}

/// RT-TAKE-2: sockets, and then the leave to serve.
#[tokio::test]
async fn both_ends() {
    let path = path();
    let taking = async {
        let mut predecessor = next(&path).await;
        assert_eq!(predecessor.pid, std::process::id());
        assert_eq!(predecessor.confirm().await.unwrap(), []);
        let handed = predecessor.listeners.pop().unwrap();
        assert_eq!(handed.sockets.len(), 2);
        predecessor.leave().await.unwrap()
    };
    let (pid, _station) = tokio::join!(offer(&path), taking);
    assert_eq!(pid, std::process::id());
    remove(&path);
}

/// RT-TAKE-4: whoever says nothing any more has a minute; then another one may.
#[tokio::test(start_paused = true)]
async fn silence() {
    let path = path();
    let asking = async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
        for (said, begins) in [("", "refused"), ("goma-takeover 1 take\n", "listener tcp ")] {
            let begun = tokio::time::Instant::now();
            let answer = say(&path, said.as_bytes()).await;
            assert!(answer.starts_with(begins), "{answer}");
            assert!(
                answer.ends_with("refused it was not done within 60s\n"),
                "{answer}"
            );
            assert_eq!(begun.elapsed().as_secs(), TAKEOVER_MAX.as_secs());
        }
        say(&path, b"goma-takeover 1 ask\n").await
    };
    let answer = tokio::select! {
        answer = asking => answer,
        _ = offer(&path) => panic!("nobody has taken over"),
    };
    assert_eq!(answer, format!("serving {}\n", std::process::id()));
    remove(&path);
}

/// RT-TAKE-4: whoever confirms too late, or serves too late, is told that the running one goes on.
#[tokio::test(start_paused = true)]
async fn too_late() {
    for is_granted in [false, true] {
        let path = path();
        let taking = async {
            let mut predecessor = next(&path).await;
            if is_granted {
                predecessor.confirm().await.unwrap();
            }
            tokio::time::sleep(TAKEOVER_MAX + Duration::from_secs(1)).await;
            match is_granted {
                false => predecessor.confirm().await.unwrap_err(),
                true => predecessor.leave().await.unwrap_err(),
            }
        };
        let error = tokio::select! {
            error = taking => error.to_string(),
            _ = offer(&path) => panic!("it was late"),
        };
        assert!(
            error.contains("the other gateway says: it was not done within 60s"),
            "{error}"
        );
        remove(&path);
    }
}

/// RT-TAKE-4: of two that find a dead socket, the second one waits, and takes over from the first.
#[tokio::test]
async fn two_at_once() {
    let path = path();
    let first = match begin(&path).await.unwrap() {
        Begun::First(claim) => claim,
        Begun::Next(_) => panic!("nobody is there"),
    };
    let mut second = Box::pin(begin(&path));
    let waited = tokio::time::timeout(PAUSE * 3, &mut second).await;
    assert!(waited.is_err(), "it waits");
    let _station = Station::new(first).unwrap();
    // It asks now, and is not answered.
    let waited = tokio::time::timeout(PAUSE * 3, &mut second).await;
    assert!(waited.is_err(), "it is no first one");
    remove(&path);
}

/// What is no part of the conversation ends it, on both sides; neither of them panics.
#[test]
fn nonsense() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let words = "(goma-takeover 1 (take|ask)|listener (tcp|udp|x) 127.0.0.1:1 [0-9.:]{1,12} [0-9]{1,30}|\
                 note [a-z\\t\\\\]{0,9}|end|ready|granted|serving|refused x|[ -~]{0,9}|\u{e9})\n";
    proptest!(ProptestConfig::with_cases(64), |(lines in prop::collection::vec(words, 0..6))| {
        let text = lines.concat();
        runtime.block_on(async {
            let path = path();
            let said = async {
                while !path.exists() {
                    tokio::task::yield_now().await;
                }
                let mut stream = UnixStream::connect(&path).await.unwrap();
                let _ = stream.write_all(text.as_bytes()).await;
                drop(stream);
                say(&path, b"goma-takeover 1 ask\n").await
            };
            let serves = format!("serving {}\n", std::process::id());
            tokio::select! {
                answer = said => assert_eq!(answer, serves),
                // It has said everything in one go.
                _ = offer(&path) => assert!(text.contains("serving\n")),
            }
            remove(&path);
            // The other way round.
            let listener = claim(&path).listen().unwrap();
            let answers = async {
                let (mut stream, _) = listener.accept().await.unwrap();
                let _ = stream.write_all(text.as_bytes()).await;
                drop(stream);
                drop(listener);
            };
            let (begun, ()) = tokio::join!(begin(&path), answers);
            // Without a socket nothing is handed over.
            assert!(!matches!(begun, Ok(Begun::Next(_))));
            remove(&path);
        });
    });
}

/// A line that does not end is not waited for, nor kept.
#[tokio::test]
async fn a_long_line() {
    let path = path();
    let asking = async {
        while !path.exists() {
            tokio::task::yield_now().await;
        }
        say(&path, &[b'a'; LINE_BYTES_MAX * 2]).await
    };
    let answer = tokio::select! {
        answer = asking => answer,
        _ = offer(&path) => panic!("nobody has taken over"),
    };
    assert!(
        answer.is_empty() || answer.ends_with("a line is too long\n"),
        "{answer}"
    );
    remove(&path);
}

#[test]
fn heads() {
    for text in ["tcp 127.0.0.1:0 127.0.0.1:80 2", "udp [::]:53 [::]:53 1"] {
        let head = Head::parse(text).unwrap();
        assert_eq!(head.line(), format!("listener {text}\n"));
    }
    for text in [
        "",
        "tcp",
        "sctp 1.1.1.1:1 1.1.1.1:1 1",
        "tcp a b 1",
        "tcp 1.1.1.1:1 1.1.1.1:1 -1",
    ] {
        assert_eq!(Head::parse(text), None);
    }
}
