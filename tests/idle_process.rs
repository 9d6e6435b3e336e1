//! An idle runtime costs nothing: its threads sleep until something happens.

mod support;

use std::time::Duration;

use ringspun::{Builder, spawn, time};

/// Context switches of all threads of this process so far, but for the calling one.
fn switches_of_others() -> u64 {
    let me = std::fs::read_link("/proc/thread-self").unwrap();
    std::fs::read_dir("/proc/self/task")
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.file_name() != me.file_name())
        .map(|path| {
            let status = std::fs::read_to_string(path.join("status")).unwrap();
            status
                .lines()
                .filter(|line| line.contains("ctxt_switches"))
                .map(|line| {
                    line.split_ascii_whitespace()
                        .nth(1)
                        .unwrap()
                        .parse::<u64>()
                        .unwrap()
                })
                .sum::<u64>()
        })
        .sum()
}

/// M3 and "idle costs nothing": no wake-up in a second, after a thousand cancelled timers and with one
/// far timer set.
#[test]
fn idle_workers_do_not_wake_up() {
    let runtime = Builder::new().cores(4).build().unwrap();
    runtime.block_on(async {
        let tasks: Vec<_> = (0..1000)
            .map(|i| {
                spawn(time::timeout(
                    Duration::from_micros(i),
                    std::future::pending::<()>(),
                ))
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap_err();
        }
        drop(spawn(time::sleep(Duration::from_secs(3600))));
    });
    // The workers need a moment to fall asleep: wait until a whole second passes without a switch.
    // A busy machine cannot make a sleeping thread switch, so one quiet second is proof.
    let quiet = (0..30).any(|_| {
        let before = switches_of_others();
        std::thread::sleep(Duration::from_secs(1));
        switches_of_others() == before
    });
    assert!(quiet, "the workers woke up in each of 30 idle seconds");
}
