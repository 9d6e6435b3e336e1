//! Each row is asked of all servers, byte for byte the same: the answers must be the same.

use std::fmt::Write;
use std::thread;

use ringspun_compat_tests::app::app;
use ringspun_compat_tests::client::{Answer, Client, ask};
use ringspun_compat_tests::host::{Host, Server};

/// A GET of this target.
fn get(target: &str) -> String {
    format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n")
}

/// A request with this method, these lines and this body.
fn with(method: &str, target: &str, lines: &[&str], body: &str) -> String {
    let mut request = format!("{method} {target} HTTP/1.1\r\nHost: a\r\n");
    for line in lines {
        write!(request, "{line}\r\n").expect("text");
    }
    if !body.is_empty() {
        write!(request, "Content-Length: {}\r\n", body.len()).expect("text");
    }
    request + "\r\n" + body
}

/// A POST in the chunked coding.
fn chunked(target: &str, chunks: &[&str], trailer: &str) -> String {
    let mut request =
        format!("POST {target} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    for chunk in chunks {
        write!(request, "{:x}\r\n{chunk}\r\n", chunk.len()).expect("text");
    }
    request + "0\r\n" + trailer + "\r\n"
}

/// What is asked, and the status that is expected of all.
fn rows() -> Vec<(String, u16)> {
    let mut rows = routing();
    rows.extend(extractors());
    rows.extend(bodies());
    rows.extend(responses());
    rows.extend(layers());
    rows.extend(tokio_uses());
    rows
}

fn routing() -> Vec<(String, u16)> {
    vec![
        (get("/"), 200),
        (get("/users/7"), 200),
        (get("/users/x"), 400),
        (get("/users/7%20"), 400),
        (get("/files/a/b%20c/d"), 200),
        (get("/nowhere"), 404),
        (with("POST", "/html", &[], ""), 405),
        (with("HEAD", "/html", &[], ""), 200),
        (with("HEAD", "/stream", &[], ""), 200),
        (with("OPTIONS", "/html", &[], ""), 405),
        (with("OPTIONS", "*", &[], ""), 404),
        (get("/api/v1/things/3?x=y"), 200),
        (get("/api/v1/nothing"), 404),
        (get("http://b.example/line?q=1"), 200),
        (with("BREW", "/line", &[], ""), 200),
        ("GET /line HTTP/1.0\r\n\r\n".to_owned(), 200),
        (get("/line/"), 404),
    ]
}

