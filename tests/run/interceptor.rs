//! The vectors of `errorInterceptor` (middlewares.md 5.7).

use super::Rig;
use goma_tests::{Backend, Response};

fn rig(answer: &'static str) -> Rig {
    Rig::of("recorder", Backend::answering(answer), &[])
}

fn shown(response: &Response) -> (u16, String, String) {
    let media_type = response.field("content-type").unwrap_or_default();
    (response.status, media_type, response.text())
}

fn expected(status: u16, media_type: &str, body: &str) -> (u16, String, String) {
    (status, media_type.to_owned(), body.to_owned())
}

const TEXT: &str = "text/plain; charset=utf-8";

/// MW-EI-1, -3, -4, -5, MW-GEN-7: the status and what does not speak of the body stay; the body is
/// replaced without being read, and the connection goes on.
#[test]
fn a_body_of_the_backend() {
    // Of the announced body not a byte comes.
    let rig = rig(
        "HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Encoding: gzip\r\n\
                   ETag: \"1\"\r\nLast-Modified: x\r\nSet-Cookie: a=b\r\nRetry-After: 1\r\n\
                   Content-Length: 1000000\r\n\r\n",
    );
    let mut client = rig.gateway.connect();
    for _ in 0..2 {
        let response = client
            .send("GET /errors HTTP/1.1\r\nHost: h\r\n\r\n")
            .response();
        assert_eq!(
            shown(&response),
            expected(404, "application/json", "{\"m\":\"nf\"}")
        );
        assert_eq!(response.fields("content-length"), ["10"]);
        for gone in [
            "content-encoding",
            "etag",
            "last-modified",
            "transfer-encoding",
        ] {
            assert!(response.field(gone).is_none(), "{gone}");
        }
        for (kept, value) in [
            ("set-cookie", "a=b"),
            ("retry-after", "1"),
            ("x-marked", "1"),
        ] {
            assert_eq!(response.fields(kept), [value], "{kept}");
        }
        // The layers behind it act on what it made.
        assert_eq!(response.fields("x-frame-options"), ["DENY"]);
    }
    assert_eq!(rig.count(), 2);
    let line = rig
        .gateway
        .line_with(&["route=errors", "status=404", "bytes_out=10"]);
    assert!(
        line.contains(&format!("backend={}", rig.backend.url())),
        "{line}"
    );
}

