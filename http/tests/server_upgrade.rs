//! Connections that stop being HTTP: upgrades, tunnels, and those that are taken over.

mod common;

use std::future::Future;
use std::pin::Pin;

use common::{Client, Host, run};
use ringspun_http::{Opening, Request, Response, Router, StatusCode, TakeOver, Upgraded};
use ringspun_net::io::{ReadExt, WriteExt};

/// Sends back in capitals what comes, until the client has ended its side.
async fn shout(mut io: Upgraded) {
    let mut buffer = [0; 64];
    while let Ok(count @ 1..) = io.read(&mut buffer).await {
        buffer[..count].make_ascii_uppercase();
        io.write_all(&buffer[..count]).await.unwrap();
    }
}

fn app() -> Router {
    Router::new()
        .get("/", async |_| "hello")
        .get("/shout", async |_: Request| {
            Response::upgrade("shout", shout)
        })
        .post("/shout", async |_: Request| {
            Response::upgrade("shout", shout)
        })
        .get("/tunnel", async |_: Request| Response::tunnel(shout))
}

const ASK: &str = "GET /shout HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\n\
                   Upgrade: other, SHOUT\r\n\r\n";

async fn shouts(client: &mut Client, first: &str) {
    client.send("and more").await;
    client.finish().await;
    let expected = format!("{first}and more").to_uppercase();
    assert_eq!(client.rest().await, expected.as_bytes());
}

#[test]
fn an_upgrade_hands_over_what_was_read_already() {
    run(async {
        let host = Host::start(app());
        for behind in ["", "x", "read ahead"] {
            let mut client = host.connect().await;
            assert_eq!(client.get("/").await.text(), "hello");
            client.send(format!("{ASK}{behind}")).await;
            let reply = client.reply_to_head().await;
            assert_eq!(reply.status, 101);
            assert_eq!(reply.header("upgrade"), Some("shout"));
            assert_eq!(reply.header("connection"), Some("Upgrade"));
            assert_eq!(reply.header("content-length"), None);
            assert_eq!(reply.header("transfer-encoding"), None);
            shouts(&mut client, behind).await;
        }
    });
}

#[test]
fn what_was_not_offered_is_answered_with_426() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        for head in [
            "GET /shout HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /shout HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: other\r\n\r\n",
            // Without the option the field is a leftover of another hop.
            "GET /shout HTTP/1.1\r\nHost: a\r\nUpgrade: shout\r\n\r\n",
            // Version 1.0 has no upgrade (RFC 9110 7.8).
            "GET /shout HTTP/1.0\r\nHost: a\r\nConnection: upgrade, keep-alive\r\n\
             Upgrade: shout\r\n\r\n",
        ] {
            client.send(head).await;
            let reply = client.reply().await;
            assert_eq!(
                (reply.status, reply.header("upgrade")),
                (426, Some("shout")),
                "{head}"
            );
        }
        assert_eq!(client.get("/").await.text(), "hello");
    });
}

#[test]
fn an_upgrade_waits_for_no_body() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client
            .send(
                ASK.replace("GET", "POST")
                    .replace("\r\n\r\n", "\r\nContent-Length: 9\r\n\r\nab"),
            )
            .await;
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.closes()), (400, true));
    });
}

#[test]
fn a_granted_connect_is_a_tunnel() {
    run(async {
        let host = Host::start(async |request: Request| {
            if request.target() == "b:1" {
                Response::tunnel(shout)
            } else {
                Response::new(StatusCode::FORBIDDEN)
            }
        });
        let mut client = host.connect().await;
        client
            .send("CONNECT b:1 HTTP/1.1\r\nHost: b:1\r\n\r\nGET / HTTP/1.1\r\n\r\n")
            .await;
        let reply = client.reply_to_head().await;
        assert_eq!(reply.status, 200);
        assert_eq!(reply.header("content-length"), None);
        shouts(&mut client, "GET / HTTP/1.1\r\n\r\n").await;

        // Refused: what follows is no request.
        let mut client = host.connect().await;
        client
            .send("CONNECT c:1 HTTP/1.1\r\nHost: c:1\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let reply = client.reply().await;
        assert_eq!((reply.status, reply.closes()), (403, true));
        assert!(client.rest().await.is_empty());
    });
}

#[test]
fn a_tunnel_needs_a_connect() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        assert_eq!(client.get("/tunnel").await.status, 500);
        assert_eq!(client.get("/").await.text(), "hello");
    });
}

#[test]
fn a_tunnel_learns_of_the_stop_and_is_waited_for() {
    run(async {
        let host = Host::start(async |_: Request| {
            Response::upgrade("wait", |mut io: Upgraded| async move {
                assert!(!io.is_stopping());
                io.stopping().await;
                io.write_all(b"bye").await.unwrap();
            })
        });
        let mut client = host.connect().await;
        client.send(ASK.replace("SHOUT", "wait")).await;
        assert_eq!(client.reply_to_head().await.status, 101);
        host.stop();
        assert_eq!(client.rest().await, b"bye");
        assert_eq!(host.ended().await.cut(), 0);
    });
}

/// Takes HTTP/2 and one path, and tells what it was given.
struct Other;

impl TakeOver for Other {
    fn wants(&self, opening: Opening<'_>) -> bool {
        match opening {
            Opening::Head(head) => head.path() == "/other",
            _ => true,
        }
    }

    fn take_over(&self, mut io: Upgraded) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            io.write_all(b"other: ").await.unwrap();
            shout(io).await;
        })
    }
}

#[test]
fn a_connection_can_be_taken_over_with_all_its_bytes() {
    run(async {
        let host = Host::with_server(app(), |server| server.take_over(Other));
        for opening in [
            "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nframes",
            "GET /other HTTP/1.1\r\nHost: a\r\n\r\nmore",
        ] {
            // Whole, and byte by byte.
            for size in [opening.len(), 1] {
                let mut client = host.connect().await;
                for piece in opening.as_bytes().chunks(size) {
                    client.send(piece).await;
                    ringspun_runtime::task::yield_now().await;
                }
                client.finish().await;
                let expected = format!("other: {}", opening.to_uppercase());
                assert_eq!(client.rest().await, expected.as_bytes());
            }
        }
        // Answers to earlier requests go first.
        let mut client = host.connect().await;
        client
            .send("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET /other HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        client.finish().await;
        assert_eq!(client.reply().await.text(), "hello");
        assert!(client.rest().await.starts_with(b"other: GET /OTHER"));
        // Everything else is served as usual, and the preface counts at the beginning only.
        let mut client = host.connect().await;
        assert_eq!(client.get("/").await.text(), "hello");
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 505);
    });
}

#[test]
fn without_a_taker_the_preface_is_a_wrong_version() {
    run(async {
        let host = Host::start(app());
        let mut client = host.connect().await;
        client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 505);
    });
}
