//! The halves of a [`MemStream`].

use std::sync::Arc;

use crate::io::carry::Carry;
use crate::io::read::{Reading, Wire, read_side};
use crate::io::split::halves;
use crate::io::write::{Writing, write_side};
use crate::mem::stream::{MemEnd, MemStream};

halves!(MemStream, MemEnd);
