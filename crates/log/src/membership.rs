//! Who takes part: the numbered record of regions.

use crate::codec::{self, DecodeError, MEMBERSHIP};
use prost::Message;
use sterna_crdt::{Incarnation, Name, RegionId};

/// The regions of a cluster. A region's number is its place in `members`; places are given once, later regions are appended.
/// Record number 1 comes from the configuration: all names, sorted.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Membership {
    pub number: u64,
    pub shards: u16,
    pub members: Vec<Member>,
}

#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Member {
    pub name: Name,
    /// Set when the region was declared lost: events of these incarnations behind their fence never count.
    pub fenced: Vec<Incarnation>,
    /// A region that has left keeps its place.
    pub left: bool,
}

impl Membership {
    /// The first record, from configured names; the same in every region whatever the order in which they are named.
    pub fn first(names: impl IntoIterator<Item = Name>, shards: u16) -> Self {
        let mut names: Vec<Name> = names.into_iter().collect();
        names.sort();
        names.dedup();
        let members = names.into_iter().map(|name| Member { name, fenced: Vec::new(), left: false }).collect();
        Self { number: 1, shards, members }
    }

    pub fn region(&self, name: &str) -> Option<RegionId> {
        self.members.iter().position(|m| &*m.name == name).map(|at| RegionId(at as u16))
    }

    /// A region's name; `"?"` for a number that no member has.
    pub fn name(&self, region: RegionId) -> Name {
        self.members.get(usize::from(region.0)).map_or_else(|| Name::from("?"), |m| m.name.clone())
    }

    pub fn regions(&self) -> impl Iterator<Item = RegionId> + '_ {
        (0..self.members.len()).map(|at| RegionId(at as u16)).filter(|r| !self.members[usize::from(r.0)].left)
    }

    /// How many regions the first record had: they share out what a bounded counter's bounds leave at first. The first places are
    /// theirs for ever.
    pub fn founders(&self) -> u16 {
        self.members.len() as u16
    }

    /// First 8 bytes of the BLAKE3 hash of the encoding: regions that disagree refuse each other.
    pub fn hash(&self) -> u64 {
        let hash = blake3::hash(&self.encode());
        u64::from_be_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
    }

    pub fn encode(&self) -> Vec<u8> {
        let members = self.members.iter().map(|m| MemberWire {
            name: m.name.to_string(),
            fenced: m.fenced.iter().map(|i| i.0).collect(),
            left: m.left,
        });
        codec::seal(MEMBERSHIP, &MembershipWire { number: self.number, shards: u32::from(self.shards), members: members.collect() })
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let wire: MembershipWire = codec::open(MEMBERSHIP, bytes)?;
        let shards = u16::try_from(wire.shards).map_err(|_| DecodeError::Malformed("shards"))?;
        let members = wire.members.into_iter().map(|m| Member {
            name: m.name.into(),
            fenced: m.fenced.into_iter().map(Incarnation).collect(),
            left: m.left,
        });
        Ok(Self { number: wire.number, shards, members: members.collect() })
    }
}

#[derive(Message)]
struct MembershipWire {
    #[prost(uint64, tag = "1")]
    number: u64,
    #[prost(uint32, tag = "2")]
    shards: u32,
    #[prost(message, repeated, tag = "3")]
    members: Vec<MemberWire>,
}

#[derive(Message)]
struct MemberWire {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(fixed64, repeated, tag = "2")]
    fenced: Vec<u64>,
    #[prost(bool, tag = "3")]
    left: bool,
}
