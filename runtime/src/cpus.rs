//! How many CPUs this process may use, and on which of them a thread runs.
//!
//! Two things limit a process: the affinity mask (`taskset`, cpusets), which names CPUs, and the CPU
//! quota of its cgroup and of every cgroup above, which is an amount of time per period. A quota of 1.5
//! CPUs is rounded up: two cores can use it up, one cannot. The smaller of both counts, at least 1.
//!
//! Reading is apart from parsing: what is parsed comes through a function from path to text.

use std::ffi::c_ulong;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// How many CPUs this process may use: the affinity mask of this thread, and the cgroups' quota.
pub(crate) fn available() -> usize {
    let mask = allowed().map_or(usize::MAX, |cpus| cpus.len());
    let quota = quota(&|path| fs::read_to_string(path).ok());
    match mask.min(quota.unwrap_or(usize::MAX)) {
        // Neither could be read.
        usize::MAX => std::thread::available_parallelism().map_or(1, usize::from),
        cpus => cpus.max(1),
    }
}

/// The CPUs in the affinity mask of this thread, in order.
pub(crate) fn allowed() -> io::Result<Vec<usize>> {
    // 1,024 CPUs, twice as many as long as the kernel has more.
    let mut mask: Vec<c_ulong> = vec![0; 1024 / BITS];
    loop {
        // SAFETY: the kernel writes at most as many bytes as it is told, which `mask` has.
        let result =
            unsafe { libc::sched_getaffinity(0, size_of_val(&*mask), mask.as_mut_ptr().cast()) };
        if result == 0 {
            return Ok((0..mask.len() * BITS)
                .filter(|cpu| mask[cpu / BITS] >> (cpu % BITS) & 1 == 1)
                .collect());
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::InvalidInput || mask.len() * BITS >= MOST_CPUS {
            return Err(error);
        }
        mask.resize(2 * mask.len(), 0);
    }
}

/// Pins this thread to the CPU of core `core`: the `core`-th of `cpus`, which are counted round. A failure
/// is a warning: the thread runs all the same.
pub(crate) fn pin_current(core: usize, cpus: &[usize]) {
    if !cpus.is_empty() {
        allow_current(&cpus[core % cpus.len()..][..1]);
    }
}

/// Lets this thread run on `cpus`, whatever the thread that started it was pinned to.
pub(crate) fn allow_current(cpus: &[usize]) {
    if let Err(error) = set_affinity(cpus) {
        tracing::warn!(%error, ?cpus, "cannot set the CPUs of a thread: it stays where it is");
    }
}

fn set_affinity(cpus: &[usize]) -> io::Result<()> {
    let most = cpus.iter().max().map_or(0, |cpu| cpu / BITS);
    let mut mask: Vec<c_ulong> = vec![0; most + 1];
    for cpu in cpus {
        mask[cpu / BITS] |= 1 << (cpu % BITS);
    }
    // SAFETY: the kernel reads as many bytes as it is told, which `mask` has.
    let result = unsafe { libc::sched_setaffinity(0, size_of_val(&*mask), mask.as_ptr().cast()) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}

/// Bits in a word of an affinity mask.
const BITS: usize = c_ulong::BITS as usize;
/// More than any kernel is built for (8,192 in 2025).
const MOST_CPUS: usize = 1 << 20;

/// Gives the text of a file, if there is one.
type Read<'a> = &'a dyn Fn(&Path) -> Option<String>;

/// The CPUs that the cgroups of this process allow, rounded up; `None` without a quota. The limit of a
/// cgroup holds for all below it, so the least on the way up counts.
fn quota(read: Read<'_>) -> Option<usize> {
    let cgroups = read(Path::new("/proc/self/cgroup"))?;
    let mounts = read(Path::new("/proc/self/mountinfo"))?;
    let mounts: Vec<_> = mounts.lines().filter_map(Mount::parse).collect();
    cgroups
        .lines()
        .filter_map(|line| {
            let (version, path) = membership(line)?;
            least_on_the_way_up(version, path, &mounts, read)
        })
        .min()
}

/// The two kinds of cgroup hierarchies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    /// One for each set of controllers; here that of `cpu`.
    V1,
    /// One for all.
    V2,
}

/// A line of `/proc/self/cgroup`, `ID:CONTROLLERS:PATH`: the hierarchy, if it can have a CPU quota, and
/// the process's place in it.
fn membership(line: &str) -> Option<(Version, &str)> {
    let mut fields = line.splitn(3, ':');
    let (id, controllers, path) = (fields.next()?, fields.next()?, fields.next()?);
    let version = if id == "0" && controllers.is_empty() {
        Version::V2
    } else if controllers.split(',').any(|name| name == "cpu") {
        Version::V1
    } else {
        return None;
    };
    Some((version, path))
}

/// Where a hierarchy is mounted.
#[derive(Debug, PartialEq, Eq)]
struct Mount {
    version: Version,
    /// The cgroup that the mount point shows; in a container often not the topmost.
    root: String,
    point: PathBuf,
}

impl Mount {
    /// A line of `/proc/self/mountinfo`:
    /// `ID PARENT DEVICE ROOT POINT OPTIONS [OPTIONAL...] - TYPE SOURCE SUPER_OPTIONS`.
    fn parse(line: &str) -> Option<Self> {
        let (mount, kind) = line.split_once(" - ")?;
        let mut kind = kind.split(' ');
        let version = match (kind.next()?, kind.nth(1)) {
            ("cgroup2", _) => Version::V2,
            ("cgroup", Some(options)) if options.split(',').any(|name| name == "cpu") => {
                Version::V1
            }
            _ => return None,
        };
        let mut mount = mount.split(' ').skip(3);
        Some(Self {
            version,
            root: unescape(mount.next()?),
            point: unescape(mount.next()?).into(),
        })
    }

    /// The way from the mount point to cgroup `path`; `None` if this mount does not show it.
    fn way_to<'a>(&self, path: &'a str) -> Option<&'a Path> {
        let path = Path::new(path);
        let below = path.strip_prefix(&self.root).ok()?;
        // A cgroup above the namespace's root.
        (!below.iter().any(|part| part == "..")).then_some(below)
    }
}

