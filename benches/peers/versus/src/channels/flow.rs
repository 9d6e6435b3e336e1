//! Values from task to task.

use super::kind::{Ends, Kind};
use crate::cost::{Cost, Watch};
use crate::peer::Peer;

/// There and back.
pub(crate) fn ping_pong<K: Kind>(peer: &K::Peer, capacity: usize, operations: u64) -> Option<Cost> {
    let (there, mut asked) = K::pair(capacity)?;
    let (back, mut answer) = K::pair(capacity)?;
    Some(peer.run(async move {
        let watch = Watch::start();
        let other = K::Peer::spawn(async move {
            while let Some(value) = K::recv(&mut asked).await {
                assert!(K::send(&back, value).await.is_ok());
            }
        });
        for value in 0..operations {
            assert!(K::send(&there, value).await.is_ok());
            assert_eq!(K::recv(&mut answer).await, Some(value));
        }
        drop(there);
        other.await.expect("no panic");
        watch.stop(operations)
    }))
}

/// From some tasks to others.
pub(crate) fn one_way<K: Kind>(peer: &K::Peer, ends: Ends<K, u64>, operations: u64) -> Cost {
    let (senders, receivers) = ends;
    let each = operations / senders.len() as u64;
    let sent = each * senders.len() as u64;
    peer.run(async move {
        let watch = Watch::start();
        let receivers: Vec<_> = receivers
            .into_iter()
            .map(|mut receiver| {
                K::Peer::spawn(async move {
                    let mut received = 0;
                    while K::recv(&mut receiver).await.is_some() {
                        received += 1;
                    }
                    received
                })
            })
            .collect();
        for sender in senders {
            let _detached = K::Peer::spawn(async move {
                for value in 0..each {
                    assert!(K::send(&sender, value).await.is_ok());
                }
            });
        }
        let mut received = 0;
        for receiver in receivers {
            received += receiver.await.expect("no panic");
        }
        assert_eq!(received, sent);
        watch.stop(sent)
    })
}
