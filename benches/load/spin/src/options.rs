//! The command line.

use std::fmt::Display;
use std::net::SocketAddr;
use std::time::Duration;

pub(crate) const USAGE: &str = "usage: spin --addr ADDR
  [--mode keep-alive|close|echo]   connections kept, closed, or TCP echo (keep-alive)
  [--uses N]                       requests on a connection before it is closed (1)
  [--path PATH]                    /plaintext and /json are answered as everybody knows (/plaintext)
  [--size BYTES]                   send that much: the body of a POST, or the message of an echo
  [--connections N]                (64)
  [--active N]                     of which so many, evenly spread, make the load; all made one request
  [--pipeline N]                   requests in a batch (1)
  [--turns]                        two requests in turns, with a header line more: none is the last once more
  [--seconds S] [--warmup S]       how long, and how long before that (3, 0.5)
  [--requests N]                   as many in place of a time; no warm-up
  [--pid PID]                      of the server: adds its CPU time
  [--sleep]                        wait for events: for who shares CPUs with the server
  [--stay]                         keep the connections after the load, until killed
  [--hold]                         one request per connection, then hold them until killed";

/// What load to make.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    pub(crate) addr: SocketAddr,
    pub(crate) mode: Mode,
    pub(crate) path: String,
    pub(crate) size: Option<usize>,
    pub(crate) connections: usize,
    /// So many of the connections make the load; `None`: all.
    pub(crate) active: Option<usize>,
    /// With `Mode::Close`: requests on a connection.
    pub(crate) uses: u64,
    pub(crate) pipeline: usize,
    pub(crate) turns: bool,
    pub(crate) length: Length,
    pub(crate) warmup: Duration,
    pub(crate) pid: Option<u32>,
    pub(crate) sleep: bool,
    pub(crate) stay: bool,
    pub(crate) hold: bool,
}

/// What a connection is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    KeepAlive,
    Close,
    Echo,
}

/// When to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Length {
    Time(Duration),
    Requests(u64),
}

impl Options {
    /// The defaults: keep-alive connections that GET `path`.
    pub(crate) fn get(addr: SocketAddr, path: &str) -> Self {
        Self {
            addr,
            mode: Mode::KeepAlive,
            path: path.into(),
            size: None,
            connections: 64,
            active: None,
            uses: 1,
            pipeline: 1,
            turns: false,
            length: Length::Time(Duration::from_secs(3)),
            warmup: Duration::from_millis(500),
            pid: None,
            sleep: false,
            stay: false,
            hold: false,
        }
    }

    pub(crate) fn from_args(mut args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut addr = None;
        let mut options = Self::get(SocketAddr::from(([127, 0, 0, 1], 0)), "/plaintext");
        while let Some(name) = args.next() {
            match name.as_str() {
                "--hold" => options.hold = true,
                "--sleep" => options.sleep = true,
                "--stay" => options.stay = true,
                "--turns" => options.turns = true,
                _ => {
                    let value = args.next().ok_or_else(|| format!("{name}: no value"))?;
                    options.set(&name, value, &mut addr)?;
                }
            }
        }
        options.addr = addr.ok_or("--addr is needed")?;
        options.checked()
    }

    fn set(
        &mut self,
        name: &str,
        value: String,
        addr: &mut Option<SocketAddr>,
    ) -> Result<(), String> {
        let bad = |why: &dyn Display| format!("{name} {value}: {why}");
        match name {
            "--addr" => *addr = Some(value.parse().map_err(|e| bad(&e))?),
            "--mode" => self.mode = mode(&value).ok_or_else(|| bad(&"unknown"))?,
            "--path" => self.path = value,
            "--size" => self.size = Some(value.parse().map_err(|e| bad(&e))?),
            "--connections" => self.connections = value.parse().map_err(|e| bad(&e))?,
            "--active" => self.active = Some(value.parse().map_err(|e| bad(&e))?),
            "--uses" => self.uses = value.parse().map_err(|e| bad(&e))?,
            "--pipeline" => self.pipeline = value.parse().map_err(|e| bad(&e))?,
            "--seconds" => self.length = Length::Time(seconds(&value)?),
            "--warmup" => self.warmup = seconds(&value)?,
            "--requests" => {
                self.length = Length::Requests(value.parse().map_err(|e| bad(&e))?);
            }
            "--pid" => self.pid = Some(value.parse().map_err(|e| bad(&e))?),
            _ => return Err(format!("{name}: unknown")),
        }
        Ok(())
    }

