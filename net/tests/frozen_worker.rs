//! A worker's thread stands still for a second wherever it is: in a task, in the scheduler, asleep. When it
//! goes on, nothing is lost. S5 of the reliability list.
//!
//! What makes it stand still is a signal to that thread, whose handler sleeps: a stop signal would stop the
//! whole process, and freezing a thread in a cgroup of its own needs rights. The handler ends as a stop
//! does: the system call that it interrupted says so, or goes on.

mod common;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::thread;
use std::time::{Duration, Instant};

use common::{Random, count, run};
use ringspun_net::{Acceptor, TcpStream};
use ringspun_runtime::{Handle, JoinHandle, spawn, task, time};

const CORES: usize = 2;
const CLIENTS: usize = 16;
static FROZEN: libc::timespec = libc::timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

static ENTERED: AtomicUsize = AtomicUsize::new(0);
static LEFT: AtomicUsize = AtomicUsize::new(0);

extern "C" fn stand_still(_: libc::c_int) {
    ENTERED.fetch_add(1, Release);
    // SAFETY: nanosleep may be called in a signal handler, and the time is a constant.
    unsafe { libc::nanosleep(&raw const FROZEN, std::ptr::null_mut()) };
    LEFT.fetch_add(1, Release);
}

fn freeze(tid: i32) {
    let process = std::process::id();
    // SAFETY: three numbers; a thread that is gone gives an error.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, process, tid, libc::SIGUSR2) };
    assert_eq!(sent, 0, "{}", std::io::Error::last_os_error());
}

/// The thread of core `core`.
async fn thread_of(core: usize) -> i32 {
    // SAFETY: it takes nothing and cannot fail.
    let tid = Handle::current().spawn_on(core, async { unsafe { libc::gettid() } });
    tid.await.expect("no panic")
}

/// Sends numbers, and expects each back before the next, until told to stop.
async fn client(mut stream: TcpStream, stop: Arc<AtomicBool>, answers: Arc<AtomicUsize>) -> usize {
    let mut sent = 0_usize;
    while !stop.load(Relaxed) {
        sent += 1;
        let mut message = sent.to_ne_bytes();
        stream.write_all(&message).await.expect("written");
        stream.read_exact(&mut message).await.expect("answered");
        assert_eq!(usize::from_ne_bytes(message), sent);
        answers.fetch_add(1, Release);
        if sent.is_multiple_of(7) {
            time::sleep(Duration::from_micros(300)).await;
        }
    }
    sent
}

/// Spawns tasks from a thread outside, until told to stop.
fn outsider(handle: Handle, stop: Arc<AtomicBool>) -> thread::JoinHandle<Vec<JoinHandle<()>>> {
    thread::spawn(move || {
        let mut tasks = Vec::new();
        while !stop.load(Relaxed) {
            tasks.push(handle.spawn(task::yield_now()));
            thread::sleep(Duration::from_micros(500));
        }
        tasks
    })
}

#[test]
fn a_worker_that_stands_still_for_a_second_loses_nothing() {
    // SAFETY: the handler does what a handler may do.
    let before = unsafe { libc::signal(libc::SIGUSR2, stand_still as *const () as usize) };
    assert_ne!(before, libc::SIG_ERR);
    run(CORES, async {
        let serving = Acceptor::bind("127.0.0.1:0").expect("bound").serve(
            |mut stream: TcpStream, _| async move {
                let mut message = [0; size_of::<usize>()];
                while stream.read_exact(&mut message).await.is_ok()
                    && stream.write_all(&message).await.is_ok()
                {}
            },
        );
        let addr = serving.local_addr().expect("an address");
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = Vec::new();
        for _ in 0..CLIENTS {
            let stream = TcpStream::connect(addr).await.expect("connected");
            let answers = Arc::new(AtomicUsize::new(0));
            clients.push((
                spawn(client(stream, stop.clone(), answers.clone())),
                answers,
            ));
        }
        let outsider = outsider(Handle::current(), stop.clone());
        let mut random = Random::new(5);
        for round in 1..=count(2, 50) {
            let tid = thread_of(round % CORES).await;
            // Wherever the thread is by then.
            time::sleep(Duration::from_micros(random.up_to(3000) as u64)).await;
            freeze(tid);
            goes_on(&clients, round).await;
        }
        stop.store(true, Relaxed);
        for (client, answers) in clients {
            assert_eq!(client.await.expect("no panic"), answers.load(Acquire));
        }
        for task in outsider.join().expect("no panic") {
            task.await.expect("no panic");
        }
        serving.shut_down(Duration::from_secs(1)).await;
    });
}

/// The thread has stood still for the `round`-th time, and then every client gets answers again.
async fn goes_on(clients: &[(JoinHandle<usize>, Arc<AtomicUsize>)], round: usize) {
    let (begun, end) = (Instant::now(), Duration::from_secs(30));
    while LEFT.load(Acquire) < round {
        assert!(begun.elapsed() < end, "still frozen");
        time::sleep(Duration::from_millis(5)).await;
    }
    assert_eq!(ENTERED.load(Acquire), round);
    println!("frozen for {:?}", begun.elapsed());
    let seen: Vec<_> = clients.iter().map(|(_, a)| a.load(Acquire)).collect();
    for ((_, answers), seen) in clients.iter().zip(seen) {
        while answers.load(Acquire) < seen + 10 {
            assert!(begun.elapsed() < end, "no more answers");
            time::sleep(Duration::from_millis(1)).await;
        }
    }
}
