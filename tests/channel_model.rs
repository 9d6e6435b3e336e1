//! P4 for channels: random programs of channel operations beside a model made of queues.
//!
//! One thread polls by hand, so nothing is left to chance but which ready arm a select chooses. After each
//! step the channels and the model agree on who got what, who was woken, how much lies in the channels and
//! which values are gone; in the end every value was dropped once.
//!
//! `RINGSPUN_SEED=n` runs one program only.

#[path = "channel_model/operate.rs"]
mod operate;
mod support;

use std::array::from_fn;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::panic::catch_unwind;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::task::Context;

use operate::{Arm, Event, Form, Log, Luggage, Token, operate};
use ringspun::channel::{Receiver, Sender, TryRecvError, TrySendError, channel};
use support::by_hand::Wakes;
use support::rng::Rng;
use support::{count, within_limit};

const CHANNELS: usize = 2;
const STEPS: usize = 80;

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Idle,
    Waiting,
    Won(usize, Event),
}

/// An operation, and what the model knows of it.
struct Operation {
    future: Pin<Box<dyn Future<Output = ()>>>,
    form: Form,
    arms: [Arm; 2 * CHANNELS],
    /// Whose handles it has: of a receiver of each channel, of a sender of each.
    holds: [bool; 2 * CHANNELS],
    state: State,
    log: Log,
    kept: Arc<Mutex<Vec<usize>>>,
    /// Counts wake-ups since the last poll, and whether there should have been one.
    wakes: Arc<Wakes>,
    woken: bool,
    /// The number of the pass by which its value came.
    ticket: u64,
}

/// The model of one channel.
#[derive(Default)]
struct Model {
    capacity: usize,
    ring: VecDeque<usize>,
    returned: BTreeMap<u64, usize>,
    passes: u64,
    /// Who waits, and with which arm.
    receivers: VecDeque<(usize, usize)>,
    senders: VecDeque<(usize, usize)>,
    closed: bool,
    sender_count: usize,
    receiver_count: usize,
}

struct World {
    rng: Rng,
    models: [Model; CHANNELS],
    senders: [Vec<Sender<Token>>; CHANNELS],
    receivers: [Vec<Receiver<Token>>; CHANNELS],
    operations: BTreeMap<usize, Operation>,
    made: usize,
    /// How often each value should have been dropped by now.
    gone: Vec<usize>,
    drops: Arc<[AtomicUsize]>,
}

