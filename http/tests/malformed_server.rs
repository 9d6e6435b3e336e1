//! The corpus of malformed requests against a whole server: each is answered once with its
//! status, and then the connection ends.

mod common;
mod corpus;

use common::{Host, app, run};
use ringspun_http::{Request, Router};

/// Reads every body, wherever it was sent to.
fn reader() -> impl ringspun_http::Handler {
    async |mut request: Request| request.body().bytes(1 << 20).await
}

#[test]
fn every_row_is_answered_once_and_ends_its_connection() {
    run(async {
        let host = Host::start(reader());
        for row in corpus::REFUSED {
            let name = row.input.escape_ascii().to_string();
            let mut client = host.connect().await;
            // What a smuggler would have hidden behind it.
            let behind = b"GET /hidden HTTP/1.1\r\nHost: a\r\n\r\n";
            let is_cut = corpus::is_cut_short(row.input);
            client.send(row.input).await;
            if !is_cut {
                client.send(behind).await;
            }
            client.finish().await;
            let reply = client.reply().await;
            assert_eq!((reply.status, reply.closes()), (row.status, true), "{name}");
            assert!(client.is_at_end().await, "{name}: one answer, then the end");
        }
    });
}

#[test]
fn odd_requests_are_answered_and_the_connection_is_kept() {
    run(async {
        let host = Host::start(reader());
        for input in corpus::ACCEPTED {
            let name = input.escape_ascii().to_string();
            let mut client = host.connect().await;
            client.send(input).await;
            let reply = client.reply().await;
            assert_eq!(reply.status, 200, "{name}");
            if !reply.closes() {
                assert_eq!(client.get("/").await.status, 200, "{name}");
            }
        }
    });
}

#[test]
fn a_router_sees_only_what_is_sound() {
    let app: Router = app();
    run(async {
        let host = Host::start(app);
        let mut client = host.connect().await;
        client
            .send("GET /n/%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        assert_eq!(client.reply().await.text(), "..");
        client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 204);
    });
}
