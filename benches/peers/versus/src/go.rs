//! Go's counterpart, a process of its own.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};

/// One measurement of a row: nanoseconds per operation, by the clock and of CPUs.
pub(crate) fn row(
    program: &str,
    row: &str,
    cores: usize,
    operations: u64,
) -> Result<(f64, f64), String> {
    let output = Command::new(program)
        .args(["-row", row])
        .args(["-procs", &cores.to_string()])
        .args(["-operations", &operations.to_string()])
        .stderr(Stdio::inherit())
        .output()
        .map_err(|e| format!("{program}: {e}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let mut figures = text.split_whitespace().map(|figure| figure.parse().ok());
    let pair = figures.next().flatten().zip(figures.next().flatten());
    pair.ok_or_else(|| format!("{program}, {row}: {text}"))
}

/// Goroutines that burn beside an echo server; killed when dropped.
#[derive(Debug)]
pub(crate) struct Burners {
    child: Child,
    lines: BufReader<ChildStdout>,
    pub(crate) addr: SocketAddr,
}

impl Burners {
    pub(crate) fn start(program: &str, tasks: usize) -> Result<Self, String> {
        let failed = |e: &dyn std::fmt::Display| format!("{program}: {e}");
        let mut child = Command::new(program)
            .args(["-burners", &tasks.to_string(), "-procs", "1"])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|e| failed(&e))?;
        let stdout = child.stdout.take().expect("it is piped");
        let mut this = Self {
            child,
            lines: BufReader::new(stdout),
            addr: SocketAddr::from(([127, 0, 0, 1], 0)),
        };
        this.addr = this.line()?.parse().map_err(|e| failed(&e))?;
        Ok(this)
    }

    /// Burns so far: it says them when a connection has ended.
    pub(crate) fn burns(&mut self) -> Result<u64, String> {
        let line = self.line()?;
        line.parse().map_err(|e| format!("{line}: {e}"))
    }

    fn line(&mut self) -> Result<String, String> {
        let mut line = String::new();
        self.lines
            .read_line(&mut line)
            .map_err(|e| format!("Go's burners: {e}"))?;
        Ok(line.trim().into())
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        // Errors: it is gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
