//! ringspun: runtime
