//! ringspun's HTTP/1 layer.

#![forbid(unsafe_code)]

mod clock;
pub mod proto;
