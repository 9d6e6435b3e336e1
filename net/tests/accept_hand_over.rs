//! What may happen to a connection between the core that accepts it and the core that serves it:
//! the server stops or cuts, the target is stuck, the target cannot take it, the handler panics.
//! None is lost, and the counts come out even.

mod common;

use std::io;
use std::net::{SocketAddr, TcpStream as StdStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use common::mem_per_core::{self, OnCore};
use common::{Random, count, run};
use ringspun_net::{
    Acceptor, Listener, MemConnector, MemListener, MemStream, Serving, Session, TcpStream, mem,
};
use ringspun_runtime::{Builder, Handle, current_core, task, time};

/// How many handlers have begun and how many futures are gone.
#[derive(Clone, Default)]
struct Ledger(Arc<[AtomicUsize; 2]>);

/// One handler's future in the ledger.
struct Entry(Ledger);

impl Ledger {
    fn enter(&self) -> Entry {
        self.0[0].fetch_add(1, Ordering::AcqRel);
        Entry(self.clone())
    }

    fn begun(&self) -> usize {
        self.0[0].load(Ordering::Acquire)
    }

    fn gone(&self) -> usize {
        self.0[1].load(Ordering::Acquire)
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.0.0[1].fetch_add(1, Ordering::AcqRel);
    }
}

/// Serves until the client is gone or the server stops.
async fn until_the_stop(mut stream: MemStream, mut session: Session, _entry: Entry) {
    let _ = stream.write_all(b"x").await;
    session.stopping().await;
}

/// Serves until the client is gone.
async fn until_the_client_goes(mut stream: MemStream, _entry: Entry) {
    let _ = stream.write_all(b"x").await;
    let _ = stream.read(&mut [0]).await;
}

/// Everything is counted out; what was under way has arrived or was closed.
fn assert_even(serving: &Serving) {
    assert_eq!(serving.connections(), 0);
    assert!(serving.connections_by_core().iter().all(|&n| n == 0));
    let (sent, received) = sent_and_received(serving);
    assert_eq!(sent, received, "{:?}", serving.stats());
}

fn sent_and_received(serving: &Serving) -> (u64, u64) {
    let stats = serving.stats();
    (
        stats.iter().map(|stats| stats.handed_over).sum(),
        stats.iter().map(|stats| stats.received).sum(),
    )
}

async fn connect(connector: &MemConnector, clients: usize) -> Vec<MemStream> {
    let mut streams = Vec::new();
    for _ in 0..clients {
        streams.push(connector.connect().await.expect("connected"));
    }
    streams
}

/// Reads to the end: `true` if it was served before.
async fn was_served(mut client: MemStream) -> bool {
    let mut buf = [0; 8];
    let mut served = false;
    loop {
        match client.read(&mut buf).await {
            Ok(0) => return served,
            Ok(_) => served = true,
            Err(error) => {
                assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
                return served;
            }
        }
    }
}

#[test]
fn a_stop_during_the_travel_lets_everybody_arrive() {
    let rounds = count(1000, 20_000);
    run(2, async move {
        let (mut random, mut handed_over) = (Random::new(7), 0);
        for _ in 0..rounds {
            let ledger = Ledger::default();
            let (listeners, connectors) = mem_per_core::listeners(2);
            let entries = ledger.clone();
            let serving = Acceptor::new(listeners)
                .serve(move |stream, session| until_the_stop(stream, session, entries.enter()));
            let clients = connect(&connectors[0], 40).await;
            for _ in 0..random.up_to(8) {
                task::yield_now().await;
            }
            serving.stop();
            serving.drained().await;
            for client in clients {
                assert!(was_served(client).await, "in the backlog before the stop");
            }
            assert_eq!((ledger.begun(), ledger.gone()), (40, 40));
            assert_even(&serving);
            handed_over += sent_and_received(&serving).0;
        }
        println!("stop: {rounds} rounds, {handed_over} connections handed over, 0 lost");
        assert!(handed_over > 0);
    });
}

#[test]
fn a_cut_during_the_travel_ends_everybody() {
    let rounds = count(1000, 20_000);
    run(3, async move {
        let (mut random, mut handed_over, mut begun) = (Random::new(11), 0, 0);
        for _ in 0..rounds {
            let ledger = Ledger::default();
            let (listeners, connectors) = mem_per_core::listeners(3);
            let entries = ledger.clone();
            let serving = Acceptor::new(listeners)
                .serve(move |stream, _| until_the_client_goes(stream, entries.enter()));
            let clients = connect(&connectors[0], 40).await;
            // Waits for some to be served, so that the cut meets all stages of the way.
            let wanted = random.up_to(40) - 1;
            while ledger.begun() < wanted {
                task::yield_now().await;
            }
            serving.cut();
            serving.drained().await;
            for client in clients {
                was_served(client).await;
            }
            assert_eq!(ledger.begun(), ledger.gone());
            assert_even(&serving);
            begun += ledger.begun();
            handed_over += sent_and_received(&serving).0;
        }
        println!("cut: {rounds} rounds, {handed_over} handed over, {begun} began before the cut");
        assert!(handed_over > 0);
    });
}

/// Keeps core 1 in one task until it is let go.
struct Stuck {
    gate: Arc<(Mutex<bool>, Condvar)>,
    task: ringspun_runtime::JoinHandle<()>,
}

impl Stuck {
    async fn new() -> Self {
        let gate = Arc::new((Mutex::new(false), Condvar::new()));
        let (inside, is_inside) = (Arc::clone(&gate), Arc::new(AtomicUsize::new(0)));
        let begun = Arc::clone(&is_inside);
        let stick = async move {
            // A thief may have taken this: it goes back until the right core has it.
            while current_core() != Some(1) {
                Handle::current().spawn_on(1, async {}).await.expect("runs");
                task::yield_now().await;
            }
            begun.store(1, Ordering::Release);
            let (is_open, changed) = &*inside;
            let limit = Duration::from_secs(60);
            let is_open = is_open.lock().expect("no panic");
            let waited = changed.wait_timeout_while(is_open, limit, |is_open| !*is_open);
            assert!(!waited.expect("no panic").1.timed_out(), "never let go");
        };
        let task = Handle::current().spawn_on(1, stick);
        while is_inside.load(Ordering::Acquire) == 0 {
            task::yield_now().await;
        }
        Self { gate, task }
    }

    async fn let_go(self) {
        *self.gate.0.lock().expect("no panic") = true;
        self.gate.1.notify_all();
        self.task.await.expect("no panic");
    }
}

/// Connects until `wanted` connections have been sent to the stuck core.
async fn send_to_the_stuck_core(
    serving: &Serving,
    connector: &MemConnector,
    wanted: u64,
) -> Vec<MemStream> {
    let mut clients = Vec::new();
    while sent_and_received(serving).0 < wanted {
        clients.push(connector.connect().await.expect("connected"));
        while serving.connections() < clients.len() {
            task::yield_now().await;
        }
    }
    clients
}

/// Whether or not another core looks after the stuck one's inbox meanwhile: all are served when
/// it is back, at the latest.
#[test]
fn a_stuck_core_loses_nothing() {
    for stops in [false, true] {
        run(2, async move {
            let ledger = Ledger::default();
            let (listeners, connectors) = mem_per_core::listeners(2);
            let stuck = Stuck::new().await;
            let entries = ledger.clone();
            let serving = Acceptor::new(listeners)
                .serve(move |stream, _| until_the_client_goes(stream, entries.enter()));
            let clients = send_to_the_stuck_core(&serving, &connectors[0], 20).await;
            assert_eq!(serving.connections(), clients.len(), "travellers count");
            assert!(serving.connections_by_core()[1] >= 20);
            if stops {
                serving.stop();
                assert_eq!(serving.connections(), clients.len());
            }
            stuck.let_go().await;
            for mut client in clients {
                client.read_exact(&mut [0]).await.expect("served");
            }
            serving.stop();
            serving.drained().await;
            assert_even(&serving);
        });
    }
}

#[test]
fn a_cut_reaches_those_on_their_way_to_a_stuck_core() {
    run(2, async {
        let ledger = Ledger::default();
        let (listeners, connectors) = mem_per_core::listeners(2);
        let stuck = Stuck::new().await;
        let entries = ledger.clone();
        let serving = Acceptor::new(listeners)
            .serve(move |stream, _| until_the_client_goes(stream, entries.enter()));
        let clients = send_to_the_stuck_core(&serving, &connectors[0], 20).await;
        assert_eq!(serving.cut(), clients.len());
        stuck.let_go().await;
        serving.drained().await;
        for client in clients {
            was_served(client).await;
        }
        assert_eq!(ledger.begun(), ledger.gone());
        assert_even(&serving);
    });
}

#[test]
fn a_runtime_that_ends_closes_those_under_way() {
    for _ in 0..count(50, 1000) {
        let runtime = Builder::new().cores(2).build().expect("a runtime");
        let ledger = Ledger::default();
        let entries = ledger.clone();
        let (listeners, connectors) = mem_per_core::listeners(2);
        let (serving, clients) = runtime.block_on(async {
            let serving = Acceptor::new(listeners)
                .serve(move |stream, _| until_the_client_goes(stream, entries.enter()));
            (serving, connect(&connectors[0], 60).await)
        });
        drop(runtime);
        assert_eq!(ledger.begun(), ledger.gone());
        assert_eq!(serving.connections(), 0);
        assert_eq!(serving.connections_by_core(), [0, 0]);
        run(1, async {
            for client in clients {
                was_served(client).await;
            }
        });
    }
}

/// Cannot be opened on core 1, every third time.
struct Picky(OnCore, Arc<AtomicUsize>);

impl Listener for Picky {
    type Accepted = (MemStream, Arc<AtomicUsize>);
    type Stream = MemStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Accepted>> {
        self.0
            .poll_accept(cx)
            .map_ok(|stream| (stream, Arc::clone(&self.1)))
    }

    fn try_accept(&mut self) -> io::Result<Self::Accepted> {
        self.0
            .try_accept()
            .map(|stream| (stream, Arc::clone(&self.1)))
    }

    fn open((stream, opened): Self::Accepted, core: usize) -> io::Result<MemStream> {
        // What epoll says when max_user_watches is used up.
        if core == 1 && opened.fetch_add(1, Ordering::AcqRel).is_multiple_of(3) {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        Ok(stream)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    fn core(&self) -> Option<usize> {
        self.0.core()
    }
}

#[test]
fn a_core_that_cannot_register_a_connection_loses_that_one_only() {
    run(2, async {
        let (ledger, opened) = (Ledger::default(), Arc::new(AtomicUsize::new(0)));
        let (listeners, connectors) = mem_per_core::listeners(2);
        let entries = ledger.clone();
        let picky = |listener| Picky(listener, Arc::clone(&opened));
        let serving = Acceptor::new(listeners.into_iter().map(picky).collect())
            .serve(move |stream, _| until_the_client_goes(stream, entries.enter()));
        let (mut clients, mut refused) = (Vec::new(), 0);
        for _ in 0..300 {
            let mut client = connectors[0].connect().await.expect("connected");
            match client.read(&mut [0]).await.expect("a clean end") {
                0 => refused += 1,
                _ => clients.push(client),
            }
        }
        let stats = serving.stats();
        let failed = stats[1].failed + stats[0].errors;
        println!("{refused} of 300 could not be registered: {stats:?}");
        assert!(stats[1].failed > 0);
        assert_eq!(failed, refused);
        assert_eq!(ledger.begun(), clients.len());
        // The close is seen by the client before the connection is counted out.
        while serving.connections() > clients.len() {
            task::yield_now().await;
        }
        drop(clients);
        serving.stop();
        serving.drained().await;
        assert_even(&serving);
    });
}

/// Every other connection is a regular file, which epoll refuses with EPERM.
struct Files(MemListener, usize);

impl Files {
    /// A connection for each client that asks in memory.
    fn next(&mut self, _client: MemStream) -> StdStream {
        self.1 += 1;
        if self.1.is_multiple_of(2) {
            let file = std::fs::File::open("/proc/self/exe").expect("Linux");
            return StdStream::from(std::os::fd::OwnedFd::from(file));
        }
        let pair = std::os::unix::net::UnixStream::pair().expect("a pair");
        StdStream::from(std::os::fd::OwnedFd::from(pair.0))
    }
}

impl Listener for Files {
    type Accepted = StdStream;
    type Stream = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<StdStream>> {
        self.0.poll_accept(cx).map_ok(|client| self.next(client))
    }

    fn try_accept(&mut self) -> io::Result<StdStream> {
        self.0.try_accept().map(|client| self.next(client))
    }

    fn open(accepted: StdStream, _core: usize) -> io::Result<TcpStream> {
        TcpStream::from_std(accepted)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

#[test]
fn a_descriptor_that_epoll_refuses_is_closed_and_the_loop_goes_on() {
    run(2, async {
        let ledger = Ledger::default();
        let entries = ledger.clone();
        let (listener, connector) = mem::listener(16);
        let serving = Acceptor::new(vec![Files(listener, 0)]).serve(
            move |_stream: TcpStream, mut session: Session| {
                let entry = entries.enter();
                async move {
                    session.stopping().await;
                    drop(entry);
                }
            },
        );
        drop(connect(&connector, 80).await);
        while ledger.begun() < 40 {
            task::yield_now().await;
        }
        serving.stop();
        serving.drained().await;
        let stats = serving.stats()[0];
        println!("half of 80 descriptors refused: {stats:?}");
        assert_eq!(stats.errors + stats.failed, 40);
        assert_eq!(ledger.gone(), 40);
        assert_even(&serving);
    });
}

/// Cannot be opened while there are failures left.
struct Exhausted(MemListener, Arc<AtomicUsize>);

impl Listener for Exhausted {
    type Accepted = (MemStream, bool);
    type Stream = MemStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Self::Accepted>> {
        self.0.poll_accept(cx).map_ok(|stream| {
            let left = self.1.load(Ordering::Acquire);
            self.1.store(left.saturating_sub(1), Ordering::Release);
            (stream, left > 0)
        })
    }

    fn try_accept(&mut self) -> io::Result<Self::Accepted> {
        self.0.try_accept().map(|stream| (stream, false))
    }

    fn open((stream, fails): Self::Accepted, _core: usize) -> io::Result<MemStream> {
        if fails {
            return Err(io::Error::from_raw_os_error(libc::ENOSPC));
        }
        Ok(stream)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }
}

/// An accept that succeeds says nothing about the next registration: the pauses still double.
#[test]
fn failures_to_register_at_home_are_waited_out() {
    let runtime = Builder::new()
        .cores(1)
        .test_clock(true)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        runtime.handle().spawn(async {}).await.expect("runs");
        let (listener, connector) = mem::listener(16);
        let failures = Arc::new(AtomicUsize::new(10));
        let serving = Acceptor::new(vec![Exhausted(listener, failures)])
            .serve(|stream, _| until_the_client_goes(stream, Ledger::default().enter()));
        let start: Instant = time::now();
        let mut clients = connect(&connector, 11).await;
        let last = clients.last_mut().expect("some");
        last.read_exact(&mut [0]).await.expect("served in the end");
        let stats = serving.stats()[0];
        assert_eq!((stats.errors, stats.back_offs, stats.accepted), (10, 10, 1));
        // 5, 10, 20, .. 640 ms, then twice 1 s.
        let waited = time::now() - start;
        assert!(
            waited >= Duration::from_millis(5 * 255 + 2000),
            "{waited:?}"
        );
        drop(clients);
        serving.stop();
        serving.drained().await;
    });
}

#[test]
fn a_panic_of_the_handler_on_arrival_ends_its_connection_only() {
    run(2, async {
        let ledger = Ledger::default();
        let (entries, arrivals) = (ledger.clone(), Arc::new(AtomicUsize::new(0)));
        let (listeners, connectors) = mem_per_core::listeners(2);
        let serving = Acceptor::new(listeners).serve(move |stream, session: Session| {
            if session.core() == 1 {
                let earlier = arrivals.fetch_add(1, Ordering::AcqRel);
                assert!(earlier >= 20, "not yet");
            }
            until_the_client_goes(stream, entries.enter())
        });
        let (mut clients, mut refused) = (Vec::new(), 0);
        while clients.len() < 100 {
            let mut client = connectors[0].connect().await.expect("connected");
            match client.read(&mut [0]).await.expect("a clean end") {
                0 => refused += 1,
                _ => clients.push(client),
            }
        }
        assert_eq!(refused, 20);
        while serving.connections() > clients.len() {
            task::yield_now().await;
        }
        assert!(serving.connections_by_core()[1] > 0, "it goes on");
        drop(clients);
        serving.stop();
        serving.drained().await;
        assert_even(&serving);
    });
}
