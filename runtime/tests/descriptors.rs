//! A runtime makes room for as many descriptors as the system allows. In processes of their own,
//! because the limit is that of the process.

use std::fs::read_to_string;
use std::process::Command;

use ringspun_runtime::Builder;

const CHILD: &str = "RINGSPUN_TEST_DESCRIPTORS";

/// Soft limit and hard limit of this process, and the size of its table.
fn figures() -> (u64, u64, u64) {
    let limits = read_to_string("/proc/self/limits").unwrap();
    let line = limits
        .lines()
        .find(|line| line.starts_with("Max open files"))
        .unwrap();
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    let (soft, hard) = (numbers.next().unwrap(), numbers.next().unwrap());
    let status = read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("FDSize:"));
    (soft, hard, line.unwrap().trim().parse().unwrap())
}

#[test]
fn in_a_child() {
    let Ok(mode) = std::env::var(CHILD) else {
        return;
    };
    let before = figures();
    assert_eq!(before.0, 100, "the parent has lowered the soft limit");
    drop(
        Builder::new()
            .cores(1)
            .many_descriptors(mode == "on")
            .build()
            .unwrap(),
    );
    let (soft, hard, size) = figures();
    if mode == "on" {
        assert_eq!((soft, hard), (before.1, before.1));
        assert!(size >= hard.min(128 * 1024), "{size} of {hard}");
        // Nothing of it is held: the next descriptor is a small number.
        let file = std::fs::File::open("/dev/null").unwrap();
        assert!(std::os::fd::AsRawFd::as_raw_fd(&file) < 50);
    } else {
        assert_eq!((soft, hard, size), before);
    }
}

#[test]
fn the_limit_is_raised_unless_it_is_to_stay() {
    let own = std::env::current_exe().unwrap();
    for mode in ["on", "off"] {
        let status = Command::new("sh")
            .args(["-c", "ulimit -Sn 100 && exec \"$0\" --exact in_a_child"])
            .arg(&own)
            .env(CHILD, mode)
            .status()
            .unwrap();
        assert!(status.success(), "{mode}");
    }
}
