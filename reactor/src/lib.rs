//! ringspun: reactor
