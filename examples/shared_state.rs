//! State that all connections share: a map that they all write, and a configuration that they all read.
//!
//! ```sh
//! cargo run --release --example shared_state -- --addr 127.0.0.1:8080 --cores 2
//! curl http://127.0.0.1:8080/hello/world
//! curl -d 'good day' http://127.0.0.1:8080/greeting
//! curl http://127.0.0.1:8080/hello/world
//! curl http://127.0.0.1:8080/hits
//! ```
//!
//! | route | answer |
//! |---|---|
//! | `GET /hello/{name}` | the greeting, and the name |
//! | `POST /greeting` | the greeting before; the body is the next one |
//! | `GET /hits` | how often each path was asked for |
//!
//! What to look at: no lock, and no task that owns the state.
//!
//! - The configuration is a `Snapshot`: reading it costs a few nanoseconds on any number of cores; a
//!   request sees one whole configuration, whatever is stored meanwhile. Go: `atomic.Pointer`.
//! - The counters are in a `papaya::HashMap`, the concurrent map that we recommend (Go: `sync.Map`). Its
//!   reads never wait, and since it has no locks, a reference into it cannot deadlock with another one, nor
//!   hold up a core across an await, as one of a map of locked shards can.
//! - Keys that come from the network need a limit.

mod args;

use std::fmt::Write;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use papaya::HashMap;
use ringspun::Snapshot;
use ringspun::http::{BodyError, Handler, Request, Response, Router, Server, StatusCode};

/// The longest greeting.
const MAX_GREETING: usize = 1024;
/// The most paths that are counted one by one; what comes later is counted as one.
const MAX_PATHS: usize = 1000;
const OTHERS: &str = "(others)";

struct Config {
    greeting: String,
    /// How many there have been.
    version: u64,
}

struct App {
    config: Snapshot<Config>,
    hits: HashMap<String, AtomicU64>,
}

impl App {
    fn count(&self, path: &str) {
        let hits = self.hits.pin();
        let counter = hits.get(path).unwrap_or_else(|| {
            let key = if hits.len() < MAX_PATHS { path } else { OTHERS };
            hits.get_or_insert_with(key.to_owned(), AtomicU64::default)
        });
        counter.fetch_add(1, Ordering::Relaxed);
    }

    fn hello(&self, request: &Request) -> Response {
        let config = self.config.load();
        let name = request.param("name").unwrap_or_default();
        Response::text(format!(
            "{}, {name}! (version {})\n",
            config.greeting, config.version
        ))
    }

    fn hits(&self) -> Response {
        let hits = self.hits.pin();
        let mut lines: Vec<_> = hits
            .iter()
            .map(|(path, counter)| (path, counter.load(Ordering::Relaxed)))
            .collect();
        lines.sort();
        let mut text = String::new();
        for (path, hits) in lines {
            writeln!(text, "{hits} {path}").expect("a string takes everything");
        }
        Response::text(text)
    }

    async fn set_greeting(&self, mut request: Request) -> Result<Response, BodyError> {
        let body = request.body().bytes(MAX_GREETING).await?;
        let Ok(greeting) = std::str::from_utf8(&body) else {
            return Ok(Response::text("not UTF-8\n").with_status(StatusCode::BAD_REQUEST));
        };
        // Called again if another request was faster: no version is given twice.
        let before = self.config.update(|config| Config {
            greeting: greeting.to_owned(),
            version: config.version + 1,
        });
        Ok(Response::text(format!("it was: {}\n", before.greeting)))
    }
}

/// A handler of requests that need not wait.
fn counted(app: &Arc<App>, answer: fn(&App, &Request) -> Response) -> impl Handler + use<> {
    let app = app.clone();
    move |request: Request| {
        app.count(request.path());
        std::future::ready(answer(&app, &request))
    }
}

fn routes(app: &Arc<App>) -> Router {
    let posted = app.clone();
    Router::new()
        .get("/hello/{name}", counted(app, App::hello))
        .get("/hits", counted(app, |app, _| app.hits()))
        .post("/greeting", move |request: Request| {
            let app = posted.clone();
            app.count(request.path());
            async move { app.set_greeting(request).await }
        })
        .fallback(counted(app, |_, _| {
            Response::text("no such path\n").with_status(StatusCode::NOT_FOUND)
        }))
}

fn main() -> io::Result<()> {
    let args = args::Args::parse("127.0.0.1:8080", &["--metrics"], &[]);
    let app = Arc::new(App {
        config: Snapshot::new(Config {
            greeting: "hello".to_owned(),
            version: 1,
        }),
        hits: HashMap::new(),
    });
    let runtime = args.runtime()?;
    runtime.block_on(async {
        let server = Server::bind(&args.addr)?;
        println!(
            "listening on {}",
            server.local_addr().expect("a TCP listener has an address")
        );
        let ended = server.serve(routes(&app)).await?;
        println!("stopped; {} connections were cut", ended.cut());
        io::Result::Ok(())
    })?;
    args.print_metrics(&runtime);
    Ok(())
}
