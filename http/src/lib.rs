//! ringspun: http
