//! One thread's loop.

use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::os::fd::{AsRawFd, IntoRawFd, RawFd};

use crate::clock::thread_time;
use crate::counters::{Counter, Counters};
use crate::sys::{self, Epoll};

/// A thread at a queue, which may be others' too.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    epoll: &'a Epoll,
    listener: &'a TcpListener,
    counters: &'a Counters,
    timed: bool,
}

impl<'a> Worker<'a> {
    pub(crate) fn new(
        epoll: &'a Epoll,
        listener: &'a TcpListener,
        counters: &'a Counters,
        timed: bool,
    ) -> Self {
        Self {
            epoll,
            listener,
            counters,
            timed,
        }
    }

    /// Only an error ends it.
    pub(crate) fn run(&self) -> io::Error {
        let listener = self.listener.as_raw_fd();
        match self.epoll.add(listener, libc::EPOLLIN) {
            // The first thread at the queue has done it.
            Err(e) if e.kind() != ErrorKind::AlreadyExists => return e,
            _ => {}
        }
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 64];
        let mut buffer = vec![0; BUFFER];
        loop {
            let waited = self.clocked(&self.counters.wait_ns, || self.epoll.wait(&mut events));
            let count = match waited {
                Ok(count) => count,
                Err(e) if e.kind() == ErrorKind::Interrupted => 0,
                Err(e) => return e,
            };
            self.counters.waits.add(1);
            self.counters.events.add(count as u64);
            for event in &events[..count] {
                let fd = event.u64 as RawFd;
                if fd == listener {
                    self.accept();
                } else if event.events & !(libc::EPOLLOUT as u32) != 0 {
                    self.echo(fd, &mut buffer);
                }
            }
        }
    }

    fn accept(&self) {
        for _ in 0..ACCEPTS {
            // The level trigger brings what is left.
            let Ok(fd) = sys::accept(self.listener.as_raw_fd()) else {
                return;
            };
            let edges = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
            // Open until the process ends: see the head of main.rs.
            let fd = fd.into_raw_fd();
            let added = self.clocked(&self.counters.ctl_ns, || self.epoll.add(fd, edges));
            added.expect("a new descriptor");
            self.counters.ctls.add(1);
        }
    }

    fn echo(&self, fd: RawFd, buffer: &mut [u8]) {
        loop {
            match sys::recv(fd, buffer) {
                Ok(0) => return,
                Ok(length) => {
                    // A peer that is gone gets nothing.
                    let _ = sys::send(fd, &buffer[..length]);
                    if length < buffer.len() {
                        return;
                    }
                }
                Err(_) => return self.counters.empty_reads.add(1),
            }
        }
    }

    /// What a call takes of the CPU, if that is asked for.
    fn clocked<T>(&self, counter: &Counter, call: impl FnOnce() -> T) -> T {
        if !self.timed {
            return call();
        }
        let start = thread_time();
        let result = call();
        counter.add((thread_time() - start).as_nanos() as u64);
        result
    }
}

/// Accepts of one event.
const ACCEPTS: usize = 16;

const BUFFER: usize = 16 * 1024;
