//! The loop.

use std::io::{self, Write};
use std::time::{Duration, Instant};

use crate::connection::{Connection, Progress};
use crate::cpu::CpuTime;
use crate::histogram::Histogram;
use crate::options::{Length, Mode, Options};
use crate::reply::Checker;
use crate::sys::{self, Epoll, Event};

/// Makes the load and prints its line.
pub(crate) fn run(options: &Options) -> Result<(), String> {
    let mut load = Load::new(options)?;
    load.begin()?;
    let start = Instant::now();
    let mut counted = Counted::begin(options, start)?;
    let mut warm = options.warmup.is_zero();
    loop {
        let now = load.turn()?;
        if !warm && now - start >= options.warmup {
            warm = true;
            load.latencies = Histogram::new();
            load.replies = 0;
            counted = Counted::begin(options, now)?;
        }
        let done = match options.length {
            Length::Time(time) => warm && now - counted.start >= time,
            Length::Requests(requests) => load.replies == requests,
        };
        if done && load.replies == 0 {
            return Err("no reply in the time that counts".into());
        }
        if done {
            counted.report(options, &load, now)?;
            if options.stay {
                sys::sleep_for_ever();
            }
            return Ok(());
        }
    }
}

/// Makes one request on each connection, then holds them all until the process is ended.
pub(crate) fn hold(options: &Options) -> Result<(), String> {
    let mut load = Load::new(options)?;
    load.open_idle()?;
    let open = load
        .connections
        .iter()
        .flatten()
        .filter(|connection| !connection.is_awaiting());
    say(&format!("held={}", open.count()))?;
    sys::sleep_for_ever()
}

/// Connections and what they did.
#[derive(Debug)]
struct Load<'a> {
    options: &'a Options,
    epoll: Epoll,
    events: Vec<Event>,
    connections: Vec<Option<Connection>>,
    checker: Checker,
    /// Requests each connection will still make before it is to be closed.
    left: Vec<u64>,
    /// Connections get one request each, and no more for now.
    holding: bool,
    /// Full batches, for connections with even and odd numbers; a smaller one is a prefix.
    batches: [Vec<u8>; 2],
    /// The last request of a connection.
    last: Vec<u8>,
    buffer: Vec<u8>,
    /// Requests sent since the beginning.
    issued: u64,
    /// Replies since the beginning or the end of the warm-up.
    replies: u64,
    latencies: Histogram,
    last_reply: Instant,
}

impl<'a> Load<'a> {
    fn new(options: &'a Options) -> Result<Self, String> {
        Ok(Self {
            options,
            epoll: Epoll::new().map_err(|e| format!("epoll: {e}"))?,
            events: vec![Event { events: 0, u64: 0 }; 256],
            connections: (0..options.connections).map(|_| None).collect(),
            checker: Checker::new(options.expected(), options.mode == Mode::Echo),
            left: vec![0; options.connections],
            holding: false,
            batches: [0, 1].map(|number| options.batch(number)),
            last: options.request(true),
            buffer: vec![0; BUFFER],
            issued: 0,
            replies: 0,
            latencies: Histogram::new(),
            last_reply: Instant::now(),
        })
    }

    /// Opens the connections and sends the first batches.
    fn begin(&mut self) -> Result<(), String> {
        let connections = self.options.connections;
        let Some(active) = self.options.active else {
            return (0..connections).try_for_each(|number| self.open(number));
        };
        self.open_idle()?;
        let now = Instant::now();
        (0..active).try_for_each(|i| self.send_next(i * connections / active, now))
    }

    /// Opens all connections, and makes one request on each that counts for nothing.
    fn open_idle(&mut self) -> Result<(), String> {
        self.holding = true;
        for number in 0..self.options.connections {
            self.open(number)?;
            // No more handshakes at a time than any listener's backlog has room for.
            while self.issued - self.replies >= 64 {
                self.turn()?;
            }
        }
        while self.replies < self.issued {
            self.turn()?;
        }
        (self.holding, self.issued, self.replies) = (false, 0, 0);
        self.latencies = Histogram::new();
        Ok(())
    }

    /// Opens a connection and sends its first batch, if there is one left to send.
    fn open(&mut self, number: usize) -> Result<(), String> {
        self.connections[number] = None;
        let Some(size) = self.next_batch() else {
            return Ok(());
        };
        self.left[number] = self.options.uses;
        let bytes = bytes(
            &self.batches[number % 2],
            &self.last,
            size,
            self.options,
            &mut self.left[number],
        );
        let connection = Connection::open(&self.epoll, number, self.options, bytes, size)
            .map_err(|e| format!("connect: {e}"))?;
        self.connections[number] = Some(connection);
        Ok(())
    }

