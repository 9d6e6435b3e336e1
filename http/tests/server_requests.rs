//! Requests and responses through a whole server: methods, bodies, pipelining, segmentation.

mod common;

use common::{Host, Random, app, rounds, run};

#[test]
fn a_connection_is_kept_and_used_again() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        for round in 0..100 {
            let reply = client.get(&format!("/n/{round}")).await;
            assert_eq!((reply.status, reply.text()), (200, &*round.to_string()));
            assert_eq!(reply.header("server"), Some("ringspun"));
            assert_eq!(
                reply.header("content-type"),
                Some("text/plain; charset=utf-8")
            );
            assert!(
                reply
                    .header("date")
                    .is_some_and(|date| date.ends_with(" GMT"))
            );
            assert!(!reply.closes());
        }
        assert_eq!(client.post("/echo", b"abc").await.text(), "abc");
        assert_eq!(client.get("/none").await.status, 404);
        let reply = client.post("/n/1", b"x").await;
        assert_eq!(
            (reply.status, reply.header("allow")),
            (405, Some("GET, HEAD, OPTIONS"))
        );
        assert_eq!(client.get("/").await.text(), "hello");
    });
}

#[test]
fn head_has_the_head_of_get_and_no_body() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client
            .send("HEAD / HTTP/1.1\r\nHost: a\r\n\r\nHEAD /chunks HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let reply = client.reply_to_head().await;
        assert_eq!(
            (reply.status, reply.header("content-length")),
            (200, Some("5"))
        );
        let reply = client.reply_to_head().await;
        assert_eq!(reply.header("transfer-encoding"), Some("chunked"));
        assert_eq!(
            client.get("/").await.text(),
            "hello",
            "nothing stands between"
        );
        assert_eq!(
            client.get("/no-content").await.header("content-length"),
            None
        );
        assert_eq!(client.get("/").await.text(), "hello");
    });
}

#[test]
fn version_10_closes_unless_asked_not_to() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client.send("GET / HTTP/1.0\r\n\r\n").await;
        let reply = client.reply().await;
        assert!(
            reply.closes() && reply.head.starts_with("HTTP/1.1 200 OK\r\n"),
            "{reply:?}"
        );
        assert!(client.is_at_end().await);

        let mut client = host.connect().await;
        client
            .send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .await;
        assert_eq!(
            client.reply().await.header("connection"),
            Some("keep-alive")
        );
        client
            .send("GET /chunks HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
            .await;
        let reply = client.reply().await;
        assert_eq!(
            reply.header("transfer-encoding"),
            None,
            "1.0 knows no chunks"
        );
        assert_eq!(reply.text(), "chunk 3;chunk 2;chunk 1;");
    });
}

#[test]
fn either_side_may_close() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        assert!(client.reply().await.closes());
        assert!(client.is_at_end().await);

        let mut client = host.connect().await;
        client
            .send("GET /close HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        assert!(client.reply().await.closes());
        assert!(
            client.is_at_end().await,
            "what follows a close is not answered"
        );
    });
}

#[test]
fn bodies_both_ways_in_chunks() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        assert_eq!(
            client.get("/chunks").await.text(),
            "chunk 3;chunk 2;chunk 1;"
        );
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        client
            .send(format!(
                "{head}3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nT: u\r\n\r\n"
            ))
            .await;
        assert_eq!(client.reply().await.text(), "abcdefg");
        let head = head.replace("/echo", "/stream");
        client.send(format!("{head}3\r\nabc\r\n")).await;
        client.send("4\r\ndefg\r\n0\r\n\r\n").await;
        let reply = client.reply().await;
        assert_eq!(
            (reply.text(), reply.header("transfer-encoding")),
            ("abcdefg", Some("chunked"))
        );
        let reply = client.post("/stream", b"known").await;
        assert_eq!(
            (reply.text(), reply.header("content-length")),
            ("known", Some("5"))
        );
        assert_eq!(client.get("/").await.text(), "hello");
    });
}

