//! Who takes part, under one type for all.

use std::io;
use std::rc::Rc;

use crate::go;
use crate::options::Options;
use crate::peer::{Peer, Ringspun, Tokio};

use super::kind::{
    AsyncChannel, Crossfire, CrossfireMany, CrossfireOne, Flume, Kanal, Kind, Mpsc, Ours, Role,
    Tachyonix,
};
use super::row::{Row, Shape};
use super::select::Threads;
use super::{flow, losses};
use crate::cost::Cost;

pub(crate) trait Contender {
    fn name(&self) -> &'static str;

    fn role(&self) -> Role;

    /// Nothing if it has no such thing.
    fn measure(&self, row: &Row) -> Result<Option<Cost>, String>;

    /// See [`losses`]; nothing if it has no such channel.
    fn losses(&self, capacity: usize, values: u64) -> Option<u64>;
}

/// All that are asked for, ringspun first, each with a runtime of so many cores.
pub(crate) fn all(cores: usize, options: &Options) -> io::Result<Vec<Box<dyn Contender>>> {
    let tokio = Rc::new(Tokio::new(cores)?);
    let mut all: Vec<Box<dyn Contender>> = vec![
        Here::<Ours>::with(&Rc::new(Ringspun::new(cores)?)),
        Here::<Mpsc>::with(&tokio),
        Here::<AsyncChannel>::with(&tokio),
        Here::<Flume>::with(&tokio),
        Here::<Crossfire>::with(&tokio),
        Here::<CrossfireMany>::with(&tokio),
        Here::<CrossfireOne>::with(&tokio),
        Here::<Tachyonix>::with(&tokio),
        Here::<Kanal>::with(&tokio),
        Box::new(Threads),
    ];
    if let Some(program) = &options.go {
        let program = program.clone();
        all.push(Box::new(Go { program, cores }));
    }
    all.retain(|contender| contender.name().contains(&options.who));
    Ok(all)
}

/// A kind of channel that this program has in it.
struct Here<K: Kind>(Rc<K::Peer>);

impl<K: Kind> Here<K> {
    fn with(runtime: &Rc<K::Peer>) -> Box<dyn Contender> {
        Box::new(Self(runtime.clone()))
    }
}

impl<K: Kind> Contender for Here<K> {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn role(&self) -> Role {
        K::ROLE
    }

    fn measure(&self, row: &Row) -> Result<Option<Cost>, String> {
        let (peer, operations) = (&*self.0, row.operations);
        Ok(match row.shape {
            Shape::PingPong(capacity) => flow::ping_pong::<K>(peer, capacity, operations),
            Shape::Flow {
                senders,
                receivers,
                capacity,
            } => K::channel(capacity, senders, receivers)
                .map(|ends| flow::one_way::<K>(peer, ends, operations)),
            _ => K::extra(peer, row),
        })
    }

    fn losses(&self, capacity: usize, values: u64) -> Option<u64> {
        losses::count::<K>(&self.0, capacity, values)
    }
}

/// Go's channels, in a program of their own.
struct Go {
    program: String,
    cores: usize,
}

impl Contender for Go {
    fn name(&self) -> &'static str {
        "go"
    }

    fn role(&self) -> Role {
        Role::Bar
    }

    fn measure(&self, row: &Row) -> Result<Option<Cost>, String> {
        let (nanos, cpu) = go::row(&self.program, row.name, self.cores, row.operations)?;
        Ok(Some(Cost {
            nanos,
            cpu,
            allocations: None,
        }))
    }

    fn losses(&self, _: usize, _: u64) -> Option<u64> {
        None
    }
}
