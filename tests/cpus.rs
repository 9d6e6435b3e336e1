//! How many cores there are by default, and on which CPUs they run.

mod support;

use std::process::Command;
use std::sync::{Arc, Barrier};

use ringspun::{Builder, current_core, spawn_blocking};
use support::{allowed_cpus, first_cpu, within_limit};

/// Two tasks that wait for each other occupy both workers, so each core is seen.
#[test]
fn a_pinned_core_runs_on_its_cpu_only() {
    within_limit(|| {
        let cpus = allowed_cpus();
        // Both tasks block: no other thread may get their cores meanwhile.
        let builder = Builder::new().cores(2).pin_cores(true);
        let runtime = builder.watchdog(std::time::Duration::ZERO).build().unwrap();
        for _ in 0..20 {
            let both = Arc::new(Barrier::new(2));
            let tasks: Vec<_> = (0..2)
                .map(|core| {
                    let both = both.clone();
                    runtime.handle().spawn_on(core, async move {
                        both.wait();
                        (current_core().unwrap(), allowed_cpus())
                    })
                })
                .collect();
            let mut seen: Vec<_> = tasks
                .into_iter()
                .map(|task| runtime.block_on(task).unwrap())
                .collect();
            seen.sort_unstable();
            let expected = [0, 1].map(|core| (core, vec![cpus[core % cpus.len()]]));
            assert_eq!(seen, expected);
        }
        // The thread that builds it keeps its mask, and a thread that a pinned worker starts for blocking
        // code gets it.
        assert_eq!(allowed_cpus(), cpus);
        let task = runtime
            .handle()
            .spawn(async { spawn_blocking(allowed_cpus).await.unwrap() });
        assert_eq!(runtime.block_on(task).unwrap(), cpus);
    });
}

#[test]
fn a_core_is_not_pinned_unless_asked() {
    within_limit(|| {
        let runtime = Builder::new().cores(1).build().unwrap();
        let seen = runtime.handle().spawn(async { allowed_cpus() });
        assert_eq!(runtime.block_on(seen).unwrap(), allowed_cpus());
    });
}

/// Runs in a process of its own, below.
#[test]
fn print_default_cores() {
    let runtime = Builder::new().build().unwrap();
    println!("cores={}", runtime.handle().cores());
}

#[test]
fn the_affinity_mask_decides_how_many_cores_there_are() {
    let cores = |variable: Option<&str>| {
        let mut command = Command::new("taskset");
        command
            .args(["-c", &first_cpu().to_string()])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "print_default_cores", "--nocapture"])
            .env_remove("RINGSPUN_CORES");
        if let Some(value) = variable {
            command.env("RINGSPUN_CORES", value);
        }
        let output = command.output().expect("taskset of util-linux");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (_, rest) = text.split_once("cores=").expect("the line");
        rest.lines().next().unwrap().parse::<usize>().unwrap()
    };
    assert_eq!(cores(None), 1);
    assert_eq!(cores(Some("3")), 3, "the variable stays above it");
}
