//! An HTTP server with a few routes, and a load of its own to show what it does.
//!
//! ```sh
//! cargo run --release --example hello_http -- --demo       # serves, loads itself, prints, ends
//! cargo run --release --example hello_http -- --addr 127.0.0.1:8080 --cores 2
//! curl -v http://127.0.0.1:8080/users/7
//! ```
//!
//! | route | answer |
//! |---|---|
//! | `GET /plaintext` | `Hello, World!` |
//! | `GET /json` | `{"message":"Hello, World!"}` |
//! | `POST /echo` | the body back |
//! | `GET /users/{id}` | the id |
//! | `GET /files/{path}` | with `--files DIRECTORY`: a file of it, or a range of one |
//! | `GET /ready` | 200, or 503 once it is asked to end |
//! | `GET /burn/{micros}` | after computing for that long: what does it do to the others? |
//! | `GET /block/{millis}` | after blocking the thread, on purpose: what does it do to the others? |
//!
//! With `--share-port` several processes may listen at the same address; connections are closed
//! when they were idle for `--idle` seconds (75).
//!
//! Its first line says where it listens. SIGTERM ends it in order: for `--announce` seconds (5, after
//! SIGINT 1) it goes on accepting while `/ready` says no; SIGINT does not wait where nobody is
//! connected. With `--metrics` the scheduler's counters are its last line.

mod args;
mod loadgen;

use std::future::IntoFuture;
use std::io;
use std::time::{Duration, Instant};

use ringspun::http::files::Directory;
use ringspun::http::{BodyError, Limits, Readiness, Request, Response, Router, Server, StatusCode};
use ringspun::net::{ListenOptions, TcpListener};
use ringspun::{Builder, spawn};

/// The largest body that `/echo` sends back.
const MAX_ECHO: usize = 1 << 20;
/// The longest that `/burn` and `/block` may take: they are examples, not weapons.
const MAX_PAUSE: Duration = Duration::from_secs(10);

