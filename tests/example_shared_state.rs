//! The example `shared_state` over real sockets, from several clients at once.

mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use support::child::Example;

/// One request on a connection of its own; status code and body.
fn ask(addr: SocketAddr, method: &str, path: &str, body: &str) -> (u16, String) {
    let mut stream = TcpStream::connect(addr).unwrap();
    let limit = Some(Duration::from_secs(30));
    stream.set_read_timeout(limit).unwrap();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let status = answer.split(' ').nth(1).unwrap().parse().unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    (status, body.to_owned())
}

fn get(addr: SocketAddr, path: &str) -> (u16, String) {
    ask(addr, "GET", path, "")
}

#[test]
fn every_request_sees_a_whole_configuration_and_is_counted() {
    let args = ["--addr", "127.0.0.1:0", "--cores", "2"];
    let mut server = Example::start("shared_state", &args);
    let addr = server.addr();
    assert_eq!(
        get(addr, "/hello/you"),
        (200, "hello, you! (version 1)\n".to_owned())
    );
    // Two clients change the greeting to one that names the changer, four read it.
    let changers = ["a", "b"].map(|name| {
        std::thread::spawn(move || {
            for _ in 0..50 {
                let (status, before) = ask(addr, "POST", "/greeting", &name.repeat(200));
                assert_eq!(status, 200, "{before}");
            }
        })
    });
    let readers = [0; 4].map(|_| {
        std::thread::spawn(move || {
            let mut last = 1;
            for _ in 0..50 {
                let (status, text) = get(addr, "/hello/you");
                let (greeting, rest) = text.split_once(", you! (version ").unwrap();
                let whole = ["hello".to_owned(), "a".repeat(200), "b".repeat(200)];
                assert!(status == 200 && whole.iter().any(|whole| whole == greeting));
                let version: u32 = rest.trim_end_matches(")\n").parse().unwrap();
                assert!(version >= last && (greeting == "hello") == (version == 1));
                last = version;
            }
        })
    });
    for client in changers.into_iter().chain(readers) {
        client.join().unwrap();
    }
    let (_, text) = get(addr, "/hello/you");
    assert!(
        text.ends_with(", you! (version 101)\n"),
        "no update is lost: {text}"
    );
    assert_eq!(get(addr, "/nowhere").0, 404);
    assert_eq!(ask(addr, "POST", "/greeting", &"x".repeat(2000)).0, 413);
    let (_, hits) = get(addr, "/hits");
    assert_eq!(hits, "101 /greeting\n202 /hello/you\n1 /hits\n1 /nowhere\n");
    server.signal("TERM");
    assert!(server.wait().success());
}

#[test]
fn the_number_of_paths_has_a_limit() {
    let server_args = ["--addr", "127.0.0.1:0", "--cores", "2"];
    let mut server = Example::start("shared_state", &server_args);
    let addr = server.addr();
    for n in 0..1010 {
        assert_eq!(get(addr, &format!("/path/{n}")).0, 404);
    }
    let (_, hits) = get(addr, "/hits");
    assert_eq!(hits.lines().count(), 1001);
    assert!(hits.starts_with("11 (others)\n"), "{hits}");
}
