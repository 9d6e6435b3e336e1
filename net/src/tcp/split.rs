//! The halves of a [`TcpStream`].

use std::sync::Arc;

use crate::io::carry::Carry;
use crate::io::read::{Reading, Wire, read_side};
use crate::io::split::halves;
use crate::io::write::{Writing, write_side};
use crate::tcp::stream::{TcpStream, TcpWire};

halves!(TcpStream, TcpWire);
