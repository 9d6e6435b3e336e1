//! In-memory listeners that belong to cores, so that all connections can be sent to one of them.

use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use ringspun_net::{Listener, MemConnector, MemListener, MemStream, mem};

/// A listener in memory that says it is registered on a core.
pub(crate) struct OnCore {
    listener: MemListener,
    core: usize,
}

/// One listener for each core, and what connects to it.
pub(crate) fn listeners(cores: usize) -> (Vec<OnCore>, Vec<MemConnector>) {
    (0..cores)
        .map(|core| {
            let (listener, connector) = mem::listener(1024);
            (OnCore { listener, core }, connector)
        })
        .unzip()
}

impl Listener for OnCore {
    type Accepted = MemStream;
    type Stream = MemStream;

    fn poll_accept(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<MemStream>> {
        self.listener.poll_accept(cx)
    }

    fn try_accept(&mut self) -> io::Result<MemStream> {
        self.listener.try_accept()
    }

    fn open(accepted: MemStream, core: usize) -> io::Result<MemStream> {
        MemListener::open(accepted, core)
    }

    fn local_addr(&self) -> Option<SocketAddr> {
        None
    }

    fn core(&self) -> Option<usize> {
        Some(self.core)
    }
}
