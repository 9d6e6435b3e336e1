//! The servers that are compared, each with a handler that reads the body and answers 200.

use std::convert::Infallible;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use ringspun::http::Response;

/// A running server.
pub(crate) struct Peer {
    pub(crate) name: &'static str,
    pub(crate) address: Address,
    /// Ended with it; a server in this process ends with the process.
    process: Option<(Child, PathBuf)>,
}

impl Peer {
    pub(crate) fn ringspun() -> Self {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = ringspun::Builder::new().cores(1).build();
            runtime.expect("a runtime").block_on(async {
                let server = ringspun::http::Server::bind("127.0.0.1:0").expect("a port");
                let server = server.without_signals();
                tell.send(server.local_addr()).expect("somebody waits");
                let serve = server.serve(async |mut request: ringspun::http::Request| {
                    // No tunnel, here and at the others: what follows would be none of HTTP's.
                    if request.method() == hyper::Method::CONNECT {
                        return Ok(Response::new(hyper::StatusCode::NOT_FOUND));
                    }
                    let body = request.body().bytes(1 << 20).await;
                    body.map(|_| Response::text("seen"))
                });
                serve.await.expect("it serves");
            });
        });
        Self::inside(
            "ringspun",
            told.recv().expect("an address").expect("of TCP"),
        )
    }

    /// The others; a line for each that is not here.
    pub(crate) fn others() -> Vec<Self> {
        let mut peers = vec![Self::hyper()];
        for (name, peer) in [("nginx", Self::nginx()), ("Go", Self::go())] {
            match peer {
                Ok(peer) => peers.push(peer),
                Err(error) => println!("{name} is left out: {error}"),
            }
        }
        peers
    }

    fn hyper() -> Self {
        let (tell, told) = mpsc::channel();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build();
            runtime.expect("a runtime").block_on(async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await;
                let listener = listener.expect("a port");
                tell.send(listener.local_addr()).expect("somebody waits");
                while let Ok((stream, _)) = listener.accept().await {
                    let connection = hyper::server::conn::http1::Builder::new()
                        .half_close(true)
                        .serve_connection(hyper_util::rt::TokioIo::new(stream), service_fn(seen));
                    tokio::spawn(connection);
                }
            });
        });
        Self::inside("hyper", told.recv().expect("an address").expect("of TCP"))
    }

    fn go() -> io::Result<Self> {
        let folder = folder("go")?;
        let program = folder.join("peer");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/verdicts/peer.go");
        let mut build = Command::new("go");
        build
            .env("GOCACHE", folder.join("cache"))
            .args(["build", "-o"]);
        run(build.arg(&program).arg(source))?;
        let mut process = Command::new(program).stdout(Stdio::piped()).spawn()?;
        let output = process.stdout.take().expect("a pipe");
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        Ok(Self {
            name: "Go",
            address: Address::Tcp(line.trim().parse().expect("it says where")),
            process: Some((process, folder)),
        })
    }

    fn nginx() -> io::Result<Self> {
        let folder = folder("nginx")?;
        let (socket, config) = (folder.join("socket"), folder.join("conf"));
        let text = format!(
            "daemon off; master_process off; pid {0}/pid; error_log {0}/error; events {{}}\n\
             http {{ access_log off; client_body_temp_path {0}/body; proxy_temp_path {0}/proxy; \
             fastcgi_temp_path {0}/f; uwsgi_temp_path {0}/u; scgi_temp_path {0}/s;\n\
             server {{ listen unix:{0}/socket; location / {{ return 200 seen; }} }} }}\n",
            folder.display()
        );
        fs::write(&config, text)?;
        let process = Command::new("nginx")
            .args(["-e", "stderr", "-c"])
            .arg(&config)
            .stderr(Stdio::null())
            .spawn()?;
        let start = Instant::now();
        while UnixStream::connect(&socket).is_err() {
            assert!(start.elapsed() < Duration::from_secs(30), "it starts");
            thread::sleep(Duration::from_millis(10));
        }
        Ok(Self {
            name: "nginx",
            address: Address::Unix(socket),
            process: Some((process, folder)),
        })
    }

    fn inside(name: &'static str, address: SocketAddr) -> Self {
        Self {
            name,
            address: Address::Tcp(address),
            process: None,
        }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        if let Some((process, folder)) = &mut self.process {
            let _ = process.kill();
            let _ = process.wait();
            let _ = fs::remove_dir_all(folder);
        }
    }
}

async fn seen(
    request: hyper::Request<Incoming>,
) -> Result<hyper::Response<Full<Bytes>>, Infallible> {
    let mut response = hyper::Response::new(Full::from("seen"));
    if request.method() == hyper::Method::CONNECT {
        *response.status_mut() = hyper::StatusCode::NOT_FOUND;
    } else if request.into_body().collect().await.is_err() {
        *response.status_mut() = hyper::StatusCode::BAD_REQUEST;
    }
    Ok(response)
}

fn folder(of: &str) -> io::Result<PathBuf> {
    let name = format!("ringspun-verdicts-{of}-{}", std::process::id());
    let folder = std::env::temp_dir().join(name);
    fs::create_dir(&folder)?;
    Ok(folder)
}

fn run(command: &mut Command) -> io::Result<()> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    Err(io::Error::other(
        String::from_utf8_lossy(&output.stderr).into_owned(),
    ))
}

/// Where a server listens.
pub(crate) enum Address {
    Tcp(SocketAddr),
    Unix(PathBuf),
}

impl Address {
    pub(crate) fn connect(&self) -> Stream {
        let patience = Some(Duration::from_secs(3));
        match self {
            Self::Tcp(address) => {
                let stream = TcpStream::connect(address).expect("it listens");
                stream.set_read_timeout(patience).expect("set");
                Stream::Tcp(stream)
            }
            Self::Unix(path) => {
                let stream = UnixStream::connect(path).expect("it listens");
                stream.set_read_timeout(patience).expect("set");
                Stream::Unix(stream)
            }
        }
    }
}

/// A connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    /// Ends the own direction.
    pub(crate) fn finish(&self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
            Self::Unix(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
            Self::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.write(bytes),
            Self::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
