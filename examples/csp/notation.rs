//! Section 2, "Concepts and Notation": what the programs are written with.
//!
//! | in the paper | here |
//! |---|---|
//! | `P?x`, `P!x` | `p.recv().await`, `p.send(x).await?` on a channel of capacity 0 |
//! | `*[P?x -> ...]`, which ends when P has terminated | `while let Some(x) = p.recv().await { ... }` |
//! | `[guard; P?x -> ... [] Q?y -> ...]` | `select! { x = p.recv(), if guard => ..., y = q.recv() => ... }` |
//! | `*[...]` over that, which ends when all sources have terminated | `loop` around the `select!`, with `else => return` |
//! | `[P || Q]` | `parallel([spawn(p), spawn(q)])` |
//! | a command fails | `Err(Failed)` |
//!
//! Hoare's processes name each other. These are given their ends of channels instead (the paper weighs this in
//! section 7.3), and a process that terminates drops its ends, so its partners see the end of their input.

use ringspun::channel::{Receiver, Recv, SendError, Sender, channel};
use ringspun::{JoinHandle, spawn};

/// The partner has terminated and cannot take part in an input or output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Failed;

/// How a process ends.
pub(crate) type Outcome = Result<(), Failed>;

impl<T> From<SendError<T>> for Failed {
    fn from(_: SendError<T>) -> Self {
        Self
    }
}

/// Section 2.1, the parallel command: ends when all its processes have, and fails if one of them does.
pub(crate) async fn parallel(processes: impl IntoIterator<Item = JoinHandle<Outcome>>) -> Outcome {
    // All of them run before one is waited for.
    let processes: Vec<_> = processes.into_iter().collect();
    let mut outcome = Ok(());
    for process in processes {
        let ended = process.await.expect("no process panics");
        outcome = outcome.and(ended);
    }
    outcome
}

/// One process's end of a connection both ways, for programs where `X?` and `X!` name the same X.
pub(crate) struct Link<In, Out> {
    from: Receiver<In>,
    to: Sender<Out>,
}

/// The two ends.
pub(crate) fn link<A, B>() -> (Link<A, B>, Link<B, A>) {
    let (to_left, from_right) = channel(0);
    let (to_right, from_left) = channel(0);
    let left = Link {
        from: from_right,
        to: to_right,
    };
    let right = Link {
        from: from_left,
        to: to_left,
    };
    (left, right)
}

impl<In, Out> Link<In, Out> {
    pub(crate) fn recv(&self) -> Recv<'_, In> {
        self.from.recv()
    }

    pub(crate) async fn send(&self, value: Out) -> Outcome {
        Ok(self.to.send(value).await?)
    }

    /// Sends, and takes the answer.
    pub(crate) async fn ask(&self, question: Out) -> Result<In, Failed> {
        self.send(question).await?;
        self.recv().await.ok_or(Failed)
    }

    /// The two channels.
    pub(crate) fn split(self) -> (Receiver<In>, Sender<Out>) {
        (self.from, self.to)
    }
}

/// A process that outputs `values` and terminates.
pub(crate) fn source<T: Send + 'static>(
    values: impl IntoIterator<Item = T, IntoIter: Send + 'static>,
) -> Receiver<T> {
    let (to, from) = channel(0);
    let values = values.into_iter();
    spawn(async move {
        for value in values {
            to.send(value).await?;
        }
        Outcome::Ok(())
    });
    from
}

/// Everything that a process outputs until it terminates.
pub(crate) async fn drain<T, C: Default + Extend<T>>(from: Receiver<T>) -> C {
    let mut values = C::default();
    while let Some(value) = from.recv().await {
        values.extend([value]);
    }
    values
}

/// Everything that `process` outputs when `input` goes in.
pub(crate) async fn through<A, B, C, F>(
    input: impl IntoIterator<Item = A, IntoIter: Send + 'static>,
    process: impl FnOnce(Receiver<A>, Sender<B>) -> F,
) -> Result<C, Failed>
where
    A: Send + 'static,
    C: Default + Extend<B>,
    F: Future<Output = Outcome> + Send + 'static,
{
    let (to, output) = channel(0);
    let process = spawn(process(source(input), to));
    let values = drain(output).await;
    parallel([process]).await?;
    Ok(values)
}
