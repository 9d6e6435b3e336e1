//! Hoare's programs of the example `csp`: what they print, and what they compute beside plain loops.

mod support;

#[path = "../examples/csp/coroutines.rs"]
mod coroutines;
#[path = "../examples/csp/miscellaneous.rs"]
mod miscellaneous;
#[path = "../examples/csp/monitors.rs"]
mod monitors;
#[path = "../examples/csp/notation.rs"]
mod notation;
#[path = "../examples/csp/subroutines.rs"]
mod subroutines;

use std::collections::BTreeSet;

use ringspun::channel::channel;
use ringspun::{Builder, Handle, spawn};

use coroutines::{CARD, LINE, assemble, conway, copy, disassemble, reformat, squash};
use miscellaneous::{ORDER, SIEVES, matrix, primes};
use monitors::{Meal, PORTIONS, SEATS, bounded_buffer, dining, semaphore};
use notation::{Failed, Outcome, drain, link, parallel, source, through};
use subroutines::{Order, Reply, Request, SET, division, factorial, parallel_set, small_set};
use support::child::Example;
use support::rng::Rng;
use support::{count, within_limit};

/// Runs a program on one core and on two, and finds that nothing is left of it.
fn on_cores<F: Future<Output = Outcome>>(program: impl Fn() -> F + Send + 'static) {
    within_limit(move || {
        for cores in [1, 2] {
            let runtime = Builder::new().cores(cores).build().unwrap();
            for _ in 0..count(5, 200) {
                runtime.block_on(program()).unwrap();
            }
            support::becomes(0, || runtime.handle().metrics().live_tasks);
        }
    });
}

fn numbers(below: u64) -> impl Iterator<Item = u64> {
    let mut rng = Rng::new(7);
    std::iter::repeat_with(move || rng.next(below))
}

/// Text of all lengths around a card, with many asterisks, some of them single and some at the end.
fn texts() -> impl Iterator<Item = String> {
    (0..100).step_by(3).map(|length| {
        let letters = numbers(3).skip(length).take(length);
        letters.map(|n| ['*', '*', 'x'][n as usize]).collect()
    })
}

fn cards() -> Vec<String> {
    let texts = texts().map(|text| text.chars().take(CARD).collect::<String>());
    texts.map(|text| format!("{text:CARD$}")).collect()
}

/// What the printer shows of a stream of characters.
fn lines(stream: &str) -> Vec<String> {
    let chars: Vec<char> = stream.chars().collect();
    let lines = chars.chunks(LINE).map(String::from_iter);
    lines.map(|line| format!("{line:LINE$}")).collect()
}

#[test]
fn the_example_prints_a_line_for_each_program() {
    let mut csp = Example::start("csp", &[]);
    let text = csp.rest();
    assert!(csp.wait().success());
    let sections: Vec<_> = text.lines().map(|line| &line[..3]).collect();
    let expected = "3.1 3.2 3.3 3.4 3.5 3.6 4.1 4.2 4.3 4.4 4.5 5.1 5.2 5.3 6.1 6.2";
    assert_eq!(sections.join(" "), expected, "{text}");
    for result in [
        "2↑3, *",
        "97 = 10 * 9 + 7",
        "20! = 2432902008176640000",
        "[3, 1, 4, 5]",
        "2: false, 4: true",
        "passed 3 times",
        "meals: [3, 3, 3, 3, 3]",
        "1229 primes, the last is 9973",
        "[-6.0, -6.0, -7.0]",
    ] {
        assert!(text.contains(result), "{result} is missing in {text}");
    }
}

#[test]
fn copy_and_squash() {
    on_cores(async || {
        for text in texts() {
            let text: Vec<char> = text.chars().collect();
            let copied: Vec<char> = through(text.clone(), copy).await?;
            assert_eq!(copied, text);
            let squashed: String = through(text.clone(), squash).await?;
            assert_eq!(squashed, String::from_iter(text).replace("**", "↑"));
        }
        Ok(())
    });
}

