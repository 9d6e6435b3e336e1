//! A million requests through the adapter, and as many to `axum::serve`: the same answers, and what each
//! costs. Takes minutes, so it runs only when asked for, in release mode:
//!
//! ```sh
//! cargo test --release --manifest-path compat-tests/Cargo.toml -p million -- --ignored --nocapture
//! ```

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;

/// Requests to each server, in turns.
const REQUESTS: usize = 1_000_000;
const ROUNDS: usize = 5;
const THREADS: usize = 2;
/// Connections of each thread, all with a request under way.
const CONNECTIONS: usize = 16;

struct Server {
    name: &'static str,
    child: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(name: &'static str) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_million"))
            .arg(name)
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let addr = line.trim().parse().expect("an address");
        Self { name, child, addr }
    }

    /// CPU time so far, in hundredths of a second: fields 14 and 15 of proc(5)'s `stat`.
    fn cpu(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.expect("it lives");
        let (_, fields) = stat.rsplit_once(") ").expect("a name in brackets");
        let mut fields = fields
            .split(' ')
            .skip(11)
            .map(|ticks| ticks.parse::<u64>().expect("ticks"));
        fields.next().expect("user") + fields.next().expect("system")
    }

    fn ask(&self, requests: usize) {
        let threads = (0..THREADS).map(|_| {
            let addr = self.addr;
            thread::spawn(move || drive(addr, requests / THREADS / CONNECTIONS))
        });
        for thread in threads.collect::<Vec<_>>() {
            thread.join().expect("the answers are right");
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn drive(addr: SocketAddr, turns: usize) {
    let mut streams: Vec<_> = (0..CONNECTIONS)
        .map(|_| TcpStream::connect(addr).expect("it listens"))
        .collect();
    let mut buffer = [0; 4096];
    for turn in 0..turns {
        let at = |connection: usize| turn * CONNECTIONS + connection;
        for (connection, stream) in streams.iter_mut().enumerate() {
            let id = at(connection);
            let request = format!(
                "GET /users/{id} HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: a client\r\n\
                 Accept: */*\r\nAccept-Encoding: gzip\r\nX-Request-Id: {id}\r\n\r\n"
            );
            stream.write_all(request.as_bytes()).expect("sent");
        }
        for (connection, stream) in streams.iter_mut().enumerate() {
            let body = format!("\r\n\r\n{{\"id\":{},\"name\":\"Ann\"}}", at(connection));
            let mut filled = 0;
            while !buffer[..filled].ends_with(body.as_bytes()) {
                let count = stream.read(&mut buffer[filled..]).expect("an answer");
                assert!(count > 0, "{}", String::from_utf8_lossy(&buffer[..filled]));
                filled += count;
            }
            assert!(buffer.starts_with(b"HTTP/1.1 200 OK\r\n"));
        }
    }
}

#[test]
#[ignore = "takes minutes"]
fn a_million_requests_are_answered_and_their_cost_is_told() {
    let servers = ["axum", "ringspun"].map(Server::start);
    // Warm.
    servers.iter().for_each(|server| server.ask(10_000));
    let mut cpu = [0; 2];
    for round in 0..ROUNDS {
        for (server, cpu) in servers.iter().zip(&mut cpu) {
            let before = server.cpu();
            server.ask(REQUESTS / ROUNDS);
            let used = server.cpu() - before;
            *cpu += used;
            println!("round {round}, {}: {used} ticks", server.name);
        }
    }
    let each = |ticks: u64| ticks as f64 * 10_000.0 / REQUESTS as f64;
    println!(
        "CPU per request: axum {:.2} us, ringspun {:.2} us, ratio {:.3}",
        each(cpu[0]),
        each(cpu[1]),
        cpu[1] as f64 / cpu[0] as f64
    );
}
