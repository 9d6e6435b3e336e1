//! A client that sends bytes and reads one answer, so that nothing is hidden by a library.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// An answer, as far as servers must agree on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Lines by name in lower case, without those that are the server's own affair ([`OWN`]).
    pub headers: BTreeMap<String, Vec<String>>,
    /// The content, without its framing.
    pub body: Vec<u8>,
    /// The trailer's lines.
    pub trailers: Vec<String>,
}

impl Answer {
    /// The content as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first line of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        Some(self.headers.get(name)?.first()?)
    }
}

/// What a server may say as it likes.
pub const OWN: [&str; 4] = ["connection", "date", "keep-alive", "server"];

/// A connection.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
}

impl Client {
    /// Connects. Nothing waits longer than a minute.
    pub fn connect(addr: SocketAddr) -> Self {
        let stream = TcpStream::connect(addr).expect("the server listens");
        let minute = Some(Duration::from_secs(60));
        stream.set_read_timeout(minute).expect("a timeout");
        Self {
            stream: BufReader::new(stream),
        }
    }

    /// The own port.
    pub fn port(&self) -> u16 {
        let addr = self.stream.get_ref().local_addr();
        addr.expect("it is connected").port()
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        let mut stream = self.stream.get_ref();
        stream.write_all(bytes.as_ref()).expect("the server reads");
    }

    /// Reads an answer, to a request that was not HEAD.
    pub fn answer(&mut self) -> Answer {
        self.read(false)
    }

    /// Reads the head of an answer to HEAD.
    pub fn answer_to_head(&mut self) -> Answer {
        self.read(true)
    }

    /// So many bytes.
    pub fn exactly(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).expect("as many bytes");
        bytes
    }

    /// All that comes until the server ends the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes).expect("the end");
        bytes
    }

    /// Whether the server ends the connection without a further byte.
    pub fn is_closed(&mut self) -> bool {
        matches!(self.stream.fill_buf(), Ok([]))
    }

    /// Whether the connection is over: ended, or reset because the server has not read all.
    pub fn is_ended(&mut self) -> bool {
        match self.stream.fill_buf() {
            Ok(bytes) => bytes.is_empty(),
            Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
        }
    }

    fn read(&mut self, is_head: bool) -> Answer {
        let status_line = self.line();
        let status = status_line
            .split(' ')
            .nth(1)
            .and_then(|code| code.parse().ok());
        let status: u16 = status.unwrap_or_else(|| panic!("not an answer: {status_line:?}"));
        let mut headers = BTreeMap::<String, Vec<String>>::new();
        for line in self.lines() {
            let (name, value) = line.split_once(':').expect("a header line");
            let values = headers.entry(name.to_ascii_lowercase()).or_default();
            values.push(value.trim().to_owned());
        }
        let (mut body, mut trailers) = (Vec::new(), Vec::new());
        let has_body = !is_head && status >= 200 && status != 204 && status != 304;
        if has_body && headers.contains_key("transfer-encoding") {
            trailers = self.chunks(&mut body);
        } else if let Some(length) = headers.get("content-length").filter(|_| has_body) {
            body.resize(length[0].parse().expect("a length"), 0);
            self.stream.read_exact(&mut body).expect("the whole body");
        } else if has_body {
            self.stream.read_to_end(&mut body).expect("the whole body");
        }
        headers.retain(|name, _| !OWN.contains(&name.as_str()));
        if is_head {
            // May be there (RFC 9112 6.1), and says nothing about the answer to a GET.
            headers.remove("transfer-encoding");
        }
        Answer {
            status,
            headers,
            body,
            trailers,
        }
    }

    /// The next piece of a body in the chunked coding; empty at the end of it.
    pub fn chunk(&mut self) -> Vec<u8> {
        let size = usize::from_str_radix(&self.line(), 16).expect("a chunk's size");
        let mut chunk = vec![0; size];
        self.stream.read_exact(&mut chunk).expect("a whole chunk");
        if size > 0 {
            self.line();
        }
        chunk
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> Vec<String> {
        loop {
            let chunk = self.chunk();
            if chunk.is_empty() {
                return self.lines();
            }
            body.extend(chunk);
        }
    }

    /// Lines up to an empty one.
    pub fn lines(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line.is_empty() {
                return lines;
            }
            lines.push(line);
        }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.stream.read_line(&mut line).expect("a line");
        assert!(line.ends_with("\r\n"), "the connection ended: {line:?}");
        line.truncate(line.len() - 2);
        line
    }
}

/// One request on a connection of its own.
pub fn ask(addr: SocketAddr, request: &str) -> Answer {
    let mut client = Client::connect(addr);
    client.send(request);
    client.read(request.starts_with("HEAD "))
}
