//! One core's loop.

use std::io;
use std::net::TcpListener;
use std::os::fd::{AsRawFd, RawFd};

use crate::connection::{Connection, Fate, Scratch};
use crate::protocol::Protocol;
use crate::sys::{self, Epoll};

/// An epoll instance, a listener and the connections accepted from it, indexed by descriptor.
///
/// An event can only be about a live connection: each round handles a descriptor's event at most
/// once, and the kernel forgets a descriptor when it is closed. A descriptor reused within a round
/// belongs to a later `accept` and has no event in that round.
#[derive(Debug)]
pub(crate) struct Worker<P> {
    epoll: Epoll,
    listener: TcpListener,
    connections: Vec<Option<Connection>>,
    scratch: Scratch,
    protocol: P,
}

impl<P: Protocol> Worker<P> {
    pub(crate) fn new(listener: TcpListener, protocol: P) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.add(listener.as_raw_fd(), libc::EPOLLIN)?;
        let scratch = Scratch {
            input: vec![0; INPUT].into(),
            output: Vec::with_capacity(INPUT),
        };
        Ok(Self {
            epoll,
            listener,
            connections: Vec::new(),
            scratch,
            protocol,
        })
    }

    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 256];
        loop {
            let count = match self.epoll.wait(&mut events) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => 0,
                result => result?,
            };
            self.protocol.tick();
            for event in &events[..count] {
                let (fd, flags) = (event.u64 as RawFd, event.events as i32);
                if fd == self.listener.as_raw_fd() {
                    self.accept()?;
                } else {
                    self.serve(fd, flags);
                }
            }
        }
    }

    /// Accepts what is there, so that a round serves many connections, but no more than a batch.
    fn accept(&mut self) -> io::Result<()> {
        for _ in 0..ACCEPTS {
            // An error ends this round only, the level trigger brings the next: nobody is left, the
            // peer gave up, or no descriptor is free.
            let Ok(fd) = sys::accept(self.listener.as_raw_fd()) else {
                break;
            };
            let index = fd.as_raw_fd();
            let edges = libc::EPOLLIN | libc::EPOLLOUT | libc::EPOLLRDHUP | libc::EPOLLET;
            self.epoll.add(index, edges)?;
            let index = index as usize;
            if self.connections.len() <= index {
                self.connections.resize_with(index + 1, || None);
            }
            self.connections[index] = Some(Connection::new(fd));
        }
        Ok(())
    }

    fn serve(&mut self, fd: RawFd, flags: i32) {
        let slot = &mut self.connections[fd as usize];
        let Some(connection) = slot else { return };
        if flags & !libc::EPOLLOUT == 0 && !connection.is_blocked() {
            // The first edge of a connection on which nothing has arrived.
            return;
        }
        let closed = flags & (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) != 0;
        match connection.ready(closed, &mut self.protocol, &mut self.scratch) {
            Ok(Fate::Keep) => {}
            // An error means that the peer is gone.
            Ok(Fate::Close) | Err(_) => *slot = None,
        }
    }
}

/// How many connections to accept in a round.
const ACCEPTS: usize = 16;

/// A short read means drained, so larger than any burst of the load.
const INPUT: usize = 64 * 1024;
