//! Messages between ports: each once, in order, with backpressure, fair, and none left behind at the end.

mod support;

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Context;
use std::thread;

use ringspun::mesh::{Port, TrySendError, mesh};
use ringspun::{Builder, Handle, JoinHandle, Runtime, spawn, spawn_local, time};

use support::by_hand::{Wakes, poll_now};
use support::rng::Rng;
use support::{OnDrop, count, within_limit};

fn runtime(cores: usize) -> Runtime {
    Builder::new().cores(cores).build().unwrap()
}

fn pair<T: Send>(capacity: usize) -> [Port<T>; 2] {
    mesh(2, capacity).try_into().unwrap()
}

fn ready<F: Future>(future: F) -> F::Output {
    poll_now(pin!(future)).expect("it need not wait")
}

fn waits<F: Future>(future: F) -> bool {
    poll_now(pin!(future)).is_none()
}

/// Counts its end.
fn counted(dropped: &Arc<AtomicUsize>) -> OnDrop<impl FnMut() + use<>> {
    let dropped = dropped.clone();
    OnDrop(move || {
        dropped.fetch_add(1, Ordering::AcqRel);
    })
}

/// Begins a task for each port, half of them local to a core, half free to move.
fn on_cores<T, F, Fut>(handle: &Handle, ports: Vec<Port<T>>, f: F) -> Vec<JoinHandle<Fut::Output>>
where
    T: Send + 'static,
    F: Fn(Port<T>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output: Send> + Send + 'static,
{
    let begun = ports.into_iter().map(|port| {
        let core = handle.core(port.index() % handle.cores());
        let f = f.clone();
        if port.index() % 2 == 0 {
            return core.spawn(f(port));
        }
        handle
            .block_on(core.call(move || spawn_local(f(port))))
            .unwrap()
    });
    begun.collect()
}

#[test]
fn every_message_arrives_once_and_in_order() {
    within_limit(|| {
        for (cores, ports, capacity) in [(1, 2, 1), (2, 2, 64), (2, 3, 1), (2, 4, 7), (3, 5, 2)] {
            all_to_all(cores, ports, capacity, count(2_000, 200_000) / ports);
        }
    });
}

fn all_to_all(cores: usize, ports: usize, capacity: usize, messages: usize) {
    let runtime = runtime(cores);
    let tasks = on_cores(
        runtime.handle(),
        mesh(ports, capacity),
        move |port| async move {
            let (mut sender, mut receiver) = port.split();
            let sending = spawn(async move {
                for n in 0..messages {
                    for to in 0..sender.ports() {
                        sender.send(to, Box::new(n)).await.unwrap();
                    }
                    if n % 100 == 99 {
                        time::sleep(std::time::Duration::from_micros(50)).await;
                    }
                }
            });
            let mut next = vec![0; ports];
            while let Some((from, n)) = receiver.recv().await {
                assert_eq!(*n, next[from], "from {from} to {}", receiver.index());
                next[from] += 1;
            }
            sending.await.unwrap();
            next
        },
    );
    for task in tasks {
        assert_eq!(runtime.block_on(task).unwrap(), vec![messages; ports]);
    }
}

#[test]
fn one_task_may_do_both_ways() {
    within_limit(|| {
        let runtime = runtime(2);
        let rounds = count(10_000, 1_000_000);
        let tasks = on_cores(runtime.handle(), mesh(2, 1), move |mut port| async move {
            let other = 1 - port.index();
            for n in 0..rounds {
                if port.index() == 0 {
                    port.send(other, n).await.unwrap();
                }
                assert_eq!(port.recv().await, Some((other, n)));
                if port.index() == 1 {
                    port.send(other, n).await.unwrap();
                }
            }
        });
        for task in tasks {
            runtime.block_on(task).unwrap();
        }
    });
}

#[test]
fn a_full_ring_makes_its_sender_wait_and_no_other() {
    let [mut a, mut b] = pair(3);
    for n in 0..3 {
        ready(a.send(1, n)).unwrap();
    }
    assert_eq!(a.try_send(1, 3), Err(TrySendError::Full(3)));
    assert!(waits(a.send(1, 3)), "dropped, so never sent");
    a.try_send(0, 9).unwrap();
    b.try_send(1, 9).unwrap();
    assert_eq!(ready(b.recv()), Some((0, 0)));
    a.try_send(1, 4).unwrap();
    let mut got: Vec<_> = std::iter::from_fn(|| b.try_recv()).collect();
    got.sort();
    assert_eq!(got, [(0, 1), (0, 2), (0, 4), (1, 9)]);
    assert_eq!(a.try_recv(), Some((0, 9)));
    assert!(waits(a.recv()) && waits(b.recv()));
}

#[test]
fn a_batch_wakes_its_receiver_once() {
    let [mut a, b, mut c]: [Port<usize>; 3] = mesh(3, 64).try_into().unwrap();
    let (wakes, waker) = Wakes::new();
    let (_sender, mut receiver) = b.split();
    for round in 1..4 {
        let mut waiting = Box::pin(receiver.recv());
        let mut cx = Context::from_waker(&waker);
        assert!(waiting.as_mut().poll(&mut cx).is_pending());
        assert!(
            waiting.as_mut().poll(&mut cx).is_pending(),
            "polled for nothing"
        );
        for n in 0..20 {
            a.try_send(1, n).unwrap();
            c.try_send(1, n).unwrap();
        }
        assert_eq!(wakes.count(), round);
        assert!(waiting.as_mut().poll(&mut cx).is_ready());
        drop(waiting);
        assert_eq!(std::iter::from_fn(|| receiver.try_recv()).count(), 39);
    }
    // A waker that is not waiting any more is neither woken nor kept.
    let mut cx = Context::from_waker(&waker);
    assert!(pin!(receiver.recv()).poll(&mut cx).is_pending());
    drop(waker);
    assert_eq!(Arc::strong_count(&wakes), 1);
    a.try_send(1, 0).unwrap();
    assert_eq!(wakes.count(), 3);
}

#[test]
fn a_sender_that_waits_is_woken_once_for_room() {
    let [mut a, mut b] = pair(2);
    a.try_send(1, 0).unwrap();
    a.try_send(1, 1).unwrap();
    let (wakes, waker) = Wakes::new();
    let mut cx = Context::from_waker(&waker);
    let mut waiting = Box::pin(a.send(1, 2));
    assert!(waiting.as_mut().poll(&mut cx).is_pending());
    assert_eq!(b.try_recv(), Some((0, 0)));
    assert_eq!(b.try_recv(), Some((0, 1)));
    assert_eq!(wakes.count(), 1);
    assert!(waiting.as_mut().poll(&mut cx).is_ready());
    drop(waiting);
    assert_eq!(b.try_recv(), Some((0, 2)));
    assert_eq!(wakes.count(), 1);
}

#[test]
fn senders_take_turns() {
    let mut ports: Vec<Port<usize>> = mesh(4, 1000);
    let mut receiver = ports.pop().unwrap();
    for port in &mut ports {
        for n in 0..1000 {
            port.try_send(3, n).unwrap();
        }
    }
    // However long one of them goes on, the others come within a few messages.
    let mut since = [0; 3];
    for _ in 0..3000 {
        let (from, n) = receiver.try_recv().unwrap();
        for (port, since) in since.iter_mut().enumerate() {
            *since = if port == from { 0 } else { *since + 1 };
            assert!(
                *since <= 64 || n > 900,
                "port {port} waits for {since} messages"
            );
        }
    }
    assert_eq!(receiver.try_recv(), None);
}

#[test]
fn the_end_of_a_port_is_seen_by_the_others() {
    let [mut a, b] = pair(4);
    let dropped = Arc::new(AtomicUsize::new(0));
    let value = |n: usize| (n, counted(&dropped));
    let drops = || dropped.load(Ordering::Acquire);
    // What waits for a port goes with it, at once.
    for n in 0..3 {
        a.try_send(1, value(n)).unwrap();
    }
    drop(b);
    assert_eq!(drops(), 3);
    let back = a.try_send(1, value(3)).unwrap_err();
    assert!(matches!(&back, TrySendError::Closed((3, _))), "{back:?}");
    let again = ready(a.send(1, back.into_inner())).unwrap_err();
    assert_eq!((again.0.0, drops()), (3, 3));
    drop(again);
    assert_eq!(drops(), 4);
    // Itself it can still reach; alone it does not wait.
    a.try_send(0, value(4)).unwrap();
    assert!(matches!(ready(a.recv()), Some((0, (4, _)))));
    assert!(ready(a.recv()).is_none());
    assert_eq!(drops(), 5);

    // What a port has sent arrives after its end.
    let [mut a, mut b] = pair(4);
    for n in 0..3 {
        a.try_send(1, value(n)).unwrap();
    }
    drop(a);
    for n in 0..3 {
        assert!(matches!(ready(b.recv()), Some((0, (at, _))) if at == n));
    }
    assert!(ready(b.recv()).is_none());
    assert_eq!(drops(), 8);
}

#[test]
fn the_end_of_a_port_wakes_those_who_wait() {
    within_limit(|| {
        let runtime = runtime(2);
        for _ in 0..count(200, 20_000) {
            let [a, b] = pair(1);
            let (mut send_a, mut receive_a) = a.split();
            send_a.try_send(1, 0).unwrap();
            let sending = runtime
                .handle()
                .spawn(async move { send_a.send(1, 1).await });
            let receiving = runtime
                .handle()
                .spawn(async move { receive_a.recv().await });
            let ending = runtime.handle().core(1).call(move || drop(b));
            runtime.block_on(async {
                assert_eq!(sending.await.unwrap().unwrap_err().0, 1);
                assert_eq!(receiving.await.unwrap(), None);
                ending.await.unwrap();
            });
        }
    });
}

/// Threads that come and go, in all orders: every value is dropped once.
#[test]
fn values_are_dropped_once_while_ports_go() {
    within_limit(|| {
        let (made, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        for round in 0..count(300, 30_000) {
            let threads: Vec<_> = mesh(3, 2)
                .into_iter()
                .map(|mut port| {
                    let (made, dropped) = (made.clone(), dropped.clone());
                    thread::spawn(move || {
                        let mut rng = Rng::new((round * 3 + port.index()) as u64);
                        for _ in 0..50 {
                            made.fetch_add(1, Ordering::AcqRel);
                            let _ = port.try_send(rng.next(3) as usize, counted(&dropped));
                            if rng.next(3) == 0 {
                                drop(port.try_recv());
                            }
                            if rng.next(40) == 0 {
                                break;
                            }
                        }
                    })
                })
                .collect();
            for thread in threads {
                thread.join().unwrap();
            }
            let (made, dropped) = (
                made.load(Ordering::Acquire),
                dropped.load(Ordering::Acquire),
            );
            assert_eq!(made, dropped);
        }
    });
}

/// A port whose destructor is run by a panic, and values whose destructors panic.
#[test]
fn a_panicking_destructor_keeps_nobody_waiting() {
    let [mut a, b] = pair(4);
    let dropped = Arc::new(AtomicUsize::new(0));
    for _ in 0..3 {
        let dropped = dropped.clone();
        let value = OnDrop(move || {
            dropped.fetch_add(1, Ordering::AcqRel);
            if !thread::panicking() {
                panic!("in a destructor");
            }
        });
        assert!(a.try_send(1, value).is_ok());
    }
    drop(b);
    assert_eq!(dropped.load(Ordering::Acquire), 3);
    assert!(ready(a.recv()).is_none());
}

#[test]
#[should_panic(expected = "no port 2: this mesh has ports 0 to 1")]
fn there_is_no_such_port() {
    let [mut a, _b] = pair(1);
    let _ = a.try_send(2, ());
}

#[test]
#[should_panic(expected = "room for one message")]
fn no_room_is_refused() {
    mesh::<()>(2, 0);
}
