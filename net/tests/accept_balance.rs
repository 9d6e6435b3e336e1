//! Where connections go when one core gets more than the others: with hand-over to cores that
//! have fewer, without it nowhere; and each is known to one reactor only.

mod common;

use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::Mutex;
use std::task::{Context, Poll};
use std::time::Duration;

use common::mem_per_core::{self, OnCore};
use common::{count, run};
use ringspun_net::tcp::Accepted;
use ringspun_net::{
    Acceptor, ListenOptions, Listener, MemStream, Serving, Session, TcpListener, TcpStream,
};
use ringspun_runtime::{Handle, current_core};

const CONNECTIONS: usize = 1000;

/// Says on which core it was placed and on which it runs, then stays until the client goes.
async fn tell_core(mut stream: MemStream, session: Session) {
    let here = current_core().expect("a worker");
    let cores = [session.core() as u8, here as u8];
    stream.write_all(&cores).await.expect("written");
    let _ = stream.read(&mut [0]).await;
}

/// Serves connections that all come to the listener of core 0. Returns how many each core has,
/// and how many handlers began on a core they were not placed on.
async fn all_to_core_0(cores: usize, hand_over: bool) -> (Vec<usize>, usize) {
    let (listeners, connectors) = mem_per_core::listeners(cores);
    let serving = Acceptor::new(listeners)
        .hand_over(hand_over)
        .serve(tell_core);
    let (mut clients, mut placed, mut elsewhere) = (Vec::new(), vec![0; cores], 0);
    for _ in 0..CONNECTIONS {
        let mut client = connectors[0].connect().await.expect("connected");
        let mut told = [0; 2];
        client.read_exact(&mut told).await.expect("served");
        placed[usize::from(told[0])] += 1;
        elsewhere += usize::from(told[0] != told[1]);
        clients.push(client);
    }
    assert_eq!(serving.connections_by_core(), placed, "as the sessions say");
    assert_eq!(serving.connections(), CONNECTIONS);
    let stats = serving.stats();
    let moved = CONNECTIONS - placed[0];
    assert_eq!(stats[0].accepted, CONNECTIONS as u64);
    assert_eq!(stats[0].handed_over, moved as u64);
    for core in 0..cores {
        let received = if core == 0 { 0 } else { placed[core] };
        assert_eq!(stats[core].received, received as u64, "core {core}");
        assert_eq!(stats[core].failed, 0);
    }
    drop(clients);
    serving.stop();
    serving.drained().await;
    assert_eq!(serving.connections_by_core(), vec![0; cores]);
    (placed, elsewhere)
}

fn max_to_min(counts: &[usize]) -> f64 {
    let (most, least) = (counts.iter().max(), counts.iter().min());
    *most.expect("some") as f64 / *least.expect("some") as f64
}

#[test]
fn a_crowded_core_passes_connections_on() {
    for cores in [2, 4] {
        let (placed, elsewhere) = run(cores, all_to_core_0(cores, true));
        let ratio = max_to_min(&placed);
        println!("hand-over, {cores} cores: {placed:?}, max/min {ratio:.3}; {elsewhere} stolen");
        assert!(ratio <= 1.35, "{placed:?}");
    }
}

#[test]
fn switched_off_every_connection_stays() {
    let (placed, _) = run(4, all_to_core_0(4, false));
    assert_eq!(placed, [CONNECTIONS, 0, 0, 0]);
}

/// A single listener without a core of its own fills the machine as well.
#[test]
fn one_tcp_listener_serves_on_all_cores() {
    run(2, async {
        let listener = TcpListener::bind("127.0.0.1:0").expect("bound");
        let serving = Acceptor::new(vec![listener]).serve(
            |mut stream: TcpStream, session: Session| async move {
                assert_eq!(session.listener(), 0);
                stream.write_all(b"x").await.expect("written");
                let _ = stream.read(&mut [0]).await;
            },
        );
        let clients = connect_and_wait(&serving, 200).await;
        let placed = serving.connections_by_core();
        // The accept task may have been stolen meanwhile, so that "own" was now this, now that.
        assert!(max_to_min(&placed) <= 1.5, "{placed:?}");
        let stats = serving.stats();
        assert_eq!(stats.len(), 1);
        assert_eq!(stats[0].received, stats[0].handed_over, "{stats:?}");
        drop(clients);
        assert_eq!(serving.shut_down(Duration::from_secs(30)).await, 0);
    });
}

/// Connects one after the other and waits for a byte from each.
async fn connect_and_wait(serving: &Serving, connections: usize) -> Vec<TcpStream> {
    let addr = serving.local_addr().expect("an address");
    let mut clients = Vec::new();
    for _ in 0..connections {
        let mut client = TcpStream::connect(addr).await.expect("connected");
        client.read_exact(&mut [0]).await.expect("served");
        clients.push(client);
    }
    clients
}

