//! A state as bytes: a version byte, the incarnations and stamps (dot and clock) that the state names, then the state, which
//! refers to these by number. Everything is written as postcard does it. Equal states give equal bytes.

use crate::{Clock, Dot, Fields, Incarnation};
use postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::Deserialize;

const VERSION: u8 = 2;
/// How far back a stamp is looked for before it is written again. Neighbours share stamps; a long search would cost more than
/// the bytes.
const STAMP_WINDOW: usize = 16;

#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("the state is empty")]
    Empty,
    #[error("the state has format version {0}, this build reads version {VERSION}")]
    UnknownVersion(u8),
    #[error("the state is corrupted: {0}")]
    Corrupted(&'static str),
}

impl Fields {
    pub fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::new(self.created().unwrap_or_default());
        self.write(&mut writer);
        writer.finish()
    }

    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes)?;
        let fields = Self::read(&mut reader)?;
        if reader.rest.is_empty() { Ok(fields) } else { Err(DecodeError::Corrupted("trailing bytes")) }
    }
}

pub(crate) struct Writer {
    body: Vec<u8>,
    incarnations: Vec<Incarnation>,
    stamps: Vec<(u64, u64, u64)>,
    /// Clocks are written as distances from this one.
    origin: Clock,
}

impl Writer {
    fn new(origin: Clock) -> Self {
        Self { body: Vec::with_capacity(128), incarnations: Vec::new(), stamps: Vec::new(), origin }
    }

    pub fn put<T: Serialize + ?Sized>(&mut self, value: &T) {
        append(&mut self.body, value);
    }

    pub fn put_len(&mut self, len: usize) {
        self.put(&(len as u64));
    }

    pub fn put_dot(&mut self, dot: Dot) {
        let incarnation = self.incarnation(dot.incarnation);
        self.put(&(incarnation, dot.n));
    }

    pub fn put_stamp(&mut self, dot: Dot, clock: Clock) {
        let stamp = (self.incarnation(dot.incarnation), dot.n, clock.0.wrapping_sub(self.origin.0));
        let from = self.stamps.len().saturating_sub(STAMP_WINDOW);
        let at = self.stamps[from..].iter().position(|s| *s == stamp).map_or(self.stamps.len(), |at| from + at);
        if at == self.stamps.len() {
            self.stamps.push(stamp);
        }
        self.put(&(at as u64));
    }

    fn incarnation(&mut self, incarnation: Incarnation) -> u64 {
        let at = self.incarnations.iter().position(|i| *i == incarnation).unwrap_or(self.incarnations.len());
        if at == self.incarnations.len() {
            self.incarnations.push(incarnation);
        }
        at as u64
    }

    fn finish(self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.body.len() + 16 * self.incarnations.len() + 16 * self.stamps.len() + 16);
        bytes.push(VERSION);
        append(&mut bytes, &self.origin);
        append(&mut bytes, &self.incarnations);
        append(&mut bytes, &self.stamps);
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

fn append<T: Serialize + ?Sized>(bytes: &mut Vec<u8>, value: &T) {
    postcard::serialize_with_flavor(value, Tail(bytes)).expect("a vector grows, and every sequence knows its length");
}

/// Writes behind what is there already.
struct Tail<'a>(&'a mut Vec<u8>);

impl Flavor for Tail<'_> {
    type Output = ();

    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

pub(crate) struct Reader<'a> {
    rest: &'a [u8],
    origin: Clock,
    incarnations: Vec<Incarnation>,
    stamps: Vec<(u64, u64, u64)>,
}

impl<'a> Reader<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let (version, rest) = bytes.split_first().ok_or(DecodeError::Empty)?;
        if *version != VERSION {
            return Err(DecodeError::UnknownVersion(*version));
        }
        let mut reader = Self { rest, origin: Clock::default(), incarnations: Vec::new(), stamps: Vec::new() };
        reader.origin = reader.take()?;
        reader.incarnations = reader.take()?;
        reader.stamps = reader.take()?;
        Ok(reader)
    }

    pub fn origin(&self) -> Clock {
        self.origin
    }

    pub fn take<T: Deserialize<'a>>(&mut self) -> Result<T, DecodeError> {
        let (value, rest) = postcard::take_from_bytes(self.rest).map_err(|_| DecodeError::Corrupted("malformed"))?;
        self.rest = rest;
        Ok(value)
    }

    /// A number of things that take at least a byte each.
    pub fn take_len(&mut self) -> Result<usize, DecodeError> {
        let len = usize::try_from(self.take::<u64>()?).unwrap_or(usize::MAX);
        if len <= self.rest.len() { Ok(len) } else { Err(DecodeError::Corrupted("a length beyond the end")) }
    }

    pub fn take_dot(&mut self) -> Result<Dot, DecodeError> {
        let (incarnation, n) = self.take::<(u64, u64)>()?;
        Ok(Dot { incarnation: self.incarnation(incarnation)?, n })
    }

    pub fn take_stamp(&mut self) -> Result<(Dot, Clock), DecodeError> {
        let at = self.take::<u64>()?;
        let stamp = usize::try_from(at).ok().and_then(|at| self.stamps.get(at)).ok_or(DecodeError::Corrupted("no such stamp"))?;
        let &(incarnation, n, distance) = stamp;
        Ok((Dot { incarnation: self.incarnation(incarnation)?, n }, Clock(self.origin.0.wrapping_add(distance))))
    }

    fn incarnation(&self, at: u64) -> Result<Incarnation, DecodeError> {
        let found = usize::try_from(at).ok().and_then(|at| self.incarnations.get(at));
        found.copied().ok_or(DecodeError::Corrupted("no such incarnation"))
    }
}
