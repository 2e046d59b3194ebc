//! Arguments straight from JSON bytes, without a tree. A value of the wrong type is one mistake, and reading goes on behind it.

use super::values::{kind_of, text_value};
use super::{ArgDef, ArgError, Args};
use crate::Command;
use crate::diagnostic::nearest;
use crate::limits::{ARG_ERRORS_MAX, INT_MAX};
use crate::value_type::{Slot, ValueType, check_int, check_length};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::fmt;
use sterna_crdt::{Name, Value};

pub(super) fn parse(command: &Command, json: &[u8]) -> Result<Args, Vec<ArgError>> {
    let json: &[u8] = if json.trim_ascii().is_empty() { b"{}" } else { json };
    let mut mistakes = Mistakes { found: Vec::new(), path: Vec::new() };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let read =
        AllSeed { command, mistakes: &mut mistakes }.deserialize(&mut deserializer).and_then(|args| deserializer.end().map(|()| args));
    match read {
        Ok(args) if mistakes.found.is_empty() => Ok(args),
        Ok(_) => Err(mistakes.found),
        Err(error) => {
            mistakes.path.clear();
            mistakes.add(format!("this is not JSON: {error}"));
            Err(mistakes.found)
        }
    }
}

enum Step {
    /// Not a name yet: made one only when a mistake needs it.
    Declared(Name),
    Given(String),
    At(usize),
}

struct Mistakes {
    found: Vec<ArgError>,
    path: Vec<Step>,
}

impl Mistakes {
    fn add(&mut self, detail: impl Into<String>) {
        if self.found.len() < ARG_ERRORS_MAX {
            self.found.push(ArgError { pointer: self.pointer(), detail: detail.into() });
        }
    }

    fn pointer(&self) -> String {
        let step = |step: &Step| match step {
            Step::Declared(name) => escape(name),
            Step::Given(name) => escape(name),
            Step::At(at) => at.to_string(),
        };
        self.path.iter().fold(String::new(), |pointer, at| pointer + "/" + &step(at))
    }

    fn at<T>(&mut self, step: Step, run: impl FnOnce(&mut Self) -> T) -> T {
        self.path.push(step);
        let result = run(self);
        self.path.pop();
        result
    }
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

struct AllSeed<'s> {
    command: &'s Command,
    mistakes: &'s mut Mistakes,
}

impl<'de> DeserializeSeed<'de> for AllSeed<'_> {
    type Value = Args;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Args, D::Error> {
        let members = self.command.args.as_slice();
        let read = ObjectReader { members, mistakes: self.mistakes, whole: true };
        deserializer.deserialize_any(read).map(|values| Args(values.unwrap_or_default()))
    }
}

/// What an object's member needs to be read: arguments, and members of object types.
trait Member {
    fn name(&self) -> &Name;
    fn slot(&self) -> &Slot;
    fn was(&self) -> Option<&Name>;
}

impl Member for ArgDef {
    fn name(&self) -> &Name {
        &self.name
    }
    fn slot(&self) -> &Slot {
        &self.slot
    }
    fn was(&self) -> Option<&Name> {
        self.was.as_ref()
    }
}

impl Member for (Name, Slot) {
    fn name(&self) -> &Name {
        &self.0
    }
    fn slot(&self) -> &Slot {
        &self.1
    }
    fn was(&self) -> Option<&Name> {
        None
    }
}

struct ObjectReader<'s, M> {
    members: &'s [M],
    mistakes: &'s mut Mistakes,
    /// The arguments themselves, not a value in them.
    whole: bool,
}

/// The value of each member in declared order; `None` after a mistake in the object's own kind.
impl<'de, M: Member> Visitor<'de> for ObjectReader<'_, M> {
    type Value = Option<Vec<Value>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let Self { members, mistakes, whole } = self;
        let mut values = vec![Value::Null; members.len()];
        let mut seen = smallvec::SmallVec::<[bool; 16]>::from_elem(false, members.len());
        while let Some(at) = map.next_key_seed(KeySeed { members, mistakes, whole })? {
            let Some(at) = at else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let member = &members[at];
            if seen[at] {
                mistakes.at(Step::Declared(member.name().clone()), |m| m.add("is given more than once"));
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            seen[at] = true;
            mistakes.path.push(Step::Declared(member.name().clone()));
            let value = map.next_value_seed(SlotSeed { slot: member.slot(), mistakes: &mut *mistakes });
            mistakes.path.pop();
            values[at] = value?;
        }
        for (at, member) in members.iter().enumerate().filter(|(at, _)| !seen[*at]) {
            match (&member.slot().default, member.slot().optional) {
                (Some(default), _) => values[at] = default.clone(),
                (None, true) => {}
                (None, false) => mistakes.at(Step::Declared(member.name().clone()), |m| m.add("is missing")),
            }
        }
        Ok(Some(values))
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
        Ok(self.wrong())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
        Ok(self.wrong())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
        Ok(self.wrong())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
        Ok(self.wrong())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
        Ok(self.wrong())
    }
    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(self.wrong())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        while seq.next_element::<IgnoredAny>()?.is_some() {}
        Ok(self.wrong())
    }
}

