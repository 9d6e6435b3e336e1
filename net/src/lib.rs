//! ringspun: net
