//! What a registration asks for: how it is triggered, and the two directions it is watched in.

/// How the selector reports a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// Both directions, one event per change. For streams and datagram sockets: the descriptor is
    /// added once and never modified.
    Edge,
    /// Reading only, one event per poll for as long as something is there. For listeners, whose
    /// queue is not drained in one turn. A source that nobody reads from is disarmed after a few
    /// events and armed again by the next task that waits for it.
    Level,
}

/// One of the two directions of a descriptor, each with its own readiness and its own waker.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// Reading and accepting.
    Read,
    /// Writing, and the end of a connect.
    Write,
}
