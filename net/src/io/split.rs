//! The halves of a stream, written once for every transport.
//!
//! A stream is `{wire, unread, unsent}`. A half borrows, or shares by `Arc`, the wire and has the
//! carry of its own direction. Since the wire's methods take `&self` and each direction has one
//! owner, the halves need no lock and never wait for each other.

/// Defines `ReadHalf`, `WriteHalf`, `OwnedReadHalf`, `OwnedWriteHalf` and `ReuniteError` for
/// `$stream` over `$wire` in the module where it is called.
macro_rules! halves {
    ($stream:ident, $wire:ty) => {
        /// The reading half of
        #[doc = concat!("[`", stringify!($stream), "::split`].")]
        #[derive(Debug)]
        pub struct ReadHalf<'a> {
            wire: &'a $wire,
            unread: &'a mut Carry,
        }

        /// The writing half of
        #[doc = concat!("[`", stringify!($stream), "::split`].")]
        ///
        /// Dropping it closes nothing: the stream is still there.
        #[derive(Debug)]
        pub struct WriteHalf<'a> {
            wire: &'a $wire,
            unsent: &'a mut Carry,
        }

        impl<'a> ReadHalf<'a> {
            pub(super) fn pair(stream: &'a mut $stream) -> (Self, WriteHalf<'a>) {
                let $stream {
                    wire,
                    unread,
                    unsent,
                } = stream;
                (Self { wire, unread }, WriteHalf { wire, unsent })
            }
        }

        /// The reading half of
        #[doc = concat!("[`", stringify!($stream), "::into_split`].")]
        ///
        /// The connection is closed when both halves are dropped; dropping this one alone tells
        /// the peer nothing.
        #[derive(Debug)]
        pub struct OwnedReadHalf {
            wire: Arc<$wire>,
            unread: Carry,
        }

        /// The writing half of
        #[doc = concat!("[`", stringify!($stream), "::into_split`].")]
        ///
        /// Dropping it ends the write direction, so that the peer sees the end of the stream
        /// even while the other half still reads.
        #[derive(Debug)]
        pub struct OwnedWriteHalf {
            /// `None` once reunited.
            wire: Option<Arc<$wire>>,
            unsent: Carry,
        }

        impl OwnedReadHalf {
            pub(super) fn pair(stream: $stream) -> (Self, OwnedWriteHalf) {
                let $stream {
                    wire,
                    unread,
                    unsent,
                } = stream;
                let wire = Arc::new(wire);
                let write = OwnedWriteHalf {
                    wire: Some(Arc::clone(&wire)),
                    unsent,
                };
                (Self { wire, unread }, write)
            }

            /// Makes the stream again.
            ///
            /// # Errors
            /// Gives both halves back if they are not of one stream.
            pub fn reunite(self, mut write: OwnedWriteHalf) -> Result<$stream, ReuniteError> {
                match write.wire.take() {
                    Some(wire) if Arc::ptr_eq(&wire, &self.wire) => {
                        drop(wire);
                        let unsent = std::mem::take(&mut write.unsent);
                        let wire = Arc::into_inner(self.wire)
                            .expect("two halves of one stream are its only owners");
                        Ok($stream {
                            wire,
                            unread: self.unread,
                            unsent,
                        })
                    }
                    wire => {
                        write.wire = wire;
                        Err(ReuniteError(self, write))
                    }
                }
            }
        }

        impl Drop for OwnedWriteHalf {
            fn drop(&mut self) {
                if let Some(wire) = &self.wire {
                    // The peer may be gone already; there is nobody to tell.
                    let _ = wire.shutdown_write();
                }
            }
        }

        /// Two halves that do not belong together, given back.
        #[derive(Debug)]
        pub struct ReuniteError(pub OwnedReadHalf, pub OwnedWriteHalf);

        impl std::fmt::Display for ReuniteError {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("the halves are not of one stream")
            }
        }

        impl std::error::Error for ReuniteError {}

        impl Reading for ReadHalf<'_> {
            type Wire = $wire;

            fn reading(&mut self) -> (&$wire, &mut Carry) {
                (self.wire, self.unread)
            }
        }

        impl Writing for WriteHalf<'_> {
            type Wire = $wire;

            fn writing(&mut self) -> (&$wire, &mut Carry) {
                (self.wire, self.unsent)
            }
        }

        impl Reading for OwnedReadHalf {
            type Wire = $wire;

            fn reading(&mut self) -> (&$wire, &mut Carry) {
                (&self.wire, &mut self.unread)
            }
        }

        impl Writing for OwnedWriteHalf {
            type Wire = $wire;

            fn writing(&mut self) -> (&$wire, &mut Carry) {
                let wire = self
                    .wire
                    .as_ref()
                    .expect("taken by reunite, which consumes the half");
                (wire, &mut self.unsent)
            }
        }

        read_side!(ReadHalf<'_>);
        write_side!(WriteHalf<'_>);
        read_side!(OwnedReadHalf);
        write_side!(OwnedWriteHalf);
    };
}
pub(crate) use halves;
