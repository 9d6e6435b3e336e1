//! What a server answers, so that two servers can be compared line by line.
//!
//! For each path one line for the status (its number, not its words, which mean nothing), one for each
//! header, sorted, names in lower case, and one for the body. `/echo` is a POST. The values of `Date` and
//! `Server` are left out: they are to differ.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;

use crate::load::PATIENCE;
use crate::options::Options;

const USAGE: &str = "usage: spin answers --addr ADDR PATH...";

pub(crate) fn main(args: impl Iterator<Item = String>) -> ExitCode {
    match run(args) {
        Ok(lines) => {
            print!("{lines}");
            ExitCode::SUCCESS
        }
        Err(problem) => {
            eprintln!("spin answers: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn run(mut args: impl Iterator<Item = String>) -> Result<String, String> {
    let (Some("--addr"), Some(addr)) = (args.next().as_deref(), args.next()) else {
        return Err(USAGE.into());
    };
    let addr: SocketAddr = addr.parse().map_err(|e| format!("{addr}: {e}"))?;
    // On one connection, as it is under load.
    let mut stream = TcpStream::connect(addr).map_err(|e| format!("connect: {e}"))?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(|e| format!("timeout: {e}"))?;
    let mut lines = String::new();
    for path in args {
        let mut options = Options::get(addr, &path);
        options.size = (path == "/echo").then_some(100);
        let answer =
            ask(&mut stream, &options.request(false)).map_err(|e| format!("{path}: {e}"))?;
        let answer = describe(&answer).map_err(|e| format!("{path}: {e}"))?;
        for line in answer {
            lines += &format!("{path} {line}\n");
        }
    }
    Ok(lines)
}

/// Sends a request and reads until its answer is there.
fn ask(stream: &mut TcpStream, request: &[u8]) -> Result<String, String> {
    stream
        .write_all(request)
        .map_err(|e| format!("send: {e}"))?;
    let mut answer = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let length = stream
            .read(&mut buffer)
            .map_err(|e| format!("receive: {e}"))?;
        if length == 0 {
            return Err("closed before the answer's end".into());
        }
        answer.extend_from_slice(&buffer[..length]);
        let text = String::from_utf8(answer.clone()).map_err(|e| e.to_string())?;
        if is_whole(&text) {
            return Ok(text);
        }
    }
}

fn is_whole(answer: &str) -> bool {
    let Some((head, body)) = answer.split_once("\r\n\r\n") else {
        return false;
    };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length")
            .then(|| value.trim().parse().ok())?
    });
    // Without a length the answer is as wrong as it will be: `describe` shows that it is missing.
    body.len() >= length.unwrap_or(0)
}

fn describe(answer: &str) -> Result<Vec<String>, String> {
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("an answer without an end of its head")?;
    let mut head = head.split("\r\n");
    let status = head.next().unwrap_or_default();
    let mut words = status.split(' ');
    let (version, code) = (words.next(), words.next());
    let mut headers: Vec<String> = head
        .map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            let name = name.to_ascii_lowercase();
            match name.as_str() {
                "date" | "server" => format!("{name}: ..."),
                _ => format!("{name}: {}", value.trim()),
            }
        })
        .collect();
    headers.sort_unstable();
    let mut lines = vec![format!(
        "{} {}",
        version.unwrap_or_default(),
        code.unwrap_or_default()
    )];
    lines.append(&mut headers);
    lines.push(format!("body {body:?}"));
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "HTTP/1.1 200 Ok\r\nServer: M\r\nDate: today\r\nContent-Length: 5\r\n\
         Content-Type: text/plain\r\n\r\nhello";

    #[test]
    fn names_and_order_do_not_matter() {
        let other = "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 5\r\n\
             date: tomorrow\r\nserver: x\r\n\r\nhello";
        let lines = describe(ANSWER).expect("well-formed");
        assert_eq!(lines, describe(other).expect("well-formed"));
        assert_eq!(lines[0], "HTTP/1.1 200");
        assert_eq!(lines.last().map(String::as_str), Some("body \"hello\""));
    }

    #[test]
    fn what_matters_shows() {
        for (good, bad) in [
            ("200", "404"),
            ("hello", "hallo"),
            ("plain", "html"),
            ("Date", "Dote"),
        ] {
            let bad = ANSWER.replace(good, bad);
            assert_ne!(describe(ANSWER), describe(&bad), "{bad}");
        }
    }

    #[test]
    fn an_answer_in_pieces() {
        for length in 0..ANSWER.len() {
            assert!(!is_whole(&ANSWER[..length]), "{length}");
        }
        assert!(is_whole(ANSWER));
    }
}
