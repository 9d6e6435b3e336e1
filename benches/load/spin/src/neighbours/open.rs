//! Requests that come at a given rate, whatever the server does.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::cpu::CpuTime;
use crate::histogram::Histogram;
use crate::load::{PATIENCE, say};
use crate::neighbours::clients::{Clients, Kind};
use crate::neighbours::options::Options;
use crate::sys;

pub(crate) fn run(options: &Options) -> Result<(), String> {
    let connections = options.connections;
    let clients = Clients::connect(options.addr, connections, options.mode, &options.long)?;
    let first = sys::go_first();
    let mut load = Load::new(options, clients);
    let cpu = load.run()?;
    load.report(cpu, first)
}

/// A request, from when it is due.
#[derive(Clone, Copy, Debug)]
struct Due {
    at: Instant,
    kind: Kind,
}

#[derive(Debug)]
struct Load<'a> {
    options: &'a Options,
    clients: Clients,
    /// Connections without a request, the one that is so for the longest first.
    free: VecDeque<usize>,
    /// Requests that are due and have no connection yet.
    waiting: VecDeque<Due>,
    /// The request under way on each connection.
    under_way: Vec<Option<Due>>,
    arrivals: Arrivals,
    /// Requests due before this are not counted.
    counted_from: Instant,
    /// No requests are due from here on.
    end: Instant,
    /// Latencies by kind.
    latencies: [Histogram; 2],
    /// Those of short requests in each second.
    windows: Vec<Histogram>,
    /// How late the generator noticed that a request was due.
    late: Histogram,
}

impl<'a> Load<'a> {
    fn new(options: &'a Options, clients: Clients) -> Self {
        let start = Instant::now();
        let counted_from = start + options.warmup;
        let windows = options.seconds.as_secs_f64().ceil() as usize;
        Self {
            options,
            clients,
            free: (0..options.connections).collect(),
            waiting: VecDeque::new(),
            under_way: vec![None; options.connections],
            arrivals: Arrivals::new(options, start),
            counted_from,
            end: counted_from + options.seconds,
            latencies: [Histogram::new(), Histogram::new()],
            windows: (0..windows).map(|_| Histogram::new()).collect(),
            late: Histogram::new(),
        }
    }

    /// Makes the load; gives the server's CPU time in the part that counts.
    fn run(&mut self) -> Result<Option<CpuTime>, String> {
        let mut before = None;
        let mut answered = Vec::new();
        loop {
            let now = Instant::now();
            if before.is_none() && now >= self.counted_from {
                before = self.options.pid.map(CpuTime::of).transpose()?;
            }
            self.collect(now);
            self.send()?;
            let arriving = self.arrivals.next.at < self.end;
            if !arriving && self.free.len() == self.options.connections {
                break;
            }
            if now > self.end + PATIENCE {
                let open = self.options.connections - self.free.len();
                return Err(format!("{open} requests have no answer"));
            }
            let until = if arriving {
                self.arrivals.next.at
            } else {
                self.end + PATIENCE
            };
            self.clients.wait(until, &mut answered)?;
            let now = Instant::now();
            for number in answered.drain(..) {
                self.free.push_back(number);
                if let Some(due) = self.under_way[number].take() {
                    self.count(due, now);
                }
            }
        }
        let after = self.options.pid.map(CpuTime::of).transpose()?;
        Ok(after.zip(before).map(|(after, before)| after - before))
    }

    /// Takes what is due.
    fn collect(&mut self, now: Instant) {
        while self.arrivals.next.at <= now && self.arrivals.next.at < self.end {
            let due = self.arrivals.take();
            if due.at >= self.counted_from {
                self.late.add((now - due.at).as_nanos() as u64, 1);
            }
            self.waiting.push_back(due);
        }
    }

    fn send(&mut self) -> Result<(), String> {
        while !self.waiting.is_empty()
            && let Some(number) = self.free.pop_front()
            && let Some(due) = self.waiting.pop_front()
        {
            self.under_way[number] = Some(due);
            self.clients.ask(number, due.kind)?;
        }
        Ok(())
    }

    fn count(&mut self, due: Due, now: Instant) {
        let Some(since) = due.at.checked_duration_since(self.counted_from) else {
            return;
        };
        let latency = (now - due.at).as_nanos() as u64;
        self.latencies[due.kind as usize].add(latency, 1);
        if due.kind == Kind::Short {
            self.windows[since.as_secs() as usize].add(latency, 1);
        }
    }

