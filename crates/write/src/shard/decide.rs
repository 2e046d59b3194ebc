//! One command: from the batch's aggregates to an event, or to a refusal.
//!
//! Checked in this order: arguments (before the queue), key, `If-Match`, `on`, `require`, bounds. So a retry is never refused for
//! what its first attempt changed.

use super::causes::cause_of;
use super::job::{HomeOrder, Job};
use super::working::Working;
use super::{Batch, Shard};
use crate::aggregate::{Aggregate, Open, targets};
use crate::document::has_several;
use crate::keys::home::HomeRecord;
use crate::keys::idem;
use crate::limits::{AGGREGATE_BYTES_MAX, UNCOUNTED_BYTES_MAX};
use crate::writer::made_by;
use crate::{Accepted, ETag, Escrow, Give, Refused, document_json};
use std::sync::Arc;
use sterna_crdt::{Action, Clock, Dot, FieldKind, Op, Order, Policy, RegionId, Update};
use sterna_env::mutation;
use sterna_log::{AggregateId, Entry, Event, Handover, LogId, Reaction, Send};
use sterna_model::{AggregateType, Decide, FieldsView, Model, On, Refusal};

impl Shard {
    /// Adds the command's event and answer to the batch, or answers a refusal at once: nothing of it is in the batch then.
    pub(super) fn decide(&mut self, mut job: Job, model: &Arc<Model>, batch: &mut Batch) {
        // It has waited while the next version was taken.
        if job.model.version < model.version
            && let Err(refused) = job.renew(model)
        {
            return self.refuse(job, refused);
        }
        let Some(mut working) = batch.touched.remove(&job.command.aggregate) else { return };
        if let Some(to) = &job.hand_over {
            let answer = self.hand_over(&job, to, &working, batch);
            batch.touched.insert(job.command.aggregate.clone(), working);
            match answer {
                Ok(accepted) => batch.answers.push((job, accepted, Some(0))),
                Err(refused) => _ = job.reply.send(Err(refused)),
            }
            return;
        }
        let result = match self.replay(&job, &working) {
            Some(replayed) => replayed.map(|accepted| (accepted, None)),
            None => self.accept_command(&job, &mut working, batch).map(|accepted| (accepted, Some((batch.entry.events.len() - 1) as u16))),
        };
        batch.touched.insert(job.command.aggregate.clone(), working);
        match result {
            Ok((accepted, place)) => batch.answers.push((job, accepted, place)),
            Err(refused) => self.refuse(job, refused),
        }
    }

    fn refuse(&self, job: Job, refused: Refused) {
        // What lacks rights may still get them; whoever waits for the answer counts it.
        if !matches!(refused, Refused::BoundReached { .. }) {
            self.metrics.answered(refused.outcome(), self.region.env.now() - job.since);
        }
        _ = job.reply.send(Err(refused));
    }

    /// What the key did before, if it is known.
    fn replay(&self, job: &Job, working: &Working) -> Option<Result<Accepted, Refused>> {
        let record = match working.records.get(&job.key) {
            Some(record) => record.clone(),
            // A record expires by its age; what is not settled is in the tail, whatever its age.
            None if job.key_made && job.attempts == 0 || mutation::on("records-expire-by-age") => return None,
            None => working.aggregate.record_of(&job.key, None)?.0,
        };
        // Of a twin of its cause: one of the causes turns out to be void, and what it caused with it.
        if job.command.cause.as_ref().is_some_and(|cause| working.is_of_others(&job.key, &cause_of(cause), &record)) {
            return None;
        }
        if record.body_hash != job.body_hash {
            return Some(Err(Refused::KeyReused));
        }
        let event = *record.dots.first()?;
        let mut accepted = self.accepted(job, working, event);
        // After an unknown result it was most likely this very attempt.
        accepted.replayed = job.attempts == 0;
        Some(Ok(accepted))
    }

