//! ringspun