fn app(readiness: Readiness) -> Router {
    Router::new()
        .get("/ready", readiness)
        .get("/plaintext", async |_: Request| {
            Response::text("Hello, World!")
        })
        .get("/json", async |_: Request| {
            Response::json(r#"{"message":"Hello, World!"}"#)
        })
        .post("/echo", echo)
        .get("/users/{id}", async |request: Request| {
            let id = request.param("id").unwrap_or_default();
            Response::text(format!("user {id}\n"))
        })
        .get("/burn/{micros}", async |request: Request| {
            pause(&request, "micros", Duration::from_micros, |time| {
                let start = Instant::now();
                while start.elapsed() < time {
                    std::hint::spin_loop();
                }
            })
        })
        .get("/block/{millis}", async |request: Request| {
            pause(
                &request,
                "millis",
                Duration::from_millis,
                std::thread::sleep,
            )
        })
}

async fn echo(mut request: Request) -> Result<Response, BodyError> {
    let body = request.body().bytes(MAX_ECHO).await?;
    let value = request.header("content-type");
    Ok(Response::ok()
        .with_body(body)
        .try_with_header("content-type", value.unwrap_or("application/octet-stream"))
        .expect("it came in as a header's value"))
}

fn pause(
    request: &Request,
    param: &str,
    unit: fn(u64) -> Duration,
    pause: impl FnOnce(Duration),
) -> Response {
    let Some(time) = request
        .param(param)
        .and_then(|text| text.parse().ok())
        .map(unit)
    else {
        return Response::text("not a number\n").with_status(StatusCode::BAD_REQUEST);
    };
    pause(time.min(MAX_PAUSE));
    Response::text("done\n")
}

fn main() -> io::Result<()> {
    let options = [
        "--seconds",
        "--connections",
        "--announce",
        "--files",
        "--idle",
    ];
    let args = args::Args::parse(
        "127.0.0.1:8080",
        &["--demo", "--metrics", "--share-port"],
        &options,
    );
    if args.has("--demo") {
        return demo(
            args.cores,
            args.value("--seconds", 3.0),
            args.value("--connections", 64),
        );
    }
    let runtime = args.runtime()?;
    runtime.block_on(async {
        // What `Server::bind` does, but several processes may do it.
        let listen = ListenOptions::new().share_port(args.has("--share-port"));
        let server = Server::from_listeners(TcpListener::bind_per_core(&args.addr, &listen)?);
        println!(
            "listening on {}",
            server.local_addr().expect("a TCP listener has an address")
        );
        let mut limits = Limits::default();
        let idle = args.value("--idle", limits.idle_timeout.as_secs_f64());
        limits.idle_timeout = Duration::from_secs_f64(idle);
        let mut server = server.limits(limits);
        let announce = args.value("--announce", -1.0);
        if announce >= 0.0 {
            server = server.announce(Duration::from_secs_f64(announce));
        }
        let mut app = app(server.readiness());
        let files = args.value("--files", String::new());
        if !files.is_empty() {
            app = app.get("/files/{*path}", Directory::new(files));
        }
        let ended = server.serve(app).await?;
        println!("stopped; {} connections were cut", ended.cut());
        io::Result::Ok(())
    })?;
    args.print_metrics(&runtime);
    Ok(())
}

/// Serves on a free port, loads itself for `seconds`, prints what came of it.
fn demo(cores: Option<usize>, seconds: f64, connections: usize) -> io::Result<()> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let cores = cores.unwrap_or_else(|| (cpus / 2).max(1));
    // Two runtimes, so that the server's CPU time can be told from the load's.
    let runtime = Builder::new().cores(cores).thread_name("serve").build()?;
    let load = Builder::new()
        .cores((cpus / 2).max(1))
        .thread_name("load")
        .build()?;
    let server = {
        let _entered = runtime.handle().enter();
        Server::bind("127.0.0.1:0")?.without_signals()
    };
    let addr = server.local_addr().expect("a TCP listener has an address");
    println!("listening on {addr}");
    let app = app(server.readiness());
    runtime.handle().spawn(server.serve(app).into_future());
    println!(
        "{connections} keep-alive connections ask for /plaintext, {seconds} s, {cores} serving cores"
    );
    let plan = loadgen::Plan {
        addr,
        path: "/plaintext".to_owned(),
        connections,
        pipeline: 1,
        // The figures are to be the server's.
        by_hand: true,
        duration: Duration::from_secs_f64(seconds),
        max_requests: 50_000_000,
    };
    let before = cpu_ticks("serve");
    let report = load.block_on(async {
        spawn(loadgen::run(plan, |answered| {
            eprint!("\r  {answered} answered")
        }))
        .await?
    })?;
    eprintln!("\r                              ");
    let requests = report.requests.max(1) as f64;
    println!(
        "{:>10.0} requests/s",
        report.requests as f64 / report.elapsed.as_secs_f64()
    );
    for (name, q) in [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("p99.9", 0.999)] {
        println!(
            "{:>10.1} µs {name}",
            report.latency.quantile(q).as_nanos() as f64 / 1e3
        );
    }
    if let (Some(before), Some(after)) = (before, cpu_ticks("serve")) {
        // The kernel counts in hundredths of a second (USER_HZ).
        println!(
            "{:>10.2} µs of server CPU per request",
            (after - before) as f64 * 1e4 / requests
        );
    }
    let metrics = runtime.handle().metrics().total();
    println!(
        "{:>10.3} reactor waits per request",
        metrics.reactor_waits as f64 / requests
    );
    if report.errors > 0 || report.requests == 0 {
        return Err(io::Error::other(format!(
            "{} connections failed",
            report.errors
        )));
    }
    Ok(())
}

/// CPU time of this process's threads whose name begins with `name`, where procfs tells.
fn cpu_ticks(name: &str) -> Option<u64> {
    let mut ticks = 0;
    for entry in std::fs::read_dir("/proc/self/task").ok()? {
        let stat = std::fs::read_to_string(entry.ok()?.path().join("stat")).ok()?;
        let (_, rest) = stat.split_once('(')?;
        let (thread, fields) = rest.rsplit_once(") ")?;
        if thread.starts_with(name) {
            // Fields 14 and 15 of proc(5), counted from the state after the name.
            let mut times = fields
                .split(' ')
                .skip(11)
                .map(|field| field.parse::<u64>().ok());
            ticks += times.next()?? + times.next()??;
        }
    }
    Some(ticks)
}