impl<M> ObjectReader<'_, M> {
    fn wrong(self) -> Option<Vec<Value>> {
        self.mistakes.add(if self.whole { "the arguments must be an object" } else { "must be an object" });
        None
    }
}

/// Finds the member that a key names, without an owned string.
struct KeySeed<'s, M> {
    members: &'s [M],
    mistakes: &'s mut Mistakes,
    whole: bool,
}

impl<'de, M: Member> DeserializeSeed<'de> for KeySeed<'_, M> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<M: Member> Visitor<'_> for KeySeed<'_, M> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, key: &str) -> Result<Self::Value, E> {
        let found = self.members.iter().position(|member| member.name().as_ref() == key);
        let found = found.or_else(|| self.members.iter().position(|member| member.was().is_some_and(|was| was.as_ref() == key)));
        if found.is_none() {
            let near = nearest(key, self.members.iter().map(|member| member.name().as_ref()));
            let near = near.map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let what = if self.whole { "argument" } else { "member" };
            let shown = key.chars().take(64).collect();
            self.mistakes.at(Step::Given(shown), |m| m.add(format!("there is no such {what}{near}")));
        }
        Ok(found)
    }
}

struct SlotSeed<'s> {
    slot: &'s Slot,
    mistakes: &'s mut Mistakes,
}

impl<'de> DeserializeSeed<'de> for SlotSeed<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl SlotSeed<'_> {
    fn wrong(self) -> Value {
        self.mistakes.add(format!("must be {}", kind_of(&self.slot.value_type)));
        Value::Null
    }

    fn int(self, int: Option<i64>) -> Value {
        let ValueType::Int { min, max } = self.slot.value_type else { return self.wrong() };
        match check_int(int.unwrap_or(i64::MAX), min.max(-INT_MAX), max.min(INT_MAX)) {
            Ok(()) => Value::Int(int.unwrap_or_default()),
            Err(detail) => {
                self.mistakes.add(detail);
                Value::Null
            }
        }
    }
}

impl<'de> Visitor<'de> for SlotSeed<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(kind_of(&self.slot.value_type))
    }

    fn visit_bool<E: Error>(self, bool: bool) -> Result<Value, E> {
        Ok(if self.slot.value_type == ValueType::Bool { Value::Bool(bool) } else { self.wrong() })
    }

    fn visit_i64<E: Error>(self, int: i64) -> Result<Value, E> {
        Ok(self.int(Some(int)))
    }

    fn visit_u64<E: Error>(self, int: u64) -> Result<Value, E> {
        Ok(self.int(i64::try_from(int).ok()))
    }

    fn visit_f64<E: Error>(self, float: f64) -> Result<Value, E> {
        let too_large = float.fract() == 0.0 && float.abs() > INT_MAX as f64;
        Ok(if too_large && float > 0.0 { self.int(None) } else { self.wrong() })
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Value, E> {
        match text_value(&self.slot.value_type, text) {
            Ok(value) => Ok(value),
            Err(detail) => {
                self.mistakes.add(detail);
                Ok(Value::Null)
            }
        }
    }

    fn visit_unit<E: Error>(self) -> Result<Value, E> {
        match (&self.slot.default, self.slot.optional) {
            (Some(default), true) => return Ok(default.clone()),
            (None, true) => {}
            (_, false) => self.mistakes.add("must not be null"),
        }
        Ok(Value::Null)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let ValueType::List { of, min, max } = &self.slot.value_type else {
            while seq.next_element::<IgnoredAny>()?.is_some() {}
            return Ok(self.wrong());
        };
        let (mut items, mut count) = (Vec::new(), 0);
        while count < *max as usize {
            self.mistakes.path.push(Step::At(count));
            let item = seq.next_element_seed(SlotSeed { slot: of, mistakes: &mut *self.mistakes });
            self.mistakes.path.pop();
            match item? {
                Some(item) => items.push(item),
                None => break,
            }
            count += 1;
        }
        while seq.next_element::<IgnoredAny>()?.is_some() {
            count += 1;
        }
        if let Err(detail) = check_length(count, *min, *max) {
            self.mistakes.add(detail);
        }
        Ok(Value::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let ValueType::Object(members) = &self.slot.value_type else {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            return Ok(self.wrong());
        };
        let values = ObjectReader { members, mistakes: self.mistakes, whole: false }.visit_map(map)?.unwrap_or_default();
        Ok(Value::Object(members.iter().map(|(name, _)| name.clone()).zip(values).collect()))
    }
}
