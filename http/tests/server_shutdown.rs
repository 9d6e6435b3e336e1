//! The end of a server: what is under way finishes, what is idle ends, what takes too long is cut.

mod common;

use std::time::Duration;

use common::{Host, app, run};
use ringspun_runtime::time::{now, sleep};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn idle_connections_end_at_once() {
    run(async {
        let host = Host::start(app());
        let mut clients = Vec::new();
        for _ in 0..10 {
            let mut client = host.connect().await;
            client.get("/").await;
            clients.push(client);
        }
        let mut unused = host.connect().await;
        sleep(SECOND).await;
        let start = now();
        host.stop();
        for client in &mut clients {
            assert!(client.is_at_end().await);
        }
        assert!(unused.is_at_end().await);
        assert_eq!(host.ended().await.cut(), 0);
        assert!(now() - start < SECOND);
    });
}

#[test]
fn requests_under_way_are_answered_and_the_connection_closes() {
    run(async {
        let host = Host::start(app());
        let mut waiting = host.connect().await;
        waiting
            .send("GET /slow/5 HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        let mut sending = host.connect().await;
        sending
            .send("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nabc")
            .await;
        let mut asking = host.connect().await;
        asking.send("GET / HTTP/1.1\r\nHo").await;
        sleep(SECOND).await;
        let start = now();
        host.stop();
        sleep(SECOND).await;
        sending.send("def").await;
        asking.send("st: a\r\n\r\n").await;
        for (client, text) in [
            (&mut sending, "abcdef"),
            (&mut asking, "hello"),
            (&mut waiting, "slow"),
        ] {
            let reply = client.reply().await;
            assert_eq!((reply.text(), reply.closes()), (text, true));
            assert!(client.is_at_end().await);
        }
        drop((waiting, sending, asking));
        assert_eq!(host.ended().await.cut(), 0);
        assert!(now() - start < 10 * SECOND);
    });
}

#[test]
fn what_takes_too_long_is_cut_and_counted() {
    run(async {
        let host = Host::start(app());
        let mut clients = [
            host.connect().await,
            host.connect().await,
            host.connect().await,
        ];
        for client in &mut clients {
            client
                .send("GET /slow/1000 HTTP/1.1\r\nHost: a\r\n\r\n")
                .await;
        }
        sleep(SECOND).await;
        let start = now();
        host.stop();
        assert_eq!(host.ended().await.cut(), 3);
        assert_eq!((now() - start).as_secs(), 20);
        for client in &mut clients {
            assert!(client.is_at_end().await);
        }
    });
}