impl World {
    fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let mut models = from_fn(|_| Model::default());
        let (mut senders, mut receivers) = (from_fn(|_| Vec::new()), from_fn(|_| Vec::new()));
        for c in 0..CHANNELS {
            let capacity = rng.next(4) as usize;
            let (tx, rx) = channel(capacity);
            senders[c].push(tx);
            receivers[c].push(rx);
            models[c] = Model {
                capacity,
                sender_count: 1,
                receiver_count: 1,
                ..Model::default()
            };
        }
        Self {
            rng,
            models,
            senders,
            receivers,
            operations: BTreeMap::new(),
            made: 0,
            gone: Vec::new(),
            drops: (0..CHANNELS * STEPS).map(|_| AtomicUsize::new(0)).collect(),
        }
    }

    fn step(&mut self) {
        let c = self.rng.next(CHANNELS as u64) as usize;
        match self.rng.next(20) {
            0..=1 => self.try_send(c),
            2..=3 => self.try_recv(c),
            4..=8 => self.start(),
            9..=14 => {
                if let Some(id) = self.any() {
                    self.poll(id);
                }
            }
            15..=16 => {
                if let Some(id) = self.any() {
                    self.remove(id);
                }
            }
            17 => self.clone_or_drop_sender(c),
            18 => self.clone_or_drop_receiver(c),
            _ if self.rng.next(8) == 0 => self.close(c),
            _ => self.upgrade(c),
        }
        self.agree();
    }

    /// What can be compared at any time.
    fn agree(&self) {
        for (c, model) in self.models.iter().enumerate() {
            if let Some(tx) = self.senders[c].first() {
                assert_eq!(tx.len(), model.ring.len() + model.returned.len(), "len");
                assert_eq!(tx.is_closed(), model.closed, "closed");
                assert_eq!(tx.sender_count(), model.sender_count, "senders");
                assert_eq!(tx.receiver_count(), model.receiver_count, "receivers");
            }
        }
        for (id, operation) in &self.operations {
            let (count, due) = (operation.wakes.count(), usize::from(operation.woken));
            assert_eq!(count, due, "wake-ups of {id}: {:?}", operation.state);
        }
        for (id, gone) in self.gone.iter().enumerate() {
            assert_eq!(self.drops[id].load(Relaxed), *gone, "drops of value {id}");
        }
    }

    fn end(mut self) {
        while let Some(id) = self.any() {
            self.remove(id);
            self.agree();
        }
        for c in 0..CHANNELS {
            while self.senders[c].pop().is_some() {
                self.sender_gone(c);
            }
            while self.receivers[c].pop().is_some() {
                self.receiver_gone(c);
            }
        }
        self.agree();
        assert!(self.gone.iter().all(|gone| *gone == 1), "{:?}", self.gone);
    }

    fn token(&mut self) -> Token {
        self.gone.push(0);
        Token {
            id: self.gone.len() - 1,
            drops: self.drops.clone(),
        }
    }

    fn any(&mut self) -> Option<usize> {
        let skip = self.rng.next(self.operations.len().max(1) as u64) as usize;
        self.operations.keys().nth(skip).copied()
    }
}

/// Steps, each on the channels and on the model.
impl World {
    fn try_send(&mut self, c: usize) {
        if self.senders[c].is_empty() {
            return;
        }
        let token = self.token();
        let id = token.id;
        let expected = self.can_send(c).then(|| self.send(c, id));
        match self.senders[c][0].try_send(token) {
            Ok(()) => assert_eq!(expected, Some(Event::Sent)),
            Err(TrySendError::Closed(token)) => {
                assert_eq!((expected, token.id), (Some(Event::Refused), id));
                self.gone[id] += 1;
            }
            Err(TrySendError::Full(token)) => {
                assert_eq!((expected, token.id), (None, id));
                self.gone[id] += 1;
            }
        }
    }

    fn try_recv(&mut self, c: usize) {
        if self.receivers[c].is_empty() {
            return;
        }
        let expected = self.can_recv(c).then(|| self.recv(c));
        match self.receivers[c][0].try_recv() {
            Ok(token) => {
                assert_eq!(expected, Some(Event::Value(token.id)));
                self.gone[token.id] += 1;
            }
            Err(TryRecvError::Closed) => assert_eq!(expected, Some(Event::End)),
            Err(TryRecvError::Empty) => assert_eq!(expected, None),
        }
    }

    fn clone_or_drop_sender(&mut self, c: usize) {
        let Some(tx) = self.senders[c].last() else {
            return;
        };
        if self.rng.next(2) == 0 {
            let tx = tx.clone();
            self.senders[c].push(tx);
            self.models[c].sender_count += 1;
        } else {
            self.senders[c].pop();
            self.sender_gone(c);
        }
    }

    fn clone_or_drop_receiver(&mut self, c: usize) {
        let Some(rx) = self.receivers[c].last() else {
            return;
        };
        if self.rng.next(2) == 0 {
            let rx = rx.clone();
            self.receivers[c].push(rx);
            self.models[c].receiver_count += 1;
        } else {
            self.receivers[c].pop();
            self.receiver_gone(c);
        }
    }

