//! A connection's input: the same events and the same answers however it is cut.

#![no_main]

#[path = "../../http/tests/properties/mod.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| properties::connection(input));