#[test]
fn large_bodies_both_ways() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        let reply = client.get("/large").await;
        assert!(reply.body.len() == 1_000_000 && reply.body.iter().all(|&byte| byte == b'x'));
        let body: Vec<u8> = (0..900_000_u32).map(|n| (n % 251) as u8).collect();
        assert_eq!(client.post("/echo", &body).await.body, body);
        assert_eq!(client.get("/").await.text(), "hello");
    });
}

/// The whole body is echoed while it comes; neither side ever has all of it.
/// A connection whose bodies do not fit into a buffer reads into larger ones, and goes back.
#[test]
fn bodies_around_the_sizes_of_buffers() {
    const KIB: usize = 1024;
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        for size in [16 * KIB, 64 * KIB] {
            for length in (size - 300..size + 300)
                .step_by(37)
                .chain([size, size, 10, size])
            {
                let body: Vec<u8> = (0..length).map(|at| (at % 251) as u8).collect();
                let reply = client.post("/echo", &body).await;
                assert_eq!(reply.status, 200);
                assert!(reply.body == body, "{length} bytes come back changed");
            }
            assert_eq!(client.get("/").await.text(), "hello");
        }
    });
}

#[test]
fn a_body_is_echoed_while_it_comes() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        let head = "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        client.send(head).await;
        for round in 0..3 {
            client.send(format!("2\r\n{round};\r\n")).await;
        }
        client.send("0\r\n\r\n").await;
        assert_eq!(client.reply().await.text(), "0;1;2;");
    });
}

#[test]
fn permission_is_given_when_the_handler_reads() {
    run(async {
        let host = Host::start(app());
        for path in ["/echo", "/stream"] {
            let mut client = host.connect().await;
            let head = format!(
                "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"
            );
            client.send(&head).await;
            assert_eq!(client.reply().await.status, 100, "{path}");
            client.send("abc").await;
            assert_eq!(client.reply().await.text(), "abc");
            // Who sends at once is not told.
            client.send(format!("{head}abc")).await;
            assert_eq!(client.reply().await.status, 200);
        }
        let mut client = host.connect().await;
        client
            .send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            .await;
        let reply = client.reply().await;
        assert_eq!((reply.text(), reply.closes()), ("ignored", true));
        assert!(client.is_at_end().await);
    });
}

/// P2: what a handler leaves of a body is never taken for a request.
#[test]
fn unread_bodies_are_drained_or_end_the_connection() {
    run(async {
        let host = Host::start(app());
        let smuggled = "GET /n/smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut client = host.connect().await;
        assert_eq!(
            client.post("/ignore", smuggled.as_bytes()).await.text(),
            "ignored"
        );
        assert_eq!(client.get("/n/2").await.text(), "2");

        // In parts, so that the answer is there before the body.
        let len = 100_000 + smuggled.len();
        client
            .send(format!(
                "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n\r\n"
            ))
            .await;
        let reply = client.reply().await;
        assert_eq!((reply.text(), reply.closes()), ("ignored", false));
        client.send("x".repeat(100_000)).await;
        client.send(smuggled).await;
        assert_eq!(client.get("/n/3").await.text(), "3");

        let head = "POST /ignore HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        client
            .send(format!(
                "{head}{:x}\r\n{smuggled}\r\n0\r\n\r\n",
                smuggled.len()
            ))
            .await;
        assert_eq!(client.reply().await.text(), "ignored");
        assert_eq!(client.get("/n/4").await.text(), "4");

        // Too much to take in.
        client
            .send("POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n")
            .await;
        assert!(client.reply().await.closes());
        assert!(client.is_at_end().await);
        let mut client = host.connect().await;
        client.send(format!("{head}80000\r\n")).await;
        assert_eq!(client.reply().await.text(), "ignored");
        client.send(vec![b'x'; 0x80000]).await;
        client.send(format!("\r\n0\r\n\r\n{smuggled}")).await;
        assert!(client.is_at_end().await);
    });
}