/// MW-EI-1: an error that is not listed streams through, as does everything else.
#[test]
fn other_statuses() {
    let rig = rig("HTTP/1.1 500 X\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
    let response = rig.get("/errors", "");
    assert_eq!((response.status, response.text().as_str()), (500, "abc"));
    assert_eq!(response.fields("x-marked"), ["1"]);
}

/// MW-EI-1, -2, -3: the gateway's own errors, in the form that the client asks for.
#[test]
fn a_backend_that_is_down() {
    let rig = Rig::of("recorder", Backend::ok(), &[("A", "http://127.0.0.1:1")]);
    let response = rig.get("/errors", "");
    assert_eq!(shown(&response), expected(502, TEXT, "502 Bad Gateway\n"));
    let json = "{\"success\":false,\"statusCode\":502,\"error\":\"502 Bad Gateway\"}\n";
    let response = rig.get("/errors", "Accept: application/json\r\n");
    assert_eq!(shown(&response), expected(502, "application/json", json));
}

/// MW-EI-1, MW-INT-8: errors of other middlewares; what comes with them stays. The method check's too,
/// from a file.
#[test]
fn errors_of_middlewares() {
    let rig = Rig::of("recorder", Backend::ok(), &[]);
    let response = rig.get("/errors/in", "");
    assert_eq!(shown(&response), expected(401, TEXT, "denied"));
    assert!(
        response.field("www-authenticate").is_some(),
        "{}",
        response.head
    );
    let response = rig.get("/errors/in", "Accept: application/json\r\n");
    let json = "{\"success\":false,\"statusCode\":401,\"error\":\"denied\"}\n";
    assert_eq!(shown(&response), expected(401, "application/json", json));

    let put = "PUT /errors HTTP/1.1\r\nHost: h\r\nX-Request-ID: id1\r\nContent-Length: 0\r\n\r\n";
    let response = rig.ask(put);
    let page = "<!doctype html>\n<p>405 Method Not Allowed (id1) {color: red}</p>\n";
    assert_eq!(
        shown(&response),
        expected(405, "text/html; charset=utf-8", page)
    );
    assert_eq!(response.fields("allow"), ["GET, HEAD"]);
    assert_eq!(rig.count(), 0);
}

/// MW-EI-2, MW-EI-6, MW-EI-7: an empty body; several interceptors act as one list, each in its scope.
#[test]
fn several_interceptors() {
    let gone = "HTTP/1.1 410 Gone\r\nContent-Length: 1\r\n\r\nx";
    let rig = rig(gone);
    for path in ["/errors", "/errors/deep"] {
        let response = rig.get(path, "");
        assert_eq!(shown(&response), expected(410, TEXT, ""), "{path}");
        assert_eq!(response.fields("content-length"), ["0"]);
    }
    let rig = Rig::of(
        "recorder",
        Backend::answering("HTTP/1.1 418 T\r\nContent-Length: 1\r\n\r\nx"),
        &[],
    );
    let lines = "X-Request-ID: id1\r\n";
    let response = rig.get("/errors/deep", lines);
    assert_eq!(shown(&response), expected(418, TEXT, "418 deep id1"));
    assert_eq!(rig.get("/errors", lines).text(), "x");
}

/// MW-EI-3: a media type for all bodies; with a JSON type what is no JSON is wrapped. A HEAD gets the
/// head only. One that is not enabled does nothing.
#[test]
fn bodies_of_a_given_type() {
    let rig = rig("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    let response = rig.get("/errors/typed", "Accept: text/html\r\n");
    let body = "{\"success\":false,\"statusCode\":404,\"error\":\"It is \\\"gone\\\"\"}\n";
    assert_eq!(
        shown(&response),
        expected(404, "application/problem+json", body)
    );
    let head = rig.ask("HEAD /errors HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_eq!(shown(&head), expected(404, "application/json", ""));
    assert_eq!(head.fields("content-length"), ["10"]);

    let conflict = "HTTP/1.1 409 Conflict\r\nContent-Length: 0\r\n\r\n";
    let rig = Rig::of("recorder", Backend::answering(conflict), &[]);
    let response = rig.get("/errors/typed", "X-Request-ID: id1\r\n");
    assert_eq!(response.text(), "{\"id\": \"id1\"}");

    let gone = "HTTP/1.1 410 Gone\r\nContent-Length: 1\r\n\r\nx";
    let rig = Rig::of("recorder", Backend::answering(gone), &[]);
    assert_eq!(rig.get("/errors/typed", "").text(), "x");
}

/// MW-EI-5, MW-GEN-13: gRPC is left alone.
#[test]
fn grpc() {
    let rig = rig("HTTP/1.1 404 X\r\nContent-Type: application/grpc\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(rig.get("/errors", "").text(), "x");
}

/// MW-LEG-2, MW-LEG-5: a block of an older release acts as its middleware.
#[test]
fn a_block_of_an_older_release() {
    let rig = rig("HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx");
    assert_eq!(
        shown(&rig.get("/errors/old", "")),
        expected(404, TEXT, "old")
    );
}

/// The body is replaced while the request's body is still coming: the connection ends with it.
#[test]
fn an_early_answer() {
    let backend = Backend::script(|connection| {
        if connection.read_head().is_some() {
            connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nabc");
            while connection.read().is_some() {}
        }
    });
    let rig = Rig::of("recorder", backend, &[]);
    let mut client = rig.gateway.connect();
    client.send("GET /errors HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n");
    let response = client.response();
    assert_eq!(
        shown(&response),
        expected(404, "application/json", "{\"m\":\"nf\"}")
    );
    assert_eq!(response.fields("connection"), ["close"]);
    assert!(client.is_closed());
}
