//! An example program as a child process, killed when the test ends.

use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A running example.
pub struct Example {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

/// Where cargo has put an example: beside the `deps` folder that this test runs from.
fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    let target = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("target/PROFILE/deps/TEST");
    let path = target.join("examples").join(name);
    assert!(
        path.exists(),
        "{} is not built: run `cargo test`, or `cargo build --examples` first",
        path.display()
    );
    path
}

impl Example {
    /// Starts an example.
    pub fn start(name: &str, args: &[&str]) -> Self {
        Self::start_by(Command::new(path(name)), args)
    }

    /// Starts the program at a path: an example that is a package of its own.
    pub fn of(path: &str, args: &[&str]) -> Self {
        Self::start_by(Command::new(path), args)
    }

    /// Starts an example through a shell that sets limits first, as `ulimit -n 64`.
    pub fn start_limited(name: &str, limits: &str, args: &[&str]) -> Self {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("{limits} && exec \"$0\" \"$@\""))
            .arg(path(name));
        Self::start_by(command, args)
    }

    fn start_by(mut command: Command, args: &[&str]) -> Self {
        let mut child = command
            .args(args)
            .stdout(Stdio::piped())
            .spawn()
            .expect("the example starts");
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, stdout }
    }

    /// The address in the first line, `listening on ADDR`.
    pub fn addr(&mut self) -> SocketAddr {
        let line = self.line();
        let addr = line
            .strip_prefix("listening on ")
            .expect("the first line says where");
        addr.trim().parse().expect("an address")
    }

    /// The next line of its output.
    pub fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout
            .read_line(&mut line)
            .expect("the example's output");
        line
    }

    /// What it prints from now on until it ends.
    pub fn rest(&mut self) -> String {
        let mut text = String::new();
        self.stdout
            .read_to_string(&mut text)
            .expect("the example's output");
        text
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal by name, such as `INT`.
    pub fn signal(&self, name: &str) {
        let kill = Command::new("sh")
            .arg("-c")
            .arg(format!("kill -{name} {}", self.pid()))
            .status()
            .expect("a shell");
        assert!(kill.success());
    }

    /// Waits for its end, a generous minute.
    pub fn wait(&mut self) -> ExitStatus {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("our child") {
                return status;
            }
            assert!(
                start.elapsed() < Duration::from_secs(60),
                "the example does not end"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Example {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
