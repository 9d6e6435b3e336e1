//! A server over real sockets, and blocking clients in a thread of their own.

use std::future::IntoFuture;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use ringspun_http::{Ended, Handler, Limits, Server};
use ringspun_net::{ListenOptions, TcpListener};
use ringspun_runtime::{Builder, spawn};

use super::Flag;

/// Runs `clients` against a server of `handler` on two cores; gives how it has ended.
pub fn serve(
    handler: impl Handler,
    options: ListenOptions,
    clients: impl FnOnce(SocketAddr) + Send + 'static,
) -> Ended {
    let runtime = Builder::new().cores(2).build().expect("a runtime");
    runtime.block_on(async {
        let listeners = TcpListener::bind_per_core("127.0.0.1:0", &options).expect("a free port");
        let server = Server::from_listeners(listeners);
        let addr = server.local_addr().expect("TCP has addresses");
        let done = Flag::default();
        let end = done.clone();
        let server = server
            .limits(Limits::default())
            .grace(Duration::from_secs(5));
        let server = server.serve(handler);
        let server = server.with_graceful_shutdown(async move { end.raised().await });
        let server = spawn(server.into_future());
        let clients = thread::spawn(move || {
            // Also when a client panics: the server must end for the test to fail.
            struct Raise(Flag);
            impl Drop for Raise {
                fn drop(&mut self) {
                    self.0.raise();
                }
            }
            let _raise = Raise(done);
            clients(addr);
        });
        let ended = server
            .await
            .expect("the server does not panic")
            .expect("it does not fail");
        clients.join().expect("the clients are content");
        ended
    })
}

pub fn connect(addr: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(addr).expect("the server listens");
    let limit = Some(Duration::from_secs(30));
    stream.set_read_timeout(limit).expect("a timeout");
    stream.set_write_timeout(limit).expect("a timeout");
    stream
}

/// The head of the next response, byte by byte, so that nothing of the body is taken.
pub fn head(stream: &mut TcpStream) -> String {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("a head");
        head.push(byte[0]);
    }
    String::from_utf8(head).expect("text")
}