    /// Looks for events once and handles them; says when that was.
    fn turn(&mut self) -> Result<Instant, String> {
        let count = if self.options.sleep {
            self.epoll.wait(&mut self.events, NAP)
        } else {
            self.epoll.poll(&mut self.events)
        };
        let count = count.map_err(|e| format!("epoll: {e}"))?;
        for index in 0..count {
            let event = self.events[index];
            self.handle(event.u64 as usize, event.events as i32)?;
        }
        let now = Instant::now();
        if count == 0 && now.saturating_duration_since(self.last_reply) > PATIENCE {
            return Err(self.stalled());
        }
        Ok(now)
    }

    fn handle(&mut self, number: usize, flags: i32) -> Result<(), String> {
        let Some(connection) = &mut self.connections[number] else {
            return Ok(());
        };
        let closed = flags & (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) != 0;
        let Progress {
            replies,
            idle,
            ended,
        } = connection.ready(closed, &mut self.checker, &mut self.buffer)?;
        let now = Instant::now();
        if replies > 0 {
            let latency = now.saturating_duration_since(connection.since());
            self.latencies
                .add(latency.as_nanos() as u64, replies as u64);
            self.replies += replies as u64;
            self.last_reply = now;
        }
        match (self.options.mode, ended) {
            (Mode::Close, true) if self.left[number] == 0 => self.open(number),
            (Mode::Close, false) if self.left[number] == 0 => Ok(()),
            (_, true) => Err("the server closed a connection that should be kept".into()),
            (_, false) if idle && !self.holding => self.send_next(number, now),
            (_, false) => Ok(()),
        }
    }

    fn send_next(&mut self, number: usize, now: Instant) -> Result<(), String> {
        let Some(size) = self.next_batch() else {
            return Ok(());
        };
        let connection = self.connections[number]
            .as_mut()
            .expect("a reply came on it");
        connection.begin(now);
        let bytes = bytes(
            &self.batches[number % 2],
            &self.last,
            size,
            self.options,
            &mut self.left[number],
        );
        connection
            .send(bytes, size)
            .map_err(|e| format!("send: {e}"))
    }

    /// How many requests to send now.
    fn next_batch(&mut self) -> Option<usize> {
        let mut size = self.options.pipeline as u64;
        if self.holding {
            size = 1;
        } else if let Length::Requests(requests) = self.options.length {
            size = size.min(requests - self.issued);
        }
        self.issued += size;
        (size > 0).then_some(size as usize)
    }

    fn stalled(&self) -> String {
        let open = self.connections.iter().flatten();
        let awaiting = open
            .clone()
            .filter(|connection| connection.is_awaiting())
            .count();
        format!(
            "no reply for {} s; of {} connections {awaiting} await one and {} their close",
            PATIENCE.as_secs(),
            open.clone().count(),
            if self.options.mode == Mode::Close {
                open.count() - awaiting
            } else {
                0
            },
        )
    }
}

/// The next `size` requests of a connection that has `left` to make.
fn bytes<'a>(
    batch: &'a [u8],
    last: &'a [u8],
    size: usize,
    options: &Options,
    left: &mut u64,
) -> &'a [u8] {
    if options.mode == Mode::Close {
        *left -= 1;
        if *left == 0 {
            return last;
        }
    }
    &batch[..batch.len() / options.pipeline * size]
}

/// The part of the run that counts.
#[derive(Debug)]
struct Counted {
    start: Instant,
    cpu: Option<CpuTime>,
}

impl Counted {
    fn begin(options: &Options, start: Instant) -> Result<Self, String> {
        Ok(Self {
            start,
            cpu: options.pid.map(CpuTime::of).transpose()?,
        })
    }

    fn report(&self, options: &Options, load: &Load<'_>, now: Instant) -> Result<(), String> {
        let seconds = (now - self.start).as_secs_f64();
        let requests = load.replies as f64;
        let micros = |share| load.latencies.quantile(share) as f64 / 1e3;
        let mut line = format!(
            "requests={} seconds={seconds:.3} rps={:.0} p50_us={:.1} p99_us={:.1} p999_us={:.1}",
            load.replies,
            requests / seconds,
            micros(0.5),
            micros(0.99),
            micros(0.999),
        );
        if let (Some(pid), Some(before)) = (options.pid, self.cpu) {
            let used = CpuTime::of(pid)? - before;
            let (user, system) = (used.user as f64 / requests, used.system as f64 / requests);
            line += &format!(
                " cpu_us={:.4} user_us={user:.4} system_us={system:.4}",
                user + system
            );
        }
        say(&line)
    }
}

pub(crate) fn say(line: &str) -> Result<(), String> {
    let mut out = io::stdout();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|e| format!("output: {e}"))
}

/// Room for any burst of replies, so that a short read means drained.
const BUFFER: usize = 256 * 1024;

/// The longest wait for events with `--sleep`: the clock is looked at between waits.
const NAP: Duration = Duration::from_millis(5);

/// How long without any reply means that something is wrong.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
