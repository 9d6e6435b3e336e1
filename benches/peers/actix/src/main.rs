//! A contender: actix-web, as its users write it.
//!
//! It has a thread that accepts, and a single-threaded runtime on each of as many workers as cores.

use std::io;

use actix_web::http::KeepAlive;
use actix_web::http::header::SERVER;
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use peer_common::{Options, pause};
use serde::Serialize;

fn main() -> io::Result<()> {
    let options = Options::from_args(&[]);
    let listener = options.listen(1)?.remove(0);
    actix_web::rt::System::new().block_on(
        HttpServer::new(|| {
            App::new()
                .app_data(web::PayloadConfig::new(MAX_BODY))
                .route("/plaintext", web::get().to(plaintext))
                .route("/json", web::get().to(json))
                .route("/echo", web::post().to(echo))
                .route("/burn/{micros}", web::get().to(paused))
                .route("/block/{millis}", web::get().to(paused))
        })
        .workers(options.cores)
        // The default ends idle connections after 5 s; none may end in a measurement.
        .keep_alive(KeepAlive::Os)
        .listen(listener)?
        .run(),
    )
}

async fn plaintext() -> HttpResponse {
    ok("text/plain").body("Hello, World!")
}

async fn json() -> HttpResponse {
    ok("application/json").json(Message {
        message: "Hello, World!",
    })
}

async fn echo(body: web::Bytes) -> HttpResponse {
    ok("application/octet-stream").body(body)
}

async fn paused(request: HttpRequest) -> HttpResponse {
    match pause::pause(request.path()) {
        Some(()) => ok("text/plain").body(pause::DONE),
        None => HttpResponse::BadRequest().finish(),
    }
}

fn ok(kind: &'static str) -> actix_web::HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.insert_header((SERVER, "actix")).content_type(kind);
    response
}

#[derive(Serialize)]
struct Message {
    message: &'static str,
}

/// The largest body that `/echo` sends back.
const MAX_BODY: usize = 1 << 20;
