//! Tasks on several cores open, use and close descriptors as fast as they can, so that numbers and slots go
//! from one to the next with events pending. R1 of the reliability list, with 64 tasks.

mod common;

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;
use std::task::Poll;

use common::{count, run};
use ringspun_runtime::io::{Direction, Ready, Registration, Trigger, register};
use ringspun_runtime::{spawn, task};

const TASKS: usize = 64;
/// Descriptors of one cycle.
const EACH: usize = 4;

fn pair() -> (UnixStream, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("a pair");
    ours.set_nonblocking(true).expect("set");
    (ours, theirs)
}

fn registered(socket: &UnixStream) -> Registration {
    let registration = register(socket.as_fd(), Trigger::Edge).expect("registered");
    registration.left_by_close()
}

/// Whether there is, or was, an event to read. Leaves the waker.
async fn has_event(source: &Registration) -> bool {
    let ready = poll_fn(|cx| Poll::Ready(source.poll_ready(cx, Direction::Read).is_ready())).await;
    ready || source.ready(Direction::Read) != Ready::EMPTY || source.has_closed(Direction::Write)
}

/// Leaves an event behind and opens another descriptor; true if that one saw an event.
async fn cycle(number: u64, numbers: &mut BTreeSet<i32>) -> bool {
    let (hot, mut peer) = pair();
    numbers.insert(hot.as_raw_fd());
    let source = registered(&hot);
    peer.write_all(b"pending").expect("written");
    drop((source, hot, peer));

    let (mut cold, mut peer) = pair();
    let source = registered(&cold);
    let mut wrong = has_event(&source).await;
    task::yield_now().await;
    wrong |= has_event(&source).await;
    // Its own event comes, and says what it should.
    peer.write_all(&number.to_ne_bytes()).expect("written");
    poll_fn(|cx| source.poll_ready(cx, Direction::Read)).await;
    let mut seen = [0; 8];
    wrong |= cold.read_exact(&mut seen).is_err() || u64::from_ne_bytes(seen) != number;
    drop((source, cold));
    wrong
}

#[test]
fn no_event_comes_to_a_wrong_descriptor() {
    let cycles = count(250, 3_910);
    let (wrong, numbers) = run(4, async move {
        let tasks: Vec<_> = (0..TASKS)
            .map(|task| {
                spawn(async move {
                    let (mut wrong, mut numbers) = (0, BTreeSet::new());
                    for round in 0..cycles {
                        let number = (task * cycles + round) as u64;
                        wrong += usize::from(cycle(number, &mut numbers).await);
                    }
                    (wrong, numbers)
                })
            })
            .collect();
        let (mut wrong, mut numbers) = (0, BTreeSet::new());
        for task in tasks {
            let (one, of_one) = task.await.expect("no panic");
            wrong += one;
            numbers.extend(of_one);
        }
        (wrong, numbers.len())
    });
    let opened = TASKS * cycles * EACH;
    println!("{opened} descriptors of {numbers} numbers, {wrong} events on a wrong one");
    assert_eq!(wrong, 0);
    assert!(numbers < opened / 10, "the numbers were not used again");
}
