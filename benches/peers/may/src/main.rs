//! A contender: may_minihttp, stackful coroutines on as many workers as cores.
//!
//! It keeps every connection, whatever the client says of it, binds its listener itself, and names
//! itself `M` in every answer.

use std::io::{self, Read};
use std::net::{SocketAddr, TcpListener};

use may_minihttp::{HttpServer, HttpService, Request, Response};
use peer_common::{Options, pause};

fn main() -> io::Result<()> {
    let options = Options::from_args(&[]);
    may::config().set_workers(options.cores);
    let addr = free(options.addr)?;
    let server = HttpServer(Routes).start(addr)?;
    println!("listening on {addr}");
    server
        .join()
        .map_err(|_| io::Error::other("the server panicked"))
}

/// The address with a port that was free a moment ago.
fn free(addr: SocketAddr) -> io::Result<SocketAddr> {
    if addr.port() > 0 {
        return Ok(addr);
    }
    TcpListener::bind(addr)?.local_addr()
}

#[derive(Clone, Debug)]
struct Routes;

impl HttpService for Routes {
    fn call(
        &mut self,
        request: Request<'_, '_, '_>,
        response: &mut Response<'_>,
    ) -> io::Result<()> {
        match (request.method(), request.path()) {
            ("GET", "/plaintext") => {
                response
                    .header("Content-Type: text/plain")
                    .body("Hello, World!");
            }
            ("GET", "/json") => response
                .header("Content-Type: application/json")
                .body(r#"{"message":"Hello, World!"}"#),
            ("POST", "/echo") => {
                let mut body = Vec::new();
                request.body().read_to_end(&mut body)?;
                response
                    .header("Content-Type: application/octet-stream")
                    .body_vec(body);
            }
            ("GET", path) if pause::pause(path).is_some() => {
                response
                    .header("Content-Type: text/plain")
                    .body(pause::DONE);
            }
            _ => {
                response.status_code(404, "Not Found");
            }
        }
        Ok(())
    }
}
