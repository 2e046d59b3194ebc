//! Reads aggregates.

use super::fields::FieldSource;
use super::{Loader, places};
use crate::Command;
use crate::aggregate::{AggregateType, Change, FieldDef, Home};
use crate::diagnostic::did_you_mean;
use crate::reader::{Item, Section};
use sterna_crdt::Name;

const KEYS: &[&str] = &["fields", "commands", "home", "delete_wins", "was", "deprecated"];
pub(crate) const RESERVED_TYPES: &[&str] = &["commands", "views", "changes", "conflicts", "status"];

impl<'t> Loader<'t, '_> {
    pub fn aggregates(&mut self, item: Option<&Item<'t>>) -> Vec<AggregateType> {
        if item.is_none() {
            self.report.error_with("missing-key", 0..0, "a model needs an aggregate", "such as `[aggregate.cart.fields]`");
        }
        let mut aggregates = Vec::new();
        let mut spans = Vec::new();
        for (name, item) in self.named(item) {
            if RESERVED_TYPES.contains(&name.as_ref()) {
                let message = format!("`{name}` can't be an aggregate: `/v1/{name}` is part of the interface");
                self.report.error("bad-name", item.key_span.clone(), message);
            }
            match self.aggregate(name, &item) {
                Some(of) => {
                    aggregates.push(of);
                    spans.push(item.key_span);
                }
                None => self.broken.push(item.key.to_owned()),
            }
        }
        let names: Vec<_> = aggregates.iter().map(|of: &AggregateType| (of.name.clone(), of.was.clone())).collect();
        self.check_was(names.iter().zip(spans).map(|((name, was), span)| (name, was.as_ref(), span)));
        aggregates
    }

    fn aggregate(&mut self, name: Name, item: &Item<'t>) -> Option<AggregateType> {
        let mut section = item.table(&mut self.report)?;
        let (was, deprecated) = self.evolution(&mut section);
        let home = self.home(&mut section);
        let delete_wins = section.take("delete_wins").and_then(|item| item.bool(&mut self.report)).unwrap_or(false);
        let (fields, commands) = (section.take("fields"), section.take("commands"));
        section.finish("an aggregate", KEYS, &mut self.report);
        let mut fields = self.fields(fields.as_ref());
        let signatures = self.signatures(&name, commands.as_ref());
        self.infer_keys(&mut fields, &signatures);
        let (defs, bys): (Vec<FieldDef>, Vec<Option<Item<'t>>>) = fields.into_iter().map(|FieldSource { def, by, .. }| (def, by)).unzip();
        let commands = self.commands(signatures, &defs, &bys, delete_wins);
        let deletes = |command: &Command| command.effects.iter().any(|effect| matches!(effect.change, Change::Delete { .. }));
        if defs.iter().any(|def| def.kind.is_bounded()) && commands.iter().any(deletes) {
            let hint = "rights of them may be in use in another region; what is created again under the id has what was left";
            self.report.note("delete-keeps", item.key_span.clone(), format!("a delete of `{name}` leaves its bounded counters"), hint);
        }
        let mut fields_by_stored: Vec<_> = (0..defs.len()).collect();
        fields_by_stored.sort_by(|a, b| defs[*a].stored().cmp(defs[*b].stored()));
        Some(AggregateType {
            fields_by_stored,
            field_at: places(defs.iter().map(|def| (&def.name, def.was.as_ref()))),
            command_at: places(commands.iter().map(|command| (&command.name, command.was.as_ref()))),
            has_bounds: defs.iter().any(|def| def.kind.is_bounded()),
            name,
            fields: defs,
            commands,
            home,
            delete_wins,
            was,
            deprecated,
        })
    }

    fn home(&mut self, section: &mut Section<'t>) -> Option<Home> {
        let item = section.take("home")?;
        let name = item.str(&mut self.report)?;
        if name == "by-id" {
            return Some(Home::ById);
        }
        if let Some(regions) = &self.regions
            && !regions.contains(&name)
        {
            let hint = did_you_mean(name, regions.iter().copied().chain(["by-id"]));
            self.report.error_maybe("unknown-region", item.span.clone(), format!("there is no region `{name}`"), hint);
        }
        Some(Home::Region(Name::from(name)))
    }
}
