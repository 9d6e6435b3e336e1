//! A chat room over WebSockets, natively: our HTTP server, our upgrade, and the `tungstenite` crate for
//! the frames. No tokio, no hyper.
//!
//! ```sh
//! cargo run --release --manifest-path compat-tests/Cargo.toml -p websocket_chat -- 127.0.0.1:8081
//! ```
//! Then open http://127.0.0.1:8081 in two windows.
//!
//! What to look at: the whole protocol switch is the last lines of `join`. `async-tungstenite` takes any
//! stream with `futures_io`'s traits, which [`Upgraded`] has. A client is one task, that of its
//! connection: it waits for the client and for the room at once. One that does not read misses messages
//! and is told how many; it holds nobody up.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::handshake::derive_accept_key;
use async_tungstenite::tungstenite::protocol::{Message, Role};
use async_tungstenite::tungstenite::{Error, Utf8Bytes};
use futures_util::StreamExt;
use ringspun::channel::broadcast::{self, RecvError, Sender};
use ringspun::http::{Request, Response, Router, Server, StatusCode, Upgraded};
use ringspun::select;

/// Messages that wait for a slow client.
const KEPT: usize = 256;

#[derive(Clone)]
struct Line {
    from: u64,
    text: Utf8Bytes,
}

#[ringspun::main]
async fn main() -> io::Result<()> {
    let addr = std::env::args()
        .nth(1)
        .unwrap_or_else(|| "127.0.0.1:8081".to_owned());
    let (room, _) = broadcast::channel(KEPT);
    let app = Router::new()
        .get("/", async |_: Request| Response::html(PAGE))
        .get("/chat", move |request| {
            let response = join(&request, &room);
            async { response }
        });
    let server = Server::bind(addr)?;
    println!(
        "listening on {}",
        server.local_addr().expect("TCP has addresses")
    );
    let ended = server.serve(app).await?;
    println!("ended, {} connections cut", ended.cut());
    Ok(())
}

/// Answers a client that wants to speak WebSocket (RFC 6455 4.2.2).
fn join(request: &Request, room: &Sender<Line>) -> Response {
    let key = request.header("sec-websocket-key");
    let (Some(key), Some("13")) = (key, request.header("sec-websocket-version")) else {
        let refusal = Response::text("this is for WebSocket clients, version 13\n");
        let refusal = refusal.with_status(StatusCode::BAD_REQUEST);
        return refusal
            .try_with_header("sec-websocket-version", "13")
            .expect("a valid line");
    };
    let accept = derive_accept_key(key.as_bytes());
    let room = room.clone();
    let response = Response::upgrade("websocket", async move |io: Upgraded| {
        let socket = WebSocketStream::from_raw_socket(io, Role::Server, None).await;
        // An error is the client's affair: it has gone, or breaks the protocol.
        let _ = talk(socket, room).await;
    });
    response
        .try_with_header("sec-websocket-accept", accept)
        .expect("a valid line")
}

/// What one client says all others hear, until it leaves.
async fn talk(mut socket: WebSocketStream<Upgraded>, room: Sender<Line>) -> Result<(), Error> {
    static CLIENTS: AtomicU64 = AtomicU64::new(1);
    let me = CLIENTS.fetch_add(1, Ordering::Relaxed);
    let mut heard = room.subscribe();
    socket
        .send(Message::text(format!("you are number {me}")))
        .await?;
    loop {
        select! {
            message = socket.next() => match message {
                Some(Ok(Message::Text(text))) => {
                    // An error says that nobody listens, not even this client.
                    let _ = room.send(Line { from: me, text });
                }
                Some(Ok(Message::Close(_))) | None => return Ok(()),
                // Pings are answered by the crate.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error),
            },
            line = heard.recv() => match line {
                Ok(line) if line.from == me => {}
                Ok(line) => {
                    let text = format!("{}: {}", line.from, line.text);
                    socket.send(Message::text(text)).await?;
                }
                Err(RecvError::Lagged(missed)) => {
                    socket.send(Message::text(format!("({missed} messages missed)"))).await?;
                }
                Err(RecvError::Closed) => return socket.close(None).await,
            },
        }
    }
}

const PAGE: &str = r#"<!doctype html>
<title>chat</title>
<form><input autofocus autocomplete="off"></form>
<pre></pre>
<script>
const socket = new WebSocket(`ws://${location.host}/chat`);
const [form, input, pre] = ["form", "input", "pre"].map(name => document.querySelector(name));
socket.onmessage = ({ data }) => pre.append(data + "\n");
form.onsubmit = event => { event.preventDefault(); socket.send(input.value); input.value = ""; };
</script>
"#;