    fn checked(mut self) -> Result<Self, String> {
        let counts = [self.connections, self.pipeline, self.active.unwrap_or(1)];
        if counts.contains(&0) || self.uses == 0 || self.length == Length::Requests(0) {
            return Err("nothing to do".into());
        }
        if self.active.is_some_and(|active| active > self.connections) {
            return Err("--active is a part of --connections".into());
        }
        if self.mode == Mode::Close && self.active.is_some() {
            return Err("--active is for connections that are kept".into());
        }
        if self.mode != Mode::Close && self.uses > 1 {
            return Err("--uses is for --mode close".into());
        }
        if self.mode != Mode::KeepAlive && self.pipeline > 1 {
            return Err("--pipeline is for keep-alive".into());
        }
        if matches!(self.length, Length::Requests(_)) || self.hold {
            self.warmup = Duration::ZERO;
        }
        Ok(self)
    }

    /// A full batch. With `--turns` they differ, and so do odd and even ones.
    pub(crate) fn batch(&self, number: usize) -> Vec<u8> {
        let requests = (0..self.pipeline).map(|at| self.request_of(number + at, false));
        requests.flatten().collect()
    }

    /// The bytes of one request, the `last` on its connection or not.
    pub(crate) fn request(&self, last: bool) -> Vec<u8> {
        self.request_of(0, last)
    }

    fn request_of(&self, turn: usize, last: bool) -> Vec<u8> {
        if self.mode == Mode::Echo {
            return pattern(self.size.unwrap_or(64));
        }
        let method = if self.size.is_some() { "POST" } else { "GET" };
        let mut head = format!("{method} {} HTTP/1.1\r\nHost: {}\r\n", self.path, self.addr);
        if self.turns {
            head += &format!("X-Turn: {}\r\n", turn % 2);
        }
        if last {
            head += "Connection: close\r\n";
        }
        if let Some(size) = self.size {
            head += &format!("Content-Length: {size}\r\n");
        }
        let mut request = (head + "\r\n").into_bytes();
        request.extend(pattern(self.size.unwrap_or(0)));
        request
    }

    /// The body that must come back, where it is known.
    pub(crate) fn expected(&self) -> Option<Vec<u8>> {
        match (self.size, self.path.as_str()) {
            (Some(size), _) => Some(pattern(size)),
            (None, _) if self.mode == Mode::Echo => Some(pattern(64)),
            (None, "/plaintext") => Some(b"Hello, World!".into()),
            (None, "/json") => Some(br#"{"message":"Hello, World!"}"#.into()),
            (None, path) if path.starts_with("/burn/") || path.starts_with("/block/") => {
                Some(b"done\n".into())
            }
            (None, _) => None,
        }
    }
}

fn mode(name: &str) -> Option<Mode> {
    match name {
        "keep-alive" => Some(Mode::KeepAlive),
        "close" => Some(Mode::Close),
        "echo" => Some(Mode::Echo),
        _ => None,
    }
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|e| format!("{text}: {e}"))?;
    Duration::try_from_secs_f64(seconds).map_err(|e| format!("{text}: {e}"))
}

/// Bytes which are not all the same, so that a shifted answer shows.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| b'a' + (i % 23) as u8).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Options, String> {
        Options::from_args(line.split_whitespace().map(String::from))
    }

    #[test]
    fn command_line() {
        let options = parse("--addr 127.0.0.1:80 --requests 5 --pipeline 16").expect("well-formed");
        assert_eq!(
            (options.length, options.pipeline),
            (Length::Requests(5), 16)
        );
        assert_eq!(options.warmup, Duration::ZERO);
        for bad in [
            "",
            "--addr x",
            "--addr 127.0.0.1:80 --requests 0",
            "--addr 127.0.0.1:80 --mode close --pipeline 2",
            "--addr 127.0.0.1:80 --seconds -1",
            "--addr 127.0.0.1:80 --active 65",
            "--addr 127.0.0.1:80 --active 0",
            "--addr 127.0.0.1:80 --mode close --active 2",
            "--addr 127.0.0.1:80 --uses 2",
            "--addr 127.0.0.1:80 --mode close --uses 0",
            "--addr 127.0.0.1:80 --other 1",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn requests() {
        let close = parse("--addr 127.0.0.1:80 --mode close --path /json").expect("well-formed");
        let text = "GET /json HTTP/1.1\r\nHost: 127.0.0.1:80\r\nConnection: close\r\n\r\n";
        assert_eq!(close.request(true), text.as_bytes());
        let kept = text.replace("Connection: close\r\n", "");
        assert_eq!(close.request(false), kept.as_bytes());
        let post = parse("--addr 127.0.0.1:80 --path /echo --size 3").expect("well-formed");
        assert!(
            post.request(false)
                .ends_with(b"Content-Length: 3\r\n\r\nabc")
        );
        assert_eq!(post.expected().as_deref(), Some(&b"abc"[..]));
        let turns = parse("--addr 127.0.0.1:80 --pipeline 3 --turns").expect("well-formed");
        let text = String::from_utf8(turns.batch(1)).expect("a text");
        let seen: Vec<_> = text
            .split("X-Turn: ")
            .skip(1)
            .map(|line| &line[..1])
            .collect();
        assert_eq!(seen, ["1", "0", "1"]);
        assert_eq!(turns.batch(0).len(), text.len());
    }
}
