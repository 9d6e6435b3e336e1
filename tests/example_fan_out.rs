//! The example `fan_out`: order, the bound on what is in flight, and its end.

mod support;

#[path = "../examples/fan_out.rs"]
#[allow(dead_code, reason = "main is for the program")]
mod fan_out;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

use ringspun::Builder;

use fan_out::fan_out;
use support::child::Example;
use support::rng::{Rng, seed};
use support::{becomes, count, within_limit};

/// Takes any time up to some 50 µs.
fn work(rng: &mut Rng) {
    for _ in 0..rng.next(5000) {
        std::hint::spin_loop();
    }
}

#[test]
fn results_come_in_order_and_no_more_than_the_window_are_in_flight() {
    let seed = seed();
    within_limit(move || {
        for (cores, workers, window) in [
            (1, 1, 1),
            (1, 3, 4),
            (2, 2, 1),
            (2, 2, 2),
            (2, 5, 3),
            (2, 3, 16),
        ] {
            let runtime = Builder::new().cores(cores).build().unwrap();
            let jobs = count(300, 30_000);
            let begun = Arc::new(AtomicUsize::new(0));
            let counter = begun.clone();
            runtime.block_on(async move {
                let merged = fan_out(0..jobs, workers, window, move |job| {
                    counter.fetch_add(1, SeqCst);
                    work(&mut Rng::new(seed + job as u64));
                    job
                });
                for job in 0..jobs {
                    assert_eq!(merged.next().await, Some(job));
                    // Counted after this one was merged: a new one may have begun in its stead.
                    assert!(begun.load(SeqCst) <= job + 1 + window);
                }
                assert_eq!(merged.next().await, None);
            });
            becomes(0, || runtime.handle().metrics().live_tasks);
        }
    });
}

#[test]
fn a_slow_job_holds_up_what_comes_after_the_window() {
    within_limit(|| {
        for window in [1, 2, 7] {
            let runtime = Builder::new().cores(2).build().unwrap();
            let (gate, go) = std::sync::mpsc::channel::<()>();
            let go = Arc::new(std::sync::Mutex::new(go));
            let begun = Arc::new(AtomicUsize::new(0));
            let counter = begun.clone();
            let merged = runtime.block_on(async move {
                fan_out(0.., 2, window, move |job: usize| {
                    counter.fetch_add(1, SeqCst);
                    if job == 0 {
                        go.lock().unwrap().recv().unwrap();
                    }
                    job
                })
            });
            let first = runtime
                .handle()
                .spawn(async move { (merged.next().await, merged) });
            // All of the window is begun, the first is not done, and nothing more can be.
            becomes(window, || begun.load(SeqCst));
            for _ in 0..100 {
                std::thread::yield_now();
                assert_eq!(begun.load(SeqCst), window);
            }
            gate.send(()).unwrap();
            let (result, merged) = runtime.block_on(first).unwrap();
            assert_eq!(result, Some(0));
            // There is no last job: dropping the merger ends it all.
            drop(merged);
            becomes(0, || runtime.handle().metrics().live_tasks);
        }
    });
}

#[test]
fn a_job_that_panics_is_no_result() {
    within_limit(|| {
        let runtime = Builder::new().cores(2).build().unwrap();
        let merging = runtime.handle().spawn(async {
            let merged = fan_out(0..10, 2, 4, |job| {
                // No panic hook: the panic is wanted.
                if job == 5 {
                    std::panic::resume_unwind(Box::new("job 5"));
                }
                job
            });
            for job in 0..5 {
                assert_eq!(merged.next().await, Some(job));
            }
            merged.next().await
        });
        assert!(runtime.block_on(merging).unwrap_err().is_panic());
        becomes(0, || runtime.handle().metrics().live_tasks);
    });
}

#[test]
fn the_program_counts_primes() {
    let mut program = Example::start("fan_out", &["300", "8"]);
    let text = program.rest();
    assert!(program.wait().success());
    assert!(
        text.starts_with("17984 primes below 200000\n25997 primes below 300000\n"),
        "{text}"
    );
    let blocks = text
        .lines()
        .filter_map(|line| line.strip_suffix(" blocks")?.rsplit_once(": "));
    let total: usize = blocks
        .map(|(_, blocks)| blocks.parse::<usize>().unwrap())
        .sum();
    assert_eq!(total, 300, "{text}");
}
