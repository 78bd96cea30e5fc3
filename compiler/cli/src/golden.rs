//! Golden requests: what a new release must answer before it takes over.

use std::fmt;
use std::fs::{File, read_link};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::sync::oneshot;
use url::{Position, Url};

use crate::pauses::Pauses;

/// Most requests of a release.
pub(crate) const GOLDEN_MAX: usize = 100;
/// For connecting, and for each read and write.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// As much of the answer as is read: the status line is in it.
const ANSWER_BYTES_MAX: u64 = 64;
/// Sent first where a PROXY header is demanded: it names no address, so the peer stays the client.
const PROXY_HEADER: &str = "PROXY UNKNOWN\r\n";
const BAD_REQUEST: u16 = 400;

/// A request, and the status that must come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Golden {
    method: String,
    url: Url,
    status: u16,
}

impl FromStr for Golden {
    type Err = String;

    /// `GET http://shop.example.com/cart 200`
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let form = || {
            let shown = text.escape_debug();
            format!("`{shown}` is not of the form METHOD http://HOST/PATH STATUS")
        };
        // It would be kept where everybody may read it, and is not repeated here either.
        let is_named = |url: &Url| !url.username().is_empty() || url.password().is_some();
        let words: Vec<&str> = text.split_whitespace().collect();
        let [method, url, status] = words.as_slice() else {
            return Err(form());
        };
        let url = Url::parse(url).ok();
        if url.as_ref().is_some_and(is_named) {
            return Err("a golden request has no user and no password".to_owned());
        }
        let url = url.filter(|url| url.scheme() == "http" && url.has_host());
        let status = status
            .parse()
            .ok()
            .filter(|status| (200..600).contains(status));
        let is_method = !method.is_empty() && method.bytes().all(|byte| byte.is_ascii_uppercase());
        match (url, status) {
            (Some(url), Some(status)) if is_method => Ok(Self {
                method: (*method).to_owned(),
                url,
                status,
            }),
            (_, _) => Err(form()),
        }
    }
}

impl fmt::Display for Golden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            method,
            url,
            status,
        } = self;
        write!(f, "{method} {url} {status}")
    }
}

impl Golden {
    /// Sends it to a gateway.
    ///
    /// # Errors
    /// What came instead, as one line.
    pub(crate) fn hold(&self, gateway: SocketAddr) -> Result<(), String> {
        let answer = self
            .answer(gateway)
            .map_err(|error| format!("{self}: {error}"))?;
        if answer == Some(self.status) {
            return Ok(());
        }
        let came = answer.map_or_else(|| "no HTTP".to_owned(), |status| status.to_string());
        Err(format!("{self}: {came} came"))
    }

    /// Method, host with its port, and path with its query.
    pub(crate) fn request(&self) -> (&str, &str, &str) {
        let url = &self.url;
        (
            &self.method,
            &url[Position::BeforeHost..Position::AfterPort],
            &url[Position::BeforePath..Position::AfterQuery],
        )
    }

    /// Whether this status must come.
    pub(crate) const fn is(&self, status: u16) -> bool {
        self.status == status
    }

    /// The status that comes; none: no HTTP.
    fn answer(&self, gateway: SocketAddr) -> io::Result<Option<u16>> {
        let came = self.send(gateway, "");
        let is_closed = match &came {
            Ok(answer) => answer.is_empty(),
            Err(error) => {
                [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe].contains(&error.kind())
            }
        };
        // As where a header is demanded, which others may not send (RT-PP-2): whom it trusts is known only where it
        // runs. Who demands none cannot read it: that is no answer.
        if is_closed
            && let Ok(answer) = self.send(gateway, PROXY_HEADER)
            && let Some(status) = status_of(&answer).filter(|status| *status != BAD_REQUEST)
        {
            return Ok(Some(status));
        }
        came.map(|answer| status_of(&answer))
    }

