//! The race of a value against a receive that is dropped.
//!
//! One task sends numbers, another receives them by futures that it polls a few times, at random, and
//! drops, as a select does when another arm is ready. Whatever was on its way to a dropped receive must come
//! by a later one.

use std::future::{self, Future};
use std::pin::pin;
use std::task::Poll;

use super::kind::Kind;
use super::random::Random;
use crate::peer::Peer;

/// How many of so many values never came; nothing if there is no such channel.
///
/// # Panics
///
/// If values come twice or in another order.
pub(crate) fn count<K: Kind>(peer: &K::Peer, capacity: usize, values: u64) -> Option<u64> {
    let (sender, mut receiver) = K::pair(capacity)?;
    Some(peer.run(async move {
        let _detached = K::Peer::spawn(async move {
            for value in 0..values {
                assert!(K::send(&sender, value).await.is_ok());
            }
        });
        let (mut seen, mut next, mut random) = (0, 0, Random::new());
        loop {
            match polled_at_most(1 + random.below(4), K::recv(&mut receiver)).await {
                None => {}
                Some(None) => return values - seen,
                Some(Some(value)) => {
                    assert!(value >= next, "{}: {value} after {next}", K::NAME);
                    next = value + 1;
                    seen += 1;
                }
            }
        }
    }))
}

/// Polls again and again, as if something else woke the task. After the last time the others may run, so that
/// a value can come that nobody looks at.
async fn polled_at_most<F: Future>(mut polls: usize, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    future::poll_fn(move |cx| {
        if polls == 0 {
            return Poll::Ready(None);
        }
        polls -= 1;
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return Poll::Ready(Some(output));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await
}
