//! Handlers whose futures are not `Send`: each connection stays on one thread from the call of
//! its handler to the drop of its future, handed over or not.

mod common;

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use common::mem_per_core;
use common::{Random, count, run};
use ringspun_net::{Acceptor, ListenOptions, MemStream, Session, Stream, TcpListener, TcpStream};
use ringspun_runtime::{current_core, task};

/// What a handler's future holds all its life; not `Send`. Says on which thread it is used and
/// dropped.
struct Local {
    thread: Rc<ThreadId>,
    ledger: Ledger,
}

/// How many have begun, are gone, and were dropped on a thread that was not theirs.
type Ledger = Arc<[AtomicUsize; 3]>;

impl Local {
    fn new(ledger: &Ledger) -> Self {
        ledger[0].fetch_add(1, Ordering::AcqRel);
        Self {
            thread: Rc::new(thread::current().id()),
            ledger: Arc::clone(ledger),
        }
    }

    fn check(&self) {
        assert_eq!(*self.thread, thread::current().id());
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.ledger[1].fetch_add(1, Ordering::AcqRel);
        if *self.thread != thread::current().id() {
            self.ledger[2].fetch_add(1, Ordering::AcqRel);
        }
    }
}

fn read(ledger: &Ledger) -> [usize; 3] {
    [0, 1, 2].map(|i| ledger[i].load(Ordering::Acquire))
}

/// Counts the connections that are not registered where they are served. A core that changes hands
/// in the midst of an arrival is rare; an arrival that was stolen is not.
fn note_place(session: &Session, misplaced: &AtomicUsize) {
    if current_core() != Some(session.core()) {
        misplaced.fetch_add(1, Ordering::AcqRel);
    }
}

/// Echoes byte by byte.
async fn echo<S: Stream>(mut stream: S, local: Local) {
    use ringspun_net::io::{ReadExt, WriteExt};
    let mut byte = [0];
    while stream.read_exact(&mut byte).await.is_ok() {
        local.check();
        if stream.write_all(&byte).await.is_err() {
            break;
        }
        local.check();
    }
}

#[test]
fn every_connection_has_one_thread() {
    const CLIENTS: usize = 100;
    run(2, async {
        let (listeners, connectors) = mem_per_core::listeners(2);
        let (ledger, misplaced) = (Ledger::default(), Arc::new(AtomicUsize::new(0)));
        let (entries, elsewhere) = (Arc::clone(&ledger), Arc::clone(&misplaced));
        // The handler itself is `Send` and `Clone`, not `Sync`.
        let calls = Cell::new(0);
        let handler = move |stream: MemStream, session: Session| {
            calls.set(calls.get() + 1);
            note_place(&session, &elsewhere);
            echo(stream, Local::new(&entries))
        };
        let serving = Acceptor::new(listeners).serve_local(handler);
        let mut clients = Vec::new();
        for round in 0..10 {
            for _ in 0..CLIENTS / 10 {
                clients.push(connectors[0].connect().await.expect("connected"));
            }
            for client in &mut clients {
                client.write_all(&[round]).await.expect("written");
                let mut byte = [0];
                client.read_exact(&mut byte).await.expect("served");
                assert_eq!(byte, [round]);
            }
        }
        let placed = serving.connections_by_core();
        println!(
            "local connections by core: {placed:?}, {:?}",
            serving.stats()
        );
        assert_eq!(placed.iter().sum::<usize>(), CLIENTS);
        assert!(placed.iter().all(|&n| n >= CLIENTS / 4), "{placed:?}");
        assert!(misplaced.load(Ordering::Acquire) <= CLIENTS / 20);
        drop(clients);
        serving.stop();
        serving.drained().await;
        assert_eq!(read(&ledger), [CLIENTS, CLIENTS, 0]);
        assert_eq!(serving.connections_by_core(), [0, 0]);
    });
}

/// The ends, in all stages of the travel; and every future dies on its thread (D5).
#[test]
fn a_stop_or_cut_ends_each_on_its_thread() {
    let rounds = count(300, 10_000);
    run(2, async move {
        let (mut random, mut handed_over, mut all) = (Random::new(5), 0, 0);
        let misplaced = Arc::new(AtomicUsize::new(0));
        for round in 0..rounds {
            let ledger = Ledger::default();
            let (listeners, connectors) = mem_per_core::listeners(2);
            let (entries, elsewhere) = (Arc::clone(&ledger), Arc::clone(&misplaced));
            let handler = move |stream: MemStream, session: Session| {
                note_place(&session, &elsewhere);
                echo(stream, Local::new(&entries))
            };
            let serving = Acceptor::new(listeners).serve_local(handler);
            let mut clients = Vec::new();
            for _ in 0..40 {
                clients.push(connectors[0].connect().await.expect("connected"));
            }
            let wanted = random.up_to(40) - 1;
            while read(&ledger)[0] < wanted {
                task::yield_now().await;
            }
            if round % 2 == 0 {
                serving.cut();
            } else {
                serving.stop();
                clients.clear();
            }
            serving.drained().await;
            let [begun, gone, elsewhere] = read(&ledger);
            assert_eq!((gone, elsewhere), (begun, 0));
            assert_eq!(serving.connections_by_core(), [0, 0]);
            let stats = serving.stats();
            let sent: u64 = stats.iter().map(|stats| stats.handed_over).sum();
            let received: u64 = stats.iter().map(|stats| stats.received).sum();
            assert_eq!(sent, received, "{stats:?}");
            handed_over += sent;
            all += begun;
        }
        let misplaced = misplaced.load(Ordering::Acquire);
        println!("{rounds} rounds, {handed_over} of {all} handed over, {misplaced} misplaced");
        assert!(misplaced * 50 <= all);
        assert!(handed_over > 0);
    });
}

#[test]
fn local_connections_over_tcp() {
    run(2, async {
        let ledger = Ledger::default();
        let entries = Arc::clone(&ledger);
        let mut listeners =
            TcpListener::bind_per_core("127.0.0.1:0", &ListenOptions::new()).expect("bound");
        listeners.truncate(1);
        let serving = Acceptor::new(listeners)
            .serve_local(move |stream: TcpStream, _| echo(stream, Local::new(&entries)));
        let addr = serving.local_addr().expect("an address");
        let mut clients = Vec::new();
        for _ in 0..60 {
            let mut client = TcpStream::connect(addr).await.expect("connected");
            client.write_all(b"x").await.expect("written");
            client.read_exact(&mut [0]).await.expect("served");
            clients.push(client);
        }
        assert!(serving.connections_by_core()[1] > 0);
        assert_eq!(serving.shut_down(Duration::from_millis(1)).await, 60);
        assert_eq!(read(&ledger), [60, 60, 0]);
    });
}
