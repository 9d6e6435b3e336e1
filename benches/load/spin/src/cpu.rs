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
    /// That of a process and of its children: servers that fork do nothing themselves.
    pub(crate) fn of(pid: u32) -> Result<Self, String> {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
        // Not every kernel tells; and then there are none among the contenders.
        let children = children.unwrap_or_default();
        let mut sum = Self::of_one(pid)?;
        for child in children.split_whitespace() {
            let child = child.parse().map_err(|e| format!("child {child}: {e}"))?;
            let used = Self::of_one(child)?;
            sum.user += used.user;
            sum.system += used.system;
        }
        Ok(sum)
    }

    /// Reads fields 14 and 15 of `/proc/PID/stat`.
    fn of_one(pid: u32) -> Result<Self, String> {
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
