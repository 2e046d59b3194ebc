//! One line, parsed without a copy.

use crate::request::parse_if_match;
use crate::{Code, Problem};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use sterna_crdt::Name;
use sterna_log::AggregateId;
use sterna_write::Command;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire<'l> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'l, str>,
    #[serde(borrow)]
    id: Cow<'l, str>,
    #[serde(borrow)]
    command: Cow<'l, str>,
    #[serde(borrow)]
    args: Option<&'l RawValue>,
    #[serde(borrow)]
    key: Option<Text<'l>>,
    #[serde(borrow)]
    if_match: Option<Text<'l>>,
}

/// Borrows also inside of an option.
#[derive(Deserialize)]
struct Text<'l>(#[serde(borrow)] Cow<'l, str>);

/// Names that the last line had: lines of one request are much alike.
#[derive(Default)]
pub(super) struct Names {
    kind: Option<Name>,
    command: Option<Name>,
}

/// `like` has what the request says of all its lines.
pub(super) fn parse(line: &Bytes, names: &mut Names, like: &Command) -> Result<Command, Problem> {
    let wire: Wire<'_> = serde_json::from_slice(line).map_err(|error| Problem::new(Code::InvalidLine, error.to_string()))?;
    let Some(Text(key)) = wire.key else {
        return Err(Problem::new(Code::KeyRequired, "a line of a bulk request needs its `key`"));
    };
    Ok(Command {
        aggregate: AggregateId { kind: shared(&mut names.kind, &wire.kind), id: Name::from(wire.id) },
        name: shared(&mut names.command, &wire.command),
        args: wire.args.map_or_else(Bytes::new, |args| line.slice_ref(args.get().as_bytes())),
        key: Some(Name::from(key)),
        if_match: wire.if_match.map(|Text(text)| parse_if_match(&text)).transpose()?,
        ..like.clone()
    })
}

fn shared(last: &mut Option<Name>, text: &str) -> Name {
    match last {
        Some(name) if **name == *text => name.clone(),
        last => last.insert(Name::from(text)).clone(),
    }
}
