//! The sockets of a process, as the system lists them: whether a gateway listens, and where.

use std::net::{IpAddr, SocketAddr};

/// Whether a process listens, or takes datagrams.
pub(crate) fn is_up(process: u32) -> bool {
    listening(process).next().is_some() || sockets(process, UDP).next().is_some()
}

/// Where a process listens: the TCP sockets that it holds and that the system lists as listening.
pub(crate) fn listening(process: u32) -> impl Iterator<Item = SocketAddr> + use<> {
    sockets(process, TCP)
}

/// Of a protocol the names of its tables, and the state of sockets that anybody may send to: listening ones,
/// and those of UDP that are bound and have no peer.
type Tables = ([&'static str; 2], &'static str);
const TCP: Tables = (["tcp", "tcp6"], "0A");
const UDP: Tables = (["udp", "udp6"], "07");

/// The sockets that a process holds.
fn sockets(id: u32, (names, state): Tables) -> impl Iterator<Item = SocketAddr> + use<> {
    let open = std::fs::read_dir(format!("/proc/{id}/fd"));
    let open = open.into_iter().flatten().filter_map(|entry| {
        let target = std::fs::read_link(entry.ok()?.path()).ok()?;
        let target = target.to_string_lossy().into_owned();
        let inode = target.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(inode.to_owned())
    });
    let open: Vec<String> = open.collect();
    let tables = names.into_iter().filter_map(move |name| {
        let table = std::fs::read_to_string(format!("/proc/{id}/net/{name}"));
        table.ok()
    });
    tables.flat_map(move |table| {
        let sockets = table.lines().filter_map(|line| socket(line, state, &open));
        sockets.collect::<Vec<_>>()
    })
}

/// A line of `/proc/net/tcp`: the address in the second column, state in the fourth, inode in the tenth.
fn socket(line: &str, wanted: &str, inodes: &[String]) -> Option<SocketAddr> {
    let mut columns = line.split_ascii_whitespace().skip(1);
    let local = columns.next()?;
    columns.nth(1).filter(|state| *state == wanted)?;
    let inode = columns.nth(5)?;
    inodes.iter().find(|open| *open == inode)?;
    address(local)
}

/// `0100007F:1F90`: words of the address as this processor has them, and the port.
fn address(text: &str) -> Option<SocketAddr> {
    const DIGITS: usize = 8;
    let (ip, port) = text.split_once(':')?;
    let word = |at: usize| {
        let digits = ip.get(at * DIGITS..(at + 1) * DIGITS)?;
        Some(u32::from_str_radix(digits, 16).ok()?.to_ne_bytes())
    };
    let ip: IpAddr = if ip.len() == DIGITS {
        word(0)?.into()
    } else {
        let words: Option<Vec<[u8; 4]>> = (0..4).map(word).collect();
        <[u8; 16]>::try_from(words?.concat()).ok()?.into()
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_sockets() {
        let line = "   0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 12345 1 0 100 0 0 10 0";
        let own = ["12345".to_owned()];
        assert!(socket(line, TCP.1, &own).is_some());
        assert!(socket(line, TCP.1, &["1234".to_owned()]).is_none());
        assert!(socket(&line.replace(" 0A ", " 01 "), TCP.1, &own).is_none());
        assert!(socket("sl local_address", TCP.1, &[]).is_none());
        if cfg!(target_endian = "little") {
            assert_eq!(socket(line, TCP.1, &own), "127.0.0.1:8080".parse().ok());
            let six = "00000000000000000000000001000000:1F90";
            assert_eq!(address(six), "[::1]:8080".parse().ok());
        }
        assert_eq!(address("00:1"), None);
    }
}
