//! Three real processes under cuts and kill -9, and the simulator's checkers over what clients were told.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use sterna_checkers::{Answer, Attempt, Copy, History, Pass, Read, Step, Tally, converged, effects, sessions};
use sterna_env::Env;
use sterna_tests::{Cluster, Http, LinkMode, Options, eventually, say};

const REGIONS: [&str; 3] = ["ap", "eu", "us"];
const CLIENTS: usize = 4;
const IDS: u64 = 3;
const SHARDS: u16 = 2;
const ROUNDS: usize = 5;
/// Commands that are acknowledged between two faults.
const ACKED_A_ROUND: usize = 60;
/// While something is broken, sessions wait for what can't arrive; this many show that others go on.
const ACKED_IN_TROUBLE: usize = 5;
const ATTEMPTS_MAX: usize = 3;

/// The model of the simulated clients: each command leaves a mark of its own.
fn options() -> Options {
    let text = include_str!("../sim/src/model.toml");
    let text = text.replace("NOTE_RULE", "'latest'").replace("VERSION", "1").replace("WINDOW", "24h");
    let text = text.replace("EXTRA_FIELD", "").replace("EXTRA_ARG", "");
    Options { model: text, shards: SHARDS }
}

/// What all clients share.
struct World {
    env: Env,
    http: Vec<Http>,
    history: Mutex<History>,
    /// By client.
    tokens: Mutex<Vec<Option<String>>>,
    acked: AtomicUsize,
    stop: AtomicBool,
}

impl World {
    fn below(&self, n: u64) -> u64 {
        self.env.random_u64() % n
    }

    fn tell(&self, step: Step) {
        self.history.lock().expect("no client panics").steps.push(step);
    }

    fn token(&self, client: usize) -> Option<String> {
        self.tokens.lock().expect("no client panics")[client].clone()
    }

    fn keep(&self, client: usize, answer: &sterna_tests::Answer) {
        if let Some(token) = answer.header("sterna-token") {
            self.tokens.lock().expect("no client panics")[client] = Some(token.to_owned());
        }
    }

    async fn client(&self, client: usize) {
        let mut made = 0;
        while !self.stop.load(Ordering::Relaxed) {
            match self.below(100) {
                0..60 => {
                    made += 1;
                    self.write(client, &format!("{client}-{made}")).await;
                }
                60..92 => self.read(client).await,
                _ => self.pass(client),
            }
        }
    }

    /// Where a client mostly is.
    fn region(&self, client: usize) -> usize {
        if self.below(10) < 7 { client % REGIONS.len() } else { self.below(REGIONS.len() as u64) as usize }
    }

    async fn write(&self, client: usize, mark: &str) {
        let (at, aggregate) = (self.region(client), format!("thing/{}", self.below(IDS)));
        let (name, args) = match self.below(4) {
            0 => ("count", json!({ "mark": mark, "amount": 1 })),
            1 => ("note", json!({ "mark": mark })),
            2 => ("tag", json!({ "mark": mark, "tag": mark })),
            _ => ("raise", json!({ "mark": mark, "to": self.below(100) })),
        };
        for _ in 0..ATTEMPTS_MAX {
            let request = self.http[at].command(&format!("{aggregate}/{name}"), args.clone()).key(mark).header("prefer", "wait=0.3");
            let token = self.token(client);
            let request = token.iter().fold(request, |request, token| request.token(token));
            let answer = match request.try_send().await {
                Ok(answer) if answer.status == 200 => {
                    self.keep(client, &answer);
                    let event = answer.json()["event"].as_str().unwrap_or("?").to_owned();
                    Answer::Accepted { event, replayed: answer.header("idempotent-replayed").is_some() }
                }
                Ok(answer) if (400..429).contains(&answer.status.as_u16()) => {
                    Answer::Refused { status: answer.status.as_u16(), code: answer.text() }
                }
                Ok(answer) => Answer::Unknown { why: answer.text() },
                Err(why) => Answer::Unknown { why },
            };
            let unknown = matches!(answer, Answer::Unknown { .. });
            self.acked.fetch_add(usize::from(matches!(answer, Answer::Accepted { .. })), Ordering::Relaxed);
            self.tell(Step::Attempt(Attempt {
                client,
                region: REGIONS[at].to_owned(),
                at_ms: self.env.wall_ms(),
                aggregate: aggregate.clone(),
                command: name.to_owned(),
                key: mark.to_owned(),
                mark: mark.to_owned(),
                with_token: token.is_some(),
                answer,
            }));
            if !unknown {
                return;
            }
            self.env.sleep(Duration::from_millis(50)).await;
        }
    }

    async fn read(&self, client: usize) {
        let (at, aggregate) = (self.region(client), format!("thing/{}", self.below(IDS)));
        let Some(token) = self.token(client) else { return };
        let request = self.http[at].get(&format!("/v1/{aggregate}")).token(&token).header("prefer", "wait=0.3");
        let Ok(answer) = request.try_send().await else {
            return self.env.sleep(Duration::from_millis(50)).await;
        };
        let marks = match answer.status.as_u16() {
            200 => marks(&answer.json()),
            404 => BTreeMap::new(),
            _ => return,
        };
        self.keep(client, &answer);
        let (region, at_ms) = (REGIONS[at].to_owned(), self.env.wall_ms());
        self.tell(Step::Read(Read { client, region, at_ms, aggregate, marks: marks.into_keys().collect() }));
    }

