//! A contender: monoio, with HTTP/1 made by hand; a runtime and a listener for each core.
//!
//! io_uring where the kernel lets it, else epoll. With `--echo` it sends back what it receives.

use std::cell::RefCell;
use std::rc::Rc;
use std::{io, thread};

use monoio::io::{AsyncReadRent, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use monoio::{FusionDriver, RuntimeBuilder};
use peer_common::Options;

use crate::http1::Http1;

mod http1;

fn main() -> io::Result<()> {
    let options = Options::from_args(&["--echo"]);
    let echo = !options.flags.is_empty();
    let threads: Vec<_> = options
        .listen(options.cores)?
        .into_iter()
        .map(|listener| {
            thread::spawn(move || {
                RuntimeBuilder::<FusionDriver>::new()
                    .build()?
                    .block_on(serve(listener, echo))
            })
        })
        .collect();
    threads
        .into_iter()
        .try_for_each(|thread| thread.join().expect("a server thread panicked"))
}

async fn serve(listener: std::net::TcpListener, echo: bool) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let http = Rc::new(RefCell::new(Http1::default()));
    loop {
        let (stream, _) = listener.accept().await?;
        if echo {
            monoio::spawn(send_back(stream));
        } else {
            monoio::spawn(answer(stream, http.clone()));
        }
    }
}

async fn answer(mut stream: TcpStream, http: Rc<RefCell<Http1>>) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut output = Vec::new();
    // The beginning of a request that came in pieces.
    let mut partial = Vec::new();
    loop {
        let (result, input) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        let served = if partial.is_empty() {
            let served = http.borrow_mut().serve(&input, &mut output);
            partial.extend_from_slice(&input[served.consumed..]);
            served
        } else {
            partial.extend_from_slice(&input);
            let served = http.borrow_mut().serve(&partial, &mut output);
            partial.drain(..served.consumed);
            served
        };
        buffer = input;
        if !output.is_empty() {
            let result;
            (result, output) = stream.write_all(output).await;
            result?;
            output.clear();
        }
        if served.close {
            return Ok(());
        }
    }
}

async fn send_back(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(8 * BUFFER);
    loop {
        let result;
        (result, buffer) = stream.read(buffer).await;
        if result? == 0 {
            return Ok(());
        }
        let result;
        (result, buffer) = stream.write_all(buffer).await;
        result?;
    }
}

/// It lies with the kernel while a connection is idle: small.
const BUFFER: usize = 8 * 1024;
