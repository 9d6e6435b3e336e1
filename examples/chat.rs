//! A chat room over TCP: what one client says, all the others read.
//!
//! ```sh
//! cargo run --release --example chat -- --addr 127.0.0.1:7001
//! nc 127.0.0.1 7001        # in two terminals
//! ```
//!
//! What to look at: two tasks for each client, one that reads lines and one that writes what is in
//! the client's mailbox. A client that does not read loses messages once its mailbox is full; it
//! holds nobody up. Clients may sit on different cores.

mod args;

use std::collections::{HashMap, VecDeque};
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use ringspun::net::{Acceptor, Buffer, TcpStream, tcp};
use ringspun::{signal, spawn};

/// Messages that wait for a slow client.
const MAILBOX: usize = 1024;
/// Bytes of a line; longer ones are cut into several.
const LINE: usize = 4096;

type Message = Arc<[u8]>;

#[derive(Default)]
struct Mailbox(Mutex<Inner>);

#[derive(Default)]
struct Inner {
    messages: VecDeque<Message>,
    closed: bool,
    reader: Option<Waker>,
}

impl Mailbox {
    fn change(&self, f: impl FnOnce(&mut Inner)) {
        let waker = {
            let mut inner = self.0.lock().expect("no panic under this lock");
            f(&mut inner);
            inner.reader.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn push(&self, message: Message) {
        self.change(|inner| {
            if inner.messages.len() < MAILBOX {
                inner.messages.push_back(message);
            }
        });
    }

    async fn next(&self) -> Option<Message> {
        poll_fn(|cx| {
            let mut inner = self.0.lock().expect("no panic under this lock");
            match inner.messages.pop_front() {
                Some(message) => Poll::Ready(Some(message)),
                None if inner.closed => Poll::Ready(None),
                None => {
                    inner.reader = Some(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

#[derive(Default)]
struct Room(Mutex<HashMap<SocketAddr, Arc<Mailbox>>>);

impl Room {
    fn say(&self, from: SocketAddr, text: &[u8]) {
        let message: Message = [format!("{from}: ").as_bytes(), text, b"\n"]
            .concat()
            .into();
        for (addr, mailbox) in &*self.0.lock().expect("no panic under this lock") {
            if *addr != from {
                mailbox.push(message.clone());
            }
        }
    }
}

fn main() -> std::io::Result<()> {
    let args = args::Args::parse("127.0.0.1:7001", &[], &[]);
    let runtime = args.runtime()?;
    runtime.block_on(async {
        let acceptor = Acceptor::bind(&args.addr)?;
        if let Some(addr) = acceptor.local_addr() {
            println!("listening on {addr}");
        }
        let room = Arc::new(Room::default());
        let serving = acceptor.serve(move |stream: TcpStream, _session| {
            let room = room.clone();
            async move {
                let _ = client(stream, &room).await;
            }
        });
        signal::shutdown().await?;
        serving.shut_down(Duration::from_secs(1)).await;
        Ok(())
    })
}

async fn client(stream: TcpStream, room: &Room) -> std::io::Result<()> {
    let addr = stream.peer_addr()?;
    let (mut read, mut write) = stream.into_split();
    let mailbox = Arc::new(Mailbox::default());
    let others = {
        let mut members = room.0.lock().expect("no panic under this lock");
        members.insert(addr, mailbox.clone());
        members.len() - 1
    };
    mailbox.push(
        format!("welcome; {others} others are here\n")
            .into_bytes()
            .into(),
    );
    room.say(addr, b"has joined");
    let outgoing = mailbox.clone();
    let writer = spawn(async move {
        while let Some(message) = outgoing.next().await {
            write.write_all(&message).await?;
        }
        write.close().await
    });
    let result = read_lines(&mut read, addr, room).await;
    room.0
        .lock()
        .expect("no panic under this lock")
        .remove(&addr);
    room.say(addr, b"has left");
    mailbox.change(|inner| inner.closed = true);
    let _ = writer.await;
    result
}

async fn read_lines(
    read: &mut tcp::OwnedReadHalf,
    addr: SocketAddr,
    room: &Room,
) -> std::io::Result<()> {
    let mut line = Vec::new();
    loop {
        read.readable().await?;
        let mut buffer = Buffer::take();
        let n = read.read(&mut buffer).await?;
        if n == 0 {
            return Ok(());
        }
        for byte in &buffer[..n] {
            if *byte == b'\n' || line.len() == LINE {
                room.say(addr, &line);
                line.clear();
            }
            if !matches!(*byte, b'\n' | b'\r') {
                line.push(*byte);
            }
        }
    }
}
