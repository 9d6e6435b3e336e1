//! The table of conformance against a whole server over the in-memory transport: every row whole,
//! cut in two at every position, and byte by byte. What comes of it must be the same each time.

mod cases;
#[path = "../common/mod.rs"]
mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use cases::{BODY_LIMIT, Case, Level};
use common::{Chunks, Client, Host, Reply, run};
use http::Method;
use ringspun_http::{Body, IntoResponse, Limits, Request, Response, StatusCode};
use ringspun_runtime::time;

/// What the handler saw, in the words of [`cases::Wants::seen`].
type Seen = Arc<Mutex<Vec<String>>>;

/// What came of an input.
#[derive(PartialEq, Eq, Debug)]
struct Outcome {
    /// The final responses without their dates.
    replies: Vec<Reply>,
    seen: Vec<String>,
    is_kept: bool,
}

/// Says what it saw, and answers as the path asks.
async fn look(seen: &Seen, mut request: Request) -> Response {
    let host = request.host().unwrap_or("-");
    let mut text = format!("{} {} @{host}", request.method(), request.target());
    let mut failure = None;
    if request.path() != "/ignore" {
        match request.body().bytes(1 << 20).await {
            Ok(body) if body.is_empty() => {}
            Ok(body) => text.push_str(&format!(" {}", body.escape_ascii())),
            Err(error) => {
                text.push_str(" !");
                failure = Some(error.into_response());
            }
        }
    }
    seen.lock().unwrap().push(text);
    if let Some(failure) = failure {
        return failure;
    }
    if *request.method() == Method::CONNECT {
        return Response::text("no").with_status(StatusCode::NOT_FOUND);
    }
    match request.path() {
        "/chunks" => Response::ok().with_body(Body::stream(Chunks(3))),
        path => match path.strip_prefix("/status/").map(str::parse) {
            Some(Ok(status)) => Response::text("text").with_status(status),
            _ => Response::text("seen"),
        },
    }
}

/// Sends the pieces, and what shows whether the connection is kept; gathers what comes back.
async fn outcome(host: &Host, seen: &Seen, case: &Case, pieces: &[&[u8]]) -> (Outcome, usize) {
    let mut client = host.connect().await;
    let is_cut = case.wants.is_cut;
    let probe: &[u8] = if is_cut { b"" } else { PROBE };
    let (last, first) = pieces.split_last().expect("at least one piece");
    for piece in first {
        // The server may have refused what it has, and gone.
        let _ = client.try_send(piece).await;
        // Time passes only when the server has nothing more to do.
        time::sleep(Duration::from_millis(1)).await;
    }
    let _ = client.try_send([last, probe].concat()).await;
    client.finish().await;
    let (replies, interim) = gather(&mut client, seen).await;
    let mut seen = std::mem::take(&mut *seen.lock().unwrap());
    let is_kept = seen.pop_if(|last| last == "GET /probe @a").is_some();
    let outcome = Outcome {
        replies,
        seen,
        is_kept,
    };
    (outcome, interim)
}

/// The final responses, and how many interim ones came before them.
async fn gather(client: &mut Client, seen: &Seen) -> (Vec<Reply>, usize) {
    let (mut replies, mut interim) = (Vec::new(), 0);
    loop {
        // The n-th response belongs to the n-th request that was seen; those refused come last.
        time::sleep(Duration::from_millis(1)).await;
        let is_head = seen
            .lock()
            .unwrap()
            .get(replies.len())
            .is_some_and(|request: &String| request.starts_with("HEAD "));
        let Some(mut reply) = client.try_reply(is_head).await else {
            return (replies, interim);
        };
        if reply.status < 200 {
            interim += 1;
            continue;
        }
        let lines = reply.head.split_inclusive("\r\n");
        reply.head = lines.filter(|line| !line.starts_with("Date: ")).collect();
        replies.push(reply);
    }
}

/// Compares with the row.
fn judge(case: &Case, outcome: &Outcome) -> Result<(), String> {
    let wants = &case.wants;
    let mut statuses = wants.statuses.clone();
    statuses.extend(wants.is_kept.then_some(200));
    let got: Vec<u16> = outcome.replies.iter().map(|reply| reply.status).collect();
    if got != statuses || outcome.seen != wants.seen || outcome.is_kept != wants.is_kept {
        return Err(format!("statuses {got:?}, saw {:?}", outcome.seen));
    }
    let Some(last) = outcome.replies.get(wants.statuses.len().saturating_sub(1)) else {
        return Ok(());
    };
    let has_all = wants.has.iter().all(|text| last.head.contains(text));
    let has_none = !wants.lacks.iter().any(|text| last.head.contains(text));
    let ends = wants.is_kept || wants.is_cut || !wants.is_announced || last.closes();
    if has_all && has_none && ends {
        Ok(())
    } else {
        Err(format!("last head {:?}", last.head))
    }
}

/// Where an input is cut: everywhere, if it is not one of the few large ones.
fn cuts(input: &[u8]) -> impl Iterator<Item = usize> {
    (1..input.len()).step_by(1 + input.len() / MANY)
}