    fn accept_command(&mut self, job: &Job, working: &mut Working, batch: &mut Batch) -> Result<Accepted, Refused> {
        if working.aggregate.model_version > job.model.version {
            // Versions never fall from an event to one that observed it.
            let taken = working.aggregate.model_version;
            return Err(Refused::Unavailable(format!("another process of this region has taken version {taken} of the model")));
        }
        if let Some(give) = &job.give {
            return self.accept_transfer(job, give, working, batch);
        }
        let command = &job.command;
        let unknown = || Refused::UnknownType { kind: command.aggregate.kind.clone(), suggestion: None };
        let of = job.model.aggregate(&command.aggregate.kind).ok_or_else(unknown)?;
        let declared = of.command(&command.name).ok_or_else(unknown)?;
        if command.cause.as_ref().is_some_and(|cause| batch.void_causes.contains(&cause_of(cause))) {
            return Err(Refused::VoidCause);
        }
        if of.home.is_some() {
            self.region.check_home(of.stored(), *batch.homes.get(of.stored()).ok_or_else(unknown)?)?;
        }
        let held = Arc::clone(&working.aggregate);
        check_before(job, &held, declared.on)?;
        let life = self.region.life();
        let clock = self.region.clock.tick(&self.region.env, held.clock);
        let view = FieldsView::new(of, &held.fields);
        let input = self.input(job, &view, held.fields.present(), clock);
        let ops = declared.decide(&input, &job.args).map_err(refusal)?.ops;
        check_ops(&ops, of, &held, job.model.version, command.if_match.is_some())?;
        if of.has_bounds() {
            Escrow::new(&self.region, self.id, &held).check(&ops, of)?;
            self.check_key_is_free(job)?;
        }
        let dot = held.next_dot(life.incarnation);
        let order = Order { clock, incarnation: life.incarnation };
        let update = Arc::new(Update { dot, seen: held.seen.clone(), order, version: job.model.version, ops });
        let mut event = self.event(job, update);
        let open = Open::of(&event, None);
        let applied = working.apply(open, of, !self.region.alone());
        let reactions = applied
            .map_err(|e| Refused::Evaluation { message: e.to_string() })
            .and_then(|()| self.check_size(job, working, of))
            .and_then(|()| self.reactions(job, of, &working.aggregate, clock));
        event.reactions = match reactions {
            Ok(reactions) => reactions,
            Err(refused) => {
                working.aggregate = held;
                return Err(refused);
            }
        };
        let bucket = idem::bucket(clock, job.model.idempotency_window_ms);
        working.remember(&job.key, bucket, job.body_hash, dot);
        if !event.reactions.is_empty() && !self.region.alone() {
            working.aim(targets(&event));
        }
        batch.bytes += 2 * job.args_json.len() + 256;
        batch.state_bytes += working.count();
        batch.entry.events.push(event);
        if of.has_bounds() && spends(&batch.entry, of) {
            self.metrics.bounded.with_label_values(&[if job.asked { "moved" } else { "local" }]).inc();
        }
        Ok(self.accepted(job, working, dot))
    }

    /// From this commit on another region accepts the type's commands in this shard, once it has merged it; or this one does, as the heir of
    /// a region that was declared lost.
    fn hand_over(&self, job: &Job, order: &HomeOrder, working: &Working, batch: &mut Batch) -> Result<Accepted, Refused> {
        let kind = &job.command.aggregate.kind;
        let unknown = || Refused::UnknownType { kind: kind.clone(), suggestion: None };
        let held = *batch.homes.get(kind).ok_or_else(unknown)?;
        let to = match order {
            HomeOrder::Give(to) => {
                self.region.check_home(kind, held)?;
                *to
            }
            HomeOrder::Inherit(lost) if held.region == *lost => {
                self.check_heir(*lost)?;
                self.region.me
            }
            HomeOrder::Inherit(_) => held.region,
        };
        if held.region != to {
            let home = HomeRecord { term: held.term + 1, region: to };
            batch.move_home(kind, self.id, home);
            batch.entry.handovers.push(Handover { kind: kind.clone(), to, term: home.term });
        }
        let nothing = Dot { incarnation: self.region.life().incarnation, n: 0 };
        Ok(self.accepted(job, working, nothing))
    }

    /// That this region is the heir of one that was declared lost, and has merged all of it that counts.
    fn check_heir(&self, lost: RegionId) -> Result<(), Refused> {
        let end = self.region.fence(lost).filter(|fence| fence.heir == self.region.me).and_then(|fence| fence.end(self.id));
        let name = self.region.membership.name(lost);
        match end {
            Some(end) if self.standing.progress.applied.get(lost) >= end => Ok(()),
            Some(_) => Err(Refused::NotAccepting { reason: format!("it has not merged all that counts of region {name}") }),
            None => Err(Refused::NotAccepting { reason: format!("it is not the heir of region {name}") }),
        }
    }

