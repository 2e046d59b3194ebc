//! The bytes of every format, so that none changes by accident. A change here is a new format byte, and the old one is still read.

#[path = "golden/mod.rs"]
mod values;

use sterna_crdt::{Incarnation, Name, RegionId};
use sterna_log::*;
use values::{entry, position};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

fn frame() -> Frame {
    Frame {
        log: LogId { origin: RegionId(1), shard: ShardId(15) },
        after: position(1),
        entries: vec![FrameEntry { position: position(2), bytes: b"entry".as_slice().into() }],
        sealed: Position::seal(1_700_000_000_000, 3),
        applied: Applied(vec![(RegionId(2), position(4))]),
        incarnation: Incarnation::new(RegionId(1), 1_700_000_000_000),
        models: vec![ModelHeld { version: 1, hash: 2 }],
        membership_number: 6,
        membership_hash: 7,
        sent_ms: 8,
    }
}

fn membership() -> Membership {
    let mut membership = Membership::first(["us-east", "eu-west"].map(Name::from), 16);
    membership.members[1].fenced.push(Incarnation(9));
    membership.members[1].left = true;
    membership
}

#[test]
fn an_entry_s_bytes() {
    assert_eq!(hex(&entry().encode()), ENTRY);
    assert_eq!(Entry::decode(&entry().encode()), Ok(entry()));
}

#[test]
fn an_entry_that_does_not_say_where_a_cause_is_is_read() {
    let mut expected = entry();
    let cause = expected.events[0].cause.as_mut().expect("it has one");
    cause.position = Position::ZERO;
    let bytes: Vec<u8> =
        ENTRY_OF_BEFORE.as_bytes().chunks(2).map(|hex| u8::from_str_radix(str::from_utf8(hex).unwrap(), 16).unwrap()).collect();
    assert_eq!(Entry::decode(&bytes), Ok(expected));
}

#[test]
fn a_frame_s_bytes() {
    assert_eq!(hex(&frame().encode()), FRAME);
    assert_eq!(Frame::decode(frame().encode()), Ok(frame()));
}

#[test]
fn a_membership_s_bytes_and_hash() {
    assert_eq!(hex(&membership().encode()), MEMBERSHIP);
    assert_eq!(format!("{:016x}", membership().hash()), MEMBERSHIP_HASH);
}

#[test]
fn a_position_s_bytes() {
    assert_eq!(hex(&position(3).to_bytes()), "0000018bcfe568000000000000000003".to_owned() + "00000001");
}

#[test]
fn a_token_s_text() {
    let mut token = Token::at(LogId { origin: RegionId(1), shard: ShardId(3) }, position(5));
    (0..40).for_each(|shard| token.raise(LogId { origin: RegionId(2), shard: ShardId(shard) }, position(u64::from(shard) + 1)));
    assert_eq!(token.encode(&TokenKey::derive(b"secret")), TOKEN);
}

const ENTRY: &str = "\
    010d250e0a0ad40308011206666c696768741a03662d31210068e5cf8b0101002801320c090168e5cf8b01020010ac02390000a0eee6cf8b01421d0a0673\
    74617475731a130a0d320b080212076172726976656412021001420a0a056d696c657320ef1542110a08616972706f7274732a051a0349414842260a0861\
    6972706f727473321a3a180a000a0208000a10420e0a01610a0162120220091202280b42100a056974656d7312051a03736b75380142024000420d0a0573\
    746f636b4a04080610024a06617272697665520d7b227461696c223a224e31227d5a0a662d312d61727269766560016a1030313233343536373839616263\
    64656672007a04616e6e618001048901050000000000000092013f0a05636f756e7412190a08616972637261667412024e311a05636f756e7422027b7d1a\
    1b0a08616972637261667412024e311a07756e636f756e7422027b7d9a01480a076163636f756e741203612d311a0c090168e5cf8b01020010ac02200129\
    0900000000000000310168e5cf8b010200380242140000018bcfe56800000000000000000600000001a2013730302d306166373635313931366364343364\
    64383434386562323131633830333139632d623761643662373136393230333333312d3031aa01026b31121612140000018bcfe568000000000000000007\
    000000011218080212140000018bcfe56800000000000000000800000001";
const ENTRY_OF_BEFORE: &str = "\
    01d56160aa0abe0308011206666c696768741a03662d31210068e5cf8b0101002801320c090168e5cf8b01020010ac02390000a0eee6cf8b01421d0a\
    067374617475731a130a0d320b080212076172726976656412021001420a0a056d696c657320ef1542110a08616972706f7274732a051a0349414842\
    260a08616972706f727473321a3a180a000a0208000a10420e0a01610a0162120220091202280b42100a056974656d7312051a03736b753801420240\
    00420d0a0573746f636b4a04080610024a06617272697665520d7b227461696c223a224e31227d5a0a662d312d61727269766560016a103031323334\
    353637383961626364656672007a04616e6e618001048901050000000000000092013f0a05636f756e7412190a08616972637261667412024e311a05\
    636f756e7422027b7d1a1b0a08616972637261667412024e311a07756e636f756e7422027b7d9a01320a076163636f756e741203612d311a0c090168\
    e5cf8b01020010ac022001290900000000000000310168e5cf8b0102003802a2013730302d3061663736353139313663643433646438343438656232\
    3131633830333139632d623761643662373136393230333333312d3031aa01026b31121612140000018bcfe568000000000000000007000000011218\
    080212140000018bcfe56800000000000000000800000001";
const FRAME: &str = "\
    02843fdb590801100f1a140000018bcfe56800000000000000000100000001221d0a140000018bcfe568000000000000000002000000011205656e74\
    72792a140000018bcfe568000000000000000003ffffffff3218080212140000018bcfe56800000000000000000400000001390068e5cf8b01010042\
    0b080111020000000000000048065107000000000000005808";
const MEMBERSHIP: &str = "031f5aeea0080110101a090a0765752d776573741a150a0775732d65617374120809000000000000001801";
const MEMBERSHIP_HASH: &str = "873635e8f9f613a8";
const TOKEN: &str = "AgGA0JX_vDEBAgAAIAABAQEDAAUAAQIIIAAhAAEBACIAAQEAIwABAQAkAAEBACUAAQEAJgABAQAnAAEBACgAATz3wEooJaxFF39uQhBsacU";
