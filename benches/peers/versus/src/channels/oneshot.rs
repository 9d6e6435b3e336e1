//! One value: inline, and as the reply to a request.

use std::future::Future;

use super::kind::{Crossfire, Kind, Message, Mpsc, Ours};
use super::row::{Row, Shape};
use crate::cost::{Cost, Watch};
use crate::peer::Peer;

/// A kind of channel with its oneshot.
pub(crate) trait Oneshots: Kind {
    type Reply: Message;
    type Answer: Message;

    fn oneshot() -> (Self::Reply, Self::Answer);

    fn reply(reply: Self::Reply, value: u64);

    fn answer(answer: Self::Answer) -> impl Future<Output = u64> + Send;
}

impl Oneshots for Ours {
    type Reply = ringspun::channel::oneshot::Sender<u64>;
    type Answer = ringspun::channel::oneshot::Receiver<u64>;

    fn oneshot() -> (Self::Reply, Self::Answer) {
        ringspun::channel::oneshot::channel()
    }

    fn reply(reply: Self::Reply, value: u64) {
        reply.send(value).expect("somebody waits");
    }

    async fn answer(answer: Self::Answer) -> u64 {
        answer.await.expect("a reply comes")
    }
}

impl Oneshots for Mpsc {
    type Reply = tokio::sync::oneshot::Sender<u64>;
    type Answer = tokio::sync::oneshot::Receiver<u64>;

    fn oneshot() -> (Self::Reply, Self::Answer) {
        tokio::sync::oneshot::channel()
    }

    fn reply(reply: Self::Reply, value: u64) {
        reply.send(value).expect("somebody waits");
    }

    async fn answer(answer: Self::Answer) -> u64 {
        answer.await.expect("a reply comes")
    }
}

impl Oneshots for Crossfire {
    type Reply = crossfire::oneshot::TxOneshot<u64>;
    type Answer = crossfire::oneshot::RxOneshot<u64>;

    fn oneshot() -> (Self::Reply, Self::Answer) {
        crossfire::oneshot::oneshot()
    }

    fn reply(reply: Self::Reply, value: u64) {
        reply.send(value);
    }

    async fn answer(answer: Self::Answer) -> u64 {
        answer.await.expect("a reply comes")
    }
}

/// The rows about oneshots; nothing for others.
pub(crate) fn measure<K: Oneshots>(peer: &K::Peer, row: &Row) -> Option<Cost> {
    match row.shape {
        Shape::Oneshot => Some(inline::<K>(peer, row.operations)),
        Shape::Request => requests::<K>(peer, row.operations),
        _ => None,
    }
}

fn inline<K: Oneshots>(peer: &K::Peer, operations: u64) -> Cost {
    peer.run(async move {
        let watch = Watch::start();
        for value in 0..operations {
            let (reply, answer) = K::oneshot();
            K::reply(reply, value);
            assert_eq!(K::answer(answer).await, value);
        }
        watch.stop(operations)
    })
}

fn requests<K: Oneshots>(peer: &K::Peer, operations: u64) -> Option<Cost> {
    let (requests, mut inbox) = K::pair::<(u64, K::Reply)>(16)?;
    Some(peer.run(async move {
        let watch = Watch::start();
        let server = K::Peer::spawn(async move {
            while let Some((value, reply)) = K::recv(&mut inbox).await {
                K::reply(reply, value);
            }
        });
        for value in 0..operations {
            let (reply, answer) = K::oneshot();
            assert!(K::send(&requests, (value, reply)).await.is_ok());
            assert_eq!(K::answer(answer).await, value);
        }
        drop(requests);
        server.await.expect("no panic");
        watch.stop(operations)
    }))
}
