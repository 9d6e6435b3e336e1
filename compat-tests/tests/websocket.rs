//! axum's WebSockets. On ringspun hyper takes these connections over, because only hyper can make what
//! axum's extractor asks for.

use std::future::IntoFuture;
use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use ringspun_compat_tests::app::app;
use ringspun_compat_tests::client::Client;
use ringspun_compat_tests::host::{Host, Server};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

fn request(addr: SocketAddr) -> http::Request<()> {
    let mut request = format!("ws://{addr}/socket")
        .into_client_request()
        .expect("a request");
    let echo = "echo".parse().expect("a value");
    request.headers_mut().insert("sec-websocket-protocol", echo);
    request
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_come_back() {
    for server in Server::ALL {
        let host = Host::start(server, app);
        let connected = tokio_tungstenite::connect_async(request(host.addr)).await;
        let (mut socket, response) =
            connected.unwrap_or_else(|error| panic!("{server:?}: {error}"));
        assert_eq!(response.headers()["sec-websocket-protocol"], "echo");
        let large = vec![7; 300_000];
        for round in 0..20 {
            socket
                .send(Message::text(format!("word {round}")))
                .await
                .expect("sent");
            let reply = socket.next().await.expect("a reply").expect("no error");
            assert_eq!(reply, Message::text(format!("WORD {round}")));
            socket
                .send(Message::binary(large.clone()))
                .await
                .expect("sent");
            let reply = socket.next().await.expect("a reply").expect("no error");
            assert_eq!(reply.into_data(), large);
            socket.send(Message::Ping("p".into())).await.expect("sent");
            let reply = socket.next().await.expect("a reply").expect("no error");
            assert_eq!(reply, Message::Pong("p".into()));
        }
        socket.close(None).await.expect("closed");
        while let Some(Ok(message)) = socket.next().await {
            assert!(message.is_close(), "{server:?}: {message:?}");
        }
    }
}

/// The first frame comes with the head, and is not lost on the way from our server to hyper.
#[test]
fn what_was_read_ahead_is_handed_over() {
    for server in Server::ALL {
        let host = Host::start(server, app);
        let mut client = Client::connect(host.addr);
        // An ordinary request, then the upgrade and a masked text frame, in one write.
        let mut bytes = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\
            GET /socket HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
            .to_vec();
        bytes.extend([0x81, 0x82, 0, 0, 0, 0, b'h', b'i']);
        client.send(&bytes);
        assert_eq!(client.answer().text(), "hello\n", "{server:?}");
        let head = client.lines();
        assert_eq!(head[0], "HTTP/1.1 101 Switching Protocols", "{server:?}");
        let accept = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert!(
            head.iter().any(|line| line.eq_ignore_ascii_case(accept)),
            "{head:?}"
        );
        assert_eq!(client.exactly(4), b"\x81\x02HI", "{server:?}");
    }
}

/// An upgrade that the application does not grant is an ordinary request; the connection goes on.
#[test]
fn an_upgrade_may_be_refused() {
    for server in Server::ALL {
        let host = Host::start(server, app);
        let mut client = Client::connect(host.addr);
        for _ in 0..2 {
            client.send(
                "GET /line HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: h3\r\n\r\n",
            );
            assert_eq!(client.answer().text(), "GET /line HTTP/1.1\n", "{server:?}");
            client.send("GET /users/5 HTTP/1.1\r\nHost: a\r\n\r\n");
            assert_eq!(client.answer().text(), "user 5\n", "{server:?}");
        }
    }
}

/// A socket that never closes is cut at the end of the grace, wherever axum has put it.
#[test]
fn the_end_of_the_grace_cuts_a_socket() {
    let runtime = ringspun::Builder::new()
        .cores(2)
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let server = ringspun::http::Server::bind("127.0.0.1:0").expect("listens");
        let addr = server.local_addr().expect("an address");
        let (stop, stopped) = ringspun::channel::oneshot::channel::<()>();
        let server = server.grace(Duration::from_millis(50)).serve_service(app());
        let server = server.with_graceful_shutdown(async {
            let _ = stopped.await;
        });
        let serving = ringspun::spawn(server.into_future());

        let plain = http::Uri::try_from(format!("ws://{addr}/socket")).expect("a target");
        let (mut socket, _) = tokio_tungstenite::connect_async(plain)
            .await
            .expect("a socket");
        socket.send(Message::text("here")).await.expect("sent");
        let reply = socket.next().await.expect("a reply").expect("no error");
        assert_eq!(reply, Message::text("HERE"));
        drop(stop);
        // It counts as a connection, though its task is tokio's.
        let ended = serving.await.expect("no panic").expect("served");
        assert_eq!(ended.cut(), 1);
        let end = socket.next().await;
        assert!(!matches!(end, Some(Ok(_))), "{end:?}");
    });
}
