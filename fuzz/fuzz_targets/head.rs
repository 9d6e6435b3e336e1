//! Heads of requests: parsed whole and in part, written and parsed once more.

#![no_main]

#[path = "../../http/tests/properties/mod.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| properties::head(input));
