//! How each part of a state is laid out. Numbers that are nearly always small carry their flags in the lowest bits.

use crate::codec::{DecodeError, Reader, Writer};
use crate::counter::{Bounded, Cell, Counter};
use crate::dots::Dots;
use crate::field::State;
use crate::register::{Held, Register};
use crate::{Clock, Field, Fields, Name, Policy, Value};
use std::collections::BTreeMap;

const REGISTER: u8 = 0;
const COUNTER: u8 = 1;
const BOUNDED: u8 = 2;
const FLAG: u8 = 3;
const SET: u8 = 4;
const MAP: u8 = 5;

impl Fields {
    pub(crate) fn write(&self, w: &mut Writer) {
        w.put(&self.clocks.map(|(first, last)| last.0 - first.0));
        self.presence.write(w);
        self.deletes.write(w);
        w.put_len(self.fields.len());
        for (name, field) in &self.fields {
            w.put(&**name);
            field.write(w);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let first = r.origin();
        let clocks = r.take::<Option<u64>>()?.map(|span| (first, Clock(first.0.wrapping_add(span))));
        let (presence, deletes) = (Dots::read(r)?, Dots::read(r)?);
        let fields: Vec<_> = (0..r.take_len()?).map(|_| Ok((Name::from(r.take::<&str>()?), Field::read(r)?))).collect::<Result<_, _>>()?;
        if !fields.is_sorted_by(|(a, _), (b, _)| a < b) {
            return Err(DecodeError::Corrupted("fields out of order"));
        }
        Ok(Self { clocks, presence, deletes, fields })
    }
}

impl Field {
    fn write(&self, w: &mut Writer) {
        match &self.0 {
            State::Register(register) => {
                w.put(&REGISTER);
                register.write(w);
            }
            State::Counter(counter) => {
                w.put(&COUNTER);
                counter.write(w);
            }
            State::Bounded(bounded) => {
                w.put(&BOUNDED);
                bounded.write(w);
            }
            State::Flag(dots) => {
                w.put(&FLAG);
                dots.write(w);
            }
            State::Set(elements) => {
                w.put(&SET);
                write_map(elements, w, Dots::write);
            }
            State::Map(entries) => {
                w.put(&MAP);
                write_map(entries, w, Field::write);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Self::read_nested(r, true)
    }

    fn read_nested(r: &mut Reader<'_>, may_be_map: bool) -> Result<Self, DecodeError> {
        Ok(Self(match r.take::<u8>()? {
            REGISTER => State::Register(Register::read(r)?),
            COUNTER => State::Counter(Counter::read(r)?),
            BOUNDED => State::Bounded(Bounded::read(r)?),
            FLAG => State::Flag(Dots::read(r)?),
            SET => State::Set(read_map(r, Dots::read)?),
            MAP if may_be_map => State::Map(read_map(r, |r| Self::read_nested(r, false))?),
            _ => return Err(DecodeError::Corrupted("no such kind of field")),
        }))
    }
}

fn write_map<T>(map: &BTreeMap<Value, T>, w: &mut Writer, write: impl Fn(&T, &mut Writer)) {
    w.put_len(map.len());
    for (key, value) in map {
        w.put(key);
        write(value, w);
    }
}

type ReadResult<T> = Result<T, DecodeError>;

fn read_map<T>(r: &mut Reader<'_>, read: impl Fn(&mut Reader<'_>) -> ReadResult<T>) -> ReadResult<BTreeMap<Value, T>> {
    (0..r.take_len()?).map(|_| Ok((r.take::<Value>()?, read(r)?))).collect()
}

impl Dots {
    fn write(&self, w: &mut Writer) {
        w.put(&((self.open.len() as u64) << 1 | u64::from(self.base)));
        self.open.iter().for_each(|dot| w.put_dot(*dot));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = r.take::<u64>()?;
        let open = (0..head >> 1).map(|_| r.take_dot()).collect::<Result<_, _>>()?;
        Ok(Self { base: head & 1 == 1, open })
    }
}

impl Register {
    fn write(&self, w: &mut Writer) {
        w.put_len(self.values.len());
        for held in &self.values {
            w.put(&(u8::from(held.open) | u8::from(held.by.is_some()) << 1 | u8::from(held.rule.is_some()) << 2));
            w.put_stamp(held.dot, held.clock);
            w.put(&held.version);
            w.put(&held.value);
            if let Some(by) = &held.by {
                w.put(by);
            }
            if let Some(rule) = &held.rule {
                w.put(rule);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let held = |r: &mut Reader<'_>| {
            let head = r.take::<u8>()?;
            let (dot, clock) = r.take_stamp()?;
            let version = r.take::<u32>()?;
            let value = r.take::<Value>()?;
            let by = if head & 2 == 2 { Some(Box::new(r.take::<Value>()?)) } else { None };
            let rule = if head & 4 == 4 { Some(Box::new(r.take::<Policy>()?)) } else { None };
            Ok(Held { value, by, rule, version, dot, clock, open: head & 1 == 1 })
        };
        Ok(Self { values: (0..r.take_len()?).map(|_| held(r)).collect::<Result<_, _>>()? })
    }
}

impl Counter {
    fn write(&self, w: &mut Writer) {
        w.put(&((self.open.len() as u64) << 1 | u64::from(self.base)));
        w.put(&self.sum);
        for (dot, delta) in &self.open {
            w.put_dot(*dot);
            w.put(delta);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let head = r.take::<u64>()?;
        let sum = r.take::<i128>()?;
        let mut counter = Self { sum, base: head & 1 == 1, ..Self::default() };
        for _ in 0..head >> 1 {
            counter.push_open(r.take_dot()?, r.take()?);
        }
        Ok(counter)
    }
}

impl Bounded {
    fn write(&self, w: &mut Writer) {
        w.put_len(self.cells.len());
        for (cell, counter) in &self.cells {
            w.put(cell);
            counter.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let cell = |r: &mut Reader<'_>| Ok((r.take::<Cell>()?, Counter::read(r)?));
        Ok(Self { cells: (0..r.take_len()?).map(|_| cell(r)).collect::<Result<_, _>>()? })
    }
}