    fn report(&self, cpu: Option<CpuTime>, first: bool) -> Result<(), String> {
        let [short, long] = &self.latencies;
        let requests = short.total() + long.total();
        let mut p99s: Vec<u64> = self.windows.iter().map(|w| w.quantile(0.99)).collect();
        p99s.sort_unstable();
        let mut line = format!(
            "requests={requests} {} window_p99_us={:.1} late_p99_us={:.1} first={}",
            figures("", short),
            p99s[p99s.len() / 2] as f64 / 1e3,
            self.late.quantile(0.99) as f64 / 1e3,
            u8::from(first),
        );
        if self.options.every > 0 {
            line += &format!(" others={} {}", long.total(), figures("other_", long));
        }
        if let Some(used) = cpu {
            let each = (used.user + used.system) as f64 / requests.max(1) as f64;
            line += &format!(" cpu_us={each:.3}");
        }
        say(&line)
    }
}

fn figures(prefix: &str, latencies: &Histogram) -> String {
    let micros = |share| latencies.quantile(share) as f64 / 1e3;
    format!(
        "{prefix}mean_us={:.1} {prefix}p50_us={:.1} {prefix}p90_us={:.1} {prefix}p99_us={:.1} \
         {prefix}p999_us={:.1} {prefix}max_us={:.1}",
        latencies.mean() / 1e3,
        micros(0.5),
        micros(0.9),
        micros(0.99),
        micros(0.999),
        latencies.max() as f64 / 1e3,
    )
}

/// When requests are due.
#[derive(Debug)]
struct Arrivals {
    next: Due,
    /// Of those taken.
    count: u64,
    start: Instant,
    /// From the start to the next one, in seconds; a sum, so that no rounding adds up.
    offset: f64,
    interval: f64,
    every: u64,
    /// The state of the generator of random gaps; `None` for even ones.
    random: Option<u64>,
}

impl Arrivals {
    fn new(options: &Options, start: Instant) -> Self {
        let mut this = Self {
            next: Due {
                at: start,
                kind: Kind::Short,
            },
            count: 0,
            start,
            offset: 0.0,
            interval: 1.0 / options.rate,
            every: options.every,
            random: options.poisson.then_some(options.seed),
        };
        this.take();
        this
    }

    /// Takes the next one and determines the one after.
    fn take(&mut self) -> Due {
        let due = self.next;
        self.count += 1;
        self.offset += self.interval * self.random.as_mut().map_or(1.0, exponential);
        let is_long = self.every > 0 && self.count.is_multiple_of(self.every);
        self.next = Due {
            at: self.start + Duration::from_secs_f64(self.offset),
            kind: if is_long { Kind::Long } else { Kind::Short },
        };
        due
    }
}

/// An exponentially distributed number with mean 1, by SplitMix64 (Steele, Lea and Flood, 2014).
fn exponential(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^= z >> 31;
    // 53 random bits, in (0, 1]: its logarithm is finite.
    let uniform = ((z >> 11) + 1) as f64 / (1_u64 << 53) as f64;
    -uniform.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(line: &str) -> Arrivals {
        let line = format!("--addr 127.0.0.1:80 {line}");
        let options = Options::from_args(line.split_whitespace().map(String::from));
        Arrivals::new(&options.expect("well-formed"), Instant::now())
    }

    #[test]
    fn even_arrivals_and_every_third_is_another() {
        let mut arrivals = arrivals("--rate 1000 --every 3");
        let all: Vec<Due> = (0..6).map(|_| arrivals.take()).collect();
        for (i, due) in all.iter().enumerate() {
            let millis = (due.at - arrivals.start).as_secs_f64() * 1e3;
            assert!((millis - (i + 1) as f64).abs() < 1e-3, "{i}: {millis}");
            assert_eq!(due.kind == Kind::Long, i % 3 == 2, "{i}");
        }
    }

    #[test]
    fn random_arrivals_keep_the_rate_and_vary() {
        let mut arrivals = arrivals("--rate 1000 --arrivals poisson --seed 7");
        let mut gaps = Vec::new();
        let mut last = arrivals.start;
        for _ in 0..100_000 {
            let at = arrivals.take().at;
            gaps.push((at - last).as_secs_f64() * 1e3);
            last = at;
        }
        let mean = gaps.iter().sum::<f64>() / gaps.len() as f64;
        let variance = gaps.iter().map(|gap| (gap - mean).powi(2)).sum::<f64>() / gaps.len() as f64;
        assert!((mean - 1.0).abs() < 0.02, "mean {mean}");
        assert!((variance - 1.0).abs() < 0.05, "variance {variance}");
    }
}
