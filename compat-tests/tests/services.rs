//! Services that are no axum `Router`, and what a server does with them.

use std::convert::Infallible;
use std::future::{IntoFuture, Ready, ready};
use std::net::SocketAddr;
use std::task::{Context, Poll};
use std::thread;
use std::time::Duration;

use axum::Router;
use axum::extract::Request;
use axum::response::Response;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::Full;
use ringspun::http::compat::{Application, TowerHandler};
use ringspun::http::{self as http1, Server as HttpServer};
use ringspun::net::mem;
use ringspun_compat_tests::client::{Answer, Client, ask};
use ringspun_compat_tests::host::{Host, Server};
use tokio::sync::oneshot;
use tower::{BoxError, Layer, Service, ServiceBuilder};
use tower_http::normalize_path::NormalizePathLayer;

/// Serves an application of any kind on an address of its own while `test` runs.
fn serve<A, Kind>(application: A, test: impl FnOnce(SocketAddr))
where
    A: Application<Kind>,
    Kind: 'static,
{
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("listens");
    let addr = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = thread::spawn(move || {
        let runtime = ringspun::Builder::new()
            .cores(1)
            .build()
            .expect("a runtime");
        let serve = ringspun::serve(listener, application).with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        runtime.block_on(async { serve.await }).expect("serves");
    });
    test(addr);
    drop(stop);
    server.join().expect("no panic");
}

fn get_of(addr: SocketAddr, path: &str) -> Answer {
    ask(addr, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"))
}

#[test]
fn a_router_and_its_make_services() {
    let router = || Router::new().route("/", get(async || "hello"));
    serve(router(), |addr| {
        assert_eq!(get_of(addr, "/").text(), "hello")
    });
    serve(router().into_make_service(), |addr| {
        assert_eq!(get_of(addr, "/").text(), "hello")
    });
    // A layer around the whole router, which sees a request before it is routed.
    let app =
        NormalizePathLayer::trim_trailing_slash().layer(router().route("/a", get(async || "a")));
    serve(app.clone(), |addr| {
        assert_eq!(get_of(addr, "/a/").text(), "a")
    });
    serve(
        axum::ServiceExt::<Request>::into_make_service(app),
        |addr| {
            assert_eq!(get_of(addr, "/a/").text(), "a");
        },
    );
}

#[test]
fn a_function_with_bodies_of_others() {
    let service = tower::service_fn(async |request: http::Request<http1::Body>| {
        let (parts, mut body) = request.into_parts();
        let length = body.bytes(100).await?.len();
        let text = format!("{} {length}", parts.uri.path());
        Ok::<_, BoxError>(http::Response::new(Full::new(Bytes::from(text))))
    });
    serve(service, |addr| {
        let answer = ask(
            addr,
            "POST /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc",
        );
        assert_eq!(answer.text(), "/x 3");
    });
}

/// What a service fails with is the client's 500, not the end of the server.
#[test]
fn a_service_may_fail() {
    let service = ServiceBuilder::new()
        .timeout(Duration::from_millis(10))
        .service_fn(async |request: http::Request<http1::Body>| {
            if request.uri().path() == "/slow" {
                std::future::pending::<()>().await;
            }
            Ok::<_, Infallible>(http::Response::new(String::from("fast")))
        });
    serve(service, |addr| {
        assert_eq!(get_of(addr, "/slow").status, 500);
        assert_eq!(get_of(addr, "/").text(), "fast");
    });
}

/// A response that no server may send is the client's 500 as well.
#[test]
fn a_response_may_be_impossible() {
    let service = tower::service_fn(async |request: http::Request<http1::Body>| {
        let mut response = http::Response::new(String::from("abc"));
        match request.uri().path() {
            "/coding" => {
                let coding = "gzip".parse().expect("a value");
                response.headers_mut().insert("transfer-encoding", coding);
            }
            "/interim" => *response.status_mut() = http::StatusCode::EARLY_HINTS,
            _ => {}
        }
        Ok::<_, Infallible>(response)
    });
    serve(service, |addr| {
        assert_eq!(get_of(addr, "/coding").status, 500);
        assert_eq!(get_of(addr, "/interim").status, 500);
        assert_eq!(get_of(addr, "/").text(), "abc");
    });
}

/// A make service that is ready only at the second look, and refuses every other connection.
#[derive(Clone, Default)]
struct Fussy {
    has_looked: bool,
}

impl Service<SocketAddr> for Fussy {
    type Response = Router;
    type Error = &'static str;
    type Future = Ready<Result<Router, &'static str>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        if std::mem::replace(&mut self.has_looked, true) {
            return Poll::Ready(Ok(()));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn call(&mut self, peer: SocketAddr) -> Self::Future {
        assert!(self.has_looked, "called before it was ready");
        ready(
            if peer.ip().is_loopback() && peer.port().is_multiple_of(2) {
                Ok(Router::new().route("/", get(async || "let in")))
            } else {
                Err("an odd port")
            },
        )
    }
}

#[test]
fn a_make_service_may_wait_and_refuse() {
    serve(Fussy::default(), |addr| {
        for _ in 0..20 {
            let mut client = Client::connect(addr);
            client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
            if client.port().is_multiple_of(2) {
                assert_eq!(client.answer().text(), "let in");
            } else {
                assert!(client.is_ended());
            }
        }
    });
}

/// Panics of a service are contained as those of handlers are.
#[test]
fn a_service_may_panic() {
    let app = Router::new()
        .route("/", get(async || "fine"))
        .route("/panics", get(async || -> Response { panic!("asked to") }));
    serve(app, |addr| {
        assert_eq!(get_of(addr, "/panics").status, 500);
        assert_eq!(get_of(addr, "/").text(), "fine");
    });
}

/// A router of ours inside one of axum's, on both servers.
#[test]
fn our_handlers_are_services() {
    let ours = || {
        http1::Router::new()
            .get("/ours/{name}", async |request: http1::Request| {
                format!("ours: {}", request.param("name").unwrap_or_default())
            })
            .post("/ours/echo", async |request: http1::Request| {
                request.into_body()
            })
    };
    for server in Server::ALL {
        let app = move || {
            Router::new()
                .route("/theirs", get(async || "theirs"))
                .fallback_service(TowerHandler::new(ours()))
        };
        let host = Host::start(server, app);
        assert_eq!(get_of(host.addr, "/theirs").text(), "theirs");
        assert_eq!(get_of(host.addr, "/ours/a%20b").text(), "ours: a b");
        assert_eq!(get_of(host.addr, "/nowhere").status, 404, "{server:?}");
        let chunked = "POST /ours/echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(ask(host.addr, chunked).text(), "abc", "{server:?}");
    }
}

/// The in-memory transport, which has no addresses.
#[test]
fn a_router_without_sockets() {
    use axum::extract::ConnectInfo;

    let runtime = ringspun::Builder::new()
        .cores(1)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let app = Router::new().route(
            "/",
            get(async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.to_string()),
        );
        let (listener, connector) = mem::listener(4096);
        let server = HttpServer::from_listener(listener).without_signals();
        let app = app.into_make_service_with_connect_info::<SocketAddr>();
        let serving = ringspun::spawn(server.serve_service(app).into_future());
        let mut client = connector.connect().await.expect("it listens");
        client
            .write_all(b"GET / HTTP/1.0\r\n\r\n")
            .await
            .expect("it reads");
        let mut answer = Vec::new();
        tokio::io::AsyncReadExt::read_to_end(&mut client, &mut answer)
            .await
            .expect("an answer");
        let answer = String::from_utf8(answer).expect("text");
        assert!(answer.ends_with("\r\n\r\n0.0.0.0:0"), "{answer}");
        drop((client, connector));
        serving.await.expect("no panic").expect("served");
    });
}

