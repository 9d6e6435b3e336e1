//! The example as a process: clients that talk, one that leaves, one that is no WebSocket client, the end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tungstenite::{Message, WebSocket};

/// Killed when the test ends.
struct Server {
    child: Child,
    addr: String,
}

impl Server {
    fn start() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_websocket_chat"))
            .arg("127.0.0.1:0")
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let addr = line
            .trim()
            .strip_prefix("listening on ")
            .expect("the address");
        Self {
            addr: addr.to_owned(),
            child,
        }
    }

    fn tcp(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.addr).expect("it listens");
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

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
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
    let id = server.child.id().to_string();
    let killed = Command::new("kill").args(["-TERM", &id]).status();
    assert!(killed.expect("kill").success());
    assert!(server.child.wait().expect("it ends").success());
}
