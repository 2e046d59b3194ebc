//! Random schedules: cuts, faulty streams, crashes and old copies, with one seed each. What was acknowledged is there in the end, once, in
//! every region.

use crate::cluster::{Cluster, NAMES};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use sterna_store::Memory;
use sterna_stream::{Faults, Retention};

/// xorshift64* (Vigna, "An experimental exploration of Marsaglia's xorshift generators", 2016).
struct Dice(u64);

impl Dice {
    fn below(&mut self, n: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % n
    }

    fn region(&mut self) -> &'static str {
        NAMES[self.below(3)]
    }
}

struct Run {
    cluster: Cluster,
    dice: Dice,
    /// Items that were acknowledged, by cart.
    added: BTreeMap<String, Vec<String>>,
    debited: i64,
    /// What is in stock, by product.
    stocked: BTreeMap<String, i64>,
    backups: BTreeMap<&'static str, Memory>,
    restores: usize,
}

impl Run {
    async fn new(seed: u64) -> Self {
        let cluster = Cluster::open(seed).await;
        let dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self { cluster, dice, added: BTreeMap::new(), debited: 0, stocked: BTreeMap::new(), backups: BTreeMap::new(), restores: 0 }
    }

    async fn step(&mut self, step: usize) {
        match self.dice.below(100) {
            0..40 => self.add(step).await,
            40..60 => self.stock(step).await,
            60..70 => self.debit().await,
            70..78 => {
                let (one, other) = (self.dice.region(), self.dice.region());
                self.cluster.hub.cut(self.cluster.id(one), self.cluster.id(other));
            }
            78..86 => self.heal(),
            86..90 => {
                let name = self.dice.region();
                self.backups.insert(name, self.cluster[name].store.copy());
            }
            90..94 => self.restart().await,
            94..96 => self.restore().await,
            _ => {
                let faults =
                    Faults { seed: step as u64, drop_permille: 100, duplicate_permille: 100, reorder_permille: 100, delay_ms: (0, 40) };
                self.cluster.hub.set_faults(if self.dice.below(2) == 0 { faults } else { Faults::default() });
                self.cluster.hub.set_retention(Retention { frames_max: 1 + self.dice.below(50), ..Retention::default() });
            }
        }
        let pause = Duration::from_millis(self.dice.below(120) as u64);
        self.cluster.env.sleep(pause).await;
    }

    /// Adds to a stock, or takes from it; no region ever shows less than nothing.
    async fn stock(&mut self, step: usize) {
        let (name, product) = (self.dice.region(), format!("p-{}", self.dice.below(3)));
        let (command, delta) = if self.dice.below(4) == 0 { ("restock", 12) } else { ("reserve", -1 - self.dice.below(4) as i64) };
        let key = (self.dice.below(2) == 0).then(|| format!("stock-{step}"));
        let args = json!({ "quantity": delta.abs() });
        if self.cluster[name].run("product", &product, command, args, key.as_deref()).await.is_ok() {
            *self.stocked.entry(product.clone()).or_default() += delta;
        }
        for node in self.cluster.nodes.values() {
            let stock = node.document("product", &product).await["state"]["stock"].as_i64().unwrap_or(0);
            assert!(stock >= 0, "{product}: {stock}");
        }
    }

    async fn add(&mut self, step: usize) {
        let (name, cart) = (self.dice.region(), format!("c-{}", self.dice.below(6)));
        let sku = format!("{name}-{step}");
        let args = json!({"sku": sku, "quantity": 1});
        if self.cluster[name].run("cart", &cart, "add", args, None).await.is_ok() {
            self.added.entry(cart).or_default().push(sku);
        }
    }

    async fn debit(&mut self) {
        let name = self.dice.region();
        let args = json!({"amount": 1, "to": format!("to-{}", self.dice.below(4))});
        let from = format!("from-{}", self.dice.below(3));
        self.debited += i64::from(self.cluster[name].run("account", &from, "debit", args, None).await.is_ok());
    }

    fn heal(&mut self) {
        for from in NAMES {
            for to in NAMES {
                self.cluster.hub.heal(self.cluster.id(from), self.cluster.id(to));
            }
        }
    }

    async fn restart(&mut self) {
        let name = self.dice.region();
        let store = self.cluster.stop(name).await;
        let downtime = Duration::from_millis(self.dice.below(3_000) as u64);
        self.cluster.env.sleep(downtime).await;
        self.cluster.start(name, store, false).await;
    }

    /// Back to an older copy, once the peers have all that will be missing.
    async fn restore(&mut self) {
        let name = self.dice.region();
        let Some(backup) = self.backups.remove(name) else { return };
        self.heal();
        self.cluster.hub.set_faults(Faults::default());
        self.open().await;
        self.cluster.settled().await;
        self.cluster.stop(name).await;
        let marked = self.dice.below(2) == 0;
        self.cluster.start(name, backup, marked).await;
        self.restores += 1;
        self.open().await;
    }

    async fn open(&self) {
        self.cluster.until("every gate is open", |c| NAMES.iter().all(|name| c[name].is_open())).await;
    }

    async fn check(mut self) -> usize {
        self.heal();
        self.cluster.hub.set_faults(Faults::default());
        self.open().await;
        self.cluster.pause(20).await;
        self.cluster.settled().await;
        for (cart, mut skus) in std::mem::take(&mut self.added) {
            let document = self.cluster.document("cart", &cart).await;
            let found = document["items"].as_object().expect("it is a map");
            assert!(found.values().all(|quantity| quantity == 1), "{cart}: {document}");
            skus.sort();
            let found: Vec<&String> = found.keys().collect();
            let lost: Vec<&String> = skus.iter().filter(|sku| !found.contains(sku)).collect();
            assert!(lost.is_empty(), "{cart} lost {lost:?}");
        }
        for (product, stock) in std::mem::take(&mut self.stocked) {
            let found = self.cluster.document("product", &product).await["stock"].as_i64().unwrap_or(0);
            assert_eq!(found, stock, "{product}");
        }
        let (mut debited, mut credited) = (0, 0);
        for n in 0..4 {
            credited += self.cluster.document("account", &format!("to-{n}")).await["balance"].as_i64().unwrap_or(0);
            debited -= self.cluster.document("account", &format!("from-{n}")).await["balance"].as_i64().unwrap_or(0);
        }
        assert!(debited >= self.debited, "{debited} of {} debits", self.debited);
        assert_eq!(credited, debited, "credits and debits");
        self.restores
    }
}

async fn run(seed: u64) -> usize {
    let mut run = Run::new(seed).await;
    for step in 0..150 {
        run.step(step).await;
    }
    run.check().await
}

#[allow(clippy::print_stdout, reason = "a failing test says which seed")]
fn run_all(seeds: std::ops::Range<u64>) {
    let mut restores = 0;
    for seed in seeds {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().expect("it can be built");
        println!("seed {seed}");
        restores += runtime.block_on(run(seed));
    }
    assert!(restores > 0, "no schedule restored an old copy");
}

/// Schedules of the plain test; `STERNA_RANDOM_SEEDS` asks for more, `STERNA_RANDOM_FIRST` for others.
const SEEDS: u64 = 12;

#[test]
#[allow(clippy::disallowed_methods, reason = "a longer run is asked for by the environment")]
fn what_was_acknowledged_is_there_once_in_every_region() {
    let number = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let first = number("STERNA_RANDOM_FIRST", 0);
    run_all(first..first + number("STERNA_RANDOM_SEEDS", SEEDS));
}
