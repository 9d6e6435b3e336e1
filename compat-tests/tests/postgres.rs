//! tokio-postgres in handlers, against a PostgreSQL of the system where one is installed: a database of
//! the test's own, reached by a socket in its folder.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path as Param, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use ringspun_compat_tests::client::{Answer, ask};
use ringspun_compat_tests::host::{Host, Server};
use tokio_postgres::{Client, NoTls};

/// Ended, and its folder removed, when the test ends.
struct Database {
    folder: PathBuf,
    server: Child,
}

impl Database {
    /// `None` where the programs are not there.
    fn start() -> Option<Self> {
        let versions = fs::read_dir("/usr/lib/postgresql").ok()?;
        let bin = versions.flatten().map(|version| version.path().join("bin"));
        let bin = bin.filter(|bin| bin.join("initdb").exists()).max()?;
        let name = format!("ringspun-postgres-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir(&folder).expect("a folder");
        // The programs refuse to run as root.
        let is_root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
        if is_root {
            run(Command::new("chown").arg("postgres").arg(&folder));
        }
        let program = |name: &str| {
            let path = bin.join(name);
            if !is_root {
                return Command::new(path);
            }
            let mut command = Command::new("setpriv");
            command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]);
            command.arg(path);
            command
        };
        let data = folder.join("data");
        let mut initdb = program("initdb");
        run(initdb
            .args(["--no-sync", "-A", "trust", "-U", "tester", "-D"])
            .arg(&data));
        let server = program("postgres")
            .arg("-D")
            .arg(&data)
            .arg("-k")
            .arg(&folder)
            .args(["-h", "", "-F"])
            .stderr(Stdio::null())
            .spawn();
        Some(Self {
            folder,
            server: server.expect("it starts"),
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // SIGINT: it ends its children and its clients, too.
        let id = self.server.id().to_string();
        let _ = Command::new("kill").args(["-INT", &id]).status();
        let _ = self.server.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn run(command: &mut Command) {
    let output = command.output().expect("a program");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Waits until the database takes connections.
async fn connect(folder: &Path) -> Client {
    let config = format!("host={} user=tester dbname=postgres", folder.display());
    let start = Instant::now();
    loop {
        match tokio_postgres::connect(&config, NoTls).await {
            Ok((client, connection)) => {
                tokio::spawn(connection);
                return client;
            }
            Err(error) if start.elapsed() > Duration::from_secs(60) => panic!("{error}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn app(client: Client) -> Router {
    Router::new()
        .route("/add/{name}", post(add))
        .route("/names", get(names))
        .route("/slow", get(slow))
        .with_state(Arc::new(client))
}

async fn add(
    State(client): State<Arc<Client>>,
    Param(name): Param<String>,
) -> Result<String, (StatusCode, String)> {
    let statement = "insert into names (name) values ($1) returning id";
    let row = client.query_one(statement, &[&name]).await;
    let row = row.map_err(|error| (StatusCode::CONFLICT, format!("{:?}", error.code())))?;
    Ok(format!("{}", row.get::<_, i32>(0)))
}

async fn names(State(client): State<Arc<Client>>) -> String {
    let rows = client
        .query("select name from names order by id", &[])
        .await;
    let names = rows
        .expect("rows")
        .iter()
        .map(|row| row.get(0))
        .collect::<Vec<String>>();
    names.join(" ")
}

async fn slow(State(client): State<Arc<Client>>) -> String {
    let sleep = client.batch_execute("select pg_sleep(60)");
    let cancel = client.cancel_token();
    tokio::select! {
        result = sleep => format!("{result:?}"),
        () = tokio::time::sleep(Duration::from_millis(10)) => {
            cancel.cancel_query(NoTls).await.expect("cancelled");
            "too slow".to_owned()
        }
    }
}

#[test]
fn a_database_is_asked() {
    let Some(database) = Database::start() else {
        eprintln!("skipped: no PostgreSQL in /usr/lib/postgresql");
        return;
    };
    let answers = Server::ALL.map(|server| {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build();
        let runtime = runtime.expect("a runtime");
        let client = runtime.block_on(async {
            let client = connect(&database.folder).await;
            let table =
                "drop table if exists names; create table names (id serial, name text unique)";
            client.batch_execute(table).await.expect("a table");
            client
        });
        let host = Host::start(server, move || app(client));
        let clients: Vec<_> = (0..8)
            .map(|id| {
                let addr = host.addr;
                thread::spawn(move || {
                    ask(
                        addr,
                        &format!("POST /add/n{id} HTTP/1.1\r\nHost: a\r\n\r\n"),
                    )
                    .status
                })
            })
            .collect();
        for client in clients {
            assert_eq!(client.join().expect("an answer"), 200, "{server:?}");
        }
        let mut rest: Vec<Answer> = ["POST /add/n0", "GET /slow"]
            .iter()
            .map(|line| ask(host.addr, &format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n")))
            .collect();
        let mut names = ask(host.addr, "GET /names HTTP/1.1\r\nHost: a\r\n\r\n");
        names.body.sort_unstable();
        rest.push(names);
        rest
    });
    assert_eq!(answers[0][0].status, 409);
    assert_eq!(answers[0][1].text(), "too slow");
    assert_eq!(answers[0][2].text().trim(), "01234567nnnnnnnn");
    for (server, answer) in Server::ALL.iter().zip(&answers) {
        assert_eq!(*answer, answers[0], "{server:?}");
    }
}
