//! What clients may not do: limits of time and size, and what panics cost.

mod common;

use std::time::Duration;

use common::{Client, Host, app, rounds, run};
use ringspun_http::{Limit, Limits, Request, Router};
use ringspun_runtime::spawn;
use ringspun_runtime::time::{now, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn a_head_that_comes_byte_by_byte_is_cut_at_the_timeout() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        let start = now();
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "x".repeat(100)
        );
        let mut sent = 0;
        for byte in head.as_bytes().chunks(1) {
            if client.try_send(byte).await.is_err() {
                break;
            }
            sent += 1;
            if now() - start > 15 * SECOND {
                break;
            }
            sleep(SECOND).await;
        }
        assert!((10..=17).contains(&sent), "{sent}");
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.closes()), (408, true));
        assert!(client.is_at_end().await);
        // Ten seconds for the head, then the client goes on for five, and is silent for five.
        let took = now() - start;
        assert!(took >= 10 * SECOND && took < 22 * SECOND, "{took:?}");
    });
}

#[test]
fn silent_connections_are_closed() {
    run(async {
        let host = Host::start(app());
        let start = now();
        let mut fresh = host.connect().await;
        assert!(
            fresh.is_at_end().await,
            "nothing was asked, nothing is answered"
        );
        assert_eq!(
            (now() - start).as_secs(),
            10,
            "the first head has its own time"
        );

        let mut kept = host.connect().await;
        for _ in 0..3 {
            kept.get("/").await;
            sleep(70 * SECOND).await;
        }
        kept.get("/").await;
        let start = now();
        assert!(kept.is_at_end().await);
        assert_eq!((now() - start).as_secs(), 75);
    });
}

#[test]
fn a_body_must_come_at_a_rate() {
    run(async {
        let host = Host::start(app());
        // 100 bytes a second: too slow.
        let mut client = host.connect().await;
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n";
        client.send(head).await;
        let start = now();
        while now() - start < 30 * SECOND && client.try_send([b'x'; 100]).await.is_ok() {
            sleep(SECOND).await;
        }
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.closes()), (408, true));
        // 500 bytes a second: slow, but allowed.
        let mut client = host.connect().await;
        client.send(head.replace("100000", "20000")).await;
        for _ in 0..40 {
            client.send([b'x'; 500]).await;
            sleep(SECOND).await;
        }
        assert_eq!(client.reply().await.status, 200);
        // A handler that does not read makes nobody late.
        let reply = client.post("/late", &[b'x'; 100_000]).await;
        assert_eq!((reply.status, reply.body.len()), (200, 100_000));
    });
}

#[test]
fn a_client_must_take_its_response() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client.send("GET /large HTTP/1.1\r\nHost: a\r\n\r\n").await;
        sleep(40 * SECOND).await;
        let rest = client.rest().await;
        assert!(rest.len() < 200_000, "{}", rest.len());
        // Slowly is allowed.
        let mut client = host.connect().await;
        client
            .send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await;
        let mut got = 0;
        let mut buffer = [0; 20_000];
        loop {
            match client.stream.read(&mut buffer).await.unwrap() {
                0 => break,
                count => got += count,
            }
            sleep(10 * SECOND).await;
        }
        assert!(got > 1_000_000);
    });
}

#[test]
fn a_client_must_take_its_response_at_a_rate() {
    run(async {
        let mut strikes = None;
        let host = Host::with_server(app(), |server| {
            strikes = Some(server.strikes());
            server
        });
        let strikes = strikes.unwrap();
        // 32 bytes every five seconds; 500 bytes a second.
        for (piece, pause, is_served) in [(32, 5, false), (500, 1, true)] {
            let mut client = host.connect().await;
            client
                .send("GET /large HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
                .await;
            let start = now();
            let (mut buffer, mut got) = (vec![0; piece], 0);
            // Without a reader's pause once that is over, so that the test ends.
            while let Ok(count @ 1..) = client.stream.read(&mut buffer).await {
                got += count;
                if now() - start < 120 * SECOND {
                    sleep(pause * SECOND).await;
                }
            }
            assert_eq!(got > 1_000_000, is_served, "{got}");
            assert_eq!(strikes.count(Limit::WriteRate), 1);
            assert_eq!(strikes.count(Limit::WriteTimeout), 0);
        }
    });
}

#[test]
fn limits_of_size() {
    let mut limits = Limits::default();
    limits.body_bytes = 1000;
    limits.head_bytes = 20_000;
    limits.headers = 10;
    limits.target_bytes = 100;
    limits.requests_per_connection = 3;
    run(async move {
        let host = Host::with_limits(app(), limits);
        let mut client = host.connect().await;
        let body = [b'x'; 1000];
        assert_eq!(client.post("/echo", &body).await.status, 200);
        let head = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "x".repeat(19_900)
        );
        client.send(head).await;
        assert_eq!(
            client.reply().await.status,
            200,
            "larger than a buffer, within the limit"
        );
        let reply = client.get("/").await;
        assert!(
            reply.status == 200 && reply.closes(),
            "the third request is the last"
        );
        assert!(client.is_at_end().await);

        let chunked = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
        let rows = [
            (
                "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1001\r\n\r\n".to_owned(),
                413,
            ),
            (
                format!(
                    "{chunked}3e8\r\n{}\r\n1\r\nx\r\n0\r\n\r\n",
                    "x".repeat(1000)
                ),
                413,
            ),
            (
                format!(
                    "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
                    "x".repeat(20_000)
                ),
                431,
            ),
            (
                format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(10)),
                431,
            ),
            (
                format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100)),
                414,
            ),
        ];
        for (input, status) in rows {
            let mut client = host.connect().await;
            client.send(&input).await;
            let reply = client.reply().await;
            assert_eq!(
                (reply.status, reply.closes()),
                (status, true),
                "{}",
                &input[..30]
            );
            assert!(client.is_at_end().await);
        }
    });
}

