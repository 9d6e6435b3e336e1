//! The example `proxy` over real sockets: before our own server, and before one that the test plays.

mod support;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use support::child::Example;

/// A proxy before the server at `to`.
fn proxy(to: SocketAddr, more: &[&str]) -> (Example, SocketAddr) {
    let to = to.to_string();
    let args = ["--addr", "127.0.0.1:0", "--cores", "2", "--to", &to];
    let mut proxy = Example::start("proxy", &[&args[..], more].concat());
    let addr = proxy.addr();
    (proxy, addr)
}

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    patient(stream)
}

fn patient(stream: TcpStream) -> TcpStream {
    let minute = Some(Duration::from_secs(60));
    stream.set_read_timeout(minute).unwrap();
    stream
}

/// One request on a connection of its own; the whole answer.
fn ask(addr: SocketAddr, request: &str) -> String {
    let mut stream = connect(addr);
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// Reads until what was read ends like this.
fn until(stream: &mut TcpStream, end: &str) -> String {
    let mut got = Vec::new();
    while !got.ends_with(end.as_bytes()) {
        let mut byte = [0];
        match stream.read(&mut byte) {
            Ok(1) => got.push(byte[0]),
            Ok(_) => panic!("the end behind {:?}", got.escape_ascii().to_string()),
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => panic!("{error} behind {:?}", got.escape_ascii().to_string()),
        }
    }
    String::from_utf8(got).unwrap()
}

#[test]
fn it_stands_before_our_own_server() {
    let mut server = Example::start("hello_http", &["--addr", "127.0.0.1:0", "--cores", "1"]);
    let (mut proxy, addr) = proxy(server.addr(), &[]);
    let get = |path: &str| {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        ask(addr, &request)
    };
    for _ in 0..20 {
        let hello = get("/plaintext");
        assert!(hello.starts_with("HTTP/1.1 200 OK\r\n"), "{hello}");
        assert!(hello.ends_with("\r\n\r\nHello, World!"), "{hello}");
    }
    assert!(get("/users/a%20b?c=d").ends_with("user a b\n"));
    assert!(get("/nowhere").starts_with("HTTP/1.1 404 "));
    let echo = "POST /echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Type: text/x\r\n\
        Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n";
    let echo = ask(addr, echo).to_ascii_lowercase();
    assert!(echo.contains("content-type: text/x\r\n"), "{echo}");
    assert!(echo.ends_with("\r\n\r\nhello world"), "{echo}");
    let head = "HEAD /plaintext HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let head = ask(addr, head).to_ascii_lowercase();
    assert!(
        head.contains("content-length: 13\r\n") && head.ends_with("\r\n\r\n"),
        "{head}"
    );
    proxy.signal("TERM");
    assert!(proxy.wait().success());
    assert!(proxy.rest().contains("0 connections were cut"));
}

#[test]
fn lines_about_one_connection_are_not_passed_on() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_proxy, addr) = proxy(server.local_addr().unwrap(), &[]);
    let mut client = connect(addr);
    let request = "GET http://other/p?q HTTP/1.1\r\nHost: a.example:80\r\nX-Kept: 1\r\n\
        Connection: x-named, keep-alive\r\nX-Named: 2\r\nKeep-Alive: timeout=5\r\nTE: trailers\r\n\
        Proxy-Connection: keep-alive\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n";
    client.write_all(request.as_bytes()).unwrap();
    let mut there = patient(server.accept().unwrap().0);
    let seen = until(&mut there, "\r\n\r\n");
    let lower = seen.to_ascii_lowercase();
    let host = server.local_addr().unwrap();
    assert!(
        seen.starts_with(&format!("GET /p?q HTTP/1.1\r\nHost: {host}\r\n")),
        "{seen}"
    );
    for line in [
        "x-kept: 1\r\n",
        "x-forwarded-for: 192.0.2.1\r\n",
        "x-forwarded-for: 127.0.0.1\r\n",
        "x-forwarded-host: other\r\n",
        "forwarded: for=127.0.0.1;host=\"other\";proto=http\r\n",
        "via: 1.1 ringspun\r\n",
    ] {
        assert!(lower.contains(line), "{line} is missing in {seen}");
    }
    for name in [
        "connection",
        "x-named",
        "keep-alive",
        "te",
        "proxy-connection",
    ] {
        assert!(!lower.contains(&format!("\n{name}:")), "{name} in {seen}");
    }
    let answer = "HTTP/1.1 200 OK\r\nConnection: X-Secret\r\nX-Secret: 3\r\nKeep-Alive: x\r\n\
        X-Kept: 4\r\nSet-Cookie: a\r\nSet-Cookie: b\r\nContent-Length: 2\r\n\r\nok";
    there.write_all(answer.as_bytes()).unwrap();
    let reply = until(&mut client, "\r\n\r\nok").to_ascii_lowercase();
    for line in ["x-kept: 4\r\n", "set-cookie: a\r\n", "set-cookie: b\r\n"] {
        assert!(reply.contains(line), "{line} is missing in {reply}");
    }
    assert!(
        !reply.contains("secret") && !reply.contains("keep-alive"),
        "{reply}"
    );
}

