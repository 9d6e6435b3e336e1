//! Files as responses: ranges, conditions, directories, and what may not be reached.

mod common;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::time::{Duration, Instant, SystemTime};

use common::tcp::{connect, head, serve};
use common::tree::{Tree, open_descriptors};
use common::{Client, Host, Reply, run};
use ringspun_http::files::{Directory, OpenFile};
use ringspun_http::{Body, HeaderValue, Request, Response, Router, StatusCode};
use ringspun_net::ListenOptions;

const DATE: &str = "Sun, 09 Sep 2001 01:46:40 GMT";

/// A small file that is read, a large one that is sent, and their validators.
fn tree() -> (Tree, Vec<u8>) {
    let tree = Tree::new();
    let large: Vec<u8> = (0..300_000).map(|at| (at * 7 % 251) as u8).collect();
    tree.write("site/small.txt", "0123456789");
    tree.write("site/large.bin", &large);
    tree.write("site/empty.css", "");
    tree.write("site/index.html", "<p>home");
    tree.write("site/sub/index.html", "<p>sub");
    tree.write("site/bare/file", "x");
    tree.write("site/with space/\u{e4}.json", "{}");
    tree.write("site/.env", "secret");
    tree.write("site/.well-known/token", "shown");
    tree.write("secret.txt", "secret");
    symlink("../secret.txt", tree.path().join("site/link-out")).expect("linked");
    symlink("..", tree.path().join("site/up")).expect("linked");
    symlink("sub/index.html", tree.path().join("site/link-in")).expect("linked");
    symlink("/etc/passwd", tree.path().join("site/passwd")).expect("linked");
    symlink("loop", tree.path().join("site/loop")).expect("linked");
    for name in ["small.txt", "large.bin", "empty.css"] {
        tree.settle(&format!("site/{name}"));
    }
    (tree, large)
}

fn app(tree: &Tree) -> Router {
    let site = Directory::new(tree.path().join("site"));
    let small = tree.path().join("site/small.txt");
    Router::new()
        .get("/site/", site.clone())
        .get("/site/{*path}", site.clone())
        .any("/any/{*path}", site.clone())
        .get("/all/{*path}", site.clone().show_hidden())
        .get("/bare/", site.clone().without_index())
        .get("/bare/{*path}", site.clone().without_index())
        .get(
            "/cached/{*path}",
            site.clone()
                .with_cache_control(HeaderValue::from_static("max-age=60")),
        )
        .get("/own", async |request: Request| {
            let program = File::open(std::env::current_exe()?)?;
            let file = OpenFile::from_std(program)?.with_content_type("a/b");
            Ok::<_, Failed>(file.respond(&request))
        })
        .get("/fresh", move |request: Request| {
            let small = small.clone();
            async move {
                let file = OpenFile::open(small).await?;
                Ok::<_, Failed>(file.respond(&request))
            }
        })
        .fallback(site.whole_path())
}

struct Failed;