    fn pass(&self, client: usize) {
        let from = self.below(CLIENTS as u64) as usize;
        let mut tokens = self.tokens.lock().expect("no client panics");
        let Some(theirs) = tokens[from].clone().filter(|_| from != client) else { return };
        let joined = match &tokens[client] {
            Some(mine) if mine.split(',').count() + theirs.split(',').count() > 12 => return,
            Some(mine) => format!("{mine}, {theirs}"),
            None => theirs,
        };
        tokens[client] = Some(joined);
        drop(tokens);
        self.tell(Step::Pass(Pass { from, to: client }));
    }

    /// Until clients were told of so many more commands.
    async fn progress(&self, commands: usize) {
        let until = self.acked.load(Ordering::Relaxed) + commands;
        eventually("clients go on", async || {
            let acked = self.acked.load(Ordering::Relaxed);
            if acked >= until { Ok(()) } else { Err(format!("{acked} of {until} commands")) }
        })
        .await;
    }
}

fn marks(document: &Value) -> BTreeMap<String, i64> {
    let marks = document["state"]["marks"].as_object().into_iter().flatten();
    marks.map(|(mark, count)| (mark.clone(), count.as_i64().unwrap_or(0))).collect()
}

/// One fault after the other; all are mended when this returns.
async fn trouble(cluster: &mut Cluster, world: &World) {
    for round in 0..ROUNDS {
        world.progress(ACKED_A_ROUND).await;
        let at = world.below(3) as usize;
        let (victim, other) = (REGIONS[at], REGIONS[(at + 1) % 3]);
        let what = world.below(4);
        say(&format!("checked: round {round} does {what} to {victim}"));
        match what {
            0 => cluster.cut(victim, other),
            1 => cluster.isolate(victim, LinkMode::Frozen),
            _ => {
                cluster[victim].kill().await;
                cluster.cut(victim, other);
            }
        }
        if cluster[victim].runs() {
            world.progress(ACKED_IN_TROUBLE).await;
        } else {
            // The others go on meanwhile, as far as they can.
            world.env.sleep(Duration::from_millis(world.below(500))).await;
            cluster[victim].spawn();
            world.progress(ACKED_IN_TROUBLE).await;
        }
        cluster.isolate(victim, LinkMode::Up);
        cluster[victim].ready().await;
    }
}

async fn copies(cluster: &Cluster) -> Vec<Copy> {
    let paths: Vec<String> = (0..IDS).map(|id| format!("/v1/thing/{id}")).collect();
    let rest = ["/v1/views/things?limit=1000", "/v1/views/switched", "/v1/conflicts?limit=1000"].map(str::to_owned);
    for path in paths.iter().chain(&rest) {
        cluster
            .agree(path, "all regions agree", |body| body["data"].as_array().into_iter().flatten().all(|row| row["final"] != false))
            .await;
    }
    let mut copies = Vec::new();
    for region in cluster.regions() {
        let mut answers = BTreeMap::new();
        for path in paths.iter().chain(&rest) {
            answers.insert(path.clone(), region.get(path).ok().await.json());
        }
        copies.push(Copy { region: region.name.clone(), answers });
    }
    copies
}

#[tokio::test]
async fn under_cuts_and_kills_what_clients_were_told_holds() {
    let mut cluster = Cluster::start(options(), &REGIONS).await;
    let world = Arc::new(World {
        env: Env::real(),
        http: REGIONS.iter().map(|region| cluster[region].http()).collect(),
        history: Mutex::default(),
        tokens: Mutex::new(vec![None; CLIENTS]),
        acked: AtomicUsize::new(0),
        stop: AtomicBool::new(false),
    });
    let clients = futures::future::join_all((0..CLIENTS).map(|client| world.client(client)));
    let faults = async {
        trouble(&mut cluster, &world).await;
        world.stop.store(true, Ordering::Relaxed);
    };
    tokio::join!(clients, faults);
    let copies = copies(&cluster).await;
    let history = std::mem::take(&mut *world.history.lock().expect("no client panics"));
    let acked = history.attempts().filter(|attempt| matches!(attempt.answer, Answer::Accepted { .. })).count();
    let reads = history.steps.iter().filter(|step| matches!(step, Step::Read(_))).count();
    say(&format!("checked: {acked} commands acknowledged, {reads} documents read with a token"));
    assert!(acked >= ROUNDS * ACKED_A_ROUND && reads > 0);
    let shown = copies.iter().map(|copy| {
        let documents =
            copy.answers.iter().filter_map(|(path, body)| Some((path.strip_prefix("/v1/")?.to_owned(), Tally { marks: marks(body) })));
        (copy.region.clone(), documents.filter(|(path, _)| path.starts_with("thing/")).collect())
    });
    let mut found = effects(&history, &shown.collect());
    // Which shard holds what is nothing that a client knows: only what one aggregate shows is asked of causes.
    let alone = |aggregate: &str| aggregate.bytes().fold(0, |hash: u16, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
    found.extend(sessions(&history, &alone));
    found.extend(converged(&copies));
    assert!(found.is_empty(), "{found:#?}");
}
