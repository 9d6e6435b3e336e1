//! A buffer of 16 KiB to read into, taken and given back.

use std::hint::black_box;

use super::{Part, bar, listed, ours};

pub(crate) const PARTS: &[Part] = &[Part {
    name: "buffer-16k",
    operations: 300_000,
    contenders: &[
        ours(|n| {
            for _ in 0..n {
                let mut buffer = ringspun::net::Buffer::take();
                buffer[0] = 1;
                black_box(&buffer[..]);
            }
        }),
        // What codecs over tokio do.
        bar("BytesMut", |n| {
            for _ in 0..n {
                let mut buffer = bytes::BytesMut::with_capacity(SIZE);
                buffer.extend_from_slice(b"x");
                black_box(&buffer[..]);
            }
        }),
        bar("malloc", |n| {
            for _ in 0..n {
                let mut buffer: Vec<u8> = Vec::with_capacity(SIZE);
                buffer.push(1);
                black_box(&buffer[..]);
            }
        }),
        // A pool that all threads share.
        bar("ArrayQueue", |n| {
            let pool = crossbeam_queue::ArrayQueue::new(64);
            for _ in 0..n {
                let mut buffer = pool.pop().unwrap_or_else(|| vec![0_u8; SIZE]);
                buffer[0] = 1;
                black_box(&buffer[..]);
                // A full pool lets it go.
                let _ = pool.push(buffer);
            }
        }),
        listed("zeroed", |n| {
            for _ in 0..n {
                black_box(&vec![0_u8; SIZE][..]);
            }
        }),
    ],
}];

const SIZE: usize = ringspun::net::Buffer::SIZE;
