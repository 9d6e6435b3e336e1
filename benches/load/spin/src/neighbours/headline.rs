//! One short request beside long ones.

use std::time::{Duration, Instant};

use crate::cpu::CpuTime;
use crate::histogram::Histogram;
use crate::load::say;
use crate::neighbours::clients::{Clients, Kind};
use crate::neighbours::options::Options;
use crate::sys;

/// Connections of the long requests: numbers 0 to `LONG`, taken in turn.
const LONG: usize = 4;
/// Connections of the short ones: those after. Many, so that some belong to whichever core is stuck.
const SHORT: usize = 16;
/// From the long request to the short one: the server is in the middle of it.
const DELAY: Duration = Duration::from_micros(300);
/// Between rounds, so that the server is idle and its threads asleep when one begins.
const PAUSE: Duration = Duration::from_millis(2);
/// A short request that takes longer has waited for the long one.
const MISS: Duration = Duration::from_millis(5);

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut clients = Clients::connect(options.addr, LONG + SHORT, options.mode, &options.long)?;
    let first = sys::go_first();
    // Whatever a server does once (start a spare thread, say) it does in these.
    let mut latencies = Histogram::new();
    for round in 0..options.rounds.min(SHORT as u64) {
        play(&mut clients, options, round as usize, &mut latencies)?;
    }
    latencies = Histogram::new();
    let cpu = options.pid.map(CpuTime::of).transpose()?;
    let (mut misses, mut early) = (0, 0);
    for round in 0..options.rounds {
        let (latency, was_early) = play(&mut clients, options, round as usize, &mut latencies)?;
        misses += u64::from(latency > MISS);
        early += u64::from(was_early);
    }
    let micros = |share| latencies.quantile(share) as f64 / 1e3;
    let mut line = format!(
        "rounds={} p50_us={:.1} p90_us={:.1} p99_us={:.1} max_us={:.1} misses={misses} early={early} \
         first={}",
        options.rounds,
        micros(0.5),
        micros(0.9),
        micros(0.99),
        latencies.max() as f64 / 1e3,
        u8::from(first),
    );
    if let (Some(pid), Some(before)) = (options.pid, cpu) {
        let used = CpuTime::of(pid)? - before;
        let each = (used.user + used.system) as f64 / options.rounds as f64;
        line += &format!(" cpu_us={each:.1}");
    }
    say(&line)
}

/// One round: the short request's latency, and whether a long one was over before that was sent.
fn play(
    clients: &mut Clients,
    options: &Options,
    round: usize,
    latencies: &mut Histogram,
) -> Result<(Duration, bool), String> {
    let longs = (0..options.stuck).map(|i| (round / SHORT + i) % LONG);
    let short = LONG + round % SHORT;
    for number in longs.clone() {
        clients.ask(number, Kind::Long)?;
    }
    clients.sleep(Instant::now() + DELAY)?;
    let early = longs.clone().any(|number| clients.is_idle(number));
    let sent = Instant::now();
    clients.ask(short, Kind::Short)?;
    clients.await_answer(short)?;
    let latency = sent.elapsed();
    latencies.add(latency.as_nanos() as u64, 1);
    for number in longs {
        clients.await_answer(number)?;
    }
    clients.sleep(Instant::now() + PAUSE)?;
    Ok((latency, early))
}
