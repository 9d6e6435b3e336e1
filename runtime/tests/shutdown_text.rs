//! What a shutdown that gives up says: where the tasks and jobs were spawned that hold it up.
#![cfg(not(loom))]

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::Duration;

use ringspun_runtime::Builder;
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
        write!(log, "{} ", event.metadata().level()).expect("text");
        event.record(&mut Line(&mut log));
        log.push('\n');
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[test]
fn a_shutdown_that_gives_up_names_what_is_stuck() {
    let runtime = Builder::new().cores(2).build().expect("a runtime");
    let (begin, begun) = mpsc::channel();
    let (go, wait) = mpsc::channel::<()>();
    let wait = Mutex::new(wait);
    let hold_up = Arc::new(move || {
        begin.send(()).expect("the test waits");
        // Until the test ends.
        let _ = wait.lock().expect("no panic").recv();
    });
    let handle = runtime.handle();
    let (task, job) = (hold_up.clone(), hold_up);
    let line = line!() + 1;
    let task = handle.spawn(async move { task() });
    let job = handle.spawn_blocking(move || job());
    for _ in 0..2 {
        begun.recv().expect("both begin");
    }
    let log = Log::default();
    let down = tracing::subscriber::with_default(log.clone(), || {
        runtime.shutdown_timeout(Duration::from_millis(50))
    });
    assert!(!down);
    let text = log.0.lock().expect("no panic").clone();
    let mut lines = text.lines();
    for (what, at) in [("inside a task's poll", line), ("blocking jobs", line + 1)] {
        let warning = lines.next().expect("a warning for each");
        assert!(warning.starts_with("WARN "), "{warning}");
        assert!(warning.contains(what), "{warning}");
        let place = format!("spawned at {}:{at}:", file!());
        assert!(warning.contains(&place), "{warning} has no {place}");
    }
    assert_eq!(lines.next(), None, "{text}");
    // What is left behind may end.
    drop(go);
    while !task.is_finished() || !job.is_finished() {
        thread::yield_now();
    }
}
