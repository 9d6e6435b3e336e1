//! The example as a process: each of its routes, and its end.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "the tests of the other examples use the rest of it"
)]
#[path = "../../../tests/support/child.rs"]
mod child;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use child::Example;
use tokio_tungstenite::tungstenite::{self, Message};

struct Server {
    example: Example,
    addr: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut example = Example::of(env!("CARGO_BIN_EXE_axum_app"), &["127.0.0.1:0"]);
        let addr = example.addr();
        Self { example, addr }
    }

    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).expect("it listens");
        let minute = Some(Duration::from_secs(60));
        stream.set_read_timeout(minute).expect("a timeout");
        stream
    }

    /// Status and body.
    fn ask(&self, method: &str, path: &str, body: &str) -> (u16, String) {
        let mut stream = self.tcp();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
        let status = head
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        (status.expect("a status"), body.to_owned())
    }
}

#[test]
fn every_route_answers() {
    let mut server = Server::start();
    assert_eq!(server.ask("GET", "/todos", ""), (200, "[]".into()));
    let milk = r#"{"text":"milk","is_done":false}"#;
    assert_eq!(
        server.ask("POST", "/todos", r#"{"text":"milk"}"#),
        (201, milk.into())
    );
    assert_eq!(server.ask("POST", "/todos", r#"{"txet":1}"#).0, 422);
    assert_eq!(server.ask("GET", "/todos/0", ""), (200, milk.into()));
    assert_eq!(server.ask("GET", "/todos/1", "").0, 404);
    assert_eq!(server.ask("DELETE", "/todos/0", "").0, 204);
    assert_eq!(server.ask("GET", "/slow", "").0, 408);
    assert!(server.ask("GET", "/peer", "").1.starts_with("127.0.0.1:"));

    let (_, threads) = server.ask("GET", "/thread", "");
    let (answers, runs) = threads.trim().split_once(' ').expect("two names");
    assert!(
        answers.starts_with("ringspun-") && runs.starts_with("tokio-"),
        "{threads}"
    );

    let mut clock = BufReader::new(server.tcp());
    let request = b"GET /clock HTTP/1.1\r\nHost: a\r\n\r\n";
    clock.get_mut().write_all(request).expect("sent");
    let mut events = clock
        .lines()
        .map_while(Result::ok)
        .filter(|line| line.starts_with("data:"));
    for number in 0..3 {
        assert_eq!(events.next(), Some(format!("data: {number}")));
    }

    let url = format!("ws://{}/shout", server.addr);
    let (mut socket, _) = tungstenite::client(url, server.tcp()).expect("a WebSocket");
    socket.send(Message::text("quiet")).expect("sent");
    assert_eq!(socket.read().expect("a reply"), Message::text("QUIET"));

    // What streams for ever would use up the grace.
    drop((events, socket));
    server.example.signal("TERM");
    assert!(server.example.wait().success());
}
