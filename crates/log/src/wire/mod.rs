//! Events, entries and their parts as protobuf messages (`sterna.proto` beside this crate's manifest). Tags are never reused;
//! unknown ones are skipped.
//!
//! Written by hand, because entries are the hottest bytes of the system: nothing is copied on the way between bytes and
//! domain types, and names that recur are shared. What is written is what any protobuf library would write.

mod event;
mod names;
mod op;
mod place;
mod protobuf;
mod value;

pub(crate) use event::{read_event, write_event};
pub(crate) use place::{read_place, write_applied};
pub(crate) use protobuf::{Field, Fields, Writer};
