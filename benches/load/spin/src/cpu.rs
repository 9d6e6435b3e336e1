//! The CPU time of another process.

use std::fs;
use std::ops::Sub;

/// User and system time of all threads of a process, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CpuTime {
    pub(crate) user: u64,
    pub(crate) system: u64,
}

impl CpuTime {
    /// Reads fields 14 and 15 of `/proc/PID/stat`.
    pub(crate) fn of(pid: u32) -> Result<Self, String> {
        let path = format!("/proc/{pid}/stat");
        let stat = fs::read_to_string(&path).map_err(|e| format!("{path}: {e}"))?;
        Self::parse(&stat).ok_or_else(|| format!("{path}: not understood"))
    }

    fn parse(stat: &str) -> Option<Self> {
        // The second field is the name in parentheses and may hold anything.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut ticks = fields.split(' ').skip(11).map(str::parse::<u64>);
        Some(Self {
            user: ticks.next()?.ok()? * TICK,
            system: ticks.next()?.ok()? * TICK,
        })
    }
}

impl Sub for CpuTime {
    type Output = Self;

    fn sub(self, earlier: Self) -> Self {
        Self {
            user: self.user.saturating_sub(earlier.user),
            system: self.system.saturating_sub(earlier.system),
        }
    }
}

/// Microseconds in a tick: the kernel shows 100 a second to every program, whatever it uses itself.
const TICK: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_parentheses() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 90 0 0 0 12 34 0 0 20 0 1 0 100 1 1";
        let expected = CpuTime {
            user: 120_000,
            system: 340_000,
        };
        assert_eq!(CpuTime::parse(stat), Some(expected));
        assert_eq!(CpuTime::parse("7 (a"), None);
        assert!(CpuTime::of(std::process::id()).is_ok());
    }
}
