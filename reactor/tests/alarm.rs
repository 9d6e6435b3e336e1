//! The alarm that several reactors watch.

use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

use ringspun_reactor::{Alarm, Events, Polled, Reactor, WakeList, wait_any};

const LIMIT: Option<Duration> = Some(Duration::from_secs(20));

fn poll(reactor: &Reactor, timeout: Option<Duration>) -> Polled {
    let (mut events, mut wakers) = (Events::new(), WakeList::new());
    let polled = reactor.poll(&mut events, 64, timeout, &mut wakers);
    polled.expect("a wait does not fail")
}

fn watched(count: usize) -> (Arc<Alarm>, Vec<Arc<Reactor>>) {
    let alarm = Arc::new(Alarm::new().unwrap());
    let reactors: Vec<_> = (0..count)
        .map(|_| Arc::new(Reactor::new().unwrap()))
        .collect();
    for reactor in &reactors {
        reactor.watch(&alarm).unwrap();
    }
    (alarm, reactors)
}

#[test]
fn an_expiry_ends_one_wait_of_many() {
    let (alarm, reactors) = watched(4);
    let (told, who) = mpsc::channel();
    let start = Arc::new(Barrier::new(5));
    let threads: Vec<_> = reactors
        .iter()
        .cloned()
        .enumerate()
        .map(|(i, reactor)| {
            let (told, start) = (told.clone(), start.clone());
            thread::spawn(move || {
                start.wait();
                while !poll(&reactor, LIMIT).notified {
                    told.send(i).unwrap();
                }
            })
        })
        .collect();
    start.wait();
    for _ in 0..50 {
        alarm.set(Duration::from_millis(2));
        who.recv_timeout(Duration::from_secs(20)).expect("somebody");
    }
    // Let a second one speak up, if it ever would.
    let second = who.recv_timeout(Duration::from_millis(20));
    for reactor in &reactors {
        reactor.wake();
    }
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(second, Err(mpsc::RecvTimeoutError::Timeout));
}

#[test]
fn the_first_that_watches_goes_first_and_the_next_when_it_does_not_wait() {
    let (alarm, reactors) = watched(2);
    // Nobody waits in the first: the second gets it.
    alarm.set(Duration::from_millis(1));
    assert!(poll(&reactors[1], LIMIT).alarm);
    // It is told at its next poll, though, unless the alarm is set again before.
    assert!(poll(&reactors[0], Some(Duration::ZERO)).alarm);
    alarm.set(Duration::from_millis(1));
    assert!(poll(&reactors[1], LIMIT).alarm);
    alarm.set(Duration::from_secs(1000));
    assert!(!poll(&reactors[0], Some(Duration::ZERO)).alarm);
}

#[test]
fn cleared_and_set_again() {
    let (alarm, reactors) = watched(1);
    alarm.set(Duration::from_millis(1));
    alarm.clear();
    assert_eq!(
        poll(&reactors[0], Some(Duration::from_millis(20))),
        Polled::default()
    );
    alarm.set(Duration::ZERO);
    assert!(poll(&reactors[0], LIMIT).alarm, "zero means at once");
    assert!(!poll(&reactors[0], Some(Duration::ZERO)).alarm, "one shot");
}

#[test]
fn waiting_for_any_takes_nothing() {
    let (_, reactors) = watched(3);
    let all: Vec<&Reactor> = reactors.iter().map(Arc::as_ref).collect();
    assert!(!wait_any(&all, Some(Duration::from_millis(1))).unwrap());
    reactors[2].wake();
    assert!(wait_any(&all, LIMIT).unwrap());
    assert!(wait_any(&all, LIMIT).unwrap(), "still there");
    assert!(reactors[2].has_events());
    assert!(!reactors[1].has_events());
    assert!(poll(&reactors[2], LIMIT).notified);
    assert!(!wait_any(&all, Some(Duration::ZERO)).unwrap());
}
