//! A contender: ntex, as its users write it.
//!
//! A thread accepts, and each of as many workers as cores has a single-threaded runtime.

use std::io;

use ntex::http::header::SERVER;
use ntex::util::Bytes;
use ntex::web::{self, App, HttpRequest, HttpResponse, HttpServer};
use peer_common::{Options, pause};
use serde::Serialize;

#[ntex::main]
async fn main() -> io::Result<()> {
    let options = Options::from_args(&[]);
    let listener = options.listen(1)?.remove(0);
    HttpServer::new(async || {
        App::new()
            .route("/plaintext", web::get().to(plaintext))
            .route("/json", web::get().to(json))
            .route("/echo", web::post().to(echo))
            .route("/burn/{micros}", web::get().to(paused))
            .route("/block/{millis}", web::get().to(paused))
    })
    .workers(options.cores)
    .listen(listener)?
    .run()
    .await
}

async fn plaintext() -> HttpResponse {
    ok("text/plain").body("Hello, World!")
}

async fn json() -> HttpResponse {
    ok("application/json").json(&Message {
        message: "Hello, World!",
    })
}

async fn echo(body: Bytes) -> HttpResponse {
    ok("application/octet-stream").body(body)
}

async fn paused(request: HttpRequest) -> HttpResponse {
    match pause::pause(request.path()) {
        Some(()) => ok("text/plain").body(pause::DONE),
        None => HttpResponse::BadRequest().finish(),
    }
}

fn ok(kind: &'static str) -> web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.header(SERVER, "ntex").content_type(kind);
    response
}

#[derive(Serialize)]
struct Message {
    message: &'static str,
}
