//! What happens on one connection: order, pauses, protocols that follow.

use std::thread;

use ringspun_compat_tests::app::app;
use ringspun_compat_tests::client::Client;
use ringspun_compat_tests::host::{Host, Server};

/// Runs a test against all servers.
fn on_all(test: impl Fn(Server, &Host)) {
    for server in Server::ALL {
        let host = Host::start(server, app);
        test(server, &host);
    }
}

#[test]
fn requests_on_one_connection_are_answered_in_order() {
    on_all(|server, host| {
        let mut client = Client::connect(host.addr);
        let mut batch = String::new();
        for id in 0..50 {
            batch += &format!("GET /users/{id} HTTP/1.1\r\nHost: a\r\n\r\n");
            batch += &format!("POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\n{id:03}");
        }
        client.send(batch);
        for id in 0..50 {
            assert_eq!(client.answer().text(), format!("user {id}\n"), "{server:?}");
            assert_eq!(client.answer().text(), format!("{id:03}"), "{server:?}");
        }
        client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
        assert_eq!(client.answer().status, 200);
        assert!(client.is_closed(), "{server:?}");
    });
}

#[test]
fn a_client_that_waits_is_told_to_send_its_body() {
    on_all(|server, host| {
        let mut client = Client::connect(host.addr);
        let head = "Host: a\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n";
        client.send(format!("POST /text HTTP/1.1\r\n{head}"));
        assert_eq!(client.lines()[0], "HTTP/1.1 100 Continue", "{server:?}");
        client.send("abc");
        assert_eq!(client.answer().text(), "abc", "{server:?}");

        // Nobody wants it.
        client.send(format!("POST /unread HTTP/1.1\r\n{head}"));
        assert_eq!(client.answer().text(), "not read\n", "{server:?}");
    });
}

#[test]
fn events_are_kept_alive() {
    on_all(|server, host| {
        let mut client = Client::connect(host.addr);
        client.send("GET /events-kept HTTP/1.1\r\nHost: a\r\n\r\n");
        let head = client.lines();
        let line = "content-type: text/event-stream";
        assert!(
            head.iter().any(|other| other == line),
            "{server:?}: {head:?}"
        );
        assert_eq!(client.chunk(), b"data: first\n\n", "{server:?}");
        for _ in 0..3 {
            assert_eq!(client.chunk(), b": still here\n\n", "{server:?}");
        }
    });
}

/// A body goes back as it comes: no side waits for the whole of it.
#[test]
fn a_body_streams_both_ways() {
    on_all(|server, host| {
        let mut client = Client::connect(host.addr);
        client.send(
            "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
        );
        assert!(client.lines()[0].ends_with("200 OK"), "{server:?}");
        assert_eq!(client.chunk(), b"ab", "{server:?}");
        client.send("3\r\ncde\r\n");
        assert_eq!(client.chunk(), b"cde", "{server:?}");
        client.send("0\r\n\r\n");
        assert_eq!(client.chunk(), b"", "{server:?}");
    });
}

/// The application is a client itself, of a server that runs beside it.
#[test]
fn handlers_ask_other_servers_by_reqwest() {
    let other = Host::start(Server::Axum, app);
    on_all(|server, host| {
        let mut client = Client::connect(host.addr);
        client.send(format!(
            "GET /fetch/{} HTTP/1.1\r\nHost: a\r\n\r\n",
            other.addr.port()
        ));
        assert_eq!(
            client.answer().text(),
            "200 OK one two three\n",
            "{server:?}"
        );
    });
}

#[test]
fn many_clients_at_once() {
    on_all(|server, host| {
        let addr = host.addr;
        let clients: Vec<_> = (0..16)
            .map(|id| {
                thread::spawn(move || {
                    let mut client = Client::connect(addr);
                    for _ in 0..50 {
                        client.send(format!("GET /users/{id} HTTP/1.1\r\nHost: a\r\n\r\n"));
                        assert_eq!(client.answer().text(), format!("user {id}\n"));
                        client.send("GET /tokio/join-set HTTP/1.1\r\nHost: a\r\n\r\n");
                        assert_eq!(client.answer().text(), "190\n");
                    }
                })
            })
            .collect();
        for client in clients {
            client.join().unwrap_or_else(|_| panic!("{server:?}"));
        }
        let mut client = Client::connect(addr);
        client.send("POST /count HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(client.answer().text(), "1");
    });
}

/// The end of the server lets a request finish.
#[test]
fn a_request_under_way_is_answered_at_the_end() {
    for server in Server::ALL {
        let host = Host::start(server, app);
        let mut client = Client::connect(host.addr);
        client.send("POST /text HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nab");
        // Its handler runs: another request on another connection has been answered since.
        let mut other = Client::connect(host.addr);
        other.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(other.answer().status, 200);
        let ending = thread::spawn(move || drop(host));
        client.send("cd");
        assert_eq!(client.answer().text(), "abcd", "{server:?}");
        ending.join().expect("it ends");
    }
}
