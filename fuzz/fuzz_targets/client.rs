//! A client: the same events however a server's bytes are cut; and requests to our own server.

#![no_main]

#[path = "../../http/tests/properties/mod.rs"]
mod properties;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| properties::client(input));
