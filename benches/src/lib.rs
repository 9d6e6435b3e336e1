//! ringspun: benches
