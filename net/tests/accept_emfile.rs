//! F1 in small: a server that may have 64 descriptors, and 200 clients that stay. It serves as
//! many as it can, does not spin, and serves everybody once clients leave.
//!
//! The server is this test program, started again with a limit on its descriptors.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream as StdStream};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::time::{Duration, Instant};

use common::count;
use ringspun_net::{Acceptor, TcpStream};
use ringspun_runtime::Builder;

const CHILD: &str = "RINGSPUN_TEST_EMFILE_CHILD";
const DEADLINE: Duration = Duration::from_secs(60);

/// Not a test by itself: the server.
#[test]
fn child() {
    if std::env::var_os(CHILD).is_none() {
        return;
    }
    let runtime = Builder::new().cores(2).build().expect("a runtime");
    let serving = runtime.block_on(async {
        Acceptor::bind("127.0.0.1:0")
            .expect("bound")
            .serve(|mut stream: TcpStream, _| async move {
                let mut buf = [0; 64];
                while let Ok(n) = stream.read(&mut buf).await {
                    if n == 0 || stream.write_all(&buf[..n]).await.is_err() {
                        break;
                    }
                }
            })
    });
    println!("\nADDR {}", serving.local_addr().expect("an address"));
    for line in std::io::stdin().lines() {
        line.expect("text");
        let stats = serving.stats();
        let errors: u64 = stats.iter().map(|stats| stats.errors).sum();
        let accepted: u64 = stats.iter().map(|stats| stats.accepted).sum();
        println!("\nSTATS {accepted} {errors} {}", serving.connections());
    }
}

/// Processor time of a process, in ticks of 10 ms.
fn cpu_ticks(process: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).expect("Linux");
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .expect("a name")
        .split_whitespace()
        .collect();
    fields[11].parse::<u64>().expect("utime") + fields[12].parse::<u64>().expect("stime")
}

#[derive(Clone, Copy, Debug)]
struct Stats {
    accepted: u64,
    errors: u64,
    connections: u64,
    cpu: u64,
}

struct Server {
    child: Child,
    stdin: ChildStdin,
    lines: mpsc::Receiver<String>,
}

impl Server {
    fn start(descriptors: usize) -> (Self, SocketAddr) {
        let mut child = Command::new("sh")
            .args([
                "-c",
                &format!("ulimit -n {descriptors} && exec \"$0\" \"$@\""),
            ])
            .arg(std::env::current_exe().expect("this program"))
            .args(["--exact", "child", "--nocapture"])
            .env(CHILD, "1")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("started");
        let stdin = child.stdin.take().expect("piped");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let server = Self {
            child,
            stdin,
            lines,
        };
        let addr = server.line("ADDR ").parse().expect("an address");
        (server, addr)
    }

    fn line(&self, start: &str) -> String {
        loop {
            let line = self
                .lines
                .recv_timeout(DEADLINE)
                .expect("the server is alive");
            if let Some(rest) = line.strip_prefix(start) {
                return rest.to_owned();
            }
        }
    }

    fn stats(&mut self) -> Stats {
        writeln!(self.stdin).expect("the server is alive");
        let line = self.line("STATS ");
        let numbers: Vec<u64> = line
            .split(' ')
            .map(|number| number.parse().expect("a number"))
            .collect();
        let [accepted, errors, connections] = numbers[..] else {
            panic!("{line}")
        };
        let cpu = cpu_ticks(self.child.id());
        Stats {
            accepted,
            errors,
            connections,
            cpu,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn all_clients_are_served_after_descriptors_come_free() {
    let (descriptors, clients) = (count(64, 256), count(200, 1000));
    let (mut server, addr) = Server::start(descriptors);
    let served = Arc::new(AtomicUsize::new(0));
    let leave = Arc::new((Mutex::new(false), Condvar::new()));
    let threads: Vec<_> = (0..clients)
        .map(|_| {
            let (served, leave) = (Arc::clone(&served), Arc::clone(&leave));
            let mut client = StdStream::connect(addr).expect("in the backlog at least");
            client.set_read_timeout(Some(DEADLINE)).expect("set");
            std::thread::spawn(move || {
                client.write_all(b"x").expect("sent");
                client.read_exact(&mut [0]).expect("served in the end");
                served.fetch_add(1, Ordering::AcqRel);
                let left = leave.0.lock().expect("no panic");
                drop(leave.1.wait_while(left, |left| !*left).expect("no panic"));
            })
        })
        .collect();

    // Until the server is out of descriptors and pausing.
    let start = Instant::now();
    let full = loop {
        let stats = server.stats();
        if stats.errors >= 6 {
            break stats;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "never out of descriptors: {stats:?}"
        );
        std::thread::yield_now();
    };
    assert!(full.connections < descriptors as u64);
    // A second without change: how busy is it?
    let window = Duration::from_secs(count(1, 30) as u64);
    std::thread::sleep(window);
    let later = server.stats();
    let (errors, cpu) = (later.errors - full.errors, (later.cpu - full.cpu) * 10);
    println!(
        "F1 {descriptors} descriptors, {clients} clients: {} connections held; in {window:?} of \
         it {errors} failed accepts, {cpu} ms of processor time",
        later.connections
    );
    assert_eq!(later.accepted, full.accepted);
    assert!(
        errors < 100 * window.as_secs(),
        "{errors} attempts in {window:?}: it spins"
    );

    // Everybody leaves when served.
    let freed = Instant::now();
    *leave.0.lock().expect("no panic") = true;
    leave.1.notify_all();
    let mut first = None;
    while served.load(Ordering::Acquire) < clients {
        if first.is_none() && server.stats().accepted > later.accepted {
            first = Some(freed.elapsed());
        }
        assert!(freed.elapsed() < DEADLINE, "stranded: {:?}", server.stats());
        std::thread::yield_now();
    }
    for thread in threads {
        thread.join().expect("no panic");
    }
    println!(
        "F1 first accept {first:?} after descriptors came free, all {clients} served after {:?}",
        freed.elapsed()
    );
}
