//! What is measured.

/// A line of the table, for each number of cores.
#[derive(Debug)]
pub(crate) struct Row {
    /// What it is called, in the table and by Go's counterpart.
    pub(crate) name: &'static str,
    pub(crate) shape: Shape,
    pub(crate) operations: u64,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Shape {
    /// Two tasks, two channels of that capacity; an operation is a round trip.
    PingPong(usize),
    /// Tasks that send and tasks that receive through one channel; an operation is a value.
    Flow {
        senders: usize,
        receivers: usize,
        capacity: usize,
    },
    /// One task selects among channels that all have a value, and fills up what it took.
    Ready(usize),
    /// One task selects among two channels that have nothing, and does not wait.
    Default,
    /// One task waits in so many channels; another sends to one of them and waits for the answer.
    Blocking(usize),
    /// One task makes a oneshot, sends, receives.
    Oneshot,
    /// One task sends a request with a oneshot in it to another, and waits for the reply.
    Request,
}

pub(crate) const ROWS: &[Row] = &[
    row("ping-pong-0", Shape::PingPong(0), 50_000),
    row("ping-pong-1", Shape::PingPong(1), 50_000),
    row("1:1-0", flow(1, 1, 0), 100_000),
    row("1:1-1", flow(1, 1, 1), 100_000),
    row("1:1-128", flow(1, 1, 128), 300_000),
    row("4:4-0", flow(4, 4, 0), 100_000),
    row("4:4-1", flow(4, 4, 1), 100_000),
    row("4:4-128", flow(4, 4, 128), 300_000),
    row("64:1-128", flow(64, 1, 128), 300_000),
    row("select-ready-2", Shape::Ready(2), 100_000),
    row("select-ready-8", Shape::Ready(8), 100_000),
    row("select-default", Shape::Default, 100_000),
    row("select-blocking-2", Shape::Blocking(2), 50_000),
    row("select-blocking-8", Shape::Blocking(8), 50_000),
    row("select-blocking-64", Shape::Blocking(64), 20_000),
    row("oneshot", Shape::Oneshot, 100_000),
    row("request-reply", Shape::Request, 50_000),
];

const fn row(name: &'static str, shape: Shape, operations: u64) -> Row {
    Row {
        name,
        shape,
        operations,
    }
}

const fn flow(senders: usize, receivers: usize, capacity: usize) -> Shape {
    Shape::Flow {
        senders,
        receivers,
        capacity,
    }
}
