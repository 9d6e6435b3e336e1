//! What can be seen of the scheduler: its trace and its histograms.

mod support;

use std::process::{Command, Output};
use std::time::Duration;

use ringspun::Builder;
use ringspun::time::sleep;

/// Set in a child.
const CHILD: &str = "RINGSPUN_TEST_CHILD";

/// Runs one of these tests in a process of its own, with the variable set.
fn child(test: &str, variable: &str) -> Output {
    Command::new(std::env::current_exe().expect("this test"))
        .args([test, "--nocapture", "--exact"])
        .env(CHILD, "1")
        .env("RINGSPUN_SCHEDTRACE", variable)
        .output()
        .expect("a child")
}

/// The child: a runtime that lives for some periods.
fn serve() {
    let runtime = Builder::new().cores(2).build().expect("a runtime");
    runtime.block_on(async {
        for _ in 0..3 {
            drop(ringspun::spawn(std::future::pending::<()>()));
        }
        sleep(Duration::from_millis(120)).await;
    });
}

#[test]
fn the_variable_prints_a_line_each_period() {
    if std::env::var_os(CHILD).is_some() {
        return serve();
    }
    let output = child("the_variable_prints_a_line_each_period", "20");
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stderr).expect("text");
    let lines: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("SCHED "))
        .collect();
    // Six on a quiet machine.
    assert!((1..=7).contains(&lines.len()), "{text}");
    let last = lines[lines.len() - 1];
    for part in [
        "cores=2 ",
        "threads=",
        "inject=0 ",
        "rings=[0, 0] ",
        "tasks=3 ",
        "hand_offs=0 ",
    ] {
        assert!(last.contains(part), "{part} in {last}");
    }
}

#[test]
fn a_wrong_variable_is_an_error_that_says_so() {
    if std::env::var_os(CHILD).is_some() {
        let error = Builder::new().cores(1).build().expect_err("not a number");
        return println!("{error}");
    }
    let output = child("a_wrong_variable_is_an_error_that_says_so", "often");
    let text = String::from_utf8(output.stdout).expect("text");
    assert!(
        text.contains("RINGSPUN_SCHEDTRACE is \"often\": set it to milliseconds"),
        "{text}"
    );
}

#[test]
fn without_the_trace_there_is_no_thread_for_it_and_with_it_none_stays() {
    let _alone = support::alone();
    let named = |suffix: &str| {
        std::fs::read_dir("/proc/self/task")
            .expect("procfs")
            .filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok())
            .filter(|name| name.trim_end().ends_with(suffix))
            .count()
    };
    let builder = Builder::new().cores(1).thread_name("st");
    let runtime = builder.clone().build().expect("a runtime");
    assert_eq!(named("st-trace"), 0);
    drop(runtime);
    let hour = Duration::from_secs(3600);
    let runtime = builder.schedtrace(hour).build().expect("a runtime");
    support::becomes(1, || named("st-trace"));
    // Not after an hour.
    drop(runtime);
    support::becomes(0, || named("st-trace"));
}

#[test]
fn poll_times_and_delays_are_recorded() {
    let runtime = Builder::new().cores(1).build().expect("a runtime");
    let handle = runtime.handle();
    let long = Duration::from_millis(2);
    runtime.block_on(async {
        let tasks: Vec<_> = (0..64)
            .map(|n| {
                // From outside: each notes when it was queued.
                handle.spawn(async move {
                    if n == 0 {
                        std::thread::sleep(long);
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        // The last poll is recorded as the next one begins.
        handle.spawn(async {}).await.expect("no panic");
    });
    let core = handle.metrics().cores[0];
    assert!(core.poll_time.count() >= 63, "{:?}", core.poll_time);
    assert!(core.poll_time.count() <= core.polls);
    assert!(core.run_delay.count() >= 64, "{:?}", core.run_delay);
    assert!(core.run_delay.max() > 0);
}
