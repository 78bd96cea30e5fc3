//! Uploads of blobs: a small one in one piece, a large one in several, so that a connection that breaks off
//! costs a piece and not the blob. A registry says how far it came; one that does not know begins anew.

use anyhow::{Context as _, ensure};
use bytes::Bytes;
use reqwest::Response;
use reqwest::header::{CONTENT_RANGE, CONTENT_TYPE, HeaderValue, LOCATION, RANGE};
use url::Url;

use super::client::{Call, Client, Refused};
use super::repository::header;
use crate::requests::{PAUSE, PAUSE_MAX};

/// The largest piece; no registry is known that wants larger ones, and some want 5 MiB at least.
const PIECE_BYTES: usize = 8 << 20;
/// What a registry may ask for as the smallest piece.
const PIECE_BYTES_MAX: usize = 128 << 20;
/// How a registry asks for that (distribution specification).
const PIECE_BYTES_MIN_FIELD: &str = "oci-chunk-min-length";
/// How often an upload goes on after a failure, beside once for each piece.
const FAILURES_MAX: usize = 2;

/// A blob on its way.
struct Upload<'a> {
    client: &'a Client,
    digest: &'a str,
    bytes: &'a Bytes,
    /// Where the rest goes; none: the registry has not been asked for a place.
    place: Option<Url>,
    /// How much the registry has.
    received: usize,
    piece_bytes: usize,
}

/// Uploads a blob.
///
/// # Errors
/// The registry does not take it, or fails too often.
pub(super) async fn upload(client: &Client, digest: &str, bytes: &Bytes) -> anyhow::Result<()> {
    let mut upload = Upload {
        client,
        digest,
        bytes,
        place: None,
        received: 0,
        piece_bytes: PIECE_BYTES,
    };
    let mut rest = FAILURES_MAX + bytes.len() / PIECE_BYTES;
    let mut pause = PAUSE;
    loop {
        let before = upload.received;
        let Err(error) = upload.send().await else {
            return Ok(());
        };
        if rest == 0 || is_final(&error) {
            return Err(error).with_context(|| format!("cannot upload {digest}"));
        }
        rest -= 1;
        if upload.received > before {
            pause = PAUSE;
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(PAUSE_MAX);
        upload.look().await;
    }
}

impl Upload<'_> {
    /// Sends what is missing.
    async fn send(&mut self) -> anyhow::Result<()> {
        if self.place.is_none() {
            self.begin().await?;
        }
        let in_pieces = self.received > 0 || self.bytes.len() > self.piece_bytes;
        while in_pieces && self.received < self.bytes.len() {
            self.send_piece().await?;
        }
        let rest = self.bytes.slice(self.received..);
        let mut place = self.place.clone().context("there is no upload")?;
        place.query_pairs_mut().append_pair("digest", self.digest);
        let answer = self
            .client
            .ask_once(&octets(Call::put(place, rest)))
            .await?;
        self.client.expect(answer, &[201]).await?;
        Ok(())
    }

    async fn begin(&mut self) -> anyhow::Result<()> {
        let begin = Call::post(self.client.url("blobs/uploads/")?);
        let answer = self.client.ask(&begin).await?;
        let answer = self.client.expect(answer, &[202]).await?;
        let least = header(&answer, PIECE_BYTES_MIN_FIELD);
        let least: Option<usize> = least.and_then(|text| text.parse().ok());
        self.piece_bytes = least
            .unwrap_or_default()
            .clamp(PIECE_BYTES, PIECE_BYTES_MAX);
        self.received = 0;
        self.follow(&answer)
    }

    async fn send_piece(&mut self) -> anyhow::Result<()> {
        let start = self.received;
        let end = self.bytes.len().min(start + self.piece_bytes);
        let place = self.place.clone().context("there is no upload")?;
        let mut call = octets(Call::patch(place, self.bytes.slice(start..end)));
        let range = HeaderValue::from_str(&format!("{start}-{}", end - 1))?;
        call.headers.insert(CONTENT_RANGE, range);
        let answer = self.client.ask_once(&call).await?;
        let answer = self.client.expect(answer, &[202]).await?;
        self.follow(&answer)?;
        let received = received(&answer).unwrap_or(end);
        ensure!(
            start < received && received <= end,
            "it has received {received} bytes of {end}"
        );
        self.received = received;
        Ok(())
    }

    /// After a failure: asks how far it came. An upload that is not there any more begins anew.
    async fn look(&mut self) {
        let Some(place) = self.place.take() else {
            return;
        };
        let answer = self.client.ask_once(&Call::get(place)).await.ok();
        let answer = answer.filter(|answer| answer.status().as_u16() == 204);
        let Some(answer) = answer else {
            self.received = 0;
            return;
        };
        let received = received(&answer).unwrap_or_default();
        if received <= self.bytes.len() && self.follow(&answer).is_ok() {
            self.received = received;
        }
    }

    /// What comes next goes where an answer says.
    fn follow(&mut self, answer: &Response) -> anyhow::Result<()> {
        let place = header(answer, LOCATION.as_str());
        let place = place.context("the registry names no place for the upload")?;
        self.place = Some(self.client.resolve(&place)?);
        Ok(())
    }
}

/// Whether trying again is no use: the registry will not have it, and not for a reason that passes, or that is about
/// this upload and no other.
fn is_final(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| {
        (400..500).contains(&refused.status) && ![404, 408, 416, 429].contains(&refused.status)
    })
}

fn octets(mut call: Call) -> Call {
    let kind = HeaderValue::from_static("application/octet-stream");
    call.headers.insert(CONTENT_TYPE, kind);
    call
}

fn received(answer: &Response) -> Option<usize> {
    range_end(&header(answer, RANGE.as_str())?)
}

/// How many bytes a range from the start has: `0-99` are a hundred. `0-0` is what registries say of none.
fn range_end(range: &str) -> Option<usize> {
    let range = range.strip_prefix("bytes=").unwrap_or(range);
    let last: usize = range.strip_prefix("0-")?.parse().ok()?;
    if last == 0 {
        return Some(0);
    }
    last.checked_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_tried_again() {
        for (status, expected) in [
            (400, true),
            (401, true),
            (403, true),
            (413, true),
            (404, false),
            (408, false),
            (416, false),
            (429, false),
            (500, false),
            (503, false),
        ] {
            let text = String::new();
            let error = anyhow::Error::new(Refused { status, text }).context("x");
            assert_eq!(is_final(&error), expected, "{status}");
        }
        assert!(!is_final(&anyhow::anyhow!("h cannot be asked")));
    }

    #[test]
    fn ranges() {
        for (text, expected) in [
            ("0-0", Some(0)),
            ("0-99", Some(100)),
            ("bytes=0-99", Some(100)),
            ("1-99", None),
            ("0-", None),
            ("", None),
            ("0-18446744073709551615", None),
        ] {
            assert_eq!(range_end(text), expected, "{text}");
        }
    }
}