    fn upgrade(&mut self, c: usize) {
        let Some(tx) = self.senders[c].pop() else {
            return;
        };
        let weak = tx.downgrade();
        drop(tx);
        self.sender_gone(c);
        let upgraded = weak.upgrade();
        let is_open = self.models[c].sender_count > 0;
        assert_eq!(upgraded.is_some(), is_open);
        self.models[c].sender_count += usize::from(is_open);
        self.senders[c].extend(upgraded);
    }

    fn close(&mut self, c: usize) {
        let closed = match (self.senders[c].first(), self.receivers[c].first()) {
            (Some(tx), _) => tx.close(),
            (None, Some(rx)) => rx.close(),
            (None, None) => return,
        };
        assert_eq!(closed, !self.models[c].closed);
        self.closed(c);
    }

    /// Makes an operation, which does nothing before its first poll.
    fn start(&mut self) {
        let (mut form, mut arms) = (self.form(), [Arm::Off; 2 * CHANNELS]);
        let single = matches!(form, Form::Alone | Form::Place);
        let mut luggage = Luggage {
            rx: from_fn(|_| None),
            tx: from_fn(|_| None),
            values: from_fn(|_| None),
            kept: Arc::default(),
        };
        let first = self.rng.next(2 * CHANNELS as u64) as usize;
        for n in (first..2 * CHANNELS).chain(0..first) {
            let (c, receives) = (n % CHANNELS, n < CHANNELS && form != Form::Place);
            if receives && !self.receivers[c].is_empty() {
                luggage.rx[c] = Some(self.receivers[c][0].clone());
                self.models[c].receiver_count += 1;
                arms[n] = Arm::Recv(c);
            } else if n >= CHANNELS && !self.senders[c].is_empty() {
                luggage.tx[c] = Some(self.senders[c][0].clone());
                self.models[c].sender_count += 1;
                let token = self.token();
                arms[n] = Arm::Send(c, token.id);
                luggage.values[c] = Some(token);
            } else {
                continue;
            }
            if single || self.rng.next(2) == 0 {
                break;
            }
        }
        if arms.iter().all(|arm| matches!(arm, Arm::Off)) {
            return;
        }
        let (log, kept) = (Log::default(), luggage.kept.clone());
        if form == Form::Place && self.rng.next(4) == 0 {
            // The same by a select of one arm.
            form = Form::Macro;
        }
        let operation = Operation {
            future: Box::pin(operate(form, luggage, log.clone())),
            form,
            arms,
            holds: arms.map(|arm| !matches!(arm, Arm::Off)),
            state: State::Idle,
            log,
            kept,
            wakes: Arc::default(),
            woken: false,
            ticket: 0,
        };
        self.operations.insert(self.made, operation);
        self.made += 1;
    }

    fn form(&mut self) -> Form {
        match self.rng.next(9) {
            0..=2 => Form::Alone,
            3 => Form::Place,
            4..=5 => Form::Macro,
            6 => Form::MacroDefault,
            7 => Form::Dynamic,
            _ => Form::Unsteady,
        }
    }

    fn poll(&mut self, id: usize) {
        let operation = self.operation(id);
        let (wakes, waker) = Wakes::new();
        let polled = operation
            .future
            .as_mut()
            .poll(&mut Context::from_waker(&waker));
        (operation.wakes, operation.woken) = (wakes, false);
        let got = operation.log.lock().unwrap().take();
        let (form, arms, state) = (operation.form, operation.arms, operation.state);
        let expected = match (state, got) {
            (State::Won(arm, event), _) => Some((arm, event)),
            (State::Waiting, _) => None,
            (State::Idle, Some((arm, event))) if event != Event::Default => {
                let is_ready = self.is_ready(arms[arm]);
                assert!(is_ready, "{form:?} {id}: {event:?} by arm {arm}");
                Some((arm, self.act(arms[arm])))
            }
            (State::Idle, _) => {
                let ready = arms.iter().position(|arm| self.is_ready(*arm));
                assert_eq!(ready, None, "{form:?} {id} does not see it");
                match form {
                    Form::MacroDefault => Some((0, Event::Default)),
                    Form::Unsteady => None,
                    _ => {
                        self.wait(id);
                        None
                    }
                }
            }
        };
        assert_eq!(got, expected, "{form:?} {id}");
        let ends = got.is_some() && form != Form::Unsteady;
        assert_eq!(polled.is_ready(), ends);
        if let Some((arm, event)) = got {
            self.outcome(id, arm, event);
        }
        if ends {
            self.remove(id);
        }
    }

