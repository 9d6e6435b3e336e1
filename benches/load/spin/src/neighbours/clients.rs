//! Keep-alive connections that ask for one thing at a time.

use std::net::SocketAddr;
use std::time::Instant;

use crate::connection::Connection;
use crate::load::PATIENCE;
use crate::options::{Mode, Options};
use crate::reply::Checker;
use crate::sys::{self, Epoll, Event};

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Short = 0,
    Long = 1,
}

/// The connections, by number.
#[derive(Debug)]
pub(crate) struct Clients {
    epoll: Epoll,
    events: Vec<Event>,
    connections: Vec<Connection>,
    /// What each connection asked for last.
    asked: Vec<Kind>,
    routes: [Route; 2],
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Route {
    request: Vec<u8>,
    checker: Checker,
}

impl Clients {
    /// Connects, and makes a short request on each connection, so that the server has them all.
    pub(crate) fn connect(
        addr: SocketAddr,
        count: usize,
        mode: Mode,
        long: &str,
    ) -> Result<Self, String> {
        sys::sleep_precisely().map_err(|e| format!("timer slack: {e}"))?;
        let mut short = Options::get(addr, "/plaintext");
        short.mode = mode;
        let mut this = Self {
            epoll: Epoll::new().map_err(|e| format!("epoll: {e}"))?,
            events: vec![Event { events: 0, u64: 0 }; 256],
            connections: Vec::with_capacity(count),
            asked: vec![Kind::Short; count],
            routes: [Route::new(&short), Route::new(&Options::get(addr, long))],
            buffer: vec![0; 64 * 1024],
        };
        for number in 0..count {
            let connection = Connection::open(&this.epoll, number, &short, &[], 0)
                .map_err(|e| format!("connect: {e}"))?;
            this.connections.push(connection);
            this.ask(number, Kind::Short)?;
            this.await_answer(number)?;
        }
        Ok(this)
    }

    /// Sends a request on an idle connection.
    pub(crate) fn ask(&mut self, number: usize, kind: Kind) -> Result<(), String> {
        let connection = &mut self.connections[number];
        debug_assert!(!connection.is_awaiting(), "one request at a time");
        self.asked[number] = kind;
        connection
            .send(&self.routes[kind as usize].request, 1)
            .map_err(|e| format!("send: {e}"))
    }

    pub(crate) fn is_idle(&self, number: usize) -> bool {
        !self.connections[number].is_awaiting()
    }

    /// Sleeps until something comes, not after `until`; adds the connections that are answered.
    pub(crate) fn wait(&mut self, until: Instant, answered: &mut Vec<usize>) -> Result<(), String> {
        let timeout = until.saturating_duration_since(Instant::now());
        let count = self
            .epoll
            .wait(&mut self.events, timeout)
            .map_err(|e| format!("epoll: {e}"))?;
        for event in &self.events[..count] {
            let (number, flags) = (event.u64 as usize, event.events as i32);
            let closed = flags & (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) != 0;
            let checker = &mut self.routes[self.asked[number] as usize].checker;
            let progress = self.connections[number].ready(closed, checker, &mut self.buffer)?;
            if progress.ended {
                return Err("the server closed a connection that should be kept".into());
            }
            if progress.replies > 0 {
                answered.push(number);
            }
        }
        Ok(())
    }

    /// Sleeps until the connection has its answer.
    pub(crate) fn await_answer(&mut self, number: usize) -> Result<(), String> {
        let deadline = Instant::now() + PATIENCE;
        let mut answered = Vec::new();
        while !self.is_idle(number) {
            if Instant::now() > deadline {
                return Err(format!("no answer for {} s", PATIENCE.as_secs()));
            }
            self.wait(deadline, &mut answered)?;
        }
        Ok(())
    }

    /// Sleeps until then; answers that come meanwhile are read.
    pub(crate) fn sleep(&mut self, until: Instant) -> Result<(), String> {
        let mut answered = Vec::new();
        while Instant::now() < until {
            self.wait(until, &mut answered)?;
        }
        Ok(())
    }
}

impl Route {
    fn new(options: &Options) -> Self {
        Self {
            request: options.request(false),
            checker: Checker::new(options.expected(), options.mode == Mode::Echo),
        }
    }
}