fn extractors() -> Vec<(String, u16)> {
    let json = &["Content-Type: application/json"];
    let form = &["Content-Type: application/x-www-form-urlencoded"];
    vec![
        (get("/pages?page=2&sort=name"), 200),
        (get("/pages?page=two"), 400),
        (get("/pages"), 400),
        (get("/raw-query?a=%41&b"), 200),
        (get("/raw-query"), 200),
        (
            with("POST", "/people", json, r#"{"name":"Ann","age":30}"#),
            201,
        ),
        (
            with("POST", "/people", json, r#"{"name":"Ann","age":300}"#),
            422,
        ),
        (with("POST", "/people", json, r#"{"name""#), 400),
        (
            with("POST", "/people", &[], r#"{"name":"Ann","age":30}"#),
            415,
        ),
        (with("POST", "/form", form, "name=Ann+B&age=30"), 200),
        (with("POST", "/form", form, "name=Ann"), 422),
        (with("POST", "/count", &[], ""), 200),
        (get("/extension"), 200),
        (get("/key"), 401),
        (with("GET", "/key", &["X-Key: abc"], ""), 200),
        (with("GET", "/key", &["X-Key:   spaced\t"], ""), 200),
        (get("/optional"), 200),
        (
            with(
                "GET",
                "/headers",
                &[
                    "X-B: 1",
                    "x-a: 2",
                    "X-B: 3",
                    "Cookie: a=b; c=d",
                    "X-Odd: \u{e9}",
                ],
                "",
            ),
            200,
        ),
        (get("/peer"), 200),
    ]
}

fn bodies() -> Vec<(String, u16)> {
    let large = "x".repeat(3 << 20);
    let parts = "--b\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=\"f\"; filename=\"f.txt\"\r\n\r\ncontent\r\n--b--\r\n";
    vec![
        (with("POST", "/bytes", &[], "abc"), 200),
        (with("POST", "/bytes", &[], ""), 200),
        (with("POST", "/bytes", &["Content-Length: 0"], ""), 200),
        (chunked("/bytes", &["abc", "de"], ""), 200),
        (with("POST", "/text", &[], "grüße"), 200),
        (with("POST", "/echo", &[], "sent back"), 200),
        (chunked("/echo", &["in ", "pieces"], ""), 200),
        (with("POST", "/unread", &[], "nobody reads this"), 200),
        (chunked("/unread", &["nobody reads this"], ""), 200),
        (with("POST", "/sum", &[], "abc"), 200),
        (with("POST", "/large", &[], &large), 200),
        (with("POST", "/bytes", &[], &large), 413),
        (chunked("/trailers", &["abc"], "X-Sum: 7\r\n"), 200),
        (chunked("/trailers", &["abc"], ""), 200),
        (
            with(
                "POST",
                "/multipart",
                &["Content-Type: multipart/form-data; boundary=b"],
                parts,
            ),
            200,
        ),
        (
            with(
                "POST",
                "/multipart",
                &["Content-Type: multipart/form-data"],
                parts,
            ),
            400,
        ),
        (with("POST", "/small", &[], "few"), 200),
        (with("POST", "/small", &[], "more than ten bytes"), 413),
        (chunked("/small", &["more than ", "ten bytes"], ""), 413),
    ]
}

fn responses() -> Vec<(String, u16)> {
    vec![
        (get("/html"), 200),
        (get("/redirect"), 308),
        (get("/cookies"), 200),
        (get("/empty"), 204),
        (get("/teapot"), 418),
        (get("/fails"), 409),
        (get("/stream"), 200),
        ("GET /stream HTTP/1.0\r\n\r\n".to_owned(), 200),
        (get("/events"), 200),
        (with("GET", "/with-trailers", &["TE: trailers"], ""), 200),
        (get("/socket"), 400),
    ]
}

fn layers() -> Vec<(String, u16)> {
    let preflight = [
        "Origin: http://b.example",
        "Access-Control-Request-Method: PUT",
    ];
    vec![
        (get("/traced"), 200),
        (get("/zipped"), 200),
        (with("GET", "/zipped", &["Accept-Encoding: gzip"], ""), 200),
        (with("HEAD", "/zipped", &["Accept-Encoding: gzip"], ""), 200),
        (with("GET", "/cors", &["Origin: http://b.example"], ""), 200),
        (with("OPTIONS", "/cors", &preflight, ""), 200),
        (get("/slow"), 408),
        (get("/panics"), 500),
        (get("/limited"), 200),
        (get("/limited-slow"), 503),
        (with("POST", "/bounded", &[], "few"), 200),
        (with("POST", "/bounded", &[], "more than eight"), 413),
        (chunked("/bounded", &["more than", " eight"], ""), 413),
        (with("GET", "/named", &["X-Request-Id: mine"], ""), 200),
        (get("/set"), 200),
        (get("/static/poem.txt"), 200),
        (with("HEAD", "/static/poem.txt", &[], ""), 200),
        (
            with("GET", "/static/poem.txt", &["Range: bytes=10-19"], ""),
            206,
        ),
        (
            with("GET", "/static/poem.txt", &["Range: bytes=-5"], ""),
            206,
        ),
        (
            with("GET", "/static/poem.txt", &["Range: bytes=999999-"], ""),
            416,
        ),
        (
            with(
                "GET",
                "/static/poem.txt",
                &["If-Modified-Since: Fri, 01 Jan 2100 00:00:00 GMT"],
                "",
            ),
            304,
        ),
        (get("/static/sub"), 307),
        (get("/static/sub/"), 200),
        (get("/static/../Cargo.toml"), 404),
        (get("/static/none.txt"), 404),
        (get("/one-file"), 200),
    ]
}

fn tokio_uses() -> Vec<(String, u16)> {
    let names = [
        "channels", "locks", "select", "sleep", "interval", "timeout", "spawn", "join-set",
        "blocking", "in-place", "fs", "net", "local", "process", "budget",
    ];
    names
        .iter()
        .map(|name| (get(&format!("/tokio/{name}")), 200))
        .collect()
}

#[test]
fn all_servers_answer_the_same() {
    let rows = rows();
    assert!(rows.len() >= 30);
    let servers = Server::ALL.map(|server| {
        let rows = rows.clone();
        thread::spawn(move || {
            let host = Host::start(server, app);
            let answers = rows.iter().map(|(request, _)| ask(host.addr, request));
            answers.collect::<Vec<Answer>>()
        })
    });
    let answers = servers.map(|server| server.join().expect("the servers answer"));
    let mut wrong = String::new();
    for (at, (request, status)) in rows.iter().enumerate() {
        let start: String = request.chars().take(200).collect();
        let model = &answers[0][at];
        if model.status != *status {
            writeln!(wrong, "{start:?}: the model says {model:?}").expect("text");
        }
        for (server, answers) in Server::ALL.iter().zip(&answers).skip(1) {
            if answers[at] != *model {
                writeln!(
                    wrong,
                    "{start:?}:\n  {server:?} {:?}\n  model {model:?}",
                    answers[at]
                )
                .expect("text");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    println!("{} requests, the same answers", rows.len());
}

#[test]
fn an_error_in_a_stream_is_seen_by_the_client() {
    for server in Server::ALL {
        let host = Host::start(server, app);
        let mut client = Client::connect(host.addr);
        client.send(get("/stream-fails"));
        let all = client.rest();
        // How much of it is sent is the server's affair; it must not look complete.
        assert!(!all.ends_with(b"0\r\n\r\n"), "{server:?}");
    }
}