    /// Notes what came of an arm.
    fn outcome(&mut self, id: usize, arm: usize, event: Event) {
        let operation = self.operations.get_mut(&id).expect("one that is there");
        operation.state = State::Idle;
        let goes_on = operation.form == Form::Unsteady;
        match (event, operation.arms[arm]) {
            (Event::Value(value), _) => self.gone[value] += 1,
            (Event::Sent, _) => operation.arms[arm] = Arm::Off,
            (Event::Refused, Arm::Send(_, value)) if goes_on => {
                operation.arms[arm] = Arm::Off;
                self.gone[value] += 1;
            }
            (Event::End, _) => operation.arms[arm] = Arm::Off,
            (Event::Refused | Event::Default, _) => {}
        }
    }

    /// Drops an operation, at its end or before.
    fn remove(&mut self, id: usize) {
        let gone = self.operations.remove(&id).expect("one that is there");
        drop(gone.future);
        for model in &mut self.models {
            model.receivers.retain(|(of, _)| *of != id);
            model.senders.retain(|(of, _)| *of != id);
        }
        if let State::Won(arm, Event::Value(value)) = gone.state {
            self.give_back(arm % CHANNELS, gone.ticket, value);
        }
        let mut unsent = Vec::new();
        for (n, arm) in gone.arms.into_iter().enumerate() {
            if let Arm::Send(_, value) = arm
                && gone.state != State::Won(n, Event::Sent)
            {
                self.gone[value] += 1;
                unsent.push(value);
            }
        }
        if matches!(gone.form, Form::Place | Form::Macro | Form::MacroDefault) {
            assert_eq!(*gone.kept.lock().unwrap(), unsent, "kept by {id}");
        }
        // In the order of the fields of `Luggage`.
        for n in (0..2 * CHANNELS).filter(|n| gone.holds[*n]) {
            match n < CHANNELS {
                true => self.receiver_gone(n),
                false => self.sender_gone(n - CHANNELS),
            }
        }
    }
}

/// The rules of the model.
impl World {
    fn is_ready(&self, arm: Arm) -> bool {
        match arm {
            Arm::Off => false,
            Arm::Recv(c) => self.can_recv(c),
            Arm::Send(c, _) => self.can_send(c),
        }
    }

    fn act(&mut self, arm: Arm) -> Event {
        match arm {
            Arm::Off => unreachable!("never ready"),
            Arm::Recv(c) => self.recv(c),
            Arm::Send(c, value) => self.send(c, value),
        }
    }

    fn can_recv(&self, c: usize) -> bool {
        let model = &self.models[c];
        let passes = model.capacity == 0 && self.somebody_waits(&model.senders);
        model.closed || !model.returned.is_empty() || !model.ring.is_empty() || passes
    }

    fn can_send(&self, c: usize) -> bool {
        let model = &self.models[c];
        let has_room = model.ring.len() < model.capacity;
        model.closed || has_room || self.somebody_waits(&model.receivers)
    }

    fn somebody_waits(&self, list: &VecDeque<(usize, usize)>) -> bool {
        list.iter()
            .any(|(id, _)| self.operations[id].state == State::Waiting)
    }