/// Two servers under one tokio runtime run on threads of ours; each ends when it is dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_under_tokio_end_when_they_are_dropped() {
    let app = || {
        let handler = async || {
            let name = thread::current().name().map(str::to_owned);
            name.unwrap_or_default()
        };
        Router::new().route("/", get(handler))
    };
    let mut servers = Vec::new();
    let mut names = Vec::new();
    for _ in 0..2 {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("listens");
        let addr = listener.local_addr().expect("an address");
        let server = tokio::spawn(ringspun::serve(listener, app()).into_future());
        let name = tokio::task::spawn_blocking(move || get_of(addr, "/").text());
        names.push(name.await.expect("answered"));
        servers.push((server, addr));
    }
    assert!(
        names.iter().all(|name| name.starts_with("ringspun-")),
        "{names:?}"
    );
    for (server, addr) in servers {
        // Dropped, a server stops to listen.
        server.abort();
        assert!(server.await.expect_err("aborted").is_cancelled());
        let is_closed = || std::net::TcpStream::connect(addr).is_err();
        let start = std::time::Instant::now();
        while !is_closed() {
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "it still listens"
            );
            tokio::task::yield_now().await;
        }
    }
}

/// Says when it is dropped.
struct Dropped(std::sync::mpsc::Sender<&'static str>, &'static str);

impl Drop for Dropped {
    fn drop(&mut self) {
        // The test may have failed.
        let _ = self.0.send(self.1);
    }
}

/// Nobody works for a client that has gone: the future of the handler is dropped, and the stream of a
/// body.
#[test]
fn what_a_client_has_asked_for_is_dropped_when_it_goes() {
    for server in Server::ALL {
        let (sender, receiver) = std::sync::mpsc::channel();
        let app = move || {
            let (waits, streams) = (sender.clone(), sender);
            let wait = async move || {
                let _dropped = Dropped(waits.clone(), "handler");
                waits.send("called").expect("the test waits");
                std::future::pending::<()>().await;
            };
            let stream = async move || {
                let dropped = Dropped(streams, "stream");
                let chunks = futures_util::stream::unfold(dropped, async |dropped| {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    Some((Ok::<_, Infallible>(Bytes::from_static(b"chunk")), dropped))
                });
                axum::body::Body::from_stream(chunks)
            };
            Router::new()
                .route("/wait", get(wait))
                .route("/stream", get(stream))
        };
        let host = Host::start(server, app);
        let told = || receiver.recv_timeout(Duration::from_secs(60)).ok();
        let mut client = Client::connect(host.addr);
        client.send("GET /wait HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(told(), Some("called"), "{server:?}");
        drop(client);
        assert_eq!(told(), Some("handler"), "{server:?}");

        let mut client = Client::connect(host.addr);
        client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
        client.lines();
        assert_eq!(client.chunk(), b"chunk");
        drop(client);
        assert_eq!(told(), Some("stream"), "{server:?}");
    }
}
