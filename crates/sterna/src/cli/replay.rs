//! `conflicts replay`: what the rules of another model would have decided. Nothing is changed.
//!
//! Each row of the ledger names two events. Their commands are evaluated once more, under the other model, from what the history has of
//! them; then its policy compares what they set. A command that depends on the state that it met can't be evaluated so; then the row says that.

use super::args::Replay;
use super::target::Target;
use crate::out::{Outcome, note, say};
use anyhow::{Context, Result};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};
use sterna_client::Client;
use sterna_crdt::conflicts::Rule;
use sterna_crdt::{Action, Candidate, Clock, Dot, Fields, Incarnation, Op, Order, RegionId};
use sterna_env::Env;
use sterna_model::{AggregateType, Decide, FieldsView, Model};

const PAGE: &str = "200";

/// What the history has of an event.
struct Told {
    dot: Dot,
    order: Order,
    command: String,
    args: String,
    region: String,
    actor: String,
}

enum Verdict {
    Same,
    Other { rule: &'static str, winner: String },
    Unknown(String),
}

pub async fn replay(env: &Env, args: Replay) -> Result<Outcome> {
    let target = Target::find(&args.at)?;
    let client = target.client(env)?;
    let status = client.status().await.map_err(|error| target.told(error))?;
    let regions = regions(&status);
    let text = std::fs::read_to_string(&args.model).with_context(|| format!("{} can't be read", args.model.display()))?;
    let (model, diagnostics) = sterna_model::parse_with(&text, Some(&regions));
    let name = args.model.display().to_string();
    let Some(model) = model else {
        diagnostics.iter().for_each(|diagnostic| note(diagnostic.render(&name, &text)));
        return Ok(Outcome::No);
    };
    let mut after = None;
    let (mut rows, mut others, mut unknown) = (0, 0, 0);
    loop {
        let filters = [("type", args.kind.as_deref()), ("id", args.id.as_deref()), ("limit", Some(PAGE)), ("after", after.as_deref())];
        let params: Vec<(&str, &str)> = filters.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
        let page = client.conflicts(&params).await.map_err(|error| target.told(error))?;
        let told = histories(&client, &page.data).await?;
        for row in &page.data {
            let verdict = judge(&model, row, &told);
            rows += 1;
            match verdict {
                Verdict::Same => {}
                Verdict::Other { rule, winner } => {
                    others += 1;
                    say(with(row, json!({ "rule": rule, "winner": winner })));
                }
                Verdict::Unknown(why) => {
                    unknown += 1;
                    say(with(row, json!({ "unknown": why })));
                }
            }
        }
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    note(format!("{rows} rows: {others} would be decided otherwise, {unknown} can't be told; nothing was changed"));
    Ok(Outcome::Done)
}

/// In the order of their numbers: by name, as the first membership is.
fn regions(status: &Json) -> Vec<String> {
    let named = status["regions"].as_array().into_iter().flatten().filter_map(|region| region["region"].as_str());
    let mut names: Vec<String> = named.map(str::to_owned).collect();
    names.sort();
    names
}

fn with(row: &Json, would: Json) -> Json {
    let mut row = row.clone();
    row["would"] = would;
    row
}

fn judge(model: &Model, row: &Json, told: &BTreeMap<Place, Told>) -> Verdict {
    let text = |name: &str| row[name].as_str().unwrap_or_default();
    let (kind, field, rule) = (text("type"), text("field"), text("rule"));
    let fixed = [Rule::AddWins, Rule::TrueWins, Rule::Void, Rule::OnVoid].map(Rule::name);
    if fixed.contains(&rule) {
        return Verdict::Same;
    }
    let Some(of) = model.aggregate(kind) else { return Verdict::Unknown(format!("the model has no type `{kind}`")) };
    let (loser, winner) = (row["loser"]["event"].as_str().unwrap_or_default(), row["winner"]["event"].as_str().unwrap_or_default());
    let of_event = |event: &str| told.get(&(kind.to_owned(), text("id").to_owned(), event.to_owned()));
    let (Some(lost), Some(won)) = (of_event(loser), of_event(winner)) else {
        return Verdict::Unknown("the history has not both events".to_owned());
    };
    let evaluated = |told: &Told| evaluate(of, text("id"), told).map_err(Verdict::Unknown);
    let (lost_ops, won_ops) = match (evaluated(lost), evaluated(won)) {
        (Ok(lost), Ok(won)) => (lost, won),
        (Err(unknown), _) | (_, Err(unknown)) => return unknown,
    };
    if field.is_empty() {
        return of_delete(rule, &lost_ops, &won_ops, loser);
    }
    let Some(at) = of.field_index(field) else { return Verdict::Unknown(format!("the model has no field `{field}`")) };
    let Some(policy) = of.fields()[at].kind.policy() else { return Verdict::Unknown(format!("`{field}` is no register any more")) };
    let (Some(a), Some(mut b)) = (candidate(&lost_ops, field, lost), candidate(&won_ops, field, won)) else {
        return Verdict::Unknown("a command does not set the field under this model".to_owned());
    };
    // The history tells milliseconds. Where the order decided, it is known which of two in one is the later.
    let by_order = [Rule::Latest, Rule::Keep].map(Rule::name).contains(&rule);
    if by_order && a.order.clock == b.order.clock {
        b.order.clock.0 += 1;
    }
    match policy.compare(&a, &b).is_gt() {
        true => Verdict::Other { rule: Rule::from(policy).name(), winner: loser.to_owned() },
        false => Verdict::Same,
    }
}

/// A delete against an update.
fn of_delete(rule: &str, lost: &[Op], won: &[Op], loser: &str) -> Verdict {
    let wins = |ops: &[Op]| ops.iter().any(|op| op.action == Action::Delete { wins: true });
    match rule == Rule::DeleteWins.name() {
        false if wins(lost) => Verdict::Other { rule: Rule::DeleteWins.name(), winner: loser.to_owned() },
        true if !wins(won) => Verdict::Other { rule: Rule::Delete.name(), winner: loser.to_owned() },
        _ => Verdict::Same,
    }
}

fn candidate<'a>(ops: &'a [Op], field: &str, told: &Told) -> Option<Candidate<'a>> {
    let set = ops.iter().rev().find(|op| *op.field == *field && matches!(op.action, Action::Set { .. }))?;
    let Action::Set { value, by, .. } = &set.action else { return None };
    Some(Candidate { value, by: by.as_ref(), dot: told.dot, order: told.order })
}