    fn send(&self, gateway: SocketAddr, first: &str) -> io::Result<Vec<u8>> {
        let mut stream = TcpStream::connect_timeout(&gateway, ANSWER_TIME)?;
        stream.set_read_timeout(Some(ANSWER_TIME))?;
        stream.set_write_timeout(Some(ANSWER_TIME))?;
        let (method, host, path) = self.request();
        let agent = goma_compiler::VERSION;
        let request = format!(
            "{first}{method} {path} HTTP/1.1\r\nHost: {host}\r\nUser-Agent: goma-golden/{agent}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
        Ok(answer)
    }
}

fn status_of(answer: &[u8]) -> Option<u16> {
    let text = String::from_utf8_lossy(answer);
    let rest = text.strip_prefix("HTTP/1.")?;
    rest.split_whitespace().nth(1)?.parse().ok()
}

/// Sends requests to a process that listens at an address, while there is time.
///
/// # Errors
/// What came instead, or that they could not be sent.
pub(crate) async fn hold_all(
    golden: &[Golden],
    to: (u32, SocketAddr),
    pauses: &mut Pauses,
) -> anyhow::Result<()> {
    let golden = golden.to_vec();
    // A thread of its own: it may leave this network for good.
    let (tell, mut told) = oneshot::channel();
    std::thread::spawn(move || tell.send(hold_in_its_network(&golden, to)));
    let held = loop {
        tokio::select! {
            held = &mut told => break held.context("golden requests could not be sent")?,
            more = pauses.next() => {
                ensure!(more?, "its golden requests were not answered in time");
            }
        }
    };
    held.map_err(anyhow::Error::msg)
}

/// Sends them where a process listens: a container of a pod has a network of its own.
fn hold_in_its_network(
    golden: &[Golden],
    (process, address): (u32, SocketAddr),
) -> Result<(), String> {
    let network = |of: &str| format!("/proc/{of}/ns/net");
    let (own, its) = (network("self"), network(&process.to_string()));
    if read_link(&own).ok() != read_link(&its).ok() {
        let enter = || {
            let network = File::open(&its)?;
            let kind = Some(LinkNameSpaceType::Network);
            move_into_link_name_space(network.as_fd(), kind).map_err(io::Error::from)
        };
        enter().map_err(|error| {
            format!("golden requests do not reach its network, as root they may: {error}")
        })?;
    }
    golden.iter().try_for_each(|golden| golden.hold(address))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread::JoinHandle;

    use super::*;

    #[test]
    fn requests() {
        let golden: Golden = "GET  http://h.example/a?b=c 404".parse().unwrap();
        assert_eq!(golden.to_string(), "GET http://h.example/a?b=c 404");
        for text in [
            "",
            "GET /x 200",
            "GET http://h/x",
            "GET http://h/x 99",
            "get http://h/ 200",
            "GET https://h/ 200",
            "GET http://h/ 200 x",
        ] {
            assert!(text.parse::<Golden>().is_err(), "{text}");
        }
        for text in ["GET http://a:secret@h/ 200", "GET http://secret@h/ 401"] {
            let error = text.parse::<Golden>().unwrap_err();
            assert_eq!(error, "a golden request has no user and no password");
        }
    }

    /// Answers connections in turn, each with a text; what has come on each.
    fn server(answers: &'static [&str]) -> (SocketAddr, JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let serve = move |answer: &&str| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            let read = stream.read(&mut request).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
            String::from_utf8_lossy(&request[..read]).into_owned()
        };
        let server = std::thread::spawn(move || answers.iter().map(serve).collect());
        (address, server)
    }

    #[test]
    fn a_gateway_is_asked() {
        let (address, server) = server(&["HTTP/1.1 204 No Content\r\n\r\n"]);
        let golden: Golden = "GET http://h.example:81/a?b 204".parse().unwrap();
        assert_eq!(golden.hold(address), Ok(()));
        let requests = server.join().unwrap();
        assert!(
            requests[0].starts_with("GET /a?b HTTP/1.1\r\nHost: h.example:81\r\n"),
            "{requests:?}"
        );
        let error = golden.hold(address).unwrap_err();
        assert!(
            error.starts_with("GET http://h.example:81/a?b 204: "),
            "{error}"
        );
    }

    /// RT-PP-2: who is closed without a byte sends the header; who cannot read it has not answered.
    #[test]
    fn a_header_is_demanded() {
        let golden: Golden = "GET http://h/ 200".parse().unwrap();
        let (address, asked) = server(&["", "HTTP/1.1 200 OK\r\n\r\n"]);
        assert_eq!(golden.hold(address), Ok(()));
        let asked = asked.join().unwrap();
        assert!(asked[0].starts_with("GET / HTTP/1.1\r\n"), "{asked:?}");
        assert!(
            asked[1].starts_with("PROXY UNKNOWN\r\nGET / HTTP/1.1\r\n"),
            "{asked:?}"
        );
        let golden: Golden = "GET http://h/ 400".parse().unwrap();
        let (address, _) = server(&["", "HTTP/1.1 400 Bad Request\r\n\r\n"]);
        let error = golden.hold(address).unwrap_err();
        assert_eq!(error, "GET http://h/ 400: no HTTP came");
        let (address, asked) = server(&["Hello"]);
        let error = golden.hold(address).unwrap_err();
        assert_eq!(error, "GET http://h/ 400: no HTTP came");
        assert_eq!(asked.join().unwrap().len(), 1);
    }
}
