//! The example `hello_http` over real sockets: every route, its demo, the load generator, its end.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use support::child::Example;

fn start(cores: &str) -> (Example, SocketAddr) {
    let mut server = Example::start("hello_http", &["--addr", "127.0.0.1:0", "--cores", cores]);
    let addr = server.addr();
    (server, addr)
}

/// One request on a connection of its own; the whole answer.
fn ask(addr: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(addr).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn get(addr: SocketAddr, path: &str) -> String {
    ask(
        addr,
        &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
    )
}

#[test]
fn every_route_answers() {
    let (mut server, addr) = start("2");
    let plaintext = get(addr, "/plaintext");
    assert!(plaintext.starts_with("HTTP/1.1 200 OK\r\n"), "{plaintext}");
    assert!(plaintext.ends_with("\r\n\r\nHello, World!"));
    let lower = plaintext.to_ascii_lowercase();
    for line in [
        "server: ",
        "date: ",
        "content-length: 13\r\n",
        "content-type: text/plain",
    ] {
        assert!(lower.contains(line), "{line} is missing in {plaintext}");
    }
    let json = get(addr, "/json");
    assert!(
        json.to_ascii_lowercase()
            .contains("content-type: application/json\r\n")
    );
    assert!(json.ends_with("\r\n\r\n{\"message\":\"Hello, World!\"}"));
    assert!(get(addr, "/users/a%20b").ends_with("user a b\n"));
    assert!(get(addr, "/burn/1000").ends_with("done\n"));
    assert!(get(addr, "/block/1").ends_with("done\n"));
    assert!(get(addr, "/burn/x").starts_with("HTTP/1.1 400 "));
    assert!(get(addr, "/nowhere").starts_with("HTTP/1.1 404 "));
    let echo = ask(
        addr,
        "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/x\r\n\
         Content-Length: 5\r\n\r\nhello",
    );
    assert!(
        echo.to_ascii_lowercase()
            .contains("content-type: text/x\r\n"),
        "{echo}"
    );
    assert!(echo.ends_with("\r\n\r\nhello"));
    let wrong = ask(
        addr,
        "DELETE /json HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
    );
    assert!(
        wrong.starts_with("HTTP/1.1 405 ") && wrong.contains("GET"),
        "{wrong}"
    );
    server.signal("TERM");
    assert!(server.wait().success());
    assert!(server.rest().contains("0 connections were cut"));
}

#[test]
fn the_demo_prints_its_figures_and_ends() {
    let mut demo = Example::start("hello_http", &["--demo", "--seconds", "0.5"]);
    let text = demo.rest();
    assert!(demo.wait().success(), "{text}");
    for figure in [
        "requests/s",
        "µs p50",
        "µs p99",
        "reactor waits per request",
    ] {
        assert!(text.contains(figure), "{figure} is missing in {text}");
    }
}

#[test]
fn the_load_generator_loads_it() {
    let (_server, addr) = start("1");
    let addr = addr.to_string();
    for how in [
        &["--pipeline", "1"][..],
        &["--pipeline", "16"],
        &["--by-hand"],
    ] {
        let args = [
            "--addr",
            &addr,
            "--connections",
            "8",
            "--requests",
            "5000",
            "--seconds",
            "20",
        ];
        let mut load = Example::start("load", &[&args[..], how].concat());
        let text = load.rest();
        assert!(load.wait().success(), "{text}");
        assert!(text.contains("0 failed connections"), "{text}");
    }
    let mut remote = Example::start("load", &["--addr", "192.0.2.1:80"]);
    assert!(!remote.wait().success());
}

/// 200 clients against 64 descriptors: those that do not fit wait in the backlog, nothing spins, and
/// all are served after the others have gone.
#[test]
fn it_survives_running_out_of_descriptors() {
    let mut server = Example::start_limited(
        "hello_http",
        "ulimit -n 64",
        &["--addr", "127.0.0.1:0", "--cores", "2"],
    );
    let addr = server.addr();
    let mut clients: Vec<_> = (0..200)
        .map(|_| {
            let mut stream = TcpStream::connect(addr).unwrap();
            stream
                .write_all(b"GET /plaintext HTTP/1.1\r\nHost: x\r\n\r\n")
                .unwrap();
            stream
        })
        .collect();
    // All but a few of the 64 are connections now, and the rest wait. Let it wait in that state.
    let before = cpu_ticks(server.pid());
    std::thread::sleep(Duration::from_secs(2));
    let spent = cpu_ticks(server.pid()) - before;
    assert!(
        spent < 50,
        "{spent} hundredths of a second of CPU in 2 s of waiting: it spins"
    );
    // Whoever is served goes, and makes room. (Two listeners: who comes first is not served first.)
    let end = Instant::now() + Duration::from_secs(60);
    while !clients.is_empty() {
        clients.retain_mut(|client| {
            client.set_nonblocking(true).unwrap();
            let mut answer = [0; 12];
            match client.read(&mut answer) {
                Ok(n) => {
                    assert_eq!((n, &answer), (12, b"HTTP/1.1 200"));
                    false
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => true,
                Err(error) => panic!("{error}"),
            }
        });
        assert!(
            Instant::now() < end,
            "{} clients are not served",
            clients.len()
        );
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// utime + stime of a process in ticks of 10 ms.
fn cpu_ticks(pid: u32) -> u64 {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields = stat.rsplit_once(") ").unwrap().1;
    fields
        .split(' ')
        .skip(11)
        .take(2)
        .map(|field| field.parse::<u64>().unwrap())
        .sum()
}
