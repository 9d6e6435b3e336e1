#![doc = include_str!("axum.md")]
