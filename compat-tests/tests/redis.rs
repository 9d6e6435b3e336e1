//! The redis crate in handlers, against a Redis of the system where one is installed: a server of the
//! test's own, reached by a socket in its folder.

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path as Param, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use redis::aio::MultiplexedConnection;
use redis::{AsyncCommands, Client, RedisError};
use ringspun_compat_tests::client::{Answer, ask};
use ringspun_compat_tests::host::{Host, Server};
use tokio::sync::OnceCell;

/// Ended, and its folder removed, when the test ends.
struct Store {
    folder: PathBuf,
    server: Child,
}

impl Store {
    /// `None` where the program is not there.
    fn start() -> Option<Self> {
        let name = format!("ringspun-redis-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a folder");
        let server = Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--dir"])
            .arg(&folder)
            .arg("--unixsocket")
            .arg(folder.join("socket"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        match server {
            Ok(server) => Some(Self { folder, server }),
            Err(_) => {
                let _ = fs::remove_dir(&folder);
                None
            }
        }
    }

    /// A client, once the socket takes connections.
    fn client(&self) -> Client {
        let socket = self.folder.join("socket");
        let start = Instant::now();
        while std::os::unix::net::UnixStream::connect(&socket).is_err() {
            assert!(start.elapsed() < Duration::from_secs(60), "it starts");
            thread::sleep(Duration::from_millis(10));
        }
        Client::open(format!("redis+unix://{}", socket.display())).expect("an address")
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// The connection is made by the first handler that needs it, and is everybody's then: its driver is
/// a task that the crate spawns on whatever tokio it finds.
#[derive(Clone)]
struct Shared {
    client: Client,
    connection: std::sync::Arc<OnceCell<MultiplexedConnection>>,
}

impl Shared {
    async fn connection(&self) -> Result<MultiplexedConnection, Failed> {
        let connect = || self.client.get_multiplexed_async_connection();
        Ok(self.connection.get_or_try_init(connect).await?.clone())
    }
}

/// An answer for what Redis refuses.
struct Failed(RedisError);

impl From<RedisError> for Failed {
    fn from(error: RedisError) -> Self {
        Self(error)
    }
}

impl axum::response::IntoResponse for Failed {
    fn into_response(self) -> axum::response::Response {
        (StatusCode::CONFLICT, format!("{:?}", self.0.code())).into_response()
    }
}

fn app(client: Client) -> Router {
    Router::new()
        .route("/count/{name}", post(count))
        .route("/push/{value}", post(push))
        .route("/pop", get(pop))
        .route("/wrong", get(wrong))
        .route("/both", get(both))
        .with_state(Shared {
            client,
            connection: std::sync::Arc::default(),
        })
}

async fn count(State(shared): State<Shared>, Param(name): Param<String>) -> Result<String, Failed> {
    let count: u64 = shared.connection().await?.incr(name, 1).await?;
    Ok(count.to_string())
}

async fn push(State(shared): State<Shared>, Param(value): Param<String>) -> Result<(), Failed> {
    Ok(shared.connection().await?.lpush("list", value).await?)
}

/// Waits in Redis, on a connection of its own.
async fn pop(State(shared): State<Shared>) -> Result<String, Failed> {
    let mut own = shared.client.get_multiplexed_async_connection().await?;
    let popped = tokio::time::timeout(Duration::from_secs(30), async {
        own.blpop::<_, (String, String)>("list", 0.0).await
    });
    let (_, value) = popped.await.expect("somebody pushes")?;
    Ok(value)
}

async fn wrong(State(shared): State<Shared>) -> Result<(), Failed> {
    Ok(shared.connection().await?.incr("text", 1).await?)
}

/// Two commands in one pipeline, and a transaction.
async fn both(State(shared): State<Shared>) -> Result<String, Failed> {
    let mut connection = shared.connection().await?;
    let mut pipe = redis::pipe();
    pipe.atomic().set("text", "words").ignore().get("text");
    let (text,): (String,) = pipe.query_async(&mut connection).await?;
    Ok(text)
}

fn request(line: &str) -> String {
    format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n")
}

#[test]
fn a_store_is_asked() {
    let Some(store) = Store::start() else {
        eprintln!("skipped: no redis-server here");
        return;
    };
    let answers = Server::ALL.map(|server| {
        let client = store.client();
        let mut clean = client.get_connection().expect("a connection");
        let () = redis::cmd("FLUSHALL").query(&mut clean).expect("empty");
        let host = Host::start(server, move || app(client));
        let addr = host.addr;
        let asks = |line: &'static str| thread::spawn(move || ask(addr, &request(line)));
        let counts: Vec<_> = (0..8).map(|_| asks("POST /count/n")).collect();
        for count in counts {
            assert_eq!(count.join().expect("an answer").status, 200, "{server:?}");
        }
        let popped = asks("GET /pop");
        let mut rest: Vec<Answer> = ["POST /count/n", "GET /both", "GET /wrong", "POST /push/x"]
            .iter()
            .map(|line| ask(addr, &request(line)))
            .collect();
        rest.push(popped.join().expect("an answer"));
        rest
    });
    let [count, both, wrong, _, popped] = &answers[0][..] else {
        panic!("five answers: {answers:?}");
    };
    let texts = [count, both, popped].map(Answer::text);
    assert_eq!(texts, ["9", "words", "x"]);
    assert_eq!(wrong.status, 409);
    for (server, answer) in Server::ALL.iter().zip(&answers) {
        assert_eq!(*answer, answers[0], "{server:?}");
    }
}
