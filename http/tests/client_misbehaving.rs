//! The client against servers that break the rules, go away, or never finish. In memory, under a
//! virtual clock; each server says exactly what the test tells it to.

mod client_support;
mod common;

use std::time::Duration;

use client_support::{Script, builder, client};
use common::{Chunks, run};
use ringspun_http::client::Phase;
use ringspun_http::proto::Refusal;
use ringspun_http::{Body, ClientError, Request};
use ringspun_runtime::{spawn, time};

const ALL: usize = 1 << 20;
const URL: &str = "http://server/";
const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a GET comes to that is answered like this.
async fn get(answer: &'static [u8]) -> Result<(u16, Vec<u8>), ClientError> {
    let server = Script::new().answer(answer, 1);
    let mut reply = client(&server).get(URL).await?;
    let status = reply.status().as_u16();
    match reply.bytes(ALL).await {
        Ok(body) => Ok((status, body.to_vec())),
        Err(error) => {
            let error = ClientError::of(&error).expect("the client's error");
            assert_eq!(error.phase(), Phase::Body, "{error}");
            panic!("{error}")
        }
    }
}

#[test]
fn broken_heads_are_refused() {
    run(async {
        for (answer, refusal) in [
            (&b"HTTP/1.1 200 OK\r\nX : y\r\n\r\n"[..], Refusal::HeaderName),
            (b"HTTP/1.1 200 OK\nX: y\n\n", Refusal::BareNewline),
            (b"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", Refusal::HeaderName),
            (b"HTTP/1.1 200 OK\r\nX: a\0\r\n\r\n", Refusal::HeaderValue),
            (b"220 smtp.example ESMTP\r\n", Refusal::StatusLine),
            (b"\x15\x03\x01\x00\x02\x02\x28", Refusal::StatusLine),
            (b"HTTP/1.1 101 Go\r\nUpgrade: x\r\n\r\n", Refusal::SwitchUnasked),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok!",
                Refusal::LengthRepeated,
            ),
            (
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                Refusal::LengthAndCoding,
            ),
        ] {
            let name = answer.escape_ascii();
            let error = get(answer).await.expect_err("refused");
            assert_eq!(error.refusal(), Some(refusal), "{name}: {error}");
            assert_eq!((error.phase(), error.status().as_u16()), (Phase::Head, 502));
            assert!(error.to_string().contains("RFC"), "{error}");
        }
    });
}

#[test]
fn heads_and_bodies_that_end_early() {
    run(async {
        let error = get(b"").await.unwrap_err();
        assert_eq!(error.phase(), Phase::Head);
        assert!(
            error.is_disconnected() && error.refusal().is_none(),
            "{error}"
        );
        for cut in [
            &b"H"[..],
            b"HTTP/1.1 200 OK\r\nContent-",
            b"HTTP/1.1 100 C\r\n\r\n",
        ] {
            let error = get(cut).await.unwrap_err();
            assert_eq!(error.refusal(), Some(Refusal::HeadIncomplete));
            assert!(error.is_disconnected(), "{error}");
        }
        for cut in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhell",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhell\r\n0\r\n",
        ] {
            let server = Script::new().answer(cut, 1);
            let client = client(&server);
            let mut reply = client.get(URL).await.unwrap();
            let error = loop {
                match reply.body().chunk().await.expect("an error, not the end") {
                    Ok(_) => {}
                    Err(error) => break error,
                }
            };
            assert!(reply.body().chunk().await.is_none(), "nothing follows");
            let error = ClientError::of(&error).unwrap();
            assert!(error.is_disconnected(), "{cut:?}: {error}");
            assert_eq!(client.idle_connections(), 0);
        }
        // Without a length the end is the end.
        let whole = get(b"HTTP/1.1 200 OK\r\n\r\nto the end").await.unwrap();
        assert_eq!(whole, (200, b"to the end".to_vec()));
    });
}

