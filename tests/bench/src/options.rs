//! What `bench-load` is told.

use std::error::Error;
use std::net::SocketAddr;
use std::time::Duration;

const USAGE: &str = "usage: bench-load --target ADDRESS:PORT[,…] --path PATH --body BYTES [--connections N] \
                     (--seconds S [--warmup S] | --requests N) [--rate PER_SECOND] \
                     [--spread HOSTS,PATHS] [--pid PID[,…]] [--protocol websocket]";

/// When the run ends.
#[derive(Clone, Copy, Debug)]
pub enum Until {
    /// So many answers, none of them discarded.
    Requests(u64),
    /// So much time, after a warm-up that is not counted.
    Time {
        /// Not counted.
        warmup: Duration,
        /// Counted.
        window: Duration,
    },
}

/// What the load is.
#[derive(Debug)]
pub struct Options {
    /// Who gets it, and the processes behind them, if they are looked at.
    pub targets: Vec<(SocketAddr, Option<u32>)>,
    /// Of every request.
    pub path: String,
    /// Of every answer, or message.
    pub body_bytes: usize,
    /// To each target.
    pub connections: usize,
    /// The end, for each target.
    pub until: Until,
    /// Requests per second, sent when they are due; as fast as answers come if there is none.
    pub rate: Option<f64>,
    /// Requests go round over so many hosts `hN.test` and so many first segments `/rN` of each.
    pub spread: Option<(usize, usize)>,
    /// Whether each connection becomes a WebSocket first.
    pub websocket: bool,
}

impl Options {
    /// From the words of a command line.
    ///
    /// # Errors
    /// They are not as the usage says.
    pub fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let (mut targets, mut path, mut body_bytes) = (Vec::<SocketAddr>::new(), None, None);
        let mut pids = Vec::<u32>::new();
        let (mut rate, mut spread, mut websocket) = (None, None, false);
        let (mut connections, mut requests, mut seconds, mut warmup) = (64, None, None, 0.0);
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            match name.as_str() {
                "--target" => {
                    targets = value.split(',').map(str::parse).collect::<Result<_, _>>()?
                }
                "--path" => path = Some(value),
                "--body" => body_bytes = Some(value.parse()?),
                "--connections" => connections = value.parse()?,
                "--seconds" => seconds = Some(value.parse()?),
                "--warmup" => warmup = value.parse()?,
                "--requests" => requests = Some(value.parse()?),
                "--pid" => pids = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
                "--rate" => rate = Some(value.parse()?),
                "--spread" => {
                    let (hosts, paths) = value.split_once(',').ok_or(USAGE)?;
                    spread = Some((hosts.parse()?, paths.parse()?));
                }
                "--protocol" if value == "websocket" => websocket = true,
                _ => return Err(USAGE.into()),
            }
        }
        let until = match (requests, seconds) {
            (Some(requests), None) => Until::Requests(requests),
            (None, Some(seconds)) => Until::Time {
                warmup: Duration::try_from_secs_f64(warmup)?,
                window: Duration::try_from_secs_f64(seconds)?,
            },
            _ => return Err(USAGE.into()),
        };
        if targets.is_empty() || !(pids.is_empty() || pids.len() == targets.len()) {
            return Err(USAGE.into());
        }
        let pids = pids.into_iter().map(Some).chain(std::iter::repeat(None));
        Ok(Self {
            targets: targets.into_iter().zip(pids).collect(),
            path: path.ok_or(USAGE)?,
            body_bytes: body_bytes.ok_or(USAGE)?,
            connections,
            until,
            rate,
            spread,
            websocket,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Option<Options> {
        let words = line.split(' ').map(str::to_owned);
        Options::parse(words).ok()
    }

    #[test]
    fn every_target_has_its_process_or_none_has() {
        let rest = "--path / --body 1 --requests 1";
        let pids = |line: &str| {
            let options = parse(&format!("{line} {rest}"))?;
            Some(
                options
                    .targets
                    .iter()
                    .map(|(_, pid)| *pid)
                    .collect::<Vec<_>>(),
            )
        };
        assert_eq!(pids("--target 1.1.1.1:1"), Some(vec![None]));
        assert_eq!(
            pids("--target 1.1.1.1:1,1.1.1.1:2 --pid 5,6"),
            Some(vec![Some(5), Some(6)])
        );
        assert_eq!(pids("--target 1.1.1.1:1,1.1.1.1:2 --pid 5"), None);
        assert_eq!(pids("--pid 5"), None);
    }
}
