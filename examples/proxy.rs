//! A reverse proxy: it listens here and asks another server there.
//!
//! ```sh
//! cargo run --release --example hello_http -- --addr 127.0.0.1:8081 &
//! cargo run --release --example proxy -- --addr 127.0.0.1:8080 --to 127.0.0.1:8081
//! curl -v http://127.0.0.1:8080/users/7
//! ```
//!
//! What to look at: bodies stream both ways, so that a slow reader on either side slows the sender
//! on the other; lines about one connection are not passed on (RFC 9110 7.6.1); the server behind
//! learns of the client by X-Forwarded-For and Forwarded; a change of protocol, such as a WebSocket,
//! goes through. A server that cannot be reached is a 502, one that is too slow (`--timeout SECONDS`)
//! a 504.

mod args;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use ringspun::http::proto::{Refusal, TargetForm};
use ringspun::http::{Client, IntoResponse, Limits, Reply, Request, Response, Server, StatusCode};
use ringspun::net::io::copy_bidirectional;

struct Proxy {
    client: Client,
    /// Host and port of the server behind.
    to: String,
}

impl Proxy {
    async fn handle(&self, request: Request) -> Response {
        if request.target_form() == TargetForm::Authority {
            return Response::new(StatusCode::NOT_IMPLEMENTED);
        }
        let request = match self.request(request) {
            Ok(request) => request,
            Err(refusal) => return refusal.into_response(),
        };
        match self.client.request(request).await {
            Ok(reply) if reply.status() == StatusCode::SWITCHING_PROTOCOLS => switch(reply),
            Ok(reply) => reply.into_response(),
            Err(error) => {
                eprintln!("{error}");
                error.into_response()
            }
        }
    }

    /// The request for the server behind.
    fn request(&self, request: Request) -> Result<Request, Refusal> {
        let mut url = format!("http://{}", self.to);
        if request.target_form() != TargetForm::Asterisk {
            url += request.path();
        }
        if let Some(query) = request.query() {
            url = format!("{url}?{query}");
        }
        let host = request.host().unwrap_or_default();
        let client = request.peer_addr().map(|addr| addr.ip().to_string());
        let client = client.unwrap_or_else(|| "unknown".to_owned());
        // An IPv6 address has colons, so it stands in brackets and quotes (RFC 7239 6).
        let node = if client.contains(':') {
            format!("\"[{client}]\"")
        } else {
            client.clone()
        };
        let forwarded = format!("for={node};host=\"{host}\";proto=http");
        let mut lines = vec![
            ("X-Forwarded-For", client.as_bytes()),
            ("X-Forwarded-Host", host.as_bytes()),
            ("Forwarded", forwarded.as_bytes()),
            ("Via", b"1.1 ringspun"),
        ];
        let upgrade = request.header("upgrade");
        if let Some(protocol) = upgrade.filter(|_| wants_upgrade(&request)) {
            lines.push(("Connection", b"Upgrade"));
            lines.push(("Upgrade", protocol.as_bytes()));
        }
        // The host is the server's own, and the body knows its length.
        let headers = request.headers().end_to_end();
        let passed = headers.filter(|(name, _)| {
            !name.eq_ignore_ascii_case("host") && !name.eq_ignore_ascii_case("content-length")
        });
        let method = request.method().as_str();
        let made = Request::new(method, &url)?.try_with_headers(passed.chain(lines))?;
        Ok(made.with_body(request.into_body()))
    }
}

fn wants_upgrade(request: &Request) -> bool {
    request
        .headers()
        .get_all("connection")
        .flat_map(|value| value.split(|&byte| byte == b','))
        .any(|option| option.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
}

/// Both sides speak another protocol from here on: their bytes are copied.
fn switch(reply: Reply) -> Response {
    let protocol = reply.header("upgrade").unwrap_or_default().to_owned();
    let lines: Vec<(String, Vec<u8>)> = reply
        .headers()
        .end_to_end()
        .map(|(name, value)| (name.to_owned(), value.to_vec()))
        .collect();
    let Ok(mut there) = reply.into_upgraded() else {
        return Response::new(StatusCode::BAD_GATEWAY);
    };
    let is_name = |byte: u8| byte.is_ascii_graphic() && byte != b',';
    if protocol.is_empty() || !protocol.bytes().all(is_name) {
        return Response::new(StatusCode::BAD_GATEWAY);
    }
    let mut response = Response::upgrade(&protocol, |mut here| async move {
        let _ = copy_bidirectional(&mut here, &mut there).await;
    });
    for (name, value) in lines {
        let _ = response.add_header(&name, &value);
    }
    response
}

fn main() -> io::Result<()> {
    let args = args::Args::parse("127.0.0.1:8080", &[], &["--to", "--timeout"]);
    let timeout = Duration::from_secs_f64(args.value("--timeout", 30.0));
    let proxy = Arc::new(Proxy {
        client: Client::builder().head_timeout(timeout).build(),
        to: args.value("--to", "127.0.0.1:8081".to_owned()),
    });
    args.runtime()?.block_on(async {
        let mut limits = Limits::default();
        // How much is too much, the server behind knows.
        limits.body_bytes = u64::MAX;
        let server = Server::bind(&args.addr)?.limits(limits);
        println!(
            "listening on {}",
            server.local_addr().expect("TCP has addresses")
        );
        let ended = server
            .serve(move |request| {
                let proxy = proxy.clone();
                async move { proxy.handle(request).await }
            })
            .await?;
        println!("{} connections were cut", ended.cut());
        Ok(())
    })
}