#[test]
fn an_answer_in_single_bytes_is_the_same() {
    run(async {
        for answer in [
            OK,
            "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\n\
             Transfer-Encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\n\r\n",
        ] {
            let mut script = Script::new();
            let client = script.client();
            spawn(async move {
                for _ in 0..2 {
                    let mut line = script.accept().await;
                    for _ in 0..2 {
                        line.request().await;
                        line.say_slowly(answer, Duration::from_millis(10)).await;
                    }
                }
            });
            for _ in 0..2 {
                let mut reply = client.get(URL).await.unwrap();
                assert_eq!(reply.text(ALL).await.unwrap(), "ok");
            }
            assert_eq!(client.idle_connections(), 1);
        }
    });
}

#[test]
fn bytes_behind_a_response_end_the_connection() {
    run(async {
        let mut script = Script::new();
        let client = script.client();
        let poison = format!("{OK}HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
        spawn(async move {
            // At once, and later, when the connection is idle.
            for later in [false, true] {
                let mut line = script.accept().await;
                line.request().await;
                if later {
                    line.say(OK).await;
                    time::sleep(Duration::from_millis(1)).await;
                    line.say(&poison[OK.len()..]).await;
                } else {
                    line.say(&poison).await;
                }
                assert!(line.is_closed().await, "nothing more is asked there");
            }
            let mut line = script.accept().await;
            line.request().await;
            line.say(OK).await;
            line.request().await;
        });
        for _ in 0..3 {
            let mut reply = client.get(URL).await.unwrap();
            assert_eq!(reply.text(ALL).await.unwrap(), "ok");
            time::sleep(Duration::from_millis(10)).await;
        }
    });
}

#[test]
fn an_answer_that_was_there_before_the_request() {
    run(async {
        let mut script = Script::new();
        let client = script.client();
        let server = spawn(async move {
            let mut line = script.accept().await;
            line.say("HTTP/1.1 503 Full\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
                .await;
            line.request().await;
            assert!(line.is_closed().await);
        });
        let reply = client.get(URL).await.unwrap();
        assert_eq!(reply.status(), 503);
        server.await.unwrap();
        assert_eq!(client.idle_connections(), 0);
    });
}

#[test]
fn a_flood_of_interim_responses_ends() {
    run(async {
        let mut script = Script::new();
        let client = script.client();
        spawn(async move {
            let mut line = script.accept().await;
            line.request().await;
            loop {
                line.say("HTTP/1.1 100 Continue\r\n\r\n").await;
                time::sleep(Duration::from_millis(100)).await;
            }
        });
        let error = client.get(URL).await.unwrap_err();
        assert_eq!(error.refusal(), Some(Refusal::InterimResponses));
    });
}

#[test]
fn a_head_without_end_is_bounded() {
    run(async {
        let endless = |line: &'static str, start: &'static str| {
            let mut script = Script::new();
            let client = builder(&script.connector)
                .head_bytes(4096)
                .headers(20)
                .build();
            spawn(async move {
                let mut connection = script.accept().await;
                connection.request().await;
                connection.say(start).await;
                while connection.stream.write_all(line.as_bytes()).await.is_ok() {}
            });
            async move { client.get(URL).await.unwrap_err().refusal() }
        };
        let start = "HTTP/1.1 200 OK\r\n";
        assert_eq!(
            endless("X: y\r\n", start).await,
            Some(Refusal::TooManyHeaders)
        );
        let long = "X: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\
            yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\
            yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n";
        assert_eq!(endless(long, start).await, Some(Refusal::HeadTooLarge));
        assert_eq!(
            endless("yyyyyyyy", "HTTP/1.1 200 OK\r\nX: ").await,
            Some(Refusal::HeadTooLarge)
        );
    });
}

#[test]
fn a_head_that_comes_drop_by_drop_is_timed() {
    run(async {
        for silent in [true, false] {
            let mut script = Script::new();
            let client = builder(&script.connector)
                .head_timeout(Duration::from_secs(20))
                .build();
            spawn(async move {
                let mut line = script.accept().await;
                line.request().await;
                if !silent {
                    let head = format!("HTTP/1.1 200 OK\r\nX: {}\r\n\r\n", "y".repeat(1000));
                    line.say_slowly(head, Duration::from_secs(1)).await;
                }
                line.is_closed().await
            });
            let start = time::now();
            let error = client.get(URL).await.unwrap_err();
            assert!(
                error.is_timeout() && error.phase() == Phase::Head,
                "{error}"
            );
            assert!(error.to_string().contains("head_timeout"), "{error}");
            assert_eq!(time::now() - start, Duration::from_secs(20), "{silent}");
        }
    });
}

#[test]
fn a_body_that_stalls_is_timed_and_a_slow_one_is_not() {
    run(async {
        let head = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n";
        let ask = |pause: u64| {
            let mut script = Script::new();
            let client = builder(&script.connector)
                .stall_timeout(Duration::from_secs(10))
                .build();
            spawn(async move {
                let mut line = script.accept().await;
                line.request().await;
                line.say(head).await;
                line.say_slowly([b'x'; 100], Duration::from_secs(pause))
                    .await;
            });
            async move {
                let mut reply = client.get(URL).await.unwrap();
                let start = time::now();
                let bytes = reply.bytes(ALL).await;
                (bytes, time::now() - start)
            }
        };
        let (slow, _) = ask(9).await;
        assert_eq!(slow.unwrap(), vec![b'x'; 100]);
        let (stalled, after) = ask(11).await;
        let error = stalled.unwrap_err();
        let error = ClientError::of(&error).unwrap();
        assert!(
            error.is_timeout() && error.phase() == Phase::Body,
            "{error}"
        );
        assert!(error.to_string().contains("stall_timeout"), "{error}");
        assert!(after <= Duration::from_secs(21), "{after:?}");
    });
}

#[test]
fn a_server_that_takes_no_body_is_timed() {
    run(async {
        let mut script = Script::new();
        let client = builder(&script.connector)
            .stall_timeout(Duration::from_secs(10))
            .build();
        let server = spawn(async move {
            let mut line = script.accept().await;
            line.request().await;
            // Holds the connection without reading on.
            time::sleep(Duration::from_secs(100)).await;
        });
        let request = Request::new("POST", URL).unwrap();
        let request = request.with_body(vec![b'x'; 1 << 20]);
        let error = client.request(request).await.unwrap_err();
        assert!(
            error.is_timeout() && error.phase() == Phase::Send,
            "{error}"
        );
        server.await.unwrap();
    });
}

#[test]
fn an_early_refusal_of_a_large_body_is_read() {
    run(async {
        for closes in [false, true] {
            let mut script = Script::new();
            let client = script.client();
            spawn(async move {
                let mut line = script.accept().await;
                line.request().await;
                line.say("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!")
                    .await;
                if !closes {
                    time::sleep(Duration::from_secs(100)).await;
                }
            });
            let request = Request::new("POST", URL).unwrap();
            let request = request.with_body(Body::stream(Chunks(1_000_000)));
            let mut reply = client.request(request).await.unwrap();
            assert_eq!(reply.status(), 413);
            assert_eq!(reply.text(ALL).await.unwrap(), "no!");
            assert_eq!(client.idle_connections(), 0, "the request was not sent");
        }
    });
}

#[test]
fn the_permission_is_waited_for_and_not_for_ever() {
    run(async {
        for silent in [false, true] {
            let mut script = Script::new();
            let client = script.client();
            let server = spawn(async move {
                let mut line = script.accept().await;
                let head = line.request().await;
                assert!(head.contains("expect: 100-continue\r\n"), "{head}");
                if !silent {
                    time::sleep(Duration::from_millis(500)).await;
                    line.say("HTTP/1.1 100 Continue\r\n\r\n").await;
                }
                let start = time::now();
                assert_eq!(line.bytes(5).await, b"hello");
                line.say(OK).await;
                line.request().await;
                time::now() - start
            });
            let request = Request::new("POST", URL).unwrap().with_body("hello");
            let request = request.try_with_header("expect", "100-continue").unwrap();
            let reply = client.request(request).await.unwrap();
            assert_eq!(reply.status(), 200);
            client.get(URL).await.unwrap_err();
            let waited = server.await.unwrap();
            assert_eq!(waited, Duration::from_secs(u64::from(silent)));
        }
    });
}

/// A server that answers one request well and then loses the next one on the same connection, in
/// the way that `lose` says; behind that it answers on new connections. Gives the requests it saw.
async fn race(request: Request, reads: bool) -> (Result<u16, ClientError>, usize) {
    let mut script = Script::new();
    let client = script.client();
    let connector = script.connector.clone();
    spawn(async move {
        let mut line = script.accept().await;
        line.request().await;
        line.say(OK).await;
        if reads {
            // The request has arrived, and is lost.
            line.request().await;
        }
        drop(line);
        let mut line = script.accept().await;
        line.request().await;
        line.say(OK).await;
        line.is_closed().await;
    });
    client.get(URL).await.unwrap();
    // The server goes on as far as it does without us.
    time::sleep(Duration::from_millis(1)).await;
    let result = client.request(request).await;
    (
        result.map(|reply| reply.status().as_u16()),
        connector.made(),
    )
}

#[test]
fn a_kept_connection_that_is_closed_as_we_send() {
    run(async {
        let of = |method: &str| Request::new(method, URL).unwrap();
        // Closed before: seen by looking, whatever the method.
        assert_eq!(race(of("POST").with_body("x"), false).await.1, 2);
        // Lost on the way: what does no harm is repeated, once.
        for method in ["GET", "HEAD", "OPTIONS", "TRACE", "PUT", "DELETE"] {
            let (status, made) = race(of(method), true).await;
            assert_eq!((status.unwrap(), made), (200, 2), "{method}");
        }
        let (status, made) = race(of("PUT").with_body("again"), true).await;
        assert_eq!((status.unwrap(), made), (200, 2), "a body at hand");
        for method in ["POST", "PATCH", "OWN"] {
            let (status, made) = race(of(method), true).await;
            let error = status.expect_err(method);
            assert!(error.is_disconnected(), "{error}");
            assert_eq!(made, 1, "{method}");
            assert!(error.to_string().contains("not known"), "{error}");
        }
        let streamed = of("PUT").with_body(Body::stream(Chunks(3)));
        let (status, made) = race(streamed, true).await;
        assert!(status.is_err());
        assert_eq!(made, 1, "a streamed body is gone");
    });
}

#[test]
fn what_has_begun_to_be_answered_is_not_repeated() {
    run(async {
        for begun in ["H", "HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200 OK\r\n"] {
            let mut script = Script::new();
            let client = script.client();
            spawn(async move {
                let mut line = script.accept().await;
                line.request().await;
                line.say(OK).await;
                line.request().await;
                line.say(begun).await;
            });
            client.get(URL).await.unwrap();
            let error = client.get(URL).await.unwrap_err();
            assert_eq!(error.refusal(), Some(Refusal::HeadIncomplete), "{begun}");
        }
    });
}

#[test]
fn a_new_connection_that_fails_is_not_repeated() {
    run(async {
        let server = Script::new().answer("", 5);
        let error = client(&server).get(URL).await.unwrap_err();
        assert!(error.is_disconnected(), "{error}");
        assert_eq!(server.made(), 1);
    });
}

#[test]
fn nobody_listens() {
    run(async {
        let script = Script::new();
        let client = script.client();
        drop(script);
        let error = client.get("http://Server:81/x").await.unwrap_err();
        assert!(error.is_connect() && !error.is_timeout(), "{error}");
        assert_eq!((error.phase(), error.host()), (Phase::Connect, "server:81"));
        assert_eq!(error.status(), 502);
    });
}

#[test]
fn a_dropped_request_closes_its_connection() {
    run(async {
        let mut script = Script::new();
        let client = script.client();
        let server = spawn(async move {
            let mut line = script.accept().await;
            line.request().await;
            line.is_closed().await
        });
        let second = Duration::from_secs(1);
        assert!(time::timeout(second, client.get(URL)).await.is_err());
        assert!(server.await.unwrap());
        assert_eq!(client.idle_connections(), 0);
    });
}

#[test]
fn a_protocol_is_switched_with_what_was_read() {
    run(async {
        use ringspun_net::io::{ReadExt, WriteExt};
        let mut script = Script::new();
        let client = script.client();
        let server = spawn(async move {
            let mut line = script.accept().await;
            let head = line.request().await;
            assert!(head.contains("Connection: Upgrade\r\n"), "{head}");
            line.say(
                "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\nfirst,",
            )
            .await;
            assert_eq!(line.bytes(4).await, b"ping");
            line.say("second").await;
            assert!(line.is_closed().await);
        });
        let request = Request::new("GET", URL).unwrap();
        let lines = [("Connection", &b"Upgrade"[..]), ("Upgrade", b"x")];
        let request = request.try_with_headers(lines).unwrap();
        let reply = client.request(request).await.unwrap();
        assert_eq!(
            (reply.status().as_u16(), reply.header("upgrade")),
            (101, Some("x"))
        );
        let mut raw = reply.into_upgraded().expect("switched");
        raw.write_all(b"ping").await.unwrap();
        let mut got = [0; 12];
        raw.read_exact(&mut got).await.unwrap();
        assert_eq!(&got, b"first,second");
        drop(raw);
        server.await.unwrap();
        assert_eq!(client.idle_connections(), 0);
        // What was not switched comes back.
        let server = Script::new().answer(OK, 1);
        let reply = self::client(&server).get(URL).await.unwrap();
        let mut reply = reply.into_upgraded().expect_err("a plain reply");
        assert_eq!(reply.text(ALL).await.unwrap(), "ok");
    });
}

#[test]
fn through_a_proxy() {
    run(async {
        let mut script = Script::new();
        let builder = builder(&script.connector).proxy("http://proxy:3128");
        let client = builder.unwrap().build();
        let connector = script.connector.clone();
        let server = spawn(async move {
            let mut line = script.accept().await;
            let mut seen = Vec::new();
            for answer in [OK, OK, "HTTP/1.1 200 OK\r\n\r\nraw"] {
                seen.push(line.request().await);
                line.say(answer).await;
            }
            seen
        });
        for host in ["a", "b:81"] {
            let reply = client.get(&format!("http://{host}/p?q")).await.unwrap();
            assert_eq!(reply.status(), 200);
        }
        let connect = Request::new("CONNECT", "c:443").unwrap();
        let raw = client.request(connect).await.unwrap().into_upgraded();
        let (before, ..) = raw.unwrap().into_parts();
        assert_eq!(before, "raw");
        let seen = server.await.unwrap();
        assert_eq!(seen[0], "GET http://a/p?q HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(
            seen[1],
            "GET http://b:81/p?q HTTP/1.1\r\nHost: b:81\r\n\r\n"
        );
        assert_eq!(seen[2], "CONNECT c:443 HTTP/1.1\r\nHost: c:443\r\n\r\n");
        let asked = connector.asked.lock().unwrap().clone().unwrap();
        assert_eq!(
            (asked.host(), asked.port(), connector.made()),
            ("proxy", 3128, 1)
        );
        for bad in [
            "proxy:1",
            "https://proxy",
            "http://",
            "http://a b",
            "http://a/x",
            "http://a:0",
        ] {
            let error = self::builder(&connector).proxy(bad).unwrap_err();
            assert_eq!(error.phase(), Phase::Request, "{bad}");
        }
    });
}