/// The least quota from cgroup `path` up to the mount point.
fn least_on_the_way_up(
    version: Version,
    path: &str,
    mounts: &[Mount],
    read: Read<'_>,
) -> Option<usize> {
    let mounts = || mounts.iter().filter(|mount| mount.version == version);
    let (point, way) = mounts()
        .find_map(|mount| Some((&mount.point, mount.way_to(path)?)))
        // A container that sees its own cgroup at the mount point, but its path from outside.
        .or_else(|| Some((&mounts().next()?.point, Path::new(""))))?;
    way.ancestors()
        .filter_map(|level| own_quota(version, &point.join(level), read))
        .min()
}

/// The quota of one cgroup.
fn own_quota(version: Version, group: &Path, read: Read<'_>) -> Option<usize> {
    let file = |name: &str| read(&group.join(name));
    match version {
        Version::V2 => {
            let text = file("cpu.max")?;
            let (quota, period) = text.trim().split_once(' ')?;
            cpus(quota, period)
        }
        Version::V1 => cpus(&file("cpu.cfs_quota_us")?, &file("cpu.cfs_period_us")?),
    }
}

/// Microseconds per period as CPUs, rounded up. `None` for "max", "-1" and what is no number.
fn cpus(quota: &str, period: &str) -> Option<usize> {
    let quota: u64 = quota.trim().parse().ok()?;
    let period: u64 = period.trim().parse().ok().filter(|period| *period > 0)?;
    usize::try_from(quota.div_ceil(period)).ok()
}

/// Undoes the kernel's escapes in mountinfo: `\040` is a space.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|code| u8::from_str_radix(code, 8).ok());
        match code {
            Some(code) => {
                out.push(code.into());
                out.push_str(&part[3..]);
            }
            None => {
                out.push('\\');
                out.push_str(part);
            }
        }
    }
    out
}

#[cfg(all(test, not(loom)))]
mod tests {
    use std::collections::HashMap;

    use super::*;

    const MOUNT_V2: &str =
        "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate";
    const MOUNT_V1: &str =
        "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct";

    fn quota_of(files: &[(&str, &str)]) -> Option<usize> {
        let files: HashMap<_, _> = files
            .iter()
            .map(|(path, text)| (Path::new(*path), (*text).to_owned()))
            .collect();
        quota(&|path| files.get(path).cloned())
    }

    fn v2(path: &str, files: &[(&str, &str)]) -> Option<usize> {
        let membership = format!("0::{path}\n");
        let mut all = vec![
            ("/proc/self/cgroup", membership.as_str()),
            ("/proc/self/mountinfo", MOUNT_V2),
        ];
        all.extend(files);
        quota_of(&all)
    }

    #[test]
    fn a_quota_is_rounded_up() {
        for (text, cpus) in [
            ("100000 100000\n", Some(1)),
            ("150000 100000\n", Some(2)),
            ("200000 100000\n", Some(2)),
            ("200001 100000\n", Some(3)),
            ("1000 100000\n", Some(1)),
            ("max 100000\n", None),
            ("max\n", None),
            ("\n", None),
            ("100000\n", None),
            ("100000 0\n", None),
            ("100000 fast\n", None),
            ("-5 100000\n", None),
            ("99999999999999999999999 1\n", None),
        ] {
            let files = [("/sys/fs/cgroup/a/cpu.max", text)];
            assert_eq!(v2("/a", &files), cpus, "{text:?}");
        }
    }

    #[test]
    fn the_least_on_the_way_up_counts() {
        let files = [
            ("/sys/fs/cgroup/a/cpu.max", "300000 100000"),
            ("/sys/fs/cgroup/a/b/cpu.max", "max 100000"),
            ("/sys/fs/cgroup/a/b/c/cpu.max", "800000 100000"),
        ];
        assert_eq!(v2("/a/b/c", &files), Some(3));
        assert_eq!(v2("/a/b", &files), Some(3));
        assert_eq!(v2("/a", &files), Some(3));
        assert_eq!(v2("/", &files), None);
        // A cgroup without the controller has no file.
        assert_eq!(v2("/a/b/c/d", &files), Some(3));
        assert_eq!(v2("/other", &files), None);
    }

