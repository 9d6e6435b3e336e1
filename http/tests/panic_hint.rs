//! Code that asks for tokio's context, in a program without the feature `tokio`: what is said about it.
#![cfg(not(feature = "tokio"))]

use std::fmt::{self, Write};
use std::future::IntoFuture;
use std::sync::{Arc, Mutex};

use ringspun_http::{Request, Server};
use ringspun_net::mem;
use ringspun_runtime::{Builder, spawn};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Collects events as text.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<String>>);

struct Line<'a>(&'a mut String);

impl Visit for Line<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        write!(self.0, "{field}={value:?} ").expect("text");
    }
}

impl Subscriber for Log {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut log = self.0.lock().expect("no panic");
        event.record(&mut Line(&mut log));
        log.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// As tokio says it.
fn needs_tokio() {
    panic!("there is no reactor running, must be called from the context of a Tokio 1.x runtime");
}

#[test]
fn the_feature_is_named() {
    let log = Log::default();
    tracing::subscriber::set_global_default(log.clone()).expect("the only test here");
    let runtime = Builder::new().cores(1).build().expect("a runtime");
    runtime.block_on(async {
        let error = spawn(async { needs_tokio() }).await.expect_err("a panic");
        assert!(error.to_string().contains("feature `tokio`"), "{error}");

        let (listener, connector) = mem::listener(4096);
        let server = Server::from_listener(listener).without_signals();
        let serving = spawn(server.serve(async |_: Request| needs_tokio()).into_future());
        let mut client = connector.connect().await.expect("the server listens");
        let request = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n";
        client.write_all(request).await.expect("the server reads");
        let mut start = [0; 12];
        client.read_exact(&mut start).await.expect("an answer");
        assert_eq!(&start, b"HTTP/1.1 500");
        drop((client, connector));
        serving.await.expect("no panic").expect("served");
    });
    let log = log.0.lock().expect("no panic");
    for what in ["a task panicked", "a handler panicked"] {
        let line = log.lines().find(|line| line.contains(what));
        assert!(
            line.is_some_and(|line| line.contains("feature `tokio`")),
            "{what}: {log}"
        );
    }
}
