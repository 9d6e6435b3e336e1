//! One suite over every transport: what a program sees of a stream must not depend on what is
//! under it.

mod common;

use std::future::poll_fn;
use std::io::{ErrorKind, IoSlice, IoSliceMut};
use std::time::Duration;

use common::{Random, both, cancel_after, count, pattern, patterned, poll_once, run};
use ringspun_net::io::{ReadExt as _, copy, copy_bidirectional};
use ringspun_net::{MemStream, Stream as _, TcpListener, TcpStream, mem};
use ringspun_runtime::task;

/// A connected pair; what fits in flight is bounded.
async fn tcp_pair() -> (TcpStream, TcpStream) {
    let mut listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let addr = listener.local_addr().expect("an address");
    let (client, server) = both(TcpStream::connect(addr), listener.accept()).await;
    (client.expect("connected"), server.expect("accepted").0)
}

async fn mem_pair() -> (MemStream, MemStream) {
    let (mut listener, connector) = mem::listener(16 * 1024);
    let (client, server) = both(connector.connect(), listener.accept()).await;
    (client.expect("connected"), server.expect("accepted"))
}

macro_rules! suite {
    ($name:ident, $pair:ident) => {
        mod $name {
            use super::*;

            #[test]
            fn bytes_arrive_in_order_both_ways() {
                run(2, async {
                    let (mut a, mut b) = $pair().await;
                    a.write_all(b"ping").await.expect("written");
                    let mut word = [0; 4];
                    b.read_exact(&mut word).await.expect("read");
                    assert_eq!(&word, b"ping");
                    b.write_all(b"pong").await.expect("written");
                    a.read_exact(&mut word).await.expect("read");
                    assert_eq!(&word, b"pong");
                });
            }

            #[test]
            fn a_megabyte_each_way_is_byte_exact() {
                let len = count(1 << 20, 1 << 26);
                run(2, async move {
                    let (a, b) = $pair().await;
                    let mut tasks = Vec::new();
                    for (seed, stream) in [(1, a), (2, b)] {
                        let (mut read, mut write) = stream.into_split();
                        tasks.push(ringspun_runtime::spawn(async move {
                            let mut random = Random::new(seed);
                            let mut sent = 0;
                            while sent < len {
                                let n = random.up_to(50_000).min(len - sent);
                                let chunk: Vec<u8> = (sent..sent + n).map(pattern).collect();
                                write.write_all(&chunk).await.expect("written");
                                sent += n;
                            }
                        }));
                        tasks.push(ringspun_runtime::spawn(async move {
                            let mut random = Random::new(seed + 10);
                            let mut buf = vec![0; 50_000];
                            let mut got = 0;
                            loop {
                                let limit = random.up_to(buf.len());
                                let n = read.read(&mut buf[..limit]).await.expect("read");
                                if n == 0 {
                                    break;
                                }
                                for &byte in &buf[..n] {
                                    assert_eq!(byte, pattern(got), "at {got}");
                                    got += 1;
                                }
                            }
                            assert_eq!(got, len);
                        }));
                    }
                    for task in tasks {
                        task.await.expect("no panic");
                    }
                });
            }

            #[test]
            fn half_close_ends_one_direction_only() {
                run(2, async {
                    for swapped in [false, true] {
                        let (a, b) = $pair().await;
                        let (mut a, mut b) = if swapped { (b, a) } else { (a, b) };
                        a.write_all(b"question").await.expect("written");
                        a.close().await.expect("closed");
                        a.close().await.expect("twice is fine");
                        let mut bytes = Vec::new();
                        assert_eq!(b.read_to_end(&mut bytes, 100).await.expect("read"), 8);
                        assert_eq!(bytes, b"question");
                        let error = a.write(b"more").await.expect_err("own direction is closed");
                        assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                        b.write_all(b"a long answer")
                            .await
                            .expect("the other way is open");
                        b.close().await.expect("closed");
                        bytes.clear();
                        a.read_to_end(&mut bytes, 100).await.expect("read");
                        assert_eq!(bytes, b"a long answer");
                    }
                });
            }

            #[test]
            fn the_end_is_a_level() {
                run(1, async {
                    let (mut a, b) = $pair().await;
                    drop(b);
                    for _ in 0..1000 {
                        a.readable().await.expect("readable");
                        assert_eq!(a.read(&mut [0; 8]).await.expect("read"), 0);
                    }
                    let error = a.read_exact(&mut [0; 1]).await.expect_err("the end");
                    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
                });
            }

            #[test]
            fn data_before_the_end_is_never_lost() {
                run(2, async {
                    for len in (0..40).chain([1000, 16_000]) {
                        let (mut a, mut b) = $pair().await;
                        a.write_all(&patterned(len)).await.expect("written");
                        drop(a);
                        let mut bytes = Vec::new();
                        b.read_to_end(&mut bytes, 1 << 20).await.expect("read");
                        assert_eq!(bytes, patterned(len));
                    }
                });
            }

            #[test]
            fn dropping_with_unread_bytes_resets() {
                run(1, async {
                    let (mut a, b) = $pair().await;
                    a.write_all(b"nobody reads this").await.expect("written");
                    // Until they have arrived.
                    let mut b = b;
                    b.readable().await.expect("readable");
                    drop(b);
                    let error = a.read(&mut [0; 8]).await.expect_err("reset");
                    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
                    assert_eq!(a.read(&mut [0; 8]).await.expect("then the end"), 0);
                    let error = a.write(b"x").await.expect_err("nobody there");
                    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
                    a.close().await.expect("closing what is gone is fine");
                });
            }

            #[test]
            fn writing_to_a_closed_peer_fails() {
                run(1, async {
                    let (mut a, b) = $pair().await;
                    drop(b);
                    // TCP takes the first write and learns from the answer to it.
                    let error = loop {
                        if let Err(error) = a.write(b"anybody?").await {
                            break error;
                        }
                    };
                    let expected = [ErrorKind::BrokenPipe, ErrorKind::ConnectionReset];
                    assert!(expected.contains(&error.kind()), "{error}");
                });
            }

            #[test]
            fn a_peer_that_does_not_read_stops_the_writer() {
                run(1, async {
                    let (mut a, mut b) = $pair().await;
                    let chunk = patterned(10_000);
                    let mut sent = 0;
                    let bound = Duration::from_millis(200);
                    // Until a write has waited for a while: the buffers are full.
                    while let Ok(written) =
                        ringspun_runtime::time::timeout(bound, a.write(&chunk)).await
                    {
                        sent += written.expect("written");
                        assert!(sent < 1 << 28, "no back-pressure");
                    }
                    a.close().await.expect("closed");
                    let mut got = 0;
                    let mut buf = vec![0; 100_000];
                    loop {
                        let n = b.read(&mut buf).await.expect("read");
                        if n == 0 {
                            break;
                        }
                        got += n;
                    }
                    assert_eq!(got, sent, "what was taken arrives, and no more");
                });
            }

            #[test]
            fn what_the_peer_has_not_taken_is_told() {
                run(1, async {
                    let (mut a, mut b) = $pair().await;
                    assert_eq!(a.unsent(), 0);
                    let piece = vec![0; 64 * 1024];
                    let mut sent = 0;
                    while let Some(written) = cancel_after(1, a.write(&piece)).await {
                        sent += written.expect("written");
                    }
                    assert!((1..=sent).contains(&a.unsent()), "{} of {sent}", a.unsent());
                    let mut buf = vec![0; 64 * 1024];
                    while sent > 0 {
                        sent -= b.read(&mut buf).await.expect("read");
                    }
                    // The acknowledgement may take a moment, over TCP.
                    while a.unsent() > 0 {
                        task::yield_now().await;
                    }
                });
            }

            /// Also where there is something to read that nobody reads.
            #[test]
            fn a_peer_that_is_gone_is_noticed() {
                run(1, async {
                    for (unread, closes) in [(0, false), (9, false), (0, true), (9, true)] {
                        let (mut a, mut b) = $pair().await;
                        // Unread at the peer, too: with that its end is a reset.
                        a.write_all(b"unread").await.expect("written");
                        b.readable().await.expect("readable");
                        b.write_all(&vec![0; unread]).await.expect("written");
                        if closes {
                            b.close().await.expect("closed");
                        }
                        let mut gone = Box::pin(poll_fn(|cx| a.poll_gone(cx)));
                        for _ in 0..10 {
                            assert!(poll_once(&mut gone).is_pending());
                            task::yield_now().await;
                        }
                        let leaves = async {
                            task::yield_now().await;
                            drop(b);
                        };
                        both(gone, leaves).await;
                    }
                });
            }

            #[test]
            fn empty_transfers_do_nothing() {
                run(1, async {
                    let (mut a, mut b) = $pair().await;
                    assert_eq!(a.read(&mut []).await.expect("at once"), 0);
                    assert_eq!(a.write(&[]).await.expect("at once"), 0);
                    a.read_exact(&mut []).await.expect("at once");
                    a.write_all(&[]).await.expect("at once");
                    a.write_all_vectored(&mut [IoSlice::new(b""), IoSlice::new(b"")])
                        .await
                        .expect("at once");
                    assert_eq!(a.read_vectored(&mut []).await.expect("at once"), 0);
                    a.write_all(b"x").await.expect("written");
                    b.read_exact(&mut [0; 1])
                        .await
                        .expect("nothing came before");
                });
            }

            #[test]
            fn vectored_transfers_keep_the_order() {
                run(1, async {
                    let (mut a, mut b) = $pair().await;
                    let parts: Vec<Vec<u8>> = (0..50).map(|n| vec![n; usize::from(n)]).collect();
                    let mut slices: Vec<IoSlice<'_>> =
                        parts.iter().map(|part| IoSlice::new(part)).collect();
                    a.write_all_vectored(&mut slices).await.expect("written");
                    a.close().await.expect("closed");
                    let mut bytes = Vec::<u8>::new();
                    loop {
                        let (mut one, mut two) = ([0; 7], [0; 100]);
                        let mut bufs = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
                        let n = b.read_vectored(&mut bufs).await.expect("read");
                        if n == 0 {
                            break;
                        }
                        bytes.extend(one.iter().chain(&two).take(n));
                    }
                    assert_eq!(bytes, parts.concat());
                });
            }

            #[test]
            fn more_slices_than_the_kernel_takes_are_written() {
                run(2, async {
                    let (a, mut b) = $pair().await;
                    let bytes = patterned(5000);
                    let expected = bytes.clone();
                    let writer = ringspun_runtime::spawn(async move {
                        let mut a = a;
                        let mut slices: Vec<IoSlice<'_>> =
                            bytes.chunks(1).map(IoSlice::new).collect();
                        a.write_all_vectored(&mut slices).await
                    });
                    let mut got = Vec::new();
                    b.read_to_end(&mut got, 10_000).await.expect("read");
                    writer.await.expect("no panic").expect("written");
                    assert_eq!(got, expected);
                });
            }

            #[test]
            fn a_cancelled_read_exact_loses_nothing() {
                run(2, async {
                    let (a, mut b) = $pair().await;
                    let len = count(20_000, 2_000_000);
                    // One byte now, one byte then: reads end half-way all the time.
                    let writer = ringspun_runtime::spawn(async move {
                        let mut a = a;
                        let mut random = Random::new(3);
                        let bytes = patterned(len);
                        let mut rest = &bytes[..];
                        while !rest.is_empty() {
                            let (now, later) = rest.split_at(random.up_to(9).min(rest.len()));
                            a.write_all(now).await.expect("written");
                            rest = later;
                            ringspun_runtime::task::yield_now().await;
                        }
                    });
                    let mut random = Random::new(4);
                    let (mut got, mut cancelled) = (0, 0);
                    while got < len {
                        let mut buf = [0; 32];
                        let n = random.up_to(buf.len()).min(len - got);
                        let polls = random.up_to(3) - 1;
                        match cancel_after(polls, b.read_exact(&mut buf[..n])).await {
                            Some(result) => {
                                result.expect("read");
                                for byte in &buf[..n] {
                                    assert_eq!(*byte, pattern(got), "at {got}");
                                    got += 1;
                                }
                            }
                            None => cancelled += 1,
                        }
                    }
                    assert!(cancelled > len / 100, "only {cancelled} cancelled");
                    assert_eq!(b.read(&mut [0; 1]).await.expect("the end"), 0);
                    writer.await.expect("no panic");
                });
            }

            #[test]
            fn a_cancelled_read_takes_nothing() {
                run(1, async {
                    let (mut a, mut b) = $pair().await;
                    for n in 0..100_u8 {
                        for polls in [0, 1] {
                            assert!(cancel_after(polls, b.read(&mut [0; 8])).await.is_none());
                            assert!(cancel_after(polls, b.readable()).await.is_none());
                        }
                        a.write_all(&[n]).await.expect("written");
                        let mut buf = [0; 8];
                        assert_eq!(b.read(&mut buf).await.expect("read"), 1);
                        assert_eq!(buf[0], n);
                    }
                });
            }

            #[test]
            fn an_end_in_the_middle_of_read_exact_keeps_the_bytes() {
                run(1, async {
                    let (mut a, mut b) = $pair().await;
                    a.write_all(b"half").await.expect("written");
                    a.close().await.expect("closed");
                    let error = b.read_exact(&mut [0; 8]).await.expect_err("too short");
                    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
                    b.readable().await.expect("there is something");
                    let mut bytes = Vec::new();
                    b.read_to_end(&mut bytes, 100).await.expect("read");
                    assert_eq!(bytes, b"half");
                });
            }

            #[test]
            fn a_cancelled_write_all_is_whole_or_absent() {
                run(2, async {
                    let (mut a, b) = $pair().await;
                    let records = count(300, 20_000);
                    // Each record: its length and its number, then the pattern. A torn record
                    // would make nonsense of everything after it.
                    let reader = ringspun_runtime::spawn(async move {
                        let mut b = b;
                        let mut seen = Vec::new();
                        let mut head = [0; 8];
                        loop {
                            match b.read_exact(&mut head).await {
                                Err(error) if error.kind() == ErrorKind::UnexpectedEof => break,
                                result => result.expect("read"),
                            }
                            let len = u32::from_le_bytes(head[..4].try_into().expect("4 bytes"));
                            let number = u32::from_le_bytes(head[4..].try_into().expect("4 bytes"));
                            let mut body = vec![0; len as usize];
                            b.read_exact(&mut body).await.expect("read");
                            assert_eq!(body, patterned(body.len()), "record {number}");
                            seen.push(number);
                        }
                        seen
                    });
                    let mut random = Random::new(5);
                    let (mut done, mut cancelled) = (Vec::new(), 0);
                    for number in 0..records as u32 {
                        // Far more than fits, so that writes wait in the middle.
                        let body = patterned(random.up_to(300_000));
                        let len = (body.len() as u32).to_le_bytes();
                        let head = [len, number.to_le_bytes()].concat();
                        let polls = random.up_to(4) - 1;
                        let result = if number % 2 == 0 {
                            let record = [head, body].concat();
                            cancel_after(polls, a.write_all(&record)).await
                        } else {
                            let mut record = [IoSlice::new(&head), IoSlice::new(&body)];
                            cancel_after(polls, a.write_all_vectored(&mut record)).await
                        };
                        match result {
                            Some(result) => {
                                result.expect("written");
                                done.push(number);
                            }
                            None => cancelled += 1,
                        }
                    }
                    a.close().await.expect("closed");
                    let seen = reader.await.expect("no panic");
                    assert!(cancelled > 0, "nothing was cancelled");
                    assert!(seen.is_sorted(), "in order");
                    for number in done {
                        assert!(
                            seen.contains(&number),
                            "{number} was written and is missing"
                        );
                    }
                });
            }

            #[test]
            fn borrowed_halves_work_side_by_side() {
                run(2, async {
                    let (mut a, mut b) = $pair().await;
                    let server = ringspun_runtime::spawn(async move {
                        let (mut read, mut write) = b.split();
                        copy(&mut read, &mut write).await
                    });
                    let bytes = patterned(1 << 20);
                    let mut back = Vec::new();
                    let (mut read, mut write) = a.split();
                    let send = async {
                        write.write_all(&bytes).await.expect("written");
                        write.close().await.expect("closed");
                    };
                    let (_, received) = both(send, read.read_to_end(&mut back, 1 << 21)).await;
                    received.expect("read");
                    assert_eq!(back, bytes);
                    assert_eq!(server.await.expect("no panic").expect("copied"), 1 << 20);
                });
            }

            #[test]
            fn owned_halves_reunite_only_with_their_own() {
                run(1, async {
                    let (a, mut b) = $pair().await;
                    let (c, _d) = $pair().await;
                    let (a_read, a_write) = a.into_split();
                    let (c_read, c_write) = c.into_split();
                    let error = a_read.reunite(c_write).expect_err("strangers");
                    let (a_read, c_write) = (error.0, error.1);
                    c_read.reunite(c_write).expect("one stream");
                    let mut a = a_read.reunite(a_write).expect("one stream");
                    a.write_all(b"still here").await.expect("written");
                    let mut buf = [0; 10];
                    b.read_exact(&mut buf).await.expect("not closed on the way");
                });
            }

            #[test]
            fn dropping_the_owned_write_half_ends_its_direction() {
                run(1, async {
                    let (a, mut b) = $pair().await;
                    let (mut read, write) = a.into_split();
                    drop(write);
                    assert_eq!(b.read(&mut [0; 1]).await.expect("the end"), 0);
                    b.write_all(b"one way").await.expect("written");
                    let mut buf = [0; 7];
                    read.read_exact(&mut buf).await.expect("read");
                    drop(read);
                    // Now both directions are closed.
                    while b.write(b"anybody?").await.is_ok() {}
                });
            }

            #[test]
            fn the_tunnel_forwards_half_closes() {
                run(2, async {
                    let (mut client, mut front) = $pair().await;
                    let (mut back, mut server) = $pair().await;
                    let tunnel = ringspun_runtime::spawn(async move {
                        copy_bidirectional(&mut front, &mut back).await
                    });
                    client.write_all(b"question").await.expect("written");
                    client.close().await.expect("closed");
                    let mut bytes = Vec::new();
                    server
                        .read_to_end(&mut bytes, 100)
                        .await
                        .expect("the end came through");
                    assert_eq!(bytes, b"question");
                    let answer = patterned(500_000);
                    server.write_all(&answer[..7]).await.expect("written");
                    let send = async {
                        server.write_all(&answer[7..]).await.expect("written");
                        server.close().await.expect("closed");
                    };
                    bytes.clear();
                    let (_, received) = both(send, client.read_to_end(&mut bytes, 1 << 20)).await;
                    received.expect("read");
                    assert_eq!(bytes, answer);
                    let copied = tunnel.await.expect("no panic").expect("copied");
                    assert_eq!(copied, (8, 500_000));
                });
            }
        }
    };
}

suite!(tcp, tcp_pair);
suite!(memory, mem_pair);