    #[test]
    fn version_1_has_two_files() {
        let quota = |quota, period| {
            quota_of(&[
                (
                    "/proc/self/cgroup",
                    "5:cpuset:/x\n4:cpu,cpuacct:/docker/x\n1:name=systemd:/y\n",
                ),
                ("/proc/self/mountinfo", MOUNT_V1),
                (
                    "/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_quota_us",
                    quota,
                ),
                (
                    "/sys/fs/cgroup/cpu,cpuacct/docker/x/cpu.cfs_period_us",
                    period,
                ),
            ])
        };
        assert_eq!(quota("250000\n", "100000\n"), Some(3));
        assert_eq!(quota("-1\n", "100000\n"), None);
        assert_eq!(quota("100000\n", ""), None);
    }

    #[test]
    fn both_versions_at_once() {
        let mounts = format!("{MOUNT_V2}\n{MOUNT_V1}\n");
        let files = [
            ("/proc/self/cgroup", "3:cpu,cpuacct:/old\n0::/new\n"),
            ("/proc/self/mountinfo", mounts.as_str()),
            ("/sys/fs/cgroup/new/cpu.max", "400000 100000"),
            ("/sys/fs/cgroup/cpu,cpuacct/old/cpu.cfs_quota_us", "200000"),
            ("/sys/fs/cgroup/cpu,cpuacct/old/cpu.cfs_period_us", "100000"),
        ];
        assert_eq!(quota_of(&files), Some(2));
        assert_eq!(quota_of(&files[..3]), Some(4));
    }

    #[test]
    fn a_mount_point_may_show_a_part_of_the_tree() {
        let inside = "40 1 0:26 /docker/x /sys/fs/cgroup ro - cgroup2 cgroup2 rw";
        let elsewhere = "41 1 0:26 /machine /mnt/with\\040space\\\\ rw - cgroup2 cgroup2 rw";
        let mounts = format!("{elsewhere}\n{inside}\nnonsense\n1 2 - cgroup2\n");
        let quota = |path: &str| {
            quota_of(&[
                ("/proc/self/cgroup", &format!("0::{path}")),
                ("/proc/self/mountinfo", &mounts),
                ("/sys/fs/cgroup/cpu.max", "200000 100000"),
                ("/sys/fs/cgroup/y/cpu.max", "100000 100000"),
                ("/mnt/with space\\\\/cpu.max", "500000 100000"),
            ])
        };
        assert_eq!(quota("/docker/x"), Some(2));
        assert_eq!(quota("/docker/x/y"), Some(1));
        assert_eq!(quota("/docker/xy"), Some(5), "no mount shows it: the first");
        assert_eq!(quota("/machine"), Some(5));
        assert_eq!(
            quota("/docker/x/../z"),
            Some(5),
            "above the namespace's root"
        );
    }

    #[test]
    fn missing_and_malformed_files_limit_nothing() {
        assert_eq!(quota_of(&[]), None);
        assert_eq!(quota_of(&[("/proc/self/cgroup", "0::/")]), None);
        for cgroups in ["", "0", "0:", "x:y", "::::", "0:cpu", "12:pids:/a"] {
            let files = [
                ("/proc/self/cgroup", cgroups),
                ("/proc/self/mountinfo", MOUNT_V2),
                ("/sys/fs/cgroup/cpu.max", "100000 100000"),
            ];
            assert_eq!(quota_of(&files), None, "{cgroups:?}");
        }
    }

    #[test]
    fn mounts_are_told_apart() {
        let mount = Mount::parse(MOUNT_V1).expect("a mount of version 1");
        assert_eq!(mount.version, Version::V1);
        assert_eq!(mount.point, Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        for other in [
            "",
            "24 1 254:0 / / rw - ext4 /dev/root rw",
            "35 31 0:32 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset",
            "35 31 0:32 / /sys/fs/cgroup/acct rw - cgroup cgroup rw,cpuacct",
            "35 31 - cgroup",
        ] {
            assert_eq!(Mount::parse(other), None, "{other:?}");
        }
    }

    #[test]
    fn this_process_has_cpus() {
        let cpus = allowed().expect("an affinity mask");
        assert!(!cpus.is_empty());
        assert!((1..=cpus.len()).contains(&available()));
    }

    #[test]
    fn a_thread_is_pinned_and_let_go_again() {
        let cpus = allowed().expect("an affinity mask");
        std::thread::spawn(move || {
            for core in 0..2 * cpus.len() {
                pin_current(core, &cpus);
                assert_eq!(allowed().unwrap(), [cpus[core % cpus.len()]]);
            }
            allow_current(&cpus);
            assert_eq!(allowed().unwrap(), cpus);
            // Refused: it stays.
            allow_current(&[]);
            assert_eq!(allowed().unwrap(), cpus);
        })
        .join()
        .expect("no assertion failed");
    }
}
