//! A TCP echo server on every core.
//!
//! ```sh
//! cargo run --release --example echo -- --addr 127.0.0.1:7000 --cores 2
//! nc 127.0.0.1 7000
//! ```
//!
//! What to look at: one listener for each core, the kernel spreads the connections, and each stays
//! on its core. A connection holds a buffer only while there is something to read. Ctrl-C stops the
//! accepting and gives the connections ten seconds to end; with `--metrics` the scheduler's counters
//! are printed last.

mod args;

use std::time::Duration;

use ringspun::net::{Acceptor, Buffer, Stream, TcpStream};
use ringspun::signal;

fn main() -> std::io::Result<()> {
    let args = args::Args::parse("127.0.0.1:7000", &["--metrics"], &[]);
    let runtime = args.runtime()?;
    runtime.block_on(async {
        let acceptor = Acceptor::bind(&args.addr)?;
        if let Some(addr) = acceptor.local_addr() {
            println!("listening on {addr}");
        }
        let serving = acceptor.serve(|mut stream: TcpStream, _session| async move {
            // An error is the client's affair: it has gone away.
            let _ = echo(&mut stream).await;
        });
        let signal = signal::shutdown().await?;
        let cut = serving.shut_down(Duration::from_secs(10)).await;
        println!("{signal:?}: stopped, {cut} connections did not end in time");
        std::io::Result::Ok(())
    })?;
    args.print_metrics(&runtime);
    Ok(())
}

async fn echo(stream: &mut TcpStream) -> std::io::Result<()> {
    let mut fills = false;
    loop {
        std::future::poll_fn(|cx| stream.poll_readable(cx)).await?;
        // Who fills a buffer gets a larger one next time: fewer system calls.
        let mut buffer = if fills {
            Buffer::take_large()
        } else {
            Buffer::take()
        };
        let n = stream.read(&mut buffer).await?;
        if n == 0 {
            return stream.close().await;
        }
        stream.write_all(&buffer[..n]).await?;
        fills = n >= Buffer::SIZE;
    }
}
