//! Hoare's "Communicating Sequential Processes" (Communications of the ACM 21(8), 1978): the programs of
//! the paper, in its order, under its names.
//!
//! ```sh
//! cargo run --example csp
//! ```
//!
//! What to look at: a file for each section. `notation.rs` says how the paper's commands are written here;
//! then `coroutines.rs` is the easiest, `monitors.rs` shows `select!` with guards. All channels have
//! capacity 0: as in the paper, an output is over when its input has happened. Nothing says "stop": when
//! a process ends, its channels close, and its partners see that.

mod coroutines;
mod miscellaneous;
mod monitors;
mod notation;
mod subroutines;

use ringspun::channel::channel;
use ringspun::spawn;

use coroutines::{CARD, assemble, conway, copy, disassemble, reformat, squash};
use miscellaneous::{ORDER, matrix, primes};
use monitors::{Meal, SEATS, bounded_buffer, dining, semaphore};
use notation::{Failed, Outcome, drain, link, parallel, source, through};
use subroutines::{Order, Reply, Request, division, factorial, parallel_set, small_set};

#[ringspun::main]
async fn main() -> Result<(), Failed> {
    coroutines().await?;
    division_and_factorial().await?;
    sets().await?;
    monitors().await?;
    arrays().await
}

async fn coroutines() -> Outcome {
    let text = "2**3, *";
    let copied: String = through(text.chars(), copy).await?;
    show("3.1 COPY", copied);
    let squashed: String = through(text.chars(), squash).await?;
    show("3.2 SQUASH", squashed);
    let cards = ["x := y ** 2;", "y := x ** x;"].map(|text| format!("{text:CARD$}"));
    let stream: Vec<char> = through(cards.clone(), disassemble).await?;
    show("3.3 DISASSEMBLE", format!("{} characters", stream.len()));
    let lines: Vec<String> = through(stream, assemble).await?;
    show("3.4 ASSEMBLE", lines.concat());
    let lines: Vec<String> = through(cards.clone(), reformat).await?;
    show("3.5 REFORMAT", lines.concat());
    let lines: Vec<String> = through(cards, conway).await?;
    show("3.6 Conway's problem", lines.concat());
    Ok(())
}

async fn division_and_factorial() -> Outcome {
    let (user, process) = link();
    let process = spawn(division(process));
    let (quotient, remainder) = user.ask((97, 10)).await?;
    show(
        "4.1 Division",
        format!("97 = 10 * {quotient} + {remainder}"),
    );
    drop(user);
    parallel([process]).await?;

    let (user, process) = link();
    let process = spawn(factorial(20, process));
    show("4.2 Factorial", format!("20! = {}", user.ask(20).await?));
    drop(user);
    parallel([process]).await
}

async fn sets() -> Outcome {
    let (user, process) = link();
    let process = spawn(small_set(process));
    for n in [3, 1, 4, 1, 5] {
        user.send(Request::Insert(n)).await?;
    }
    let has_2 = user.ask(Request::Has(2)).await?;
    let has_4 = user.ask(Request::Has(4)).await?;
    show("4.3 Small set", format!("2: {has_2:?}, 4: {has_4:?}"));
    let mut members = Vec::new();
    let mut reply = user.ask(Request::Scan).await?;
    while let Reply::Next(n) = reply {
        members.push(n);
        reply = user.recv().await.ok_or(Failed)?;
    }
    show("4.4 Scanning a set", format!("{members:?}"));
    drop(user);
    parallel([process]).await?;

    let (user, process) = link();
    let process = spawn(parallel_set(process));
    for n in [3, 1, 4, 1, 5] {
        user.send(Order::Insert(n)).await?;
    }
    let has_2 = user.ask(Order::Has(2)).await?;
    let has_4 = user.ask(Order::Has(4)).await?;
    show("4.5 Parallel small set", format!("2: {has_2}, 4: {has_4}"));
    drop(user);
    parallel([process]).await
}

async fn monitors() -> Outcome {
    let portions: Vec<u32> = through(0..12, bounded_buffer).await?;
    show("5.1 Bounded buffer", format!("{portions:?}"));

    let ((v, raised), (p, lowered)) = (channel(0), channel(0));
    let process = spawn(semaphore(raised, lowered));
    for _ in 0..3 {
        v.send(()).await?;
    }
    drop(v);
    let mut passed = 0;
    while p.send(()).await.is_ok() {
        passed += 1;
    }
    show(
        "5.2 Integer semaphore",
        format!("raised 3 times, passed {passed} times"),
    );
    parallel([process]).await?;

    let (observer, events) = channel(0);
    let process = spawn(dining(3, observer));
    let (mut meals, mut eat, mut most) = ([0; SEATS], [false; SEATS], 0);
    while let Some(event) = events.recv().await {
        match event {
            Meal::Begins(seat) => eat[seat] = true,
            Meal::Ends(seat) => {
                eat[seat] = false;
                meals[seat] += 1;
            }
        }
        most = eat.iter().filter(|eats| **eats).count().max(most);
    }
    show(
        "5.3 Dining philosophers",
        format!("meals: {meals:?}, at most {most} at a time"),
    );
    parallel([process]).await
}

async fn arrays() -> Outcome {
    let (print, printed) = channel(0);
    let process = spawn(primes(10_000, print));
    let found: Vec<u64> = drain(printed).await;
    let last = found.last().expect("there are primes");
    show(
        "6.1 Prime sieve",
        format!("{} primes, the last is {last}", found.len()),
    );
    parallel([process]).await?;

    let a = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 10.0]];
    let west = [1.0, 0.0, -1.0].map(|x| source([x]));
    let columns = [(); ORDER].map(|()| channel(0));
    let south = columns.each_ref().map(|(south, _)| south.clone());
    let process = spawn(matrix(a, west, south));
    let mut row = Vec::new();
    for (_, column) in &columns {
        row.extend(column.recv().await);
    }
    show(
        "6.2 Matrix multiplication",
        format!("[1, 0, -1] * A = {row:?}"),
    );
    parallel([process]).await
}

fn show(program: &str, result: String) {
    println!("{program:26} {}", result.trim_end());
}