#[test]
fn more_connections_than_allowed_wait() {
    let mut limits = Limits::default();
    limits.connections = 2;
    run(async move {
        let mut strikes = None;
        let host = Host::with_server(app(), |server| {
            strikes = Some(server.strikes());
            server.limits(limits)
        });
        let strikes = strikes.unwrap();
        let mut clients = [
            host.connect().await,
            host.connect().await,
            host.connect().await,
        ];
        assert_eq!(clients[0].get("/").await.status, 200);
        assert_eq!(clients[1].get("/").await.status, 200);
        clients[2].send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
        let [first, _second, mut third] = clients;
        drop(first);
        assert_eq!(third.reply().await.status, 200);
        assert!(strikes.count(Limit::Connections) > 0);
    });
}

#[test]
fn empty_lines_do_not_keep_a_connection() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client.get("/").await;
        let start = now();
        for _ in 0..7 {
            sleep(10 * SECOND).await;
            client.send("\r\n").await;
        }
        assert!(client.is_at_end().await);
        assert_eq!((now() - start).as_secs(), 75);
    });
}

/// The answer to a refused request survives what the client goes on sending.
#[test]
fn a_refusal_is_read_although_the_client_goes_on() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client
            .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999\r\n\r\n")
            .await;
        for _ in 0..100 {
            client.send([b'x'; 1000]).await;
        }
        assert_eq!(client.reply().await.status, 413);
        assert!(client.is_at_end().await);
    });
}

/// As Python's http.client: what the client has to send, it sends before it reads.
#[test]
fn a_refusal_is_read_by_who_sends_all_before() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        let head = "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 67108864\r\n\r\n";
        client.send(head).await;
        for _ in 0..64 {
            client.send(vec![b'x'; 1 << 20]).await;
        }
        assert_eq!(client.reply().await.status, 413);
        assert!(client.is_at_end().await);
    });
}

#[test]
fn who_is_refused_may_not_send_for_ever() {
    run(async {
        let mut limits = Limits::default();
        limits.connections = 1;
        let host = Host::with_limits(app(), limits);
        // Sent once a second, so often; and when the server gives the connection up.
        for (count, seconds) in [(1000, 30), (4, 3 + 5), (0, 5)] {
            let mut client = host.connect().await;
            client
                .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n")
                .await;
            let start = now();
            let sender = spawn(async move {
                for _ in 0..count {
                    if client.try_send(vec![b'x'; 100_000]).await.is_err() {
                        break;
                    }
                    sleep(SECOND).await;
                }
                client
            });
            // Served once the other is no more.
            assert_eq!(host.connect().await.get("/").await.status, 200);
            assert_eq!((now() - start).as_secs(), seconds, "{count}");
            let mut client = sender.await.expect("no panic");
            assert!(client.rest().await.starts_with(b"HTTP/1.1 413"));
        }
    });
}

#[test]
fn a_server_that_stops_does_not_wait_long_for_who_is_refused() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client
            .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999\r\n\r\n")
            .await;
        assert_eq!(client.reply().await.status, 413);
        let start = now();
        host.stop();
        assert_eq!(host.ended().await.cut(), 0);
        assert_eq!((now() - start).as_secs(), 2);
    });
}

/// D7: a panic costs one request and its connection.
#[test]
fn a_panic_is_answered_with_500_and_harms_nobody_else() {
    run(async {
        let host = Host::start(app());
        let mut other = host.connect().await;
        let hook = std::panic::take_hook();
        std::panic::set_hook(Box::new(|_| {}));
        for round in 0..rounds(20, 10_000) {
            let path = ["/panic", "/panic-late", "/panic-drop"][round % 3];
            let mut client = host.connect().await;
            let reply = client.get(path).await;
            assert_eq!((reply.status, reply.closes()), (500, true), "{path}");
            assert!(client.is_at_end().await);
            assert_eq!(other.get("/").await.status, 200);
        }
        std::panic::set_hook(hook);
    });
}

