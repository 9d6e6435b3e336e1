//! Which connections the client keeps, and for how long. In memory, under a virtual clock.

mod client_support;
mod common;

use std::future::IntoFuture;
use std::time::Duration;

use client_support::{Script, builder, client, serve};
use common::{app, run};
use ringspun_http::client::Phase;
use ringspun_http::{Body, Client, Server};
use ringspun_net::mem;
use ringspun_runtime::{spawn, time};

const URL: &str = "http://server/";
const ALL: usize = 2 << 20;

/// Holds so many replies at once, then drops them.
async fn at_once(client: &Client<client_support::Counting>, url: &str, count: usize) {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let (client, url) = (client.clone(), url.to_owned());
            spawn(async move { client.get(&url).await.map(|reply| reply.status()) })
        })
        .collect();
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap(), 200);
    }
}

#[test]
fn kept_connections_are_bounded() {
    run(async {
        let server = serve(app());
        let client = builder(&server).idle_per_host(3).idle_total(5).build();
        at_once(&client, "http://a/slow/1", 8).await;
        assert_eq!((server.made(), client.idle_connections()), (8, 3));
        at_once(&client, "http://b/slow/1", 8).await;
        assert_eq!((server.made(), client.idle_connections()), (16, 5));
        at_once(&client, "http://c/slow/1", 2).await;
        assert_eq!((server.made(), client.idle_connections()), (18, 5));
        // Those that are kept are used.
        at_once(&client, "http://a:80/slow/1", 3).await;
        at_once(&client, "http://A/slow/1", 3).await;
        assert_eq!((server.made(), client.idle_connections()), (18, 5));
    });
}

#[test]
fn kept_connections_are_closed_after_a_while() {
    run(async {
        let mut script = Script::new();
        let client = builder(&script.connector)
            .idle_timeout(Duration::from_secs(20))
            .build();
        let server = spawn(async move {
            let mut line = script.accept().await;
            line.request().await;
            line.say("HTTP/1.1 204 No\r\n\r\n").await;
            let start = time::now();
            assert!(line.is_closed().await);
            time::now() - start
        });
        client.get(URL).await.unwrap();
        assert_eq!(client.idle_connections(), 1);
        let kept = server.await.unwrap().as_secs();
        assert!((20..30).contains(&kept), "{kept} s");
        assert_eq!(client.idle_connections(), 0);
    });
}

#[test]
fn what_has_waited_too_long_is_not_used() {
    run(async {
        let server = serve(app());
        let client = builder(&server)
            .idle_timeout(Duration::from_secs(7))
            .build();
        for (pause, made) in [(0, 1), (6, 1), (8, 2)] {
            time::sleep(Duration::from_secs(pause)).await;
            client.get(URL).await.unwrap();
            assert_eq!(server.made(), made, "after {pause} s");
        }
    });
}

#[test]
fn what_the_server_closes_is_dropped_soon() {
    run(async {
        let mut script = Script::new();
        let client = script.client();
        spawn(async move {
            let mut line = script.accept().await;
            line.request().await;
            line.say("HTTP/1.1 204 No\r\n\r\n").await;
            time::sleep(Duration::from_secs(1)).await;
        });
        client.get(URL).await.unwrap();
        assert_eq!(client.idle_connections(), 1);
        time::sleep(Duration::from_secs(10)).await;
        assert_eq!(client.idle_connections(), 0);
    });
}

#[test]
fn nothing_is_kept_where_nothing_shall_be() {
    run(async {
        let mut script = Script::new();
        let client = builder(&script.connector)
            .idle_timeout(Duration::ZERO)
            .build();
        let server = spawn(async move {
            let mut line = script.accept().await;
            let head = line.request().await;
            line.say("HTTP/1.1 204 No\r\n\r\n").await;
            (head, line.is_closed().await)
        });
        client.get(URL).await.unwrap();
        let (head, closed) = server.await.unwrap();
        assert!(head.contains("Connection: close\r\n") && closed, "{head}");
    });
}

#[test]
fn the_last_clone_closes_everything() {
    run(async {
        let mut script = Script::new();
        let client = script.client();
        let server = spawn(async move {
            let mut line = script.accept().await;
            line.request().await;
            line.say("HTTP/1.1 204 No\r\n\r\n").await;
            let start = time::now();
            (line.is_closed().await, time::now() - start)
        });
        let clone = client.clone();
        clone.get(URL).await.unwrap();
        drop((client, clone));
        assert_eq!(server.await.unwrap(), (true, Duration::ZERO));
    });
}