    /// Rights leave this region in the transaction that says where they go.
    fn accept_transfer(&self, job: &Job, give: &Give, working: &mut Working, batch: &mut Batch) -> Result<Accepted, Refused> {
        let kind = &job.command.aggregate.kind;
        let unknown = || Refused::UnknownType { kind: kind.clone(), suggestion: None };
        let of = job.model.aggregate(kind).ok_or_else(unknown)?;
        let def = of.fields().iter().find(|def| *def.stored() == give.field && def.kind.is_bounded()).ok_or_else(unknown)?;
        let held = Arc::clone(&working.aggregate);
        if let Some(reason) = &held.parked {
            return Err(Refused::Parked { reason: reason.clone() });
        }
        self.region.knows_its_rights(&give.field)?;
        let escrow = Escrow::new(&self.region, self.id, &held);
        let rights = escrow.rights(def.stored(), &def.kind, give.from.unwrap_or(self.region.me), give.side).unwrap_or_default();
        if let Some(lost) = give.from {
            self.check_heir(lost)?;
        }
        if rights < give.total() {
            return Err(Refused::bound_reached(escrow.lack(def.stored(), &def.kind, give.side, give.total()), &self.region));
        }
        let life = self.region.life();
        let clock = self.region.clock.tick(&self.region.env, held.clock);
        let (dot, order) = (held.next_dot(life.incarnation), Order { clock, incarnation: life.incarnation });
        let update = Arc::new(Update { dot, seen: held.seen.clone(), order, version: job.model.version, ops: give.ops() });
        let event = self.event(job, update);
        let applied = working.apply(Open::of(&event, None), of, !self.region.alone());
        applied.map_err(|e| Refused::Evaluation { message: e.to_string() })?;
        working.remember(&job.key, idem::bucket(clock, job.model.idempotency_window_ms), job.body_hash, dot);
        batch.bytes += 256;
        batch.state_bytes += working.count();
        batch.entry.events.push(event);
        Ok(self.accepted(job, working, dot))
    }

    /// Rights that an event with a key of the server's brings are usable at once, so such an event must not have a twin: elsewhere its key
    /// counts only once the event is there.
    fn check_key_is_free(&self, job: &Job) -> Result<(), Refused> {
        match made_by(&job.key).filter(|region| !job.key_made && *region != self.region.me) {
            Some(region) => Err(Refused::BehindToken { missing: vec![self.region.membership.name(region)] }),
            None => Ok(()),
        }
    }

    fn event(&self, job: &Job, update: Arc<Update>) -> Event {
        let command = &job.command;
        Event {
            critical: true,
            kind: command.aggregate.kind.clone(),
            id: command.aggregate.id.clone(),
            update,
            command: command.name.clone(),
            args: job.args_json.clone(),
            key: job.key.clone(),
            key_made: job.key_made,
            body_hash: job.body_hash,
            answer: None,
            actor: command.actor.clone(),
            model_hash: model_hash(&job.model),
            reactions: Vec::new(),
            cause: command.cause.clone(),
            trace: command.trace.clone(),
            encryption_key: "".into(),
            unreadable: None,
        }
    }

    fn input<'a>(&'a self, job: &'a Job, state: &'a dyn sterna_model::StateView, exists: bool, now: Clock) -> Decide<'a> {
        Decide { id: &job.command.aggregate.id, exists, state, now, region: &self.region.name, actor: &job.command.actor }
    }

    fn reactions(&self, job: &Job, of: &AggregateType, after: &Aggregate, now: Clock) -> Result<Vec<Reaction>, Refused> {
        let declared = job.model.reactions(of.stored(), &job.command.name);
        let view = FieldsView::new(of, &after.fields);
        let input = self.input(job, &view, after.fields.present(), now);
        let mut reactions = Vec::new();
        for reaction in declared {
            let failed = |e: sterna_model::EvalError| Refused::Evaluation { message: format!("reaction `{}`: {e}", reaction.name) };
            let refused = reaction.evaluate_refused(&job.model, &input, &job.args).transpose().map_err(failed)?;
            for outgoing in reaction.evaluate(&job.model, &input, &job.args).map_err(failed)? {
                reactions.push(Reaction { name: reaction.name.clone(), send: send(outgoing), refused: refused.clone().map(send) });
            }
        }
        Ok(reactions)
    }

    /// Encodes only what may be too large, or what may have grown to much more than it was: batches have room for states as they are here.
    fn check_size(&self, job: &Job, working: &mut Working, schema: &AggregateType) -> Result<(), Refused> {
        working.bytes += 4 * job.args_json.len() + 64;
        if working.bytes > AGGREGATE_BYTES_MAX.min(2 * working.aggregate.counted_bytes + UNCOUNTED_BYTES_MAX) {
            working.bytes = working.aggregate.state_bytes(schema);
            working.change().counted_bytes = working.bytes;
        }
        if working.bytes > AGGREGATE_BYTES_MAX {
            return Err(Refused::AggregateTooLarge { bytes: working.bytes, bytes_max: AGGREGATE_BYTES_MAX });
        }
        Ok(())
    }

    /// As of this batch; the position comes with the commit.
    fn accepted(&self, job: &Job, working: &Working, event: Dot) -> Accepted {
        let command = &job.command;
        let aggregate = &working.aggregate;
        let of = job.model.aggregate(&command.aggregate.kind);
        let origin = event.incarnation.region();
        let log = LogId { origin, shard: self.id };
        let position = if origin == self.region.me { self.end_of_own_log() } else { self.standing.progress.applied.get(origin) };
        let mut token = command.token.clone().unwrap_or_default();
        token.raise(log, position);
        Accepted {
            aggregate: shown(&command.aggregate, of),
            event,
            key: job.key.clone(),
            etag: ETag::of(aggregate, job.model.version),
            log,
            position,
            token,
            replayed: false,
            document: of
                .filter(|_| command.represent)
                .map(|of| document_json(of, &command.aggregate.id, aggregate, &self.region.membership)),
        }
    }
}

