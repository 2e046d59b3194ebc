//! Commands without a pause, single ones and bulks, until there is nobody who answers; and what must be there afterwards.

use serde_json::{Value, json};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use sterna_tests::{Cluster, Http, Region, eventually};

const BAGS: usize = 24;
const SINGLES: usize = 6;
const BULK_LINES: usize = 150;

/// What was sent, and what was acknowledged. A mark's text says which bag it is for.
#[derive(Default)]
pub struct Load {
    name: String,
    sent: RefCell<BTreeSet<String>>,
    acked: RefCell<BTreeSet<String>>,
}

impl Load {
    /// `name` tells its marks from those of other loads.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub fn acked(&self) -> usize {
        self.acked.borrow().len()
    }

    pub fn acknowledged_marks(&self) -> BTreeSet<String> {
        self.acked.borrow().clone()
    }

    /// Until nobody answers.
    pub async fn run(&self, http: &Http) {
        let singles = futures::future::join_all((0..SINGLES).map(|task| self.singles(http, task)));
        tokio::join!(singles, self.bulks(http));
    }

    /// Until there are so many acknowledgements.
    pub async fn acknowledged(&self, count: usize) {
        eventually(&format!("{count} acknowledged commands"), async || {
            if self.acked() >= count { Ok(()) } else { Err(format!("{}", self.acked())) }
        })
        .await;
    }

    async fn singles(&self, http: &Http, task: usize) {
        for n in 0.. {
            let (mark, bag) = self.mark(&format!("s{task}"), n);
            let answer = http.command(&format!("bag/{bag}/mark"), json!({ "mark": mark })).key(&mark).try_send().await;
            match answer.map(|answer| answer.status.as_u16()) {
                Ok(200) => _ = self.acked.borrow_mut().insert(mark),
                // Refused while it stops.
                Ok(503) => return,
                Ok(status) => panic!("{mark} is answered {status}"),
                Err(_) => return,
            }
        }
    }

    async fn bulks(&self, http: &Http) {
        for round in 0.. {
            let marks: Vec<(String, String)> = (0..BULK_LINES).map(|n| self.mark(&format!("b{round}"), n)).collect();
            let Ok(mut lines) = http.bulk(lines(&marks)).lines().await else { return };
            let mut done = false;
            while let Some(line) = lines.next().await {
                let Ok(answer) = serde_json::from_str::<Value>(&line) else { return };
                done |= answer["done"] == true;
                if answer["status"] == 200 {
                    let line = answer["line"].as_u64().expect("an answer has its line's number") as usize;
                    self.acked.borrow_mut().insert(marks[line - 1].0.clone());
                }
            }
            if !done {
                return;
            }
        }
    }

    fn mark(&self, source: &str, n: usize) -> (String, String) {
        let mark = format!("{}-{source}-{n}", self.name);
        let bag = bag_of(&mark);
        self.sent.borrow_mut().insert(mark.clone());
        (mark, bag)
    }

    /// Sends everything that was ever sent once more, with the same keys.
    pub async fn send_again(&self, http: &Http) {
        let marks: Vec<(String, String)> = self.sent.borrow().iter().map(|mark| (mark.clone(), bag_of(mark))).collect();
        let answers = http.bulk(lines(&marks)).ok().await.json_lines();
        let done = answers.last().expect("there is a last line");
        assert_eq!((&done["done"], &done["refused"], &done["accepted"]), (&json!(true), &json!(0), &json!(marks.len())), "{done}");
        self.acked.borrow_mut().extend(marks.into_iter().map(|(mark, _)| mark));
    }
}

fn bag_of(mark: &str) -> String {
    format!("bag-{}", mark.bytes().fold(7_usize, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into())) % BAGS)
}

fn lines(marks: &[(String, String)]) -> String {
    let line = |(mark, bag): &(String, String)| {
        json!({ "type": "bag", "id": bag, "command": "mark", "args": { "mark": mark }, "key": mark }).to_string() + "\n"
    };
    marks.iter().map(line).collect()
}

/// Every mark that a region has; panics if one counts twice.
pub async fn marks_in(region: &Region) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for bag in 0..BAGS {
        let answer = region.get(&format!("/v1/bag/bag-{bag}")).send().await;
        if answer.status == 404 {
            continue;
        }
        let state = answer.json()["state"].clone();
        let marks: Vec<String> = serde_json::from_value(state["marks"].clone()).unwrap_or_else(|error| panic!("{error}: {state}"));
        assert_eq!(state["count"], marks.len(), "bag-{bag} in {}: as many effects as marks", region.name);
        all.extend(marks);
    }
    all
}

/// Waits until every region has exactly what these loads had acknowledged, once, and says the same in every view.
pub async fn assert_exactly_once(cluster: &Cluster, loads: &[&Load]) {
    let expected: BTreeSet<String> = loads.iter().flat_map(|load| load.acked.borrow().clone()).collect();
    for region in cluster.regions() {
        eventually(&format!("every mark in {}", region.name), async || compare(&expected, &marks_in(region).await)).await;
    }
    let mut bags: BTreeMap<String, usize> = BTreeMap::new();
    expected.iter().for_each(|mark| *bags.entry(bag_of(mark)).or_default() += 1);
    let rows: Vec<Value> = bags.iter().map(|(bag, marks)| json!({ "bag": bag, "marks": marks, "count": marks, "label": null })).collect();
    let view = cluster.agree("/v1/views/bags?limit=1000", "a row for each bag", |view| {
        view["data"].as_array().is_some_and(|data| without_id(data) == rows)
    });
    view.await;
    cluster.agree("/v1/views/totals", "the sum of all", |view| view["data"][0]["marks"] == expected.len()).await;
}

/// Waits until a region has at least what a load had acknowledged. Nothing of it counts twice.
pub async fn assert_kept(region: &Region, load: &Load) {
    let acked = load.acknowledged_marks();
    eventually(&format!("what was acknowledged in {}", region.name), async || {
        let found = marks_in(region).await;
        let mut lost = acked.difference(&found);
        match (lost.next(), lost.count()) {
            (None, _) => Ok(()),
            (Some(first), more) => Err(format!("{first} and {more} more are missing")),
        }
    })
    .await;
}

fn compare(expected: &BTreeSet<String>, found: &BTreeSet<String>) -> Result<(), String> {
    match (expected.difference(found).next(), found.difference(expected).next()) {
        (None, None) => Ok(()),
        (lost, odd) => Err(format!("{} expected, {} found; missing {lost:?}, not acknowledged {odd:?}", expected.len(), found.len())),
    }
}

fn without_id(rows: &[Value]) -> Vec<Value> {
    let strip = |row: &Value| json!({ "bag": row["bag"], "marks": row["marks"], "count": row["count"], "label": row["label"] });
    rows.iter().map(strip).collect()
}
