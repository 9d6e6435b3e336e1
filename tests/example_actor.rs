//! The example `actor`: answers, death, restart, the end.

mod support;

#[path = "../examples/actor.rs"]
#[allow(dead_code, reason = "main is for the program")]
mod actor;

use std::panic;
use std::sync::Once;

use ringspun::{Builder, Handle, spawn};

use actor::{Lost, start};
use support::child::Example;
use support::{becomes, count, within_limit};

static QUIET: Once = Once::new();

/// Runs the scenario on one core and on two, often, and finds that nothing is left of it.
fn on_cores<F: Future<Output = ()>>(scenario: impl Fn() -> F + Send + 'static) {
    QUIET.call_once(|| {
        // Hundreds of traces of the panic that is wanted help nobody.
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !info.to_string().contains("fits into 64 bits") {
                hook(info);
            }
        }));
    });
    within_limit(move || {
        for cores in [1, 2] {
            let runtime = Builder::new().cores(cores).build().unwrap();
            for _ in 0..count(20, 500) {
                runtime.block_on(scenario());
            }
            becomes(0, || runtime.handle().metrics().live_tasks);
        }
    });
}

#[test]
fn clients_share_the_state_without_a_lock() {
    on_cores(async || {
        let (tally, supervisor) = start(0);
        let clients: Vec<_> = (0..5)
            .map(|client: u64| {
                let tally = tally.clone();
                spawn(async move {
                    let name = ["even", "odd"][client as usize % 2];
                    let mut last = 0;
                    for _ in 0..50 {
                        let sum = tally.add(name, client).await.unwrap();
                        assert!(sum >= last + client);
                        last = sum;
                    }
                })
            })
            .collect();
        for client in clients {
            client.await.unwrap();
        }
        assert_eq!(tally.get("even").await, Ok(50 * (2 + 4)));
        assert_eq!(tally.get("odd").await, Ok(50 * (1 + 3)));
        assert_eq!(tally.get("none").await, Ok(0));
        drop(tally);
        assert_eq!(supervisor.await.unwrap().unwrap(), 0);
    });
}

#[test]
fn a_panic_costs_one_request_and_the_state() {
    on_cores(async || {
        let (tally, supervisor) = start(2);
        tally.add("n", 1).await.unwrap();
        // Clients at the same time: the one request is lost, the others are answered before or after.
        let killer = tally.clone();
        let killer = spawn(async move { killer.add("n", u64::MAX).await });
        let others: Vec<_> = (0..10)
            .map(|n| {
                let tally = tally.clone();
                spawn(async move { tally.add(&format!("other {n}"), 1).await })
            })
            .collect();
        assert_eq!(killer.await.unwrap(), Err(Lost));
        for other in others {
            assert_eq!(other.await.unwrap(), Ok(1));
        }
        assert_eq!(tally.get("n").await, Ok(0));
        drop(tally);
        assert_eq!(supervisor.await.unwrap().unwrap(), 1);
    });
}

#[test]
fn the_supervisor_gives_up_in_the_end() {
    on_cores(async || {
        let (tally, supervisor) = start(1);
        for _ in 0..2 {
            tally.add("n", 1).await.unwrap();
            assert_eq!(tally.add("n", u64::MAX).await, Err(Lost));
        }
        let error = supervisor.await.unwrap().unwrap_err();
        assert!(error.to_string().contains("fits into 64 bits"), "{error}");
        // Nobody is there to answer, and nobody waits.
        assert_eq!(tally.get("n").await, Err(Lost));
        Handle::current().assert_no_leaks();
    });
}

#[test]
fn the_actor_ends_with_its_supervisor() {
    on_cores(async || {
        let (tally, supervisor) = start(1);
        tally.add("n", 1).await.unwrap();
        supervisor.abort();
        assert!(supervisor.await.unwrap_err().is_cancelled());
        // It may answer until it is dropped, soon.
        while tally.get("n").await.is_ok() {}
    });
}

#[test]
fn the_program_shows_a_restart() {
    let mut program = Example::start("actor", &[]);
    let text = program.rest();
    assert!(program.wait().success());
    let expected = "4 clients: Ok(400) apples\ntoo many: Err(Lost)\n\
                    after the restart: Ok(0) apples\nrestarts: Ok(1)\n";
    assert_eq!(text, expected);
}
