//! Channels and selects.

use ringspun::channel::channel;
use ringspun::{select, spawn};

use crate::Row;
use crate::machine::on_the_core;

pub(crate) const ROWS: &[Row] = &[
    // A value sent and received, by one task: neither waits.
    Row {
        name: "channel-send-recv",
        operations: 20_000,
        run: send_and_receive,
    },
    // A value there and another back, between two tasks.
    Row {
        name: "channel-ping-pong",
        operations: 10_000,
        run: ping_pong,
    },
    Row {
        name: "channel-rendezvous",
        operations: 10_000,
        run: rendezvous,
    },
    Row {
        name: "select-ready-2",
        operations: 10_000,
        run: select_ready,
    },
    Row {
        name: "select-blocking-2",
        operations: 10_000,
        run: select_blocking,
    },
];

fn send_and_receive(n: u64) {
    on_the_core(async move {
        let (tx, rx) = channel(1);
        for value in 0..n {
            tx.send(value).await.expect("there is a receiver");
            assert_eq!(rx.recv().await, Some(value));
        }
    });
}

fn ping_pong(n: u64) {
    on_the_core(there_and_back(1, n));
}

fn rendezvous(n: u64) {
    on_the_core(there_and_back(0, n));
}

async fn there_and_back(capacity: usize, n: u64) {
    let (there, asked) = channel(capacity);
    let (back, answers) = channel(capacity);
    spawn(async move {
        while let Some(value) = asked.recv().await {
            back.send(value).await.expect("somebody waits for it");
        }
    });
    for value in 0..n {
        there.send(value).await.expect("the other task receives");
        assert_eq!(answers.recv().await, Some(value));
    }
}

fn select_ready(n: u64) {
    on_the_core(async move {
        let (a, b) = (channel(1), channel(1));
        a.0.try_send(0).expect("there is room");
        b.0.try_send(0).expect("there is room");
        for value in 0..n {
            let tx = select! {
                _ = a.1.recv() => &a.0,
                _ = b.1.recv() => &b.0,
            };
            tx.try_send(value).expect("there is room");
        }
    });
}

/// One task waits in two channels; another sends to one of them and waits for the answer.
fn select_blocking(n: u64) {
    on_the_core(async move {
        let (a, b) = (channel(1), channel(1));
        let (done, answers) = channel(1);
        spawn(async move {
            loop {
                let value = select! {
                    value = a.1.recv() => value,
                    value = b.1.recv() => value,
                };
                let Some(value) = value else { break };
                done.send(value).await.expect("somebody waits for it");
            }
        });
        for value in 0..n {
            let tx = if value % 3 == 0 { &a.0 } else { &b.0 };
            tx.send(value).await.expect("the other task receives");
            assert_eq!(answers.recv().await, Some(value));
        }
    });
}