#[test]
fn cards_become_lines() {
    on_cores(async || {
        let cards = cards();
        let expected: String = cards.iter().flat_map(|card| [card, " "]).collect();
        let stream: String = through(cards.clone(), disassemble).await?;
        assert_eq!(stream, expected);
        let stream: Vec<char> = stream.chars().collect();
        let printed: Vec<String> = through(stream, assemble).await?;
        assert_eq!(printed, lines(&expected));
        let printed: Vec<String> = through(cards.clone(), reformat).await?;
        assert_eq!(printed, lines(&expected));
        let printed: Vec<String> = through(cards, conway).await?;
        assert_eq!(printed, lines(&expected.replace("**", "↑")));
        let printed: Vec<String> = through([], reformat).await?;
        assert!(printed.is_empty());
        Ok(())
    });
}

#[test]
fn division_with_remainder() {
    on_cores(async || {
        let (user, process) = link();
        let process = spawn(division(process));
        for (x, y) in numbers(1000).zip(numbers(50).skip(1)).take(500) {
            let y = y + 1;
            assert_eq!(user.ask((x, y)).await?, (x / y, x % y));
        }
        drop(user);
        parallel([process]).await
    });
}

#[test]
fn factorials_up_to_a_limit() {
    on_cores(async || {
        let (user, process) = link();
        let process = spawn(factorial(20, process));
        for n in (0..=20).rev().chain(0..=20) {
            assert_eq!(user.ask(n).await?, (1..=n).product::<u64>());
        }
        // Beyond the limit the process at the end fails, and so do all that wait for it.
        assert_eq!(user.ask(21).await, Err(Failed));
        assert_eq!(parallel([process]).await, Err(Failed));
        Ok(())
    });
}

#[test]
fn sets_hold_what_was_put_in() {
    on_cores(async || {
        let (one, process) = link();
        let small = spawn(small_set(process));
        let (many, process) = link();
        let parallel_one = spawn(parallel_set(process));
        let mut plain = BTreeSet::new();
        for n in numbers(300).map(|n| n as i32).take(300) {
            if plain.len() < SET {
                plain.insert(n);
                one.send(Request::Insert(n)).await?;
                many.send(Order::Insert(n)).await?;
            }
            for n in [n, n + 1, n - 1] {
                let has = plain.contains(&n);
                assert_eq!(one.ask(Request::Has(n)).await?, Reply::Has(has));
                assert_eq!(many.ask(Order::Has(n)).await?, has);
            }
        }
        assert_eq!(plain.len(), SET);
        // Both are full: one refuses, the other keeps the least.
        one.send(Request::Insert(-1)).await?;
        assert_eq!(one.ask(Request::Has(-1)).await?, Reply::Has(false));
        many.send(Order::Insert(-1)).await?;
        assert!(many.ask(Order::Has(-1)).await?);
        let greatest = plain.last().copied().expect("it is full");
        assert!(!many.ask(Order::Has(greatest)).await?);

        let mut scanned = BTreeSet::new();
        let mut reply = one.ask(Request::Scan).await?;
        while let Reply::Next(n) = reply {
            assert!(scanned.insert(n), "{n} came twice");
            reply = one.recv().await.ok_or(Failed)?;
        }
        assert_eq!((reply, scanned), (Reply::NoneLeft, plain));
        drop((one, many));
        parallel([small, parallel_one]).await
    });
}

#[test]
fn the_buffer_keeps_order_and_holds_ten() {
    on_cores(async || {
        let all: Vec<u32> = through(0..1000, bounded_buffer).await?;
        assert!(all.into_iter().eq(0..1000));

        let ((producer, input), (output, consumer)) = (channel(0), channel(0));
        let process = spawn(bounded_buffer(input, output));
        for n in 0..PORTIONS {
            producer.send(n).await?;
        }
        // It answers nobody while it is full, also after others have had their turn.
        for _ in 0..10 {
            ringspun::task::yield_now().await;
        }
        assert!(producer.try_send(PORTIONS).is_err());
        drop(producer);
        let all: Vec<usize> = drain(consumer).await;
        assert!(all.into_iter().eq(0..PORTIONS));
        parallel([process]).await
    });
}

