//! A client on the server's own core, which sends a batch and lets the core serve it.
//!
//! A client on another thread would meet the server in the middle of its work, each time in another
//! place. This one is a task: it writes all requests of a batch, [`aside`], then rings a bell, a
//! socket of its own, and waits for it. The core's next look at its reactor finds all requests, and the
//! bell behind them; so the batch has been served when the task goes on. Rings are counted with the
//! rest: the row `bell` is what one costs.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use crate::aside::aside;

/// A socket that makes the reactor busy.
pub(crate) struct Bell {
    rope: TcpStream,
    bell: ringspun::net::TcpStream,
}

impl Bell {
    /// To be called on a core.
    pub(crate) fn new() -> Self {
        let (rope, bell) = aside(|| {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
            let rope = connect(listener.local_addr().expect("it is bound"));
            (rope, listener.accept().expect("it is there").0)
        });
        let bell = ringspun::net::TcpStream::from_std(bell).expect("the reactor takes it");
        Self { rope, bell }
    }

    /// Lets the core do what it finds until it finds this.
    pub(crate) async fn ring(&mut self) {
        aside(|| self.rope.write_all(b"!")).expect("the bell stays");
        // Room for more than there is: a short read tells the stream to wait for an event next time.
        let mut bytes = [0; 2];
        let read = self.bell.read(&mut bytes).await;
        assert_eq!(read.expect("the bell stays"), 1);
    }
}

/// Connections to the server.
pub(crate) struct Client {
    connections: Vec<TcpStream>,
    /// What an answer must begin with, and its length in all.
    answer: usize,
    buffer: Vec<u8>,
}

impl Client {
    /// `answer` is the length of an answer.
    pub(crate) fn new(answer: usize) -> Self {
        Self {
            connections: Vec::new(),
            answer,
            buffer: vec![0; answer],
        }
    }

    pub(crate) fn connect(&mut self, addr: SocketAddr, connections: usize) {
        aside(|| {
            self.connections
                .extend((0..connections).map(|_| connect(addr)));
        });
    }

    /// Sends on all connections, what there is in turns.
    pub(crate) fn send(&mut self, requests: &[Vec<u8>]) {
        aside(|| {
            for (connection, request) in self.connections.iter_mut().zip(requests.iter().cycle()) {
                connection.write_all(request).expect("the server reads");
            }
        });
    }

    /// Takes the answer of each connection, for which the bell is rung as often as it takes the server.
    pub(crate) async fn receive(&mut self, bell: &mut Bell) {
        for index in 0..self.connections.len() {
            let mut rings = 0;
            while !self.is_answered(index) {
                assert!(rings < 100, "no answer");
                rings += 1;
                bell.ring().await;
            }
            aside(|| {
                let connection = &mut self.connections[index];
                connection
                    .read_exact(&mut self.buffer)
                    .expect("it is all there");
                assert!(self.buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
            });
        }
    }

    fn is_answered(&mut self, index: usize) -> bool {
        aside(|| {
            let connection = &self.connections[index];
            connection.set_nonblocking(true).expect("a socket");
            let there = connection.peek(&mut self.buffer);
            connection.set_nonblocking(false).expect("a socket");
            there.is_ok_and(|there| there == self.answer)
        })
    }

    /// Closes all connections, which the server must have done before.
    pub(crate) fn close(&mut self) {
        aside(|| {
            for mut connection in self.connections.drain(..) {
                let end = connection.read(&mut [0]).expect("no reset");
                assert_eq!(end, 0, "nothing behind the answer");
            }
        });
    }
}

fn connect(addr: SocketAddr) -> TcpStream {
    let connection = TcpStream::connect(addr).expect("the server listens");
    connection.set_nodelay(true).expect("a socket");
    // A server that has lost an answer must end the run, not hang it.
    let limit = Some(Duration::from_secs(60));
    connection.set_read_timeout(limit).expect("a socket");
    connection
}