#[test]
fn a_full_host_is_waited_for() {
    run(async {
        let server = serve(app());
        let client = builder(&server)
            .connections_per_host(3)
            .connect_timeout(Duration::from_secs(60))
            .build();
        let start = time::now();
        at_once(&client, "http://a/slow/2", 9).await;
        assert_eq!(
            time::now() - start,
            Duration::from_secs(6),
            "three by three"
        );
        assert_eq!((server.made(), client.idle_connections()), (3, 3));
        // Another host has its own bound.
        at_once(&client, "http://b/slow/2", 3).await;
        assert_eq!(server.made(), 6);
        // Closed ones make room as well.
        let start = time::now();
        at_once(&client, "http://c/close", 9).await;
        assert_eq!(time::now(), start);
        assert!(server.made() >= 15, "{}", server.made());
    });
}

#[test]
fn the_wait_for_a_full_host_is_timed() {
    run(async {
        let server = serve(app());
        let client = builder(&server)
            .connections_per_host(1)
            .connect_timeout(Duration::from_secs(5))
            .build();
        let held = client.get("http://a/large").await.unwrap();
        let start = time::now();
        let error = client.get("http://a/").await.unwrap_err();
        assert!(error.is_timeout() && error.is_connect(), "{error}");
        assert_eq!(error.phase(), Phase::Connect);
        assert!(error.to_string().contains("held unread"), "{error}");
        assert_eq!(time::now() - start, Duration::from_secs(5));
        // Whoever waits is let in when the reply goes.
        let waiting = client.clone();
        let waiting = spawn(async move { waiting.get("http://a/").await });
        time::sleep(Duration::from_secs(1)).await;
        drop(held);
        assert_eq!(waiting.await.unwrap().unwrap().status(), 200);
        // Who gives up waiting takes nothing away.
        let held = client.get("http://a/large").await.unwrap();
        let second = Duration::from_secs(1);
        let given_up = time::timeout(second, client.get("http://a/")).await;
        assert!(given_up.is_err());
        drop(held);
        assert_eq!(client.get("http://a/").await.unwrap().status(), 200);
    });
}

#[test]
fn a_lost_connection_of_a_full_host_is_replaced() {
    run(async {
        let mut script = Script::new();
        let client = builder(&script.connector).connections_per_host(1).build();
        spawn(async move {
            for _ in 0..2 {
                let mut line = script.accept().await;
                line.request().await;
                line.say("HTTP/1.1 204 No\r\n\r\n").await;
                // The next one is read and lost.
                line.try_request().await;
            }
        });
        for _ in 0..2 {
            assert_eq!(client.get(URL).await.unwrap().status(), 204);
        }
    });
}

#[test]
fn a_reply_that_is_not_read_closes_unless_little_is_left() {
    run(async {
        let server = serve(
            // More than one buffer, and less than what is dropped to keep a connection.
            app().get("/middling", async |_| Body::from(vec![b'm'; 40_000])),
        );
        let client = client(&server);
        for (path, kept) in [
            ("/medium", true),
            ("/chunks", true),
            ("/middling", true),
            ("/large", false),
        ] {
            let reply = client.get(&format!("http://{}{path}", &path[1..])).await;
            let reply = reply.unwrap();
            // What is on its way arrives.
            time::sleep(Duration::from_millis(1)).await;
            drop(reply);
            assert_eq!(client.idle_connections() == 1, kept, "{path}");
            while client.idle_connections() > 0 {
                time::sleep(Duration::from_secs(60)).await;
            }
        }
        // Much is not read just to keep a connection, even if it is there already.
        let (listener, connector) = mem::listener(4 << 20);
        let server = Server::from_listener(listener).without_signals();
        spawn(server.serve(app()).into_future());
        let near = Client::builder().connector(connector).build();
        let reply = near.get("http://a/large").await.unwrap();
        time::sleep(Duration::from_millis(1)).await;
        drop(reply);
        assert_eq!(near.idle_connections(), 0);
        // Half read is not read.
        let mut reply = client.get("http://a/large").await.unwrap();
        reply.body().chunk().await.unwrap().unwrap();
        drop(reply);
        assert_eq!(client.idle_connections(), 0);
        // The last byte of a known length is the end, even if nobody looks behind it.
        let mut reply = client.get("http://a/large").await.unwrap();
        let mut left = reply.body().length().unwrap();
        while left > 0 {
            left -= reply.body().chunk().await.unwrap().unwrap().len() as u64;
        }
        assert_eq!(client.idle_connections(), 1);
        assert!(reply.bytes(ALL).await.unwrap().is_empty());
    });
}

#[test]
fn many_hosts_leave_no_trace() {
    run(async {
        let server = serve(app());
        let client = builder(&server)
            .idle_total(10)
            .connections_per_host(2)
            .build();
        for host in 0..500 {
            let reply = client.get(&format!("http://host{host}/")).await.unwrap();
            assert_eq!(reply.status(), 200);
        }
        assert_eq!(client.idle_connections(), 10);
        time::sleep(Duration::from_secs(100)).await;
        assert_eq!(client.idle_connections(), 0);
    });
}
