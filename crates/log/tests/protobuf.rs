//! Entries are plain protobuf: a library that knows `sterna.proto` reads them, and would write the same bytes.

mod any;

use proptest::prelude::*;
use prost::{Message, Oneof};

const HEADER_BYTES: usize = 5;

proptest! {
    #[test]
    fn a_protobuf_library_reads_an_entry_and_writes_it_again(entry in any::entry()) {
        let encoded = entry.encode();
        let read = EntryWire::decode(&encoded[HEADER_BYTES..]).expect("it is protobuf");
        prop_assert_eq!(read.encode_to_vec(), &encoded[HEADER_BYTES..]);
        for (read, event) in read.events.iter().zip(&entry.events) {
            prop_assert_eq!((&*read.kind, &*read.id, read.n, read.ops.len()), (&*event.kind, &*event.id, event.dot().n, event.update.ops.len()));
        }
    }
}

#[derive(Message)]
struct EntryWire {
    #[prost(message, repeated, tag = "1")]
    events: Vec<EventWire>,
    #[prost(message, repeated, tag = "2")]
    applied: Vec<PlaceWire>,
    #[prost(message, repeated, tag = "3")]
    handovers: Vec<HandoverWire>,
    #[prost(bool, tag = "4")]
    begins: bool,
}

#[derive(Message)]
struct HandoverWire {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(uint32, tag = "2")]
    to: u32,
    #[prost(uint64, tag = "3")]
    term: u64,
}

#[derive(Message)]
struct PlaceWire {
    #[prost(uint32, tag = "1")]
    origin: u32,
    #[prost(bytes = "vec", tag = "2")]
    position: Vec<u8>,
}

#[derive(Message)]
struct EventWire {
    #[prost(bool, tag = "1")]
    critical: bool,
    #[prost(string, tag = "2")]
    kind: String,
    #[prost(string, tag = "3")]
    id: String,
    #[prost(fixed64, tag = "4")]
    incarnation: u64,
    #[prost(uint64, tag = "5")]
    n: u64,
    #[prost(message, repeated, tag = "6")]
    seen: Vec<DotWire>,
    #[prost(fixed64, tag = "7")]
    clock: u64,
    #[prost(message, repeated, tag = "8")]
    ops: Vec<OpWire>,
    #[prost(string, tag = "9")]
    command: String,
    #[prost(string, tag = "10")]
    args: String,
    #[prost(string, tag = "11")]
    key: String,
    #[prost(bool, tag = "12")]
    key_made: bool,
    #[prost(bytes = "vec", tag = "13")]
    body_hash: Vec<u8>,
    #[prost(string, optional, tag = "14")]
    answer: Option<String>,
    #[prost(string, tag = "15")]
    actor: String,
    #[prost(uint32, tag = "16")]
    model_version: u32,
    #[prost(fixed64, tag = "17")]
    model_hash: u64,
    #[prost(message, repeated, tag = "18")]
    reactions: Vec<ReactionWire>,
    #[prost(message, optional, tag = "19")]
    cause: Option<CauseWire>,
    #[prost(string, tag = "20")]
    trace: String,
    #[prost(string, tag = "21")]
    encryption_key: String,
}

#[derive(Message)]
struct DotWire {
    #[prost(fixed64, tag = "1")]
    incarnation: u64,
    #[prost(uint64, tag = "2")]
    n: u64,
}

#[derive(Message)]
struct SendWire {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(string, tag = "3")]
    command: String,
    #[prost(string, tag = "4")]
    args: String,
}

#[derive(Message)]
struct ReactionWire {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(message, optional, tag = "2")]
    send: Option<SendWire>,
    #[prost(message, optional, tag = "3")]
    refused: Option<SendWire>,
}

#[derive(Message)]
struct CauseWire {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(string, tag = "2")]
    id: String,
    #[prost(message, optional, tag = "3")]
    dot: Option<DotWire>,
    #[prost(uint32, tag = "4")]
    index: u32,
    #[prost(fixed64, tag = "5")]
    rank_clock: u64,
    #[prost(fixed64, tag = "6")]
    rank_incarnation: u64,
    #[prost(uint32, tag = "7")]
    depth: u32,
    #[prost(bytes, tag = "8")]
    position: Vec<u8>,
}

#[derive(Message)]
struct OpWire {
    #[prost(string, tag = "1")]
    field: String,
    #[prost(message, optional, tag = "2")]
    key: Option<ValueWire>,
    #[prost(oneof = "ActionWire", tags = "3, 4, 5, 6, 7, 8, 9")]
    action: Option<ActionWire>,
}

#[derive(Oneof)]
enum ActionWire {
    #[prost(message, tag = "3")]
    Set(SetWire),
    #[prost(sint64, tag = "4")]
    Add(i64),
    #[prost(message, tag = "5")]
    Insert(ValueWire),
    #[prost(message, tag = "6")]
    Remove(ValueWire),
    #[prost(bool, tag = "7")]
    RemoveKey(bool),
    /// With true it wins over what is concurrent.
    #[prost(bool, tag = "8")]
    Delete(bool),
    #[prost(message, tag = "9")]
    Give(GiveWire),
}

#[derive(Message)]
struct SetWire {
    #[prost(message, optional, tag = "1")]
    value: Option<ValueWire>,
    #[prost(message, optional, tag = "2")]
    by: Option<ValueWire>,
    #[prost(message, optional, tag = "3")]
    rule: Option<RuleWire>,
}

#[derive(Message)]
struct RuleWire {
    #[prost(uint32, tag = "1")]
    number: u32,
    #[prost(uint32, repeated, packed = "false", tag = "2")]
    regions: Vec<u32>,
}

#[derive(Message)]
struct GiveWire {
    #[prost(sint64, tag = "1")]
    amount: i64,
    #[prost(uint32, tag = "2")]
    to: u32,
    #[prost(uint32, optional, tag = "3")]
    from: Option<u32>,
}

/// Without a case: null.
#[derive(Message)]
struct ValueWire {
    #[prost(oneof = "KindWire", tags = "1, 2, 3, 4, 5, 6, 7, 8")]
    kind: Option<KindWire>,
}

#[derive(Oneof)]
enum KindWire {
    #[prost(bool, tag = "1")]
    Bool(bool),
    #[prost(sint64, tag = "2")]
    Int(i64),
    #[prost(string, tag = "3")]
    Str(String),
    /// Microseconds since the Unix epoch.
    #[prost(sint64, tag = "4")]
    Timestamp(i64),
    /// Days since the Unix epoch.
    #[prost(sint32, tag = "5")]
    Date(i32),
    #[prost(message, tag = "6")]
    Enum(EnumWire),
    #[prost(message, tag = "7")]
    List(ListWire),
    #[prost(message, tag = "8")]
    Object(ObjectWire),
}

#[derive(Message)]
struct EnumWire {
    #[prost(uint32, tag = "1")]
    rank: u32,
    #[prost(string, tag = "2")]
    name: String,
}

#[derive(Message)]
struct ListWire {
    #[prost(message, repeated, tag = "1")]
    items: Vec<ValueWire>,
}

#[derive(Message)]
struct ObjectWire {
    #[prost(string, repeated, tag = "1")]
    names: Vec<String>,
    #[prost(message, repeated, tag = "2")]
    values: Vec<ValueWire>,
}