#[test]
fn a_client_that_goes_away_takes_its_handler_with_it() {
    run(async {
        let host = Host::start(app());
        for _ in 0..10 {
            let mut client = host.connect().await;
            client
                .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
                .await;
            sleep(SECOND / 100).await;
            drop(client);
        }
        let mut client: Client = host.connect().await;
        assert_eq!(client.get("/").await.status, 200);
        drop(client);
        sleep(SECOND).await;
        host.stop();
        assert_eq!(host.ended().await.cut(), 0);
    });
}

#[test]
fn each_strike_is_counted_once() {
    run(async {
        let mut limits = Limits::default();
        limits.requests_per_connection = 3;
        limits.request_timeout = 10 * SECOND;
        limits.body_bytes = 1000;
        limits.unread_bytes = 500;
        let mut strikes = None;
        let host = Host::with_server(app(), |server| {
            strikes = Some(server.strikes());
            server.limits(limits)
        });
        let strikes = strikes.unwrap();
        let many = "X: y\r\n".repeat(101);
        let length = |bytes: usize| format!("Content-Length: {bytes}\r\n");
        let (too_much, unread) = (length(1001), length(501));
        let head = |start: &str, lines: &str| format!("{start} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
        let long = format!("GET /{}", "x".repeat(9000));
        let large = format!("X: {}\r\n", "y".repeat(70_000));
        for (bytes, limit) in [
            ("".to_owned(), Limit::HeadTimeout),
            ("GET".to_owned(), Limit::HeadTimeout),
            (head("GET /", ""), Limit::IdleTimeout),
            (head("POST /echo", &length(9)), Limit::BodyRate),
            (head("GET /slow/20", ""), Limit::RequestTimeout),
            (head("GET /", &large), Limit::HeadBytes),
            (head("GET /", &many), Limit::Headers),
            (head(&long, ""), Limit::TargetBytes),
            (head("POST /echo", &too_much), Limit::BodyBytes),
            (head("POST /ignore", &unread), Limit::UnreadBytes),
            (head("GET /", "").repeat(4), Limit::RequestsPerConnection),
            (head("GET /", " x: y\r\n"), Limit::Malformed),
        ] {
            let before: Vec<u64> = strikes.iter().map(|(_, count)| count).collect();
            let mut client = host.connect().await;
            let _ = client.try_send(&bytes).await;
            client.rest().await;
            let struck: Vec<_> = strikes
                .iter()
                .zip(before)
                .filter(|((_, count), before)| count != before)
                .map(|((limit, count), before)| (limit, count - before))
                .collect();
            assert_eq!(struck, [(limit, 1)], "{limit:?}");
        }
        assert!(format!("{strikes:?}").contains("\"head_timeout\": 2"));
    });
}

#[test]
fn a_queue_that_stands_is_not_let_grow() {
    // Real time: the length of polls is measured. One core with 10 ms of work at least in its queue.
    let runtime = ringspun_runtime::Builder::new().cores(1).build().unwrap();
    let burn = async |_: Request| {
        let start = std::time::Instant::now();
        while start.elapsed() < SECOND / 1000 {
            std::hint::spin_loop();
        }
        "done"
    };
    runtime.block_on(async {
        for (admission, refuses) in [(None, false), (Some(SECOND / 1000), true)] {
            let mut limits = Limits::default();
            limits.admission = admission;
            let mut strikes = None;
            let app = Router::new().get("/", burn);
            let host = Host::with_server(app, |server| {
                strikes = Some(server.strikes());
                server.limits(limits)
            });
            // A closed loop of 64: the queue stands at 30 ms and more for as long as it runs.
            let mut tasks = Vec::new();
            for _ in 0..64 {
                let mut client = host.connect().await;
                tasks.push(spawn(async move {
                    let mut refused = 0;
                    for _ in 0..10 {
                        let reply = client.get("/").await;
                        match reply.status {
                            503 => {
                                assert_eq!(reply.header("retry-after"), Some("1"));
                                refused += 1;
                            }
                            status => assert_eq!(status, 200),
                        }
                    }
                    refused
                }));
            }
            let mut refused = 0;
            for task in tasks {
                refused += task.await.expect("no panic");
            }
            assert_eq!(refused > 0, refuses, "{refused}");
            assert_eq!(strikes.unwrap().count(Limit::Admission), refused);
            // Without a queue everybody is admitted again.
            sleep(SECOND / 10).await;
            assert_eq!(host.connect().await.get("/").await.status, 200);
        }
    });
}
