//! HTTP/2 without TLS, by its preface, and gRPC on top of it.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use ringspun_compat_tests::app::app;
use ringspun_compat_tests::host::{Host, Server};
use tonic::service::Routes;
use tonic_health::ServingStatus;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

type Requests = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

async fn connect(host: &Host) -> Requests {
    let stream = tokio::net::TcpStream::connect(host.addr)
        .await
        .expect("it listens");
    let builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (requests, connection) = builder
        .handshake(TokioIo::new(stream))
        .await
        .expect("HTTP/2");
    tokio::spawn(connection);
    requests
}

async fn ask(
    requests: &mut Requests,
    method: &str,
    path: &str,
    body: &'static str,
) -> (u16, String) {
    let request = http::Request::builder()
        .method(method)
        .uri(format!("http://a{path}"))
        .body(Full::from(body))
        .expect("a request");
    let response = requests.send_request(request).await.expect("an answer");
    let status = response.status().as_u16();
    let body = response
        .into_body()
        .collect()
        .await
        .expect("a body")
        .to_bytes();
    (status, String::from_utf8_lossy(&body).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_requests_on_one_connection() {
    for server in Server::ALL {
        let host = Host::start(server, app);
        let mut requests = connect(&host).await;
        assert_eq!(
            ask(&mut requests, "GET", "/", "").await,
            (200, "hello\n".into()),
            "{server:?}"
        );
        assert_eq!(
            ask(&mut requests, "POST", "/echo", "back").await,
            (200, "back".into())
        );
        assert_eq!(ask(&mut requests, "GET", "/nowhere", "").await.0, 404);
        let peer = ask(&mut requests, "GET", "/peer", "").await;
        assert_eq!(peer, (200, "127.0.0.1 true\n".into()), "{server:?}");
        let slow = tokio::spawn({
            let mut requests = requests.clone();
            async move { ask(&mut requests, "GET", "/tokio/sleep", "").await }
        });
        let all = (0..50).map(|id| {
            let mut requests = requests.clone();
            tokio::spawn(async move {
                let answer = ask(&mut requests, "GET", &format!("/users/{id}"), "").await;
                assert_eq!(answer, (200, format!("user {id}\n")));
            })
        });
        for one in all.collect::<Vec<_>>() {
            one.await.expect("answered");
        }
        assert_eq!(slow.await.expect("answered").0, 200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_of_the_server_is_told() {
    for server in Server::ALL {
        let host = Host::start(server, app);
        let mut requests = connect(&host).await;
        assert_eq!(ask(&mut requests, "GET", "/", "").await.0, 200);
        let ending = tokio::task::spawn_blocking(move || drop(host));
        // GOAWAY ends the connection, which is what the server waits for.
        ending.await.unwrap_or_else(|_| panic!("{server:?} ends"));
        let request = http::Request::new(Full::from(""));
        let answer = requests.send_request(request).await;
        assert!(answer.is_err(), "{server:?}");
    }
}

/// gRPC: unary and streaming calls, with the trailers that carry their status.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn grpc_by_tonic() {
    for server in Server::ALL {
        let (reporter, service) = tonic_health::server::health_reporter();
        let routes = Routes::new(service).into_axum_router();
        let host = Host::start(server, move || routes);
        reporter
            .set_service_status("chat", ServingStatus::Serving)
            .await;
        let channel = tonic::transport::Endpoint::new(format!("http://{}", host.addr));
        let channel = channel.expect("an address").connect().await;
        let mut client =
            HealthClient::new(channel.unwrap_or_else(|error| panic!("{server:?}: {error}")));
        let ask = |service: &str| HealthCheckRequest {
            service: service.to_owned(),
        };

        let status = client
            .check(ask("chat"))
            .await
            .expect("known")
            .into_inner()
            .status();
        assert_eq!(
            status,
            tonic_health::pb::health_check_response::ServingStatus::Serving
        );
        let unknown = client.check(ask("mail")).await.expect_err("unknown");
        assert_eq!(unknown.code(), tonic::Code::NotFound, "{server:?}");

        let mut watch = client.watch(ask("chat")).await.expect("known").into_inner();
        assert_eq!(
            watch
                .message()
                .await
                .expect("a message")
                .expect("one")
                .status,
            1
        );
        reporter
            .set_service_status("chat", ServingStatus::NotServing)
            .await;
        assert_eq!(
            watch
                .message()
                .await
                .expect("a message")
                .expect("one")
                .status,
            2
        );
        drop((watch, client));
    }
}
