//! An echo beside tasks that compute all the time, on one core.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use peer_common::pause;

use crate::go;
use crate::options::Options;
use crate::peer::{MESSAGE, Peer, Ringspun, Tokio};

pub(crate) fn run(options: &Options) -> Result<(), String> {
    println!(
        "one core, tasks that burn 100 us and yield, {:?} each",
        options.seconds
    );
    println!(
        "{:<10} {:>6} {:>10} {:>10} {:>10} {:>8} {:>15}",
        "", "tasks", "p50 us", "p99 us", "max us", "echoes", "burners' share"
    );
    for &tasks in &options.tasks {
        let failed = |e| format!("{tasks} burners: {e}");
        print(
            "ringspun",
            tasks,
            &measure::<Ringspun>(tasks, options).map_err(failed)?,
        );
        print(
            "tokio",
            tasks,
            &measure::<Tokio>(tasks, options).map_err(failed)?,
        );
        if let Some(program) = &options.go {
            print("go", tasks, &measure_go(program, tasks, options)?);
        }
    }
    Ok(())
}

/// What the client saw and the burners got.
#[derive(Debug)]
struct Outcome {
    /// Sorted.
    round_trips: Vec<Duration>,
    /// Of the core's time.
    share: f64,
}

fn measure<P: Peer>(tasks: usize, options: &Options) -> io::Result<Outcome> {
    let peer = P::new(1)?;
    let addr = peer.serve_echo()?;
    let stop = Arc::new(AtomicBool::new(false));
    let burns = Arc::new(AtomicU64::new(0));
    peer.run({
        let (stop, burns) = (stop.clone(), burns.clone());
        async move {
            for _ in 0..tasks {
                let (stop, burns) = (stop.clone(), burns.clone());
                // Detached.
                drop(P::spawn(async move {
                    while !stop.load(Ordering::Relaxed) {
                        pause::burn(BURN);
                        burns.fetch_add(1, Ordering::Relaxed);
                        P::yield_now().await;
                    }
                }));
            }
        }
    });
    let outcome = ping(addr, options, || Ok(burns.load(Ordering::Relaxed)));
    stop.store(true, Ordering::Relaxed);
    outcome
}

fn measure_go(program: &str, tasks: usize, options: &Options) -> Result<Outcome, String> {
    let mut burners = go::Burners::start(program, tasks)?;
    let addr = burners.addr;
    // It says its number when a connection ends: this one is for that.
    ping(addr, options, || {
        drop(TcpStream::connect(addr)?);
        burners.burns().map_err(io::Error::other)
    })
    .map_err(|e| format!("Go's burners: {e}"))
}

/// Echoes with a pause between them, so that the server is back at its burners when one comes.
fn ping(
    addr: SocketAddr,
    options: &Options,
    mut burns: impl FnMut() -> io::Result<u64>,
) -> io::Result<Outcome> {
    let mut stream = TcpStream::connect(addr)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut round_trips = Vec::new();
    let (before, start) = (burns()?, Instant::now());
    while start.elapsed() < options.seconds {
        thread::sleep(PAUSE);
        let mut message = [b'x'; MESSAGE];
        let sent = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        round_trips.push(sent.elapsed());
    }
    let share = (burns()? - before) as f64 * BURN.as_secs_f64() / start.elapsed().as_secs_f64();
    round_trips.sort_unstable();
    Ok(Outcome { round_trips, share })
}

fn print(name: &str, tasks: usize, outcome: &Outcome) {
    let trips = &outcome.round_trips;
    let at = |share: f64| {
        let rank = (trips.len() as f64 * share).ceil() as usize;
        trips[rank.clamp(1, trips.len()) - 1].as_nanos() as f64 / 1e3
    };
    println!(
        "{name:<10} {tasks:>6} {:>10.1} {:>10.1} {:>10.1} {:>8} {:>14.1}%",
        at(0.5),
        at(0.99),
        at(1.0),
        trips.len(),
        outcome.share * 100.0
    );
}

/// As long as a burner computes.
const BURN: Duration = Duration::from_micros(100);

/// Between two echoes.
const PAUSE: Duration = Duration::from_millis(1);

/// An echo that takes longer never comes.
const PATIENCE: Duration = Duration::from_secs(10);