/// What the command does to an untouched aggregate.
fn evaluate(of: &AggregateType, id: &str, told: &Told) -> Result<Vec<Op>, String> {
    let command = of.command(&told.command).ok_or_else(|| format!("the model has no command `{}`", told.command))?;
    let fields = Fields::default();
    let state = FieldsView::new(of, &fields);
    let input = Decide { id, exists: true, state: &state, now: told.order.clock, region: &told.region, actor: &told.actor };
    let decided = command.decide(&input, &command.stored_args(told.args.as_bytes()));
    decided.map(|decision| decision.ops).map_err(|refusal| format!("`{}` depends on the state: {refusal}", told.command))
}

/// What the histories have of the events that these rows name. Rows of one aggregate are neighbours.
async fn histories(client: &Client, rows: &[Json]) -> Result<BTreeMap<Place, Told>> {
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let mut wanted: BTreeMap<(String, String), BTreeSet<String>> = BTreeMap::new();
    for row in rows {
        let events = [&row["loser"]["event"], &row["winner"]["event"]].into_iter().filter(|event| event.is_string()).map(text);
        wanted.entry((text(&row["type"]), text(&row["id"]))).or_default().extend(events);
    }
    let mut found = BTreeMap::new();
    for ((kind, id), mut events) in wanted {
        let mut after: Option<String> = None;
        while !events.is_empty() {
            let mut params = vec![("limit", PAGE)];
            params.extend(after.as_deref().map(|after| ("after", after)));
            let page = client.history(&kind, &id, &params).await?;
            for event in &page.data {
                let name = text(&event["event"]);
                if let (true, Some(told)) = (events.remove(&name), told(event)) {
                    found.insert((kind.clone(), id.clone(), name), told);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(found)
}

/// Type, id and event.
type Place = (String, String, String);

fn told(event: &Json) -> Option<Told> {
    let text = |name: &str| event[name].as_str().map(str::to_owned);
    let mut parts = event["event"].as_str()?.split('.');
    let (region, opened_ms, n) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let incarnation = Incarnation::new(RegionId(region), opened_ms);
    let clock = Clock::from_ms(u64::try_from(sterna_model::parse_timestamp(event["at"].as_str()?)? / 1000).ok()?);
    Some(Told {
        dot: Dot { incarnation, n },
        order: Order { clock, incarnation },
        command: text("command")?,
        args: event["args"].to_string(),
        region: text("region")?,
        actor: text("actor")?,
    })
}
