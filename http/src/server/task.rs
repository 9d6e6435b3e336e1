//! The task of a connection: HTTP, and perhaps another protocol after it.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ringspun_net::{Session, Stream};

use super::connection::{Connection, Over};
use super::service::Service;
use crate::upgrade::Tunnel;

/// The future of a connection.
pub(crate) enum Task<S, V: Service> {
    Http(Connection<S, V>),
    Switched(Tunnel),
    Ended,
}

impl<S: Stream, V: Service> Task<S, V> {
    pub(crate) fn new(stream: S, service: V, session: Session) -> Self {
        Self::Http(Connection::new(stream, service, session))
    }
}

// Nothing in it is pinned.
impl<S, V: Service> Unpin for Task<S, V> {}

impl<S: Stream, V: Service> Future for Task<S, V> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        loop {
            match this {
                Self::Http(connection) => match ready!(connection.poll(cx)) {
                    Over::Ended => return Poll::Ready(()),
                    Over::Switches(exchange) => {
                        if let Self::Http(connection) = std::mem::replace(this, Self::Ended) {
                            *this = Self::Switched(connection.into_tunnel(exchange));
                        }
                    }
                },
                Self::Switched(tunnel) => return tunnel.as_mut().poll(cx),
                Self::Ended => return Poll::Ready(()),
            }
        }
    }
}
