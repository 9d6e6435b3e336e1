//! The client over real sockets: names, cores, timeouts of connecting, and descriptors.

mod common;

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::Duration;

use common::{Chunks, app};
use ringspun_http::client::Phase;
use ringspun_http::{Body, Client, Request, Server};
use ringspun_runtime::{Builder, spawn, time};

const ALL: usize = 2 << 20;

/// Runs a test on so many cores, with a server beside it; at most a generous minute.
fn run<T>(cores: usize, test: impl AsyncFnOnce(SocketAddr) -> T) -> T {
    let runtime = Builder::new().cores(cores).build().expect("a runtime");
    runtime.block_on(async {
        let server = Server::bind("127.0.0.1:0")
            .expect("a port")
            .without_signals();
        let addr = server.local_addr().expect("TCP has addresses");
        spawn(server.serve(app()).into_future());
        let minute = Duration::from_secs(60);
        time::timeout(minute, test(addr))
            .await
            .expect("the test hangs")
    })
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").expect("procfs").count()
}

#[test]
fn a_thousand_mixed_requests_leak_nothing() {
    run(2, async |addr| {
        let client = Client::builder().idle_per_host(4).build();
        let before = descriptors();
        let tasks: Vec<_> = (0..10)
            .map(|number: usize| {
                let client = client.clone();
                spawn(async move {
                    for round in 0..100 {
                        mixed(&client, addr, number + round).await;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        let idle = client.idle_connections();
        assert!(idle <= 12, "two cores and one shard more: {idle}");
        drop(client);
        // The server closes its ends when it sees that ours are closed.
        while descriptors() > before {
            time::sleep(Duration::from_millis(1)).await;
        }
    });
}

/// One request of a kind that depends on the number; some are given up half way.
async fn mixed(client: &Client, addr: SocketAddr, number: usize) {
    let url = |path: &str| format!("http://{addr}{path}");
    match number % 7 {
        0 => {
            let mut reply = client.get(&url("/n/7")).await.unwrap();
            assert_eq!(reply.text(ALL).await.unwrap(), "7");
        }
        1 => {
            let mut reply = client.get(&url("/large")).await.unwrap();
            reply.body().chunk().await.unwrap().unwrap();
        }
        2 => {
            let mut reply = client.get(&url("/large")).await.unwrap();
            assert_eq!(reply.bytes(ALL).await.unwrap().len(), 1_000_000);
        }
        3 => {
            let request = Request::new("POST", &url("/echo")).unwrap();
            let request = request.with_body(Body::stream(Chunks(100)));
            let mut reply = client.request(request).await.unwrap();
            assert!(reply.text(ALL).await.unwrap().ends_with("chunk 1;"));
        }
        4 => {
            let mut reply = client.get(&url("/short")).await.unwrap();
            reply.bytes(ALL).await.unwrap_err();
        }
        5 => {
            let limit = Duration::from_millis(2);
            let url = url("/slow/5");
            let slow = time::timeout(limit, client.get(&url));
            assert!(slow.await.is_err());
        }
        _ => {
            let reply = client.get(&url("/close")).await.unwrap();
            assert_eq!(reply.status(), 200);
        }
    }
}

#[test]
fn names_are_looked_up() {
    run(1, async |addr| {
        let client = Client::new();
        let url = format!("http://localhost:{}/", addr.port());
        let mut reply = client.get(&url).await.unwrap();
        assert_eq!(reply.text(ALL).await.unwrap(), "hello");
        let error = client.get("http://nobody.invalid/").await.unwrap_err();
        assert_eq!(
            (error.phase(), error.host()),
            (Phase::Resolve, "nobody.invalid")
        );
        assert!(error.is_connect() && !error.is_request(), "{error}");
        assert!(error.to_string().contains("check the name"), "{error}");
    });
}

#[test]
fn a_refused_connection_says_where() {
    run(1, async |_| {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = free.local_addr().unwrap();
        drop(free);
        let error = Client::new().get(&format!("http://{addr}/")).await;
        let error = error.unwrap_err();
        assert_eq!(
            (error.phase(), error.host()),
            (Phase::Connect, &*addr.to_string())
        );
        assert!(error.is_connect() && !error.is_timeout(), "{error}");
    });
}

#[test]
fn connecting_is_timed() {
    run(1, async |_| {
        // A listener that accepts nothing and whose backlog is full.
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = socket.local_addr().unwrap();
        let mut filling = Vec::new();
        let limit = Duration::from_millis(100);
        while let Ok(stream) = std::net::TcpStream::connect_timeout(&addr, limit) {
            filling.push(stream);
            assert!(filling.len() < 10_000, "the backlog has no end");
        }
        let client = Client::builder().connect_timeout(limit).build();
        let error = client.get(&format!("http://{addr}/")).await.unwrap_err();
        assert!(error.is_timeout() && error.is_connect(), "{error}");
        assert!(error.to_string().contains("connect_timeout"), "{error}");
    });
}

#[test]
fn a_client_outlives_a_runtime() {
    let client = Client::builder()
        .connect_timeout(Duration::from_secs(30))
        .build();
    run(1, async |addr| {
        for cores in [1, 2, 1] {
            let asking = client.clone();
            let ask = move || {
                let runtime = Builder::new().cores(cores).build().expect("a runtime");
                let asked = runtime.handle().spawn(async move {
                    let url = format!("http://{addr}/n/{cores}");
                    let mut reply = asking.get(&url).await.unwrap();
                    reply.text(ALL).await.unwrap()
                });
                runtime.block_on(asked).unwrap()
            };
            let text = std::thread::spawn(ask);
            let text = ringspun_runtime::spawn_blocking(move || text.join().unwrap());
            assert_eq!(text.await.unwrap(), cores.to_string());
            // What a runtime has left is closed with it.
            while client.idle_connections() > 0 {
                time::sleep(Duration::from_millis(1)).await;
            }
        }
    });
}

#[test]
fn a_bounded_host_is_shared_between_cores() {
    run(2, async |addr| {
        let client = Client::builder().connections_per_host(2).build();
        let tasks: Vec<_> = (0..40)
            .map(|number| {
                let client = client.clone();
                spawn(async move {
                    for round in 0..10 {
                        let url = format!("http://{addr}/n/{number}-{round}");
                        let mut reply = client.get(&url).await.unwrap();
                        let text = reply.text(ALL).await.unwrap();
                        assert_eq!(text, format!("{number}-{round}"));
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.expect("no panic");
        }
        assert!((1..=2).contains(&client.idle_connections()));
    });
}