impl From<std::io::Error> for Failed {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

impl ringspun_http::IntoResponse for Failed {
    fn into_response(self) -> Response {
        StatusCode::IM_A_TEAPOT.into_response()
    }
}

async fn ask(client: &mut Client, method: &str, path: &str, lines: &str) -> Reply {
    client
        .send(format!(
            "{method} {path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n"
        ))
        .await;
    client
        .try_reply(method == "HEAD")
        .await
        .expect("a response")
}

#[test]
fn whole_files_and_their_heads() {
    run(async {
        let (tree, large) = tree();
        let host = Host::start(app(&tree));
        let mut client = host.connect().await;
        for (path, body, content_type, etag) in [
            (
                "/site/small.txt",
                &b"0123456789"[..],
                "text/plain; charset=utf-8",
                "\"a-de0b6b3a7640000\"",
            ),
            (
                "/site/large.bin",
                &large,
                "application/octet-stream",
                "\"493e0-de0b6b3a7640000\"",
            ),
            (
                "/site/empty.css",
                b"",
                "text/css; charset=utf-8",
                "\"0-de0b6b3a7640000\"",
            ),
        ] {
            for method in ["GET", "HEAD"] {
                let reply = ask(&mut client, method, path, "").await;
                assert_eq!(reply.status, 200, "{path}");
                let expected = if method == "GET" { body } else { b"" };
                assert!(reply.body == expected, "{method} {path}");
                let length = body.len().to_string();
                assert_eq!(reply.header("content-length"), Some(&*length), "{path}");
                assert_eq!(reply.header("content-type"), Some(content_type), "{path}");
                assert_eq!(reply.header("etag"), Some(etag), "{path}");
                assert_eq!(reply.header("last-modified"), Some(DATE), "{path}");
                assert_eq!(reply.header("accept-ranges"), Some("bytes"), "{path}");
            }
        }
        let own = ask(&mut client, "GET", "/own", "Range: bytes=1-3\r\n").await;
        assert_eq!((own.status, own.text()), (206, "ELF"));
        assert_eq!(own.header("content-type"), Some("a/b"));
    });
}

#[test]
fn ranges_of_files_read_and_sent() {
    run(async {
        let (tree, large) = tree();
        let host = Host::start(app(&tree));
        let mut client = host.connect().await;
        for (path, content) in [
            ("/site/small.txt", &b"0123456789"[..]),
            ("/site/large.bin", &large),
        ] {
            let length = content.len();
            for (range, expected) in [
                ("bytes=0-0", 0..1),
                ("bytes=2-4", 2..5),
                ("bytes=5-", 5..length),
                ("bytes=-3", length - 3..length),
                ("bytes=-999999999", 0..length),
                ("bytes=3-99999999999999999999", 3..length),
            ] {
                let lines = format!("Range: {range}\r\n");
                let reply = ask(&mut client, "GET", path, &lines).await;
                assert_eq!(reply.status, 206, "{path} {range}");
                let content_range =
                    format!("bytes {}-{}/{length}", expected.start, expected.end - 1);
                assert_eq!(reply.header("content-range"), Some(&*content_range));
                assert!(reply.header("etag").is_some() && reply.header("last-modified").is_some());
                assert!(reply.body == content[expected], "{path} {range}");
                let reply = ask(&mut client, "HEAD", path, &lines).await;
                assert_eq!((reply.status, reply.header("content-range")), (200, None));
            }
            for range in ["bytes=0-1,3-4", "bytes=4-3", "lines=1-2", "bytes=x"] {
                let reply = ask(&mut client, "GET", path, &format!("Range: {range}\r\n")).await;
                assert!(
                    reply.status == 200 && reply.body == content,
                    "{path} {range}"
                );
            }
            for range in [format!("bytes={length}-"), "bytes=-0".to_owned()] {
                let reply = ask(&mut client, "GET", path, &format!("Range: {range}\r\n")).await;
                let content_range = format!("bytes */{length}");
                assert_eq!(reply.header("content-range"), Some(&*content_range));
                assert_eq!(reply.status, 416, "{path} {range}");
            }
        }
        let reply = ask(&mut client, "GET", "/site/empty.css", "Range: bytes=0-\r\n").await;
        assert_eq!(
            (reply.status, reply.header("content-range")),
            (416, Some("bytes */0"))
        );
    });
}

#[test]
fn conditions() {
    run(async {
        let (tree, _) = tree();
        let host = Host::start(app(&tree));
        let mut client = host.connect().await;
        let tag = "\"a-de0b6b3a7640000\"";
        let rows = [
            (format!("If-None-Match: {tag}"), 304),
            (format!("If-None-Match: W/{tag}, \"x\""), 304),
            ("If-None-Match: *".into(), 304),
            ("If-None-Match: \"x\"".into(), 200),
            (format!("If-Modified-Since: {DATE}"), 304),
            (
                "If-Modified-Since: Sun, 09 Sep 2001 01:46:39 GMT".into(),
                200,
            ),
            (
                format!("If-None-Match: \"x\"\r\nIf-Modified-Since: {DATE}"),
                200,
            ),
            (format!("If-Match: {tag}"), 200),
            ("If-Match: \"x\"".into(), 412),
            (format!("If-Unmodified-Since: {DATE}"), 200),
            (
                "If-Unmodified-Since: Sun, 09 Sep 2001 01:46:39 GMT".into(),
                412,
            ),
            (format!("If-Range: {tag}\r\nRange: bytes=0-1"), 206),
            (format!("If-Range: {DATE}\r\nRange: bytes=0-1"), 206),
            ("If-Range: \"x\"\r\nRange: bytes=0-1".into(), 200),
            (format!("If-Range: W/{tag}\r\nRange: bytes=0-1"), 200),
            (format!("If-None-Match: {tag}\r\nRange: bytes=0-1"), 304),
            (format!("If-Match: {tag}\r\nRange: bytes=99-"), 416),
        ];
        for (lines, status) in rows {
            let lines = format!("{lines}\r\n");
            let reply = ask(&mut client, "GET", "/cached/small.txt", &lines).await;
            assert_eq!(reply.status, status, "{lines}");
            if status == 304 {
                assert_eq!(reply.header("etag"), Some(tag), "{lines}");
                assert_eq!(reply.header("content-length"), None, "{lines}");
            }
            let is_cached = matches!(status, 200 | 206 | 304);
            let expected = is_cached.then_some("max-age=60");
            assert_eq!(reply.header("cache-control"), expected, "{lines}");
        }
    });
}

/// Within a second of its change a file may change again without its time showing it.
#[test]
fn the_tag_of_a_file_that_was_just_changed_is_weak() {
    run(async {
        let (tree, _) = tree();
        let host = Host::start(app(&tree));
        let mut client = host.connect().await;
        let path = tree.path().join("site/small.txt");
        let file = File::options().write(true).open(&path).expect("opened");
        let in_a_minute = SystemTime::now() + Duration::from_secs(60);
        file.set_modified(in_a_minute).expect("set");
        let reply = client.get("/fresh").await;
        let tag = reply.header("etag").expect("a tag").to_owned();
        assert!(tag.starts_with("W/\"a-"), "{tag}");
        let lines = format!("If-None-Match: {tag}\r\n");
        assert_eq!(ask(&mut client, "GET", "/fresh", &lines).await.status, 304);
        let lines = format!("If-Range: {tag}\r\nRange: bytes=0-1\r\n");
        assert_eq!(ask(&mut client, "GET", "/fresh", &lines).await.status, 200);
        fs::remove_file(path).expect("removed");
        assert_eq!(
            client.get("/fresh").await.status,
            418,
            "the error reaches the handler"
        );
    });
}

#[test]
fn directories_and_names() {
    run(async {
        let (tree, _) = tree();
        let host = Host::start(app(&tree));
        let mut client = host.connect().await;
        for (path, status, body) in [
            ("/site/", 200, "<p>home"),
            ("/site/sub/", 200, "<p>sub"),
            ("/site/sub/index.html", 200, "<p>sub"),
            ("/site/with%20space/%C3%A4.json", 200, "{}"),
            ("/site/link-in", 200, "<p>sub"),
            ("/site/.well-known/token", 200, "shown"),
            ("/all/.env", 200, "secret"),
            ("/small.txt", 200, "0123456789"),
            ("/", 200, "<p>home"),
            ("/sub/", 200, "<p>sub"),
            ("/site/bare/", 404, "not found\n"),
            ("/site/bare", 404, "not found\n"),
            ("/bare/", 404, "not found\n"),
            ("/bare/sub", 404, "not found\n"),
            ("/bare/sub/", 404, "not found\n"),
            ("/bare/sub/index.html", 200, "<p>sub"),
            ("/site/nothing", 404, "not found\n"),
            ("/site/small.txt/", 404, "not found\n"),
            ("/site/small.txt/x", 404, "not found\n"),
        ] {
            let reply = client.get(path).await;
            assert_eq!((reply.status, reply.text()), (status, body), "{path}");
        }
        for (path, location) in [
            ("/site/sub", "/site/sub/"),
            ("/site/sub?a=b", "/site/sub/?a=b"),
            ("/sub", "/sub/"),
            ("http://a/sub", "/sub/"),
        ] {
            let reply = client.get(path).await;
            let expected = (301, Some(location));
            assert_eq!((reply.status, reply.header("location")), expected, "{path}");
        }
        for path in ["/any/small.txt", "/any/nothing"] {
            let reply = client.post(path, b"x").await;
            assert_eq!(
                (reply.status, reply.header("allow")),
                (405, Some("GET, HEAD"))
            );
        }
    });
}

#[test]
fn nothing_outside_is_reached() {
    run(async {
        let (tree, _) = tree();
        let host = Host::start(app(&tree));
        for path in [
            "../secret.txt",
            "sub/../../secret.txt",
            "%2e%2e/secret.txt",
            "..%2fsecret.txt",
            "%2e%2e%2fsecret.txt",
            "sub/..",
            "./small.txt",
            "%2fetc/passwd",
            "/etc/passwd",
            "//etc/passwd",
            "small.txt%00",
            "small.txt%00.html",
            "%",
            "link-out",
            "up/secret.txt",
            "up/site/small.txt",
            "passwd",
            "loop",
            ".env",
            "%2eenv",
            "..",
            "../",
            ".",
            "./",
            "sub/./",
            "..\\secret.txt",
        ] {
            for mount in ["/site/", "/"] {
                let mut client = host.connect().await;
                let reply = client.get(&format!("{mount}{path}")).await;
                assert_eq!(reply.status, 404, "{mount}{path}");
                assert!(!reply.text().contains("secret") && !reply.text().contains("root"));
            }
        }
        let mut client = host.connect().await;
        let reply = client.get("//a.example/..").await;
        assert_eq!((reply.status, reply.header("location")), (404, None));
    });
}

#[test]
fn a_file_is_a_body_like_any_other() {
    run(async {
        let (tree, large) = tree();
        let path = tree.path().join("site/large.bin");
        let open = || File::open(&path).expect("opened");
        let mut body = Body::file(open(), 1..200_001);
        assert_eq!(body.length(), Some(200_000));
        assert!(body.bytes(200_000).await.expect("read") == large[1..200_001]);
        assert!(body.chunk().await.is_none());
        assert!(Body::file(open(), 5..5).is_empty());
        let mut body = Body::file(open(), 299_990..300_010);
        assert_eq!(body.chunk().await.expect("some").expect("read").len(), 10);
        let error = body.chunk().await.expect("an end").expect_err("too short");
        assert_eq!(error.status(), StatusCode::INTERNAL_SERVER_ERROR);
        assert!(error.to_string().contains("shorter"), "{error}");
        assert!(body.chunk().await.is_none());
        drop(body);
        assert_eq!(open_descriptors(&path), 0);
    });
}

/// Answers with all of a file, or what was of it when the server started.
fn sender(path: std::path::PathBuf, length: u64) -> Router {
    Router::new()
        .get("/", async |_| "hello")
        .get("/file", move |_: Request| {
            let file = File::open(&path).expect("opened");
            async move { Body::file(file, 0..length) }
        })
}

#[test]
fn a_file_that_gets_shorter_cuts_the_connection() {
    const LENGTH: u64 = 16 << 20;
    let tree = Tree::new();
    let path = tree.sparse("file", LENGTH);
    let app = sender(path.clone(), LENGTH);
    let shrink = move |length| {
        File::options()
            .write(true)
            .open(&path)
            .and_then(|file| file.set_len(length))
    };
    serve(app.clone(), ListenOptions::new().send_buffer(16 * 1024), {
        let shrink = shrink.clone();
        move |addr| {
            let mut stream = connect(addr);
            let request = b"GET /file HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
            stream.write_all(request).expect("sent");
            assert!(head(&mut stream).contains("Content-Length: 16777216\r\n"));
            shrink(1 << 20).expect("cut");
            let mut rest = Vec::new();
            // A reset is as good an end: the second request stays unread.
            let _ = stream.read_to_end(&mut rest);
            assert!((rest.len() as u64) < LENGTH, "{}", rest.len());
            assert!(!rest.ends_with(b"hello"), "nothing may pass for the rest");
            let mut stream = connect(addr);
            stream.write_all(b"GET / HTTP/1.0\r\n\r\n").expect("sent");
            assert!(head(&mut stream).starts_with("HTTP/1.1 200 OK\r\n"));
        }
    });
    shrink(LENGTH).expect("grown");
    run(async move {
        let host = Host::start(app);
        let mut client = host.connect().await;
        client.send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n").await;
        ringspun_runtime::task::yield_now().await;
        shrink(1 << 20).expect("cut");
        let rest = client.rest().await;
        assert!(
            rest.len() > 1 << 20 && (rest.len() as u64) < LENGTH,
            "{}",
            rest.len()
        );
        assert_eq!(host.connect().await.get("/").await.text(), "hello");
    });
}

/// Clients that go away in the middle of a file leave no descriptor behind.
#[test]
fn clients_that_go_away_leave_nothing_open() {
    const LENGTH: u64 = 64 << 20;
    let tree = Tree::new();
    let path = tree.sparse("file", LENGTH);
    let app = sender(path.clone(), LENGTH);
    serve(app.clone(), ListenOptions::new(), {
        let path = path.clone();
        move |addr| {
            let mut waiting: Vec<_> = (0..20)
                .map(|_| {
                    let mut stream = connect(addr);
                    stream
                        .write_all(b"GET /file HTTP/1.1\r\nHost: a\r\n\r\n")
                        .expect("sent");
                    assert!(head(&mut stream).starts_with("HTTP/1.1 200 OK\r\n"));
                    stream
                })
                .collect();
            assert_eq!(open_descriptors(&path), 20);
            // Every second one with a reset, by what it has not read; the others in good order.
            for (number, stream) in waiting.iter_mut().enumerate() {
                if number % 2 == 0 {
                    stream.shutdown(std::net::Shutdown::Both).expect("closed");
                }
            }
            drop(waiting);
            let start = Instant::now();
            while open_descriptors(&path) > 0 {
                assert!(start.elapsed() < Duration::from_secs(20), "left open");
                std::thread::yield_now();
            }
        }
    });
    run(async move {
        let host = Host::start(app);
        for _ in 0..20 {
            let mut client = host.connect().await;
            client.send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n").await;
            let mut some = [0; 1000];
            client.stream.read_exact(&mut some).await.expect("read");
            drop(client);
        }
        host.stop();
        host.ended().await;
        assert_eq!(open_descriptors(&path), 0);
    });
}

/// A client that takes nothing is cut at the limit of writing, files or not.
#[test]
fn a_client_that_takes_nothing_is_cut() {
    const LENGTH: u64 = 64 << 20;
    run(async {
        let tree = Tree::new();
        let path = tree.sparse("file", LENGTH);
        let host = Host::start(sender(path.clone(), LENGTH));
        let mut client = host.connect().await;
        client.send("GET /file HTTP/1.1\r\nHost: a\r\n\r\n").await;
        ringspun_runtime::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(open_descriptors(&path), 0);
        let rest = client.rest().await;
        assert!((rest.len() as u64) < LENGTH, "{}", rest.len());
    });
}

/// Files, parts and small answers in one batch, to clients that have ended their own side: in order,
/// and to the end.
#[test]
fn files_keep_their_place_among_pipelined_answers() {
    let (tree, large) = tree();
    let app = app(&tree);
    let get =
        |path: &str, lines: &str| format!("GET /site/{path} HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
    let requests = [
        get("small.txt", ""),
        get("large.bin", ""),
        get("nothing", ""),
        get("large.bin", "Range: bytes=5-200004\r\n"),
        get("large.bin", "If-None-Match: *\r\n"),
        get("large.bin", "Range: bytes=-1\r\n"),
        get("small.txt", "Connection: close\r\n"),
    ]
    .concat();
    let check = move |got: &[u8]| {
        let mut rest = got;
        for (status, body) in [
            (200, &b"0123456789"[..]),
            (200, &large),
            (404, b"not found\n"),
            (206, &large[5..200_005]),
            (304, b""),
            (206, &large[299_999..]),
            (200, b"0123456789"),
        ] {
            let line = format!("HTTP/1.1 {status} ");
            assert!(rest.starts_with(line.as_bytes()), "{line}");
            let end = rest.windows(4).position(|window| window == b"\r\n\r\n");
            let (answer, tail) = rest[end.expect("a head") + 4..].split_at(body.len());
            assert!(answer == body, "{line}");
            rest = tail;
        }
        assert!(rest.is_empty());
    };
    serve(app.clone(), ListenOptions::new().send_buffer(16 * 1024), {
        let (requests, check) = (requests.clone(), check.clone());
        move |addr| {
            let mut stream = connect(addr);
            stream.write_all(requests.as_bytes()).expect("sent");
            stream.shutdown(std::net::Shutdown::Write).expect("ended");
            let mut got = Vec::new();
            stream.read_to_end(&mut got).expect("a clean end");
            check(&got);
        }
    });
    run(async move {
        let host = Host::start(app);
        let mut client = host.connect().await;
        client.send(requests).await;
        client.finish().await;
        check(&client.rest().await);
    });
}