    fn recv(&mut self, c: usize) -> Event {
        let model = &mut self.models[c];
        if let Some((_, value)) = model.returned.pop_first() {
            return Event::Value(value);
        }
        let from_ring = model.ring.pop_front();
        let admitted = self.take(c, false).map(|(id, arm)| {
            self.won(id, arm, Event::Sent);
            match self.operations[&id].arms[arm] {
                Arm::Send(_, value) => value,
                other => unreachable!("{other:?} waits to send"),
            }
        });
        match (from_ring, admitted) {
            (Some(value), next) => {
                self.models[c].ring.extend(next);
                Event::Value(value)
            }
            (None, Some(value)) => Event::Value(value),
            (None, None) => Event::End,
        }
    }

    fn send(&mut self, c: usize, value: usize) -> Event {
        if self.models[c].closed {
            return Event::Refused;
        }
        let ticket = self.models[c].passes;
        match self.take(c, true) {
            Some((id, arm)) => {
                self.models[c].passes += 1;
                self.pass(id, arm, ticket, value);
            }
            None => self.models[c].ring.push_back(value),
        }
        Event::Sent
    }

    fn give_back(&mut self, c: usize, ticket: u64, value: usize) {
        match self.take(c, true) {
            Some((id, arm)) => self.pass(id, arm, ticket, value),
            None => drop(self.models[c].returned.insert(ticket, value)),
        }
    }

    fn pass(&mut self, id: usize, arm: usize, ticket: u64, value: usize) {
        self.won(id, arm, Event::Value(value));
        self.operation(id).ticket = ticket;
    }

    /// The one that has waited longest.
    fn take(&mut self, c: usize, receives: bool) -> Option<(usize, usize)> {
        let model = &mut self.models[c];
        let list = match receives {
            true => &mut model.receivers,
            false => &mut model.senders,
        };
        std::iter::from_fn(|| list.pop_front())
            .find(|(id, _)| self.operations[id].state == State::Waiting)
    }

    fn won(&mut self, id: usize, arm: usize, event: Event) {
        let operation = self.operation(id);
        operation.state = State::Won(arm, event);
        operation.woken = true;
    }

    fn wait(&mut self, id: usize) {
        let operation = self.operation(id);
        operation.state = State::Waiting;
        for (n, arm) in operation.arms.into_iter().enumerate() {
            match arm {
                Arm::Off => {}
                Arm::Recv(c) => self.models[c].receivers.push_back((id, n)),
                Arm::Send(c, _) => self.models[c].senders.push_back((id, n)),
            }
        }
    }

    fn closed(&mut self, c: usize) {
        if std::mem::replace(&mut self.models[c].closed, true) {
            return;
        }
        for (receives, event) in [(true, Event::End), (false, Event::Refused)] {
            while let Some((id, arm)) = self.take(c, receives) {
                self.won(id, arm, event);
            }
        }
    }

    fn sender_gone(&mut self, c: usize) {
        self.models[c].sender_count -= 1;
        if self.models[c].sender_count == 0 {
            self.closed(c);
        }
    }

    fn receiver_gone(&mut self, c: usize) {
        self.models[c].receiver_count -= 1;
        if self.models[c].receiver_count == 0 {
            self.closed(c);
            let model = &mut self.models[c];
            let returned = std::mem::take(&mut model.returned).into_values();
            returned
                .chain(model.ring.drain(..))
                .for_each(|value| self.gone[value] += 1);
        }
    }

    fn operation(&mut self, id: usize) -> &mut Operation {
        self.operations.get_mut(&id).expect("one that is there")
    }
}

fn program(seed: u64) {
    let mut world = World::new(seed);
    for _ in 0..STEPS {
        world.step();
    }
    world.end();
}

#[test]
fn random_programs_do_what_queues_do() {
    if let Ok(seed) = std::env::var("RINGSPUN_SEED") {
        return program(seed.parse().expect("RINGSPUN_SEED is a number"));
    }
    within_limit(|| {
        for seed in 0..count(5_000, 100_000) as u64 {
            let ended = catch_unwind(|| program(seed));
            assert!(ended.is_ok(), "RINGSPUN_SEED={seed}");
        }
    });
}