/// As the present model calls it.
fn shown(id: &AggregateId, of: Option<&AggregateType>) -> AggregateId {
    AggregateId { kind: of.map_or(&id.kind, |of| &of.name).clone(), id: id.id.clone() }
}

fn check_before(job: &Job, held: &Aggregate, on: On) -> Result<(), Refused> {
    if let Some(reason) = &held.parked {
        return Err(Refused::Parked { reason: reason.clone() });
    }
    let known = !held.seen.is_empty();
    let present = held.fields.present();
    if let Some(wanted) = job.command.if_match {
        let current = known.then(|| ETag::of(held, job.model.version));
        if current != Some(wanted) {
            return Err(Refused::VersionMismatch { current });
        }
    }
    match on {
        On::Absent if present => Err(Refused::AlreadyExists),
        On::Present if !known => Err(Refused::NotFound),
        On::Present if !present => Err(Refused::Deleted),
        _ => Ok(()),
    }
}

/// What no expression checks: several values of a `keep` register, and overflow.
fn check_ops(ops: &[Op], of: &AggregateType, held: &Aggregate, version: u32, decided: bool) -> Result<(), Refused> {
    for op in ops {
        let Some(index) = of.field_index(&op.field) else { continue };
        let field = held.fields.field(&op.field);
        let def = &of.fields()[index];
        // What the operation is on: the field, or a map's entry.
        let (kind, at) = match (&def.kind, &op.key) {
            (FieldKind::Map(inner), Some(key)) => (&**inner, field.and_then(|f| f.entry(key))),
            (kind, _) => (kind, field),
        };
        match (kind, &op.action) {
            (FieldKind::Register(Policy::Keep), Action::Set { .. }) if !decided && at.is_some_and(|at| has_several(at, kind)) => {
                return Err(Refused::PreconditionRequired { field: def.name.clone(), current: ETag::of(held, version) });
            }
            (_, Action::Add(delta)) => {
                let now = at.and_then(|f| f.int()).unwrap_or_default();
                if now.checked_add(*delta).is_none_or(|next| next.abs() > INT_MAX) {
                    return Err(Refused::Evaluation { message: format!("`{}` would leave ±(2^53−1)", def.name) });
                }
            }
            _ => {}
        }
    }
    Ok(())
}

/// The last event takes rights of a bounded counter.
fn spends(entry: &Entry, of: &AggregateType) -> bool {
    let takes = |op: &Op| match (of.field_index(&op.field).map(|at| &of.fields()[at].kind), &op.action) {
        (Some(FieldKind::Bounded { min, max }), Action::Add(delta)) => {
            if *delta < 0 {
                min.is_some()
            } else {
                *delta > 0 && max.is_some()
            }
        }
        _ => false,
    };
    entry.events.last().is_some_and(|event| event.update.ops.iter().any(takes))
}

const INT_MAX: i64 = (1 << 53) - 1;

fn refusal(refusal: Refusal) -> Refused {
    match refusal {
        Refusal::Guard { code, message } => Refused::Guard { code, message },
        Refusal::Error { .. } => Refused::Evaluation { message: refusal.to_string() },
    }
}

fn send(outgoing: sterna_model::Outgoing) -> Send {
    Send { kind: outgoing.aggregate, id: outgoing.id.into(), command: outgoing.command, args: outgoing.args_json.into() }
}

/// The first 8 bytes of the model's hash.
pub(crate) fn model_hash(model: &sterna_model::Model) -> u64 {
    u64::from_be_bytes(*model.hash.first_chunk().expect("a hash has 16 bytes"))
}