/// X2 with hand-over: the kernel's hash spreads well, and what is handed over makes it no worse.
/// A thousand connections alone spread as chance has it: two cores differ by more than a fifth
/// once in 250 runs. So the sum of several servers is looked at.
#[test]
fn the_kernel_and_the_hand_over_together_spread_evenly() {
    for cores in [2, 4] {
        let (mut accepted, mut placed) = (vec![0; cores], vec![0; cores]);
        for _ in 0..count(4, 20) {
            let (accepts, places) = run(cores, thousand_over_tcp());
            for core in 0..cores {
                accepted[core] += accepts[core];
                placed[core] += places[core];
            }
            let (kernel, both) = (max_to_min(&accepts), max_to_min(&places));
            println!("X2 {cores} cores, {CONNECTIONS} connections: {kernel:.3}, placed {both:.3}");
        }
        let (kernel, both) = (max_to_min(&accepted), max_to_min(&placed));
        println!(
            "X2 {cores} cores: accepted {accepted:?} {kernel:.3}, placed {placed:?} {both:.3}"
        );
        assert!(kernel <= 1.2 && both <= 1.2, "{accepted:?} {placed:?}");
    }
}

/// How many connections each core has accepted, and how many it was given.
async fn thousand_over_tcp() -> (Vec<usize>, Vec<usize>) {
    let serving = Acceptor::bind("127.0.0.1:0").expect("bound").serve(
        |mut stream: TcpStream, _: Session| async move {
            let _ = stream.write_all(b"x").await;
            let _ = stream.read(&mut [0]).await;
        },
    );
    for _ in 0..CONNECTIONS / 200 {
        drop(connect_and_wait(&serving, 200).await);
    }
    assert_eq!(serving.shut_down(Duration::from_secs(30)).await, 0);
    let stats = serving.stats();
    let accepted = |stats: &ringspun_net::AcceptStats| stats.accepted as usize;
    let placed = |stats: &ringspun_net::AcceptStats| {
        (stats.accepted - stats.handed_over + stats.received) as usize
    };
    let (accepted, placed): (Vec<_>, Vec<_>) =
        stats.iter().map(|s| (accepted(s), placed(s))).unzip();
    assert_eq!(placed.iter().sum::<usize>(), CONNECTIONS);
    (accepted, placed)
}

/// The core that each descriptor was opened for.
static OPENED: Mutex<BTreeMap<i32, usize>> = Mutex::new(BTreeMap::new());

/// Looks at each connection before it is opened.
struct Watched(TcpListener);

impl Listener for Watched {
    type Accepted = Accepted;
    type Stream = TcpStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<Accepted>> {
        self.0.poll_accept(cx)
    }

    fn try_accept(&mut self) -> io::Result<Accepted> {
        self.0.try_accept()
    }

    fn open(accepted: Accepted, core: usize) -> io::Result<TcpStream> {
        let fd = accepted.as_fd().as_raw_fd();
        assert_eq!(reactors_of(accepted.as_fd()), 0, "bare until it arrives");
        let twice = OPENED.lock().expect("no panic").insert(fd, core);
        assert_eq!(twice, None, "opened once");
        TcpListener::open(accepted, core)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        Listener::local_addr(&self.0)
    }

    fn core(&self) -> Option<usize> {
        Some(0)
    }
}

/// In how many epoll instances of this process a descriptor is.
fn reactors_of(fd: BorrowedFd<'_>) -> usize {
    let wanted = fd.as_raw_fd().to_string();
    let registered = |text: &String| {
        text.lines().any(|line| {
            let target = line.strip_prefix("tfd:");
            target.and_then(|rest| rest.split_whitespace().next()) == Some(&wanted)
        })
    };
    std::fs::read_dir("/proc/self/fdinfo")
        .expect("Linux")
        .filter_map(|entry| std::fs::read_to_string(entry.ok()?.path()).ok())
        .filter(registered)
        .count()
}

#[test]
fn a_connection_is_registered_once_and_where_it_is_served() {
    const CLIENTS: usize = 100;
    run(2, async {
        let options = ListenOptions::new();
        // Of the two listeners on one port only the first is kept: every connection comes to it.
        let mut listeners = TcpListener::bind_per_core("127.0.0.1:0", &options).expect("bound");
        listeners.truncate(1);
        let listeners = listeners.into_iter().map(Watched).collect();
        let serving =
            Acceptor::new(listeners).serve(|mut stream: TcpStream, session: Session| async move {
                let fd = stream.as_fd().as_raw_fd();
                let opened = OPENED.lock().expect("no panic").get(&fd).copied();
                assert_eq!(opened, Some(session.core()));
                assert_eq!(reactors_of(stream.as_fd()), 1);
                stream.write_all(b"x").await.expect("written");
                let _ = stream.read(&mut [0]).await;
            });
        let before = Handle::current().metrics().sources;
        let clients = connect_and_wait(&serving, CLIENTS).await;
        // One source for each end.
        assert_eq!(Handle::current().metrics().sources, before + 2 * CLIENTS);
        let moved = serving.stats()[0].handed_over;
        println!("{CLIENTS} connections, {moved} handed over, one reactor each");
        assert!(moved >= 30, "{moved}");
        assert_eq!(OPENED.lock().expect("no panic").len(), CLIENTS);
        drop(clients);
        assert_eq!(serving.shut_down(Duration::from_secs(30)).await, 0);
    });
}

/// The wrapper itself: the core is what the accept loop is told.
#[test]
fn listeners_of_memory_can_have_a_core() {
    let (listeners, _connectors) = mem_per_core::listeners(3);
    let cores: Vec<_> = listeners.iter().map(OnCore::core).collect();
    assert_eq!(cores, [Some(0), Some(1), Some(2)]);
}
