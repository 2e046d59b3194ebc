//! Reads reactions.

use super::Loader;
use super::effects::whole;
use crate::Command;
use crate::aggregate::AggregateType;
use crate::diagnostic::did_you_mean;
use crate::expr::{Expr, Names, Want, check};
use crate::reaction::{REACTION_DEPTH_MAX, Reaction, Send};
use crate::reader::{Item, Section, list};
use sterna_crdt::Name;

const KEYS: &[&str] = &["on", "send", "to", "args", "when", "each", "refused", "deprecated"];
/// `send`, `to` and `args` as written.
type SendParts<'t> = (Item<'t>, Item<'t>, Option<Item<'t>>);

const REFUSED_KEYS: &[&str] = &["send", "to", "args"];

impl<'t> Loader<'t, '_> {
    pub fn reactions(&mut self, item: Option<&Item<'t>>, aggregates: &[AggregateType]) -> Vec<Reaction> {
        let mut reactions = Vec::new();
        for (name, item) in self.named(item) {
            if let Some(reaction) = self.reaction(name, &item, aggregates) {
                reactions.push((reaction, item.key_span));
            }
        }
        for (reaction, span) in &reactions {
            if cyclic(reaction, &reactions) {
                let message = format!("`{}` can cause itself again", reaction.name);
                let hint = format!("a chain of reactions ends after {REACTION_DEPTH_MAX}; end it sooner with `when`");
                self.report.warn("cycle", span.clone(), message, hint);
            }
        }
        reactions.into_iter().map(|(reaction, _)| reaction).collect()
    }

    fn reaction(&mut self, name: Name, item: &Item<'t>, aggregates: &[AggregateType]) -> Option<Reaction> {
        let mut section = item.table(&mut self.report)?;
        section.take("deprecated");
        let on = self.required(&mut section, "on", item);
        let (each, when, refused) = (section.take("each"), section.take("when"), section.take("refused"));
        let parts = self.send_parts(&mut section, item);
        section.finish("a reaction", KEYS, &mut self.report);
        let refused = refused.map(|refused| self.refused(&refused));
        let event = on.and_then(|on| Some((on.str(&mut self.report)?, on.span)));
        let Some((at, command)) = event.and_then(|(event, span)| self.command_ref(event, span, aggregates)) else {
            // Nobody knows what the names stand for; what is sent has one, though.
            for (send, ..) in [parts, refused.flatten()].into_iter().flatten() {
                send.str(&mut self.report).and_then(|target| self.command_ref(target, send.span.clone(), aggregates));
            }
            return None;
        };
        let (of, command) = (&aggregates[at], &aggregates[at].commands[command]);
        let names = Names::reaction(&of.fields, &command.args);
        let each = each.map(|each| check(&each, &names, &mut Vec::new(), &Want::Range, &mut self.report));
        let inner = names.with_each(each.as_ref());
        let mut facts = Vec::new();
        let when = when.map(|when| check(&when, &inner, &mut facts, &Want::Bool, &mut self.report));
        let send = parts.and_then(|parts| self.send(parts, &inner, &facts, aggregates));
        let refused = refused.map(|parts| self.send(parts?, &names, &[], aggregates));
        let refused = refused.map_or(Some(None), |refused| refused.map(Some));
        let on = (of.stored().clone(), command.stored().clone());
        Some(Reaction { name, on, when: whole(when)?, each: whole(each)?, send: send?, refused: refused? })
    }

    fn refused(&mut self, item: &Item<'t>) -> Option<SendParts<'t>> {
        let mut section = item.table(&mut self.report)?;
        let parts = self.send_parts(&mut section, item);
        section.finish("`refused`", REFUSED_KEYS, &mut self.report);
        parts
    }

    fn send_parts(&mut self, section: &mut Section<'t>, item: &Item<'t>) -> Option<SendParts<'t>> {
        let (send, to) = (self.required(section, "send", item), self.required(section, "to", item));
        let args = section.take("args");
        Some((send?, to?, args))
    }

    fn send(&mut self, (send, to, args): SendParts<'t>, names: &Names<'_>, facts: &[String], aggregates: &[AggregateType]) -> Option<Send> {
        let to = check(&to, names, &mut facts.to_vec(), &Want::Id, &mut self.report);
        let found = send.str(&mut self.report).and_then(|target| self.command_ref(target, send.span.clone(), aggregates));
        let Some((at, command)) = found else {
            let given = args.and_then(|args| args.table(&mut self.report));
            self.typed(given.iter().flat_map(Section::items), names, facts);
            return None;
        };
        let (of, command) = (&aggregates[at], &aggregates[at].commands[command]);
        let args = self.send_args(&send, args.as_ref(), command, names, facts)?;
        Some(Send { aggregate: of.stored().clone(), command: command.stored().clone(), to: to?, args })
    }

    fn send_args(
        &mut self,
        send: &Item<'t>,
        item: Option<&Item<'t>>,
        command: &Command,
        names: &Names<'_>,
        facts: &[String],
    ) -> Option<Vec<(usize, Expr)>> {
        let errors = self.report.error_count();
        let given = match item {
            Some(item) => item.table(&mut self.report)?.items().to_vec(),
            None => Vec::new(),
        };
        let mut args = Vec::new();
        for item in &given {
            let Some(at) = command.args.iter().position(|arg| arg.name.as_ref() == item.key) else {
                let known: Vec<_> = command.args.iter().map(|arg| arg.name.as_ref()).collect();
                let hint = did_you_mean(item.key, known.iter().copied()).unwrap_or_else(|| format!("it takes {}", list(&known)));
                self.report.error_with(
                    "unknown-argument",
                    item.key_span.clone(),
                    format!("`{}` takes no `{}`", command.name, item.key),
                    hint,
                );
                self.typed([item], names, facts);
                continue;
            };
            // A null stands for the default.
            let slot = &command.args[at].slot;
            let slot = crate::Slot { optional: slot.optional || slot.default.is_some(), default: None, ..slot.clone() };
            let want = if command.args[at].broken { Want::Anything } else { Want::Slot(&slot, item.key) };
            args.extend(check(item, names, &mut facts.to_vec(), &want, &mut self.report).map(|expr| (at, expr)));
        }
        for arg in &command.args {
            let given = given.iter().any(|item| item.key == arg.name.as_ref());
            if !given && !arg.slot.optional && arg.slot.default.is_none() {
                let span = item.map_or(send.span.clone(), |item| item.span.clone());
                self.report.error("missing-key", span, format!("`{}` needs `{}`", command.name, arg.name));
            }
        }
        (self.report.error_count() == errors).then_some(args)
    }
}

/// Whether what it sends leads, by way of others, to itself.
fn cyclic(of: &Reaction, all: &[(Reaction, crate::reader::Span)]) -> bool {
    let sends = |reaction: &Reaction| {
        let send = |send: &Send| (send.aggregate.clone(), send.command.clone());
        [Some(send(&reaction.send)), reaction.refused.as_ref().map(send)].into_iter().flatten().collect::<Vec<_>>()
    };
    let (mut open, mut seen) = (sends(of), Vec::new());
    while let Some(event) = open.pop() {
        if event == of.on {
            return true;
        }
        if !seen.contains(&event) {
            open.extend(all.iter().filter(|(reaction, _)| reaction.on == event).flat_map(|(reaction, _)| sends(reaction)));
            seen.push(event);
        }
    }
    false
}