#[test]
fn bodies_stream_both_ways() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_proxy, addr) = proxy(server.local_addr().unwrap(), &[]);
    let mut client = connect(addr);
    let head = "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n";
    client.write_all(head.as_bytes()).unwrap();
    let mut there = patient(server.accept().unwrap().0);
    until(&mut there, "one\r\n");
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nONE\r\n";
    there.write_all(head.as_bytes()).unwrap();
    until(&mut client, "ONE\r\n");
    for word in ["two", "six", "ten"] {
        client
            .write_all(format!("3\r\n{word}\r\n").as_bytes())
            .unwrap();
        until(&mut there, &format!("{word}\r\n"));
        let word = word.to_ascii_uppercase();
        there
            .write_all(format!("3\r\n{word}\r\n").as_bytes())
            .unwrap();
        until(&mut client, &format!("{word}\r\n"));
    }
    client.write_all(b"0\r\n\r\n").unwrap();
    until(&mut there, "0\r\n\r\n");
    there.write_all(b"0\r\n\r\n").unwrap();
    until(&mut client, "0\r\n\r\n");
    // The connections on both sides are kept.
    client
        .write_all(b"GET /again HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    assert!(until(&mut there, "\r\n\r\n").starts_with("GET /again "));
    there.write_all(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap();
    assert!(until(&mut client, "\r\n\r\n").starts_with("HTTP/1.1 204 "));
    // A body that breaks off is not passed on as a whole one.
    client
        .write_all(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n")
        .unwrap();
    until(&mut there, "\r\n\r\n");
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhal";
    there.write_all(head.as_bytes()).unwrap();
    drop(there);
    let mut rest = String::new();
    let _ = client.read_to_string(&mut rest);
    assert!(
        rest.starts_with("HTTP/1.1 200 ") && !rest.ends_with("0\r\n\r\n"),
        "{rest}"
    );
}

#[test]
fn a_server_that_fails_is_a_bad_gateway() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let request = "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    let (_hasty, addr) = proxy(server.local_addr().unwrap(), &["--timeout", "0.1"]);
    let silent = ask(addr, request);
    assert!(silent.starts_with("HTTP/1.1 504 "), "{silent}");
    drop(server.accept().unwrap());
    let (_proxy, addr) = proxy(server.local_addr().unwrap(), &[]);
    let asked = std::thread::spawn(move || ask(addr, request));
    let mut there = server.accept().unwrap().0;
    there.write_all(b"220 not HTTP\r\n").unwrap();
    let broken = asked.join().unwrap();
    assert!(broken.starts_with("HTTP/1.1 502 "), "{broken}");
    assert!(!broken.contains("127.0.0.1"), "{broken}");
    drop(server);
    let gone = ask(addr, request);
    assert!(gone.starts_with("HTTP/1.1 502 "), "{gone}");
    let tunnel = ask(addr, "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n");
    assert!(tunnel.starts_with("HTTP/1.1 501 "), "{tunnel}");
}

#[test]
fn a_change_of_protocol_goes_through() {
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_proxy, addr) = proxy(server.local_addr().unwrap(), &[]);
    let mut client = connect(addr);
    let request = "GET /chat HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Key: k\r\n\r\n";
    client.write_all(request.as_bytes()).unwrap();
    let mut there = patient(server.accept().unwrap().0);
    let seen = until(&mut there, "\r\n\r\n").to_ascii_lowercase();
    for line in [
        "connection: upgrade\r\n",
        "upgrade: websocket\r\n",
        "sec-websocket-key: k\r\n",
    ] {
        assert!(seen.contains(line), "{line} is missing in {seen}");
    }
    let answer = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Accept: a\r\n\r\nearly";
    there.write_all(answer.as_bytes()).unwrap();
    let reply = until(&mut client, "\r\n\r\nearly").to_ascii_lowercase();
    assert!(reply.starts_with("http/1.1 101 "), "{reply}");
    for line in ["upgrade: websocket\r\n", "sec-websocket-accept: a\r\n"] {
        assert!(reply.contains(line), "{line} is missing in {reply}");
    }
    client.write_all(b"ping").unwrap();
    until(&mut there, "ping");
    there.write_all(b"pong").unwrap();
    until(&mut client, "pong");
    drop(there);
    assert_eq!(client.read(&mut [0; 8]).unwrap(), 0);
}
