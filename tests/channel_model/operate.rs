//! The operations of the random programs: what they take along, how they are written, what comes of them.

#![allow(unreachable_pub, reason = "a module of one test")]

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use ringspun::channel::{Receiver, Select, Sender};
use ringspun::select;

use super::CHANNELS;

/// What is sent; its end is counted.
pub struct Token {
    pub id: usize,
    pub drops: Arc<[AtomicUsize]>,
}

impl Drop for Token {
    fn drop(&mut self) {
        self.drops[self.id].fetch_add(1, Relaxed);
    }
}

/// How an arm ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Event {
    Value(usize),
    End,
    Sent,
    Refused,
    /// No arm was ready, and the operation does not wait.
    Default,
}

fn received(value: Option<Token>) -> Event {
    value.map_or(Event::End, |token| Event::Value(token.id))
}

fn sent<E>(result: Result<(), E>) -> Event {
    result.map_or(Event::Refused, |()| Event::Sent)
}

/// What an operation may do. The number of an arm is its place among the four: two receives, two sends.
#[derive(Clone, Copy, Debug)]
pub enum Arm {
    Off,
    Recv(usize),
    Send(usize, usize),
}

/// The ways to write an operation.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Form {
    /// `recv` or `send`, as its only arm says.
    Alone,
    /// `send_from`.
    Place,
    Macro,
    MacroDefault,
    Dynamic,
    /// A dynamic select that goes on after an outcome, and gives its wait up after every poll.
    Unsteady,
}

/// What an operation takes along.
pub struct Luggage {
    pub rx: [Option<Receiver<Token>>; CHANNELS],
    pub tx: [Option<Sender<Token>>; CHANNELS],
    pub values: [Option<Token>; CHANNELS],
    /// The values that are left in their places at the end.
    pub kept: Arc<Mutex<Vec<usize>>>,
}

impl Drop for Luggage {
    fn drop(&mut self) {
        let left = self.values.iter().flatten().map(|token| token.id);
        self.kept.lock().unwrap().extend(left);
    }
}

pub type Log = Arc<Mutex<Option<(usize, Event)>>>;

pub async fn operate(form: Form, mut luggage: Luggage, log: Log) {
    let Luggage { rx, tx, values, .. } = &mut luggage;
    let [a_rx, b_rx] = [0, 1].map(|c| rx[c].as_ref());
    let [a_tx, b_tx] = [0, 1].map(|c| tx[c].as_ref());
    let on = [
        a_rx.is_some(),
        b_rx.is_some(),
        a_tx.is_some(),
        b_tx.is_some(),
    ];
    let only = on.iter().position(|on| *on).expect("an arm");
    let [a, b] = values;
    let (rx, tx) = (a_rx.or(b_rx), a_tx.or(b_tx));
    let place = if a.is_some() { &mut *a } else { &mut *b };
    let outcome = match form {
        Form::Alone => match rx {
            Some(rx) => (only, received(rx.recv().await)),
            None => {
                let value = place.take().expect("a value");
                (only, sent(tx.expect("a sender").send(value).await))
            }
        },
        Form::Place => (only, sent(tx.expect("a sender").send_from(place).await)),
        Form::Macro => select! {
            value = a_rx.unwrap().recv(), if on[0] => (0, received(value)),
            value = b_rx.unwrap().recv(), if on[1] => (1, received(value)),
            result = a_tx.unwrap().send_from(a), if on[2] => (2, sent(result)),
            result = b_tx.unwrap().send_from(b), if on[3] => (3, sent(result)),
        },
        Form::MacroDefault => select! {
            value = a_rx.unwrap().recv(), if on[0] => (0, received(value)),
            value = b_rx.unwrap().recv(), if on[1] => (1, received(value)),
            result = a_tx.unwrap().send_from(a), if on[2] => (2, sent(result)),
            result = b_tx.unwrap().send_from(b), if on[3] => (3, sent(result)),
            default => (0, Event::Default),
        },
        Form::Dynamic | Form::Unsteady => {
            let mut select = Select::new();
            for (n, rx) in [a_rx, b_rx].into_iter().enumerate() {
                rx.map(|rx| select.recv(rx, move |value| (n, received(value))));
            }
            for (n, (tx, value)) in [(a_tx, a), (b_tx, b)].into_iter().enumerate() {
                tx.zip(value.take())
                    .map(|(tx, value)| select.send(tx, value, move |result| (2 + n, sent(result))));
            }
            if form == Form::Unsteady {
                return wait_unsteadily(&mut select, &log).await;
            }
            select.wait().await.expect("an arm").1
        }
    };
    *log.lock().unwrap() = Some(outcome);
}

async fn wait_unsteadily(select: &mut Select<'_, (usize, Event)>, log: &Log) {
    while let Some((_, outcome)) = poll_fn(|cx| pin!(select.wait()).poll(cx)).await {
        *log.lock().unwrap() = Some(outcome);
        let mut seen = false;
        poll_fn(|_| match std::mem::replace(&mut seen, true) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
    pending().await
}