/// H6: answers come in the order of the requests, however these are cut.
#[test]
fn pipelined_requests_with_random_segmentation() {
    run(async {
        let host = Host::start(app());
        let mut random = Random::new(6);
        for round in 0..rounds(300, 100_000) {
            let mut client = host.connect().await;
            let count = 1 + random.below(64);
            let mut input = Vec::new();
            let mut expected = Vec::new();
            for number in 0..count {
                let (request, answer) = match random.below(4) {
                    0 => {
                        let body = "b".repeat(random.below(200));
                        let len = body.len();
                        let head =
                            format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: {len}\r\n");
                        (format!("{head}\r\n{body}"), body)
                    }
                    1 => {
                        let head =
                            "POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n";
                        (
                            format!("{head}\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"),
                            "abcde".to_owned(),
                        )
                    }
                    2 => {
                        let head = "POST /ignore HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n";
                        (format!("{head}\r\nGET "), "ignored".to_owned())
                    }
                    _ => {
                        let head = format!("GET /n/{number} HTTP/1.1\r\nHost: a\r\n");
                        (format!("{head}\r\n"), number.to_string())
                    }
                };
                input.extend_from_slice(request.as_bytes());
                expected.push(answer);
            }
            let mut rest = &input[..];
            while !rest.is_empty() {
                let cut = 1 + random.below(rest.len().min(400));
                client.send(&rest[..cut]).await;
                rest = &rest[cut..];
                if random.below(3) == 0 {
                    ringspun_runtime::task::yield_now().await;
                }
            }
            for (number, answer) in expected.iter().enumerate() {
                let reply = client.reply().await;
                assert_eq!(
                    (reply.status, reply.text()),
                    (200, &**answer),
                    "{round}: {number}"
                );
            }
        }
    });
}

#[test]
fn a_request_in_two_parts_is_the_same_at_every_split() {
    run(async {
        let host = Host::start(app());
        let input = b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\nGET /n/7 HTTP/1.1\r\nHost: a\r\n\r\n";
        let mut client = host.connect().await;
        for split in 0..=input.len() {
            client.send(&input[..split]).await;
            // The server has seen the first part when the virtual clock moves.
            ringspun_runtime::time::sleep(std::time::Duration::from_millis(1)).await;
            client.send(&input[split..]).await;
            assert_eq!(client.reply().await.text(), "abcde", "{split}");
            assert_eq!(client.reply().await.text(), "7", "{split}");
        }
    });
}

/// H3: a client that ends its side gets a whole response or a clean 400, at every byte.
#[test]
fn half_close_at_every_byte() {
    run(async {
        let host = Host::start(app());
        let whole = b"POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
        let chunked = b"POST /stream HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
        for input in [&whole[..], &chunked[..]] {
            for end in 0..=input.len() {
                let mut client = host.connect().await;
                client.send(&input[..end]).await;
                client.finish().await;
                let is_stream = input.len() == chunked.len();
                let is_inside_stream =
                    is_stream && end >= chunked.len() - 16 && end < chunked.len();
                if is_inside_stream {
                    // The response has begun: its end is missing.
                    let rest = client.rest().await;
                    assert!(rest.starts_with(b"HTTP/1.1 200") || rest.starts_with(b"HTTP/1.1 400"));
                    assert!(!rest.ends_with(b"0\r\n\r\n"), "{end}");
                    continue;
                }
                let Some(reply) = client.try_reply(false).await else {
                    assert_eq!(end, 0, "only nothing is answered with nothing");
                    continue;
                };
                match reply.status {
                    200 => assert_eq!((reply.text(), end), ("hello", input.len())),
                    400 => assert!(end < input.len() && reply.closes(), "{end}: {reply:?}"),
                    status => panic!("{status} at {end}"),
                }
                assert!(client.is_at_end().await);
            }
        }
        // After the request, before the answer.
        let mut client = host.connect().await;
        client.send("GET /slow/5 HTTP/1.1\r\nHost: a\r\n\r\n").await;
        client.finish().await;
        assert_eq!(client.reply().await.text(), "slow");
        assert!(client.is_at_end().await);
    });
}

