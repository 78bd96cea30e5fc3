//! The README's first command, `goma run --fast --demo specs/quickstart/goma.yaml`, through to the demo
//! backend; on ports that are free here.

#![allow(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use std::net::SocketAddr;
use std::process::Stdio;

use goma_tests::build::{goma_command, repository, target};
use goma_tests::{Client, free_port, wait_until};

#[test]
fn the_quickstart_answers_through_to_the_demo_backend() {
    let [listen, backend] = [(); 2].map(|()| SocketAddr::from(([127, 0, 0, 1], free_port())));
    let mut run = goma_command()
        .args([
            "run",
            "--fast",
            &format!("--demo={backend}"),
            "specs/quickstart/goma.yaml",
            "--out",
        ])
        .arg(target().join("e2e/quickstart"))
        .env("LISTEN", listen.to_string())
        .env("BACKEND", format!("http://{backend}"))
        .current_dir(repository())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = std::time::Instant::now();
    while std::net::TcpStream::connect(listen).is_err() {
        assert!(
            run.try_wait().unwrap().is_none(),
            "goma run ended by itself"
        );
        assert!(begun.elapsed().as_secs() < 300, "the gateway did not start");
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let request = "GET /api/x HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n";
    let response = Client::connect(listen.port()).send(request).response();
    let stopped = std::process::Command::new("kill")
        .args(["-s", "INT", &run.id().to_string()])
        .status();
    let mut code = None;
    wait_until("goma run ends", || {
        code = run.try_wait().unwrap().map(|status| status.code());
        code.is_some()
    });
    assert!(stopped.unwrap().success());
    assert_eq!(response.status, 200, "{}", response.head);
    assert_eq!(response.fields("x-served-by"), ["api"]);
    assert!(response.text().contains("/v1/x"), "{}", response.text());
    assert!(
        response.text().to_lowercase().contains("x-tenant"),
        "{}",
        response.text()
    );
    assert_eq!(code.flatten(), Some(0));
}