/// Runs a row in all its cuts; what is wrong, if anything is.
fn run_case(case: &Case) -> Result<usize, String> {
    run(async {
        let seen = Seen::default();
        let own = seen.clone();
        let handler = move |request: Request| {
            let seen = own.clone();
            async move { look(&seen, request).await }
        };
        let mut limits = Limits::default();
        limits.body_bytes = BODY_LIMIT;
        let host = Host::with_limits(handler, limits);

        let input = case.input.as_slice();
        let (whole, interim) = outcome(&host, &seen, case, &[input]).await;
        judge(case, &whole)?;
        let most = usize::from(case.wants.is_permitted);
        if interim > most {
            return Err(format!("{interim} interim responses"));
        }
        let body = input.windows(4).position(|bytes| bytes == b"\r\n\r\n");
        let mut runs = 1;
        for cut in cuts(input) {
            let (a, b) = input.split_at(cut);
            let (split, interim) = outcome(&host, &seen, case, &[a, b]).await;
            if split != whole {
                return Err(format!("cut at {cut}: {split:?} instead of {whole:?}"));
            }
            // Who holds the body back is told to go on; who sends it may be.
            let is_held_back = body.is_some_and(|at| cut == at + 4);
            let is_wrong = interim > most || is_held_back && interim < most;
            if is_wrong {
                return Err(format!("cut at {cut}: {interim} interim responses"));
            }
            runs += 1;
        }
        let single: Vec<&[u8]> = input.chunks(1 + input.len() / MANY).collect();
        let (split, _) = outcome(&host, &seen, case, &single).await;
        if split != whole {
            return Err(format!("byte by byte: {split:?} instead of {whole:?}"));
        }
        Ok(runs + 1)
    })
}

/// Runs the rows of a part and names every one that fails.
fn run_part(part: &str) {
    let (_, cases) = cases::PARTS
        .iter()
        .find(|(name, _)| *name == part)
        .expect("a part of the table");
    let (mut runs, mut failures) = (0, Vec::new());
    let cases = cases();
    for case in &cases {
        match run_case(case) {
            Ok(count) => runs += count,
            Err(failure) => failures.push(format!(
                "{:?} {} \"{}\"\n  sent {}\n  wants {:?}, saw {:?}\n  {failure}",
                case.level,
                case.section,
                case.name,
                case.input.escape_ascii(),
                case.wants.statuses,
                case.wants.seen,
            )),
        }
    }
    println!("{part}: {} cases, {runs} connections", cases.len());
    assert!(
        failures.is_empty(),
        "{} of {} cases fail\n{}",
        failures.len(),
        cases.len(),
        failures.join("\n")
    );
}

#[test]
fn the_table_is_large_and_its_rows_are_told_apart() {
    let cases = cases::all();
    let of = |level| cases.iter().filter(|case| case.level == level).count();
    println!(
        "{} conformance cases: {} MUST, {} SHOULD, {} MAY, {} stricter than the RFC",
        cases.len(),
        of(Level::Must),
        of(Level::Should),
        of(Level::May),
        of(Level::Stricter),
    );
    assert!(cases.len() >= 300, "{}", cases.len());
    let mut inputs: Vec<_> = cases
        .iter()
        .map(|case| (&case.input, case.wants.is_cut))
        .collect();
    inputs.sort_unstable();
    let twice: Vec<_> = inputs
        .windows(2)
        .filter(|pair| pair[0] == pair[1])
        .map(|pair| pair[0].0.escape_ascii().to_string())
        .collect();
    assert!(twice.is_empty(), "{twice:#?}");
}

#[test]
fn request_line() {
    run_part("request line");
}

#[test]
fn target() {
    run_part("target");
}

#[test]
fn host() {
    run_part("host");
}

#[test]
fn fields() {
    run_part("fields");
}

#[test]
fn content_length() {
    run_part("content-length");
}

#[test]
fn transfer_encoding() {
    run_part("transfer-encoding");
}

#[test]
fn chunked() {
    run_part("chunked");
}

#[test]
fn connection() {
    run_part("connection");
}

#[test]
fn expect() {
    run_part("expect");
}

#[test]
fn responses() {
    run_part("responses");
}

#[test]
fn limits() {
    run_part("limits");
}

/// A router, too, passes on what is sound and nothing else.
#[test]
fn through_a_router() {
    run(async {
        let host = Host::start(common::app());
        let mut client = host.connect().await;
        client
            .send("GET /n/%2e%2e HTTP/1.1\r\nHost: a\r\n\r\n")
            .await;
        assert_eq!(client.reply().await.text(), "..");
        client.send("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n").await;
        assert_eq!(client.reply().await.status, 204);
    });
}

/// Sent behind every input that the client does not end at: a kept connection answers it, and a
/// smuggler's prey is what would be answered when it should not.
const PROBE: &[u8] = b"GET /probe HTTP/1.1\r\nHost: a\r\n\r\n";

/// Positions at which a large input is cut.
const MANY: usize = 200;