/// H4: who does not read its answers is not read from either, and loses nothing.
#[test]
fn a_client_that_only_sends_is_held_back() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        let request = "GET /large HTTP/1.1\r\nHost: a\r\n\r\n".repeat(100);
        let mut sent = 0;
        // 64 KiB fit into the pipe, some more into the server; then it stops.
        loop {
            let wait = std::time::Duration::from_secs(1);
            let send = client
                .stream
                .write(&request.as_bytes()[sent % request.len()..]);
            match ringspun_runtime::time::timeout(wait, send).await {
                Ok(count) => sent += count.unwrap(),
                Err(_) => break,
            }
            assert!(sent < 100_000, "the server reads on and on");
        }
        let whole = sent / request.len() * 100 + sent % request.len() / (request.len() / 100);
        for number in 0..whole.min(20) {
            assert_eq!(client.reply().await.body.len(), 1_000_000, "{number}");
        }
    });
}

#[test]
fn handlers_cannot_break_the_framing() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        let reply = client.get("/interim").await;
        assert_eq!(reply.status, 500, "an interim status is no answer");
        for path in ["/short", "/fails"] {
            let mut client = host.connect().await;
            client
                .send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
                .await;
            let rest = client.rest().await;
            assert!(rest.starts_with(b"HTTP/1.1 200 OK\r\n"), "{path}");
            assert!(
                !rest.ends_with(b"0\r\n\r\n"),
                "{path}: the client must see that it is cut"
            );
        }
        let mut client = host.connect().await;
        client
            .send("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        assert_eq!(client.reply().await.status, 404);
        assert!(
            client.is_at_end().await,
            "P3: what follows a refused tunnel is no request"
        );
        let tunnel = Host::start(async |_| "anything");
        let mut client = tunnel.connect().await;
        client
            .send("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        assert_eq!(client.reply().await.status, 501);
    });
}

/// A handler may give the body to another task, which reads when it likes.
#[test]
fn a_body_is_read_by_another_task() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        assert_eq!(
            client.post("/elsewhere", &[b'x'; 300_000]).await.text(),
            "300000"
        );
        client
            .send("POST /elsewhere HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
            .await;
        assert_eq!(client.reply().await.status, 100);
        client.send("abc").await;
        assert_eq!(client.reply().await.text(), "3");
        assert_eq!(client.get("/").await.text(), "hello");
    });
}

/// A buffer full of requests is no licence to keep the core: others are served in between.
#[test]
fn a_long_batch_lets_others_in() {
    run(async {
        let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
        let record = std::sync::Arc::clone(&order);
        let host = Host::start(move |request: ringspun_http::Request| {
            record.lock().unwrap().push(request.path().to_owned());
            async { "ok" }
        });
        let (mut first, mut second) = (host.connect().await, host.connect().await);
        // What is woken last may run first, so that something is woken behind the second.
        let mut third = host.connect().await;
        for client in [&mut first, &mut second, &mut third] {
            client.get("/warm-up").await;
        }
        let batch = "GET /first HTTP/1.1\r\nHost: a\r\n\r\n".repeat(400);
        // In one task of the only core, so that both are sent before either is served.
        let client = ringspun_runtime::spawn(async move {
            first.send(batch).await;
            second.send("GET /second HTTP/1.1\r\nHost: a\r\n\r\n").await;
            third.send("GET /third HTTP/1.1\r\nHost: a\r\n\r\n").await;
            second.reply().await;
            for _ in 0..400 {
                first.reply().await;
            }
        });
        client.await.unwrap();
        let order = order.lock().unwrap();
        let at = order.iter().position(|path| path == "/second").unwrap();
        assert!(at < 300, "only after {at} requests of the batch");
    });
}
