//! Bodies in chunks: decoded whole and in pieces, encoded and decoded.

#![no_main]

#[path = "../../http/tests/properties/mod.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| properties::chunked(input));
