//! The example as a process: clients that talk, one that leaves, one that is no WebSocket client, the end.

#[allow(
    dead_code,
    unreachable_pub,
    reason = "the tests of the other examples use the rest of it"
)]
#[path = "../../../tests/support/child.rs"]
mod child;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use child::Example;
use tungstenite::{Message, WebSocket};

struct Server {
    example: Example,
    addr: SocketAddr,
}

impl Server {
    fn start() -> Self {
        let mut example = Example::of(env!("CARGO_BIN_EXE_websocket_chat"), &["127.0.0.1:0"]);
        let addr = example.addr();
        Self { example, addr }
    }

    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(self.addr).expect("it listens");
        let minute = Some(Duration::from_secs(60));
        stream.set_read_timeout(minute).expect("a timeout");
        stream
    }

    fn join(&self) -> WebSocket<TcpStream> {
        let url = format!("ws://{}/chat", self.addr);
        let (mut socket, _) = tungstenite::client(url, self.tcp()).expect("a WebSocket");
        assert!(hear(&mut socket).starts_with("you are number "));
        socket
    }
}

fn hear(socket: &mut WebSocket<TcpStream>) -> String {
    socket
        .read()
        .expect("a message")
        .into_text()
        .expect("text")
        .to_string()
}

#[test]
fn clients_hear_each_other() {
    let mut server = Server::start();
    let (mut ann, mut bob) = (server.join(), server.join());
    for round in 0..50 {
        ann.send(Message::text(format!("hello {round}")))
            .expect("sent");
        assert_eq!(hear(&mut bob), format!("1: hello {round}"));
        bob.send(Message::text(format!("hi {round}")))
            .expect("sent");
        assert_eq!(hear(&mut ann), format!("2: hi {round}"));
    }
    let mut eve = server.join();
    ann.send(Message::Ping("p".into())).expect("sent");
    assert_eq!(ann.read().expect("a pong"), Message::Pong("p".into()));
    eve.send(Message::text("x".repeat(100_000))).expect("sent");
    assert_eq!(hear(&mut ann).len(), 100_003);
    assert_eq!(hear(&mut bob).len(), 100_003);

    // One leaves; the others go on.
    bob.close(None).expect("closed");
    while bob.read().is_ok() {}
    ann.send(Message::text("bye")).expect("sent");
    assert_eq!(hear(&mut eve), "1: bye");

    // A browser gets the page, others an answer that tells them what to do.
    let ask = |request: &str| {
        let mut stream = server.tcp();
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        answer
    };
    assert!(
        ask("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").contains("new WebSocket")
    );
    let refusal = ask("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    assert!(
        refusal.starts_with("HTTP/1.1 400 ") && refusal.contains("version: 13"),
        "{refusal}"
    );

    // Both close, and the server ends by itself once it is asked to.
    drop((ann, eve));
    server.example.signal("TERM");
    assert!(server.example.wait().success());
}
