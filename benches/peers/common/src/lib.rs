//! What every contender needs and none should be measured by: command line, listeners, first line.
//!
//! A contender understands `--addr ADDR`, `--cores N` and `--threads N`, and says
//! `listening on ADDR` in its first line of output.

use std::io::{self, Write};
use std::net::{SocketAddr, TcpListener};
use std::process;

use socket2::{Domain, Protocol, Socket, Type};

#[cfg(feature = "hyper")]
pub mod hyper_routes;
pub mod pause;
#[cfg(feature = "tokio")]
pub mod tokio_runtime;

/// How a contender was asked to serve.
#[derive(Clone, Debug)]
pub struct Options {
    /// The address to listen on; port 0 for a free one.
    pub addr: SocketAddr,
    /// How many CPUs to use.
    pub cores: usize,
    /// Separate event loops, one listener each, in place of one runtime with as many workers.
    pub separate: bool,
    /// Arguments that only one contender knows, such as `--echo`.
    pub flags: Vec<String>,
}

impl Options {
    /// Reads the command line; `flags` are the extra words this contender knows.
    ///
    /// Ends the process with status 2 and a line on standard error if it makes no sense.
    #[must_use]
    pub fn from_args(flags: &[&str]) -> Self {
        Self::parse(std::env::args().skip(1), flags).unwrap_or_else(|problem| {
            eprintln!("{problem}\nusage: [--addr ADDR] [--cores N | --threads N] {flags:?}");
            process::exit(2);
        })
    }

    fn parse(mut args: impl Iterator<Item = String>, known: &[&str]) -> Result<Self, String> {
        let addr = SocketAddr::from(([127, 0, 0, 1], 0));
        let mut options = Self {
            addr,
            cores: 1,
            separate: false,
            flags: Vec::new(),
        };
        while let Some(name) = args.next() {
            if known.contains(&name.as_str()) {
                options.flags.push(name);
                continue;
            }
            let value = args.next().ok_or_else(|| format!("{name}: no value"))?;
            let bad = |why: &dyn std::fmt::Display| format!("{name} {value}: {why}");
            match name.as_str() {
                "--addr" => options.addr = value.parse().map_err(|e| bad(&e))?,
                "--cores" | "--threads" => {
                    options.cores = value.parse().map_err(|e| bad(&e))?;
                    options.separate = name == "--threads";
                }
                _ => return Err(format!("{name}: unknown")),
            }
        }
        if options.cores == 0 {
            return Err("at least one core is needed".into());
        }
        Ok(options)
    }

    /// Binds `count` listeners to the address and prints the first line of output.
    ///
    /// More than one share the port by `SO_REUSEPORT`. `TCP_NODELAY` is set on the listener: Linux
    /// passes it on to accepted sockets, which saves every contender one call per connection.
    ///
    /// # Errors
    /// Those of the socket calls and of the standard output.
    pub fn listen(&self, count: usize) -> io::Result<Vec<TcpListener>> {
        let mut addr = self.addr;
        let mut listeners = Vec::with_capacity(count);
        for _ in 0..count {
            let socket = Socket::new(Domain::for_address(addr), Type::STREAM, Some(Protocol::TCP))?;
            socket.set_reuse_address(true)?;
            socket.set_reuse_port(count > 1)?;
            socket.set_tcp_nodelay(true)?;
            socket.set_nonblocking(true)?;
            socket.bind(&addr.into())?;
            socket.listen(BACKLOG)?;
            let listener = TcpListener::from(socket);
            addr = listener.local_addr()?;
            listeners.push(listener);
        }
        let mut out = io::stdout();
        writeln!(out, "listening on {addr}")?;
        out.flush()?;
        Ok(listeners)
    }
}

/// The kernel cuts it to `net.core.somaxconn`.
const BACKLOG: i32 = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::parse(line.split_whitespace().map(String::from), &["--echo"])
    }

    #[test]
    fn command_line() {
        let options = parse("--addr 127.0.0.1:80 --threads 2 --echo").expect("well-formed");
        assert_eq!(options.addr.port(), 80);
        assert_eq!((options.cores, options.separate), (2, true));
        assert_eq!(options.flags, ["--echo"]);
        for bad in ["--cores 0", "--cores", "--cores x", "--other 1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn listeners_share_the_port() {
        let listeners = parse("").expect("defaults").listen(2).expect("loopback");
        let ports = listeners
            .iter()
            .map(|l| l.local_addr().expect("bound").port());
        let ports: Vec<u16> = ports.collect();
        assert_eq!(ports[0], ports[1]);
    }
}