#[test]
fn the_semaphore_lets_through_what_was_raised() {
    on_cores(async || {
        let ((v, raised), (p, lowered)) = (channel(0), channel(0));
        let process = spawn(semaphore(raised, lowered));
        let users: Vec<_> = (0..5)
            .map(|_| {
                let (v, p) = (v.clone(), p.clone());
                spawn(async move {
                    for _ in 0..50 {
                        p.send(()).await?;
                        v.send(()).await?;
                    }
                    Ok(())
                })
            })
            .collect();
        // Nobody has raised it: all wait.
        for _ in 0..10 {
            ringspun::task::yield_now().await;
        }
        assert!(users.iter().all(|user| !user.is_finished()));
        v.send(()).await?;
        parallel(users).await?;
        // One is left.
        p.send(()).await?;
        drop(v);
        assert!(p.send(()).await.is_err());
        parallel([process]).await
    });
}

#[test]
fn philosophers_eat_and_neighbours_never_at_once() {
    on_cores(async || {
        let (observer, events) = channel(0);
        let process = spawn(dining(20, observer));
        let (mut eats, mut meals) = ([false; SEATS], [0; SEATS]);
        while let Some(event) = events.recv().await {
            match event {
                Meal::Begins(seat) => {
                    let neighbours = [(seat + 1) % SEATS, (seat + SEATS - 1) % SEATS];
                    assert!(neighbours.iter().all(|seat| !eats[*seat]));
                    eats[seat] = true;
                }
                Meal::Ends(seat) => {
                    eats[seat] = false;
                    meals[seat] += 1;
                }
            }
        }
        assert_eq!(meals, [20; SEATS]);
        parallel([process]).await
    });
}

#[test]
fn the_sieve_prints_primes_in_order() {
    on_cores(async || {
        for limit in [3, 4, 100, 3000] {
            let (print, printed) = channel(0);
            let process = spawn(primes(limit, print));
            let found: Vec<u64> = drain(printed).await;
            let is_prime = |n: &u64| {
                (2..*n)
                    .take_while(|d| d * d <= *n)
                    .all(|d| !n.is_multiple_of(d))
            };
            let expected: Vec<u64> = (2..limit).filter(is_prime).collect();
            assert_eq!(found, expected);
            // The last limit is one where numbers pass all processes.
            assert!(limit < 3000 || found.len() > SIEVES);
            parallel([process]).await?;
        }
        Ok(())
    });
}

#[test]
fn the_matrix_multiplies_row_after_row() {
    const ROWS: usize = 50;
    on_cores(async || {
        let mut numbers = numbers(100).map(|n| n as f64 - 50.0);
        let mut next = || numbers.next().expect("there is no end");
        let a = [(); ORDER].map(|()| [(); ORDER].map(|()| next()));
        let rows = [(); ROWS].map(|()| [(); ORDER].map(|()| next()));
        let west = std::array::from_fn(|i| source(rows.map(|row| row[i])));
        let columns = [(); ORDER].map(|()| channel(0));
        let south = columns.each_ref().map(|(south, _)| south.clone());
        let process = spawn(matrix(a, west, south));
        for row in rows {
            for (j, (_, column)) in columns.iter().enumerate() {
                let expected = (0..ORDER).map(|i| row[i] * a[i][j]).sum();
                assert_eq!(column.recv().await, Some(expected));
            }
        }
        parallel([process]).await
    });
}

#[test]
fn users_that_go_away_end_their_processes() {
    on_cores(async || {
        let (user, process) = link::<bool, Order>();
        let set = spawn(parallel_set(process));
        user.send(Order::Insert(1)).await?;
        drop(user);
        let (print, printed) = channel(0);
        let sieve = spawn(primes(10_000, print));
        assert_eq!(printed.recv().await, Some(2));
        drop(printed);
        parallel([set]).await?;
        assert_eq!(parallel([sieve]).await, Err(Failed));
        Handle::current().assert_no_leaks();
        Ok(())
    });
}
