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

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringspun::channel::{Sender, channel};
use ringspun::net::{Acceptor, Buffer, TcpStream, tcp};
use ringspun::{signal, spawn};

/// Messages that wait for a slow client.
const MAILBOX: usize = 1024;
/// Bytes of a line; longer ones are cut into several.
const LINE: usize = 4096;

type Message = Arc<[u8]>;

#[derive(Default)]
struct Room(Mutex<HashMap<SocketAddr, Sender<Message>>>);

impl Room {
    fn say(&self, from: SocketAddr, text: &[u8]) {
        let message: Message = [format!("{from}: ").as_bytes(), text, b"\n"]
            .concat()
            .into();
        for (addr, mailbox) in &*self.0.lock().expect("no panic under this lock") {
            if *addr != from {
                // Full or closed: this client loses the message.
                let _ = mailbox.try_send(message.clone());
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
    let (mailbox, outgoing) = channel::<Message>(MAILBOX);
    let others = {
        let mut members = room.0.lock().expect("no panic under this lock");
        members.insert(addr, mailbox.clone());
        members.len() - 1
    };
    let welcome = format!("welcome; {others} others are here\n");
    let _ = mailbox.try_send(welcome.into_bytes().into());
    room.say(addr, b"has joined");
    let writer = spawn(async move {
        while let Some(message) = outgoing.recv().await {
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
    // The last sender: the writer ends when it has written what is there.
    drop(mailbox);
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
