//! A connection: almost always just a descriptor.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use crate::protocol::Protocol;
use crate::sys;

/// What outlives a round of events. The vectors are empty, and own no memory, unless a request came
/// in pieces or the peer does not read.
#[derive(Debug)]
pub(crate) struct Connection {
    fd: OwnedFd,
    /// Received, not yet a whole request.
    partial: Vec<u8>,
    /// Answered, not yet taken by the kernel.
    unsent: Vec<u8>,
    /// Close when `unsent` is gone.
    closing: bool,
}

/// Whether a connection lives on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Keep,
    Close,
}

/// Buffers that all connections of a worker use in turn.
#[derive(Debug)]
pub(crate) struct Scratch {
    pub(crate) input: Box<[u8]>,
    pub(crate) output: Vec<u8>,
}

impl Connection {
    pub(crate) fn new(fd: OwnedFd) -> Self {
        Self {
            fd,
            partial: Vec::new(),
            unsent: Vec::new(),
            closing: false,
        }
    }

    /// Whether an answer waits for the peer to read.
    pub(crate) fn is_blocked(&self) -> bool {
        !self.unsent.is_empty()
    }

    /// Reads until drained and answers each batch with one send.
    ///
    /// A short read means drained, unless the peer has closed: then the end is still to be read.
    pub(crate) fn ready(
        &mut self,
        closed: bool,
        protocol: &mut impl Protocol,
        scratch: &mut Scratch,
    ) -> io::Result<Fate> {
        if !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            self.send(&unsent)?;
        }
        loop {
            if !self.unsent.is_empty() {
                // The writable edge comes when the peer has read.
                return Ok(Fate::Keep);
            }
            if self.closing {
                return Ok(Fate::Close);
            }
            let length = match sys::recv(self.fd.as_raw_fd(), &mut scratch.input) {
                Ok(0) => return Ok(Fate::Close),
                Ok(length) => length,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Ok(Fate::Keep),
                Err(e) => return Err(e),
            };
            scratch.output.clear();
            self.serve(&scratch.input[..length], protocol, &mut scratch.output);
            if !scratch.output.is_empty() {
                self.send(&scratch.output)?;
            }
            let done = self.unsent.is_empty() && !self.closing;
            if done && length < scratch.input.len() && !closed {
                return Ok(Fate::Keep);
            }
        }
    }

    fn serve(&mut self, input: &[u8], protocol: &mut impl Protocol, output: &mut Vec<u8>) {
        if self.partial.is_empty() {
            let served = protocol.serve(input, output);
            self.closing = served.close;
            self.partial.extend_from_slice(&input[served.consumed..]);
        } else {
            self.partial.extend_from_slice(input);
            let served = protocol.serve(&self.partial, output);
            self.closing = served.close;
            self.partial.drain(..served.consumed);
            if self.partial.is_empty() {
                self.partial = Vec::new();
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        let sent = match sys::send(self.fd.as_raw_fd(), bytes) {
            Ok(sent) => sent,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => 0,
            Err(e) => return Err(e),
        };
        self.unsent.extend_from_slice(&bytes[sent..]);
        Ok(())
    }
}
