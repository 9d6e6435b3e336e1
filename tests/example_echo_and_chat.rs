//! The examples `echo` and `chat` over real sockets.

mod support;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::Duration;

use support::child::Example;

fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(30)))
        .unwrap();
    stream
}

#[test]
fn echo_sends_back_what_it_gets_and_ends_at_a_signal() {
    let args = ["--addr", "127.0.0.1:0", "--cores", "2", "--metrics"];
    let mut echo = Example::start("echo", &args);
    let addr = echo.addr();
    let clients: Vec<_> = (0..20_u8)
        .map(|i| {
            std::thread::spawn(move || {
                let mut stream = connect(addr);
                let bytes: Vec<u8> = (0..100_000_usize + usize::from(i))
                    .map(|at| (at % 251) as u8 ^ i)
                    .collect();
                let mut write = stream.try_clone().unwrap();
                let sent = bytes.clone();
                let writer = std::thread::spawn(move || {
                    write.write_all(&sent).unwrap();
                    write.shutdown(Shutdown::Write).unwrap();
                });
                let mut back = Vec::new();
                stream.read_to_end(&mut back).unwrap();
                writer.join().unwrap();
                assert!(back == bytes);
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    echo.signal("INT");
    assert!(echo.wait().success());
    let rest = echo.rest();
    assert!(rest.contains("0 connections did not end in time"), "{rest}");
    let polls = rest
        .split_once("\nmetrics: polls=")
        .and_then(|(_, figures)| figures.split_once(' '))
        .and_then(|(polls, _)| polls.parse::<u64>().ok());
    assert!(polls.is_some_and(|polls| polls >= 20), "{rest}");
}

#[test]
fn chat_lets_everybody_hear_everybody_else() {
    let mut chat = Example::start("chat", &["--addr", "127.0.0.1:0", "--cores", "2"]);
    let addr = chat.addr();
    let mut clients: Vec<_> = Vec::new();
    for number in 0..10 {
        let stream = connect(addr);
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        // The room knows it, and the others hear of it.
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, format!("welcome; {number} others are here\n"));
        for (_, other) in &mut clients {
            let mut line = String::new();
            BufReader::<TcpStream>::read_line(other, &mut line).unwrap();
            assert!(line.ends_with(": has joined\n"), "client {number}: {line}");
        }
        clients.push((stream, reader));
    }
    let own_addr = clients[3].0.local_addr().unwrap();
    clients[3].0.write_all(b"hello\r\nthere\n").unwrap();
    for (number, (_, reader)) in clients.iter_mut().enumerate() {
        if number == 3 {
            continue;
        }
        for said in ["hello", "there"] {
            let mut line = String::new();
            reader.read_line(&mut line).unwrap();
            assert_eq!(line, format!("{own_addr}: {said}\n"), "client {number}");
        }
    }
    drop(clients.remove(3));
    for (_, reader) in &mut clients {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        assert_eq!(line, format!("{own_addr}: has left\n"));
    }
    chat.signal("TERM");
    assert!(chat.wait().success());
}
