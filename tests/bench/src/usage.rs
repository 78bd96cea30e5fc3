//! What a process has cost so far, as the kernel counts it.

use std::io;

/// What the kernel has counted for a process so far.
#[derive(Clone, Copy, Default)]
pub struct Usage {
    /// User and system time of all threads, in clock ticks.
    pub ticks: u64,
    /// Resident memory.
    pub rss_kib: u64,
}

impl Usage {
    /// Of a process; of none: nothing.
    ///
    /// # Errors
    /// There is no such process.
    pub fn of(pid: Option<u32>) -> io::Result<Self> {
        let Some(pid) = pid else {
            return Ok(Self::default());
        };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
        // Fields 14 and 15 of proc_pid_stat(5), counted from behind the name, which may hold spaces.
        let fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields);
        let ticks = fields
            .split_whitespace()
            .skip(11)
            .take(2)
            .filter_map(|field| field.parse::<u64>().ok())
            .sum();
        let rss = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        let rss_kib = rss
            .and_then(|rss| rss.split_whitespace().next()?.parse().ok())
            .unwrap_or_default();
        Ok(Self { ticks, rss_kib })
    }
}
