//! What clients send.

use crate::cluster::REGIONS;
use crate::dice::Dice;
use crate::plan::Story;
use serde_json::{Value, json};
use std::collections::BTreeMap;

pub struct Command {
    /// `type/id`.
    pub aggregate: String,
    pub name: &'static str,
    pub args: Value,
    pub mark: String,
    /// It leaves its mark in the document.
    pub marked: bool,
}

/// Every aggregate that clients touch.
pub fn aggregates(ids: usize) -> Vec<String> {
    let of = |kind: &'static str| (0..ids).map(move |id| format!("{kind}/{id}"));
    let page = |region: &&str| format!("page/{region}");
    let all = ["thing", "page", "account", "product"].into_iter().flat_map(of).chain(["account/closed".to_owned()]);
    all.chain(REGIONS.iter().map(page)).collect()
}

pub fn aggregate(dice: &mut Dice, ids: usize) -> String {
    let all = aggregates(ids);
    dice.pick(&all).clone()
}

/// A new command that leaves `mark`.
pub fn choose(dice: &mut Dice, mark: &str, ids: usize, story: Story) -> Command {
    let id = dice.below(ids);
    let amount = dice.between(1, 9);
    let kinds: &[usize] = match story {
        Story::Twins => &[13, 46, 74, 76, 78, 80],
        Story::Bounds | Story::Restores => &[86, 92, 94, 96, 98],
        Story::Registers | Story::Versions => &[14, 18, 22, 26, 28],
        Story::Echoes => &[6, 14, 18, 22, 28],
        Story::Mixed | Story::LongCut | Story::Leases => &[],
    };
    let which = if kinds.is_empty() || dice.happens(150) { dice.below(100) } else { *dice.pick(kinds) };
    let (kind, name, args) = match which {
        0..12 => ("thing", "count", json!({"mark": mark, "amount": amount})),
        12..30 => ("thing", "note", json!({"mark": mark})),
        30..36 => ("thing", "keep", json!({"mark": mark})),
        36..44 => ("thing", "raise", json!({"mark": mark, "to": amount})),
        44..50 => ("thing", "tag", json!({"mark": mark, "tag": tag(dice)})),
        50..56 => ("thing", "untag", json!({"mark": mark, "tag": tag(dice)})),
        56..62 => ("thing", "switch", json!({"mark": mark, "on": dice.happens(500)})),
        62..67 => ("page", "write", json!({"text": mark})),
        67..70 => ("page", "drop", json!({"line": mark})),
        70..73 => ("page", "erase", json!({})),
        73..85 => {
            let to = if dice.happens(200) { "closed".to_owned() } else { dice.below(ids).to_string() };
            ("account", "debit", json!({"mark": mark, "amount": amount, "to": to}))
        }
        85..90 => ("product", "restock", json!({"mark": mark, "amount": amount})),
        _ => ("product", "reserve", json!({"mark": mark, "amount": dice.between(1, 4)})),
    };
    Command { aggregate: format!("{kind}/{id}"), name, args, mark: mark.to_owned(), marked: kind != "page" }
}

fn tag(dice: &mut Dice) -> &'static str {
    if dice.happens(500) { "red" } else { "blue" }
}

/// The marks that a document shows, and how often each.
pub fn marks(document: &Value) -> BTreeMap<String, i64> {
    let marks = document["state"]["marks"].as_object().into_iter().flatten();
    marks.map(|(mark, count)| (mark.clone(), count.as_i64().unwrap_or(0))).collect()
}
