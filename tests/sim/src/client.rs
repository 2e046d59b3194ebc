//! One simulated client: a session that writes, reads, retries, and takes over others' tokens.

use crate::coverage::Coverage;
use crate::dice::Dice;
use crate::history::Shared;
use crate::http::{self, Reply, Request, TOKEN};
use crate::plan::Story;
use crate::trace::Trace;
use crate::workload::{self, Command};
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use sterna_checkers::{Answer, Attempt, Pass, Read, Step};
use sterna_env::Env;

/// What all clients of a run share.
#[derive(Clone)]
pub struct World {
    pub env: Env,
    pub regions: Vec<&'static str>,
    /// By region.
    pub hosts: Vec<Vec<&'static str>>,
    pub story: Story,
    pub ids: usize,
    pub think_ms: u64,
    pub history: Shared,
    pub coverage: Arc<Mutex<Coverage>>,
    pub trace: Trace,
    pub stop: Arc<AtomicBool>,
    /// How often more time passed at once than a key may be kept for.
    pub windows_passed: Arc<AtomicU64>,
    pub alone: Alone,
    pub lag: Arc<Mutex<Option<Lag>>>,
    /// By client.
    pub tokens: Arc<Mutex<Vec<Option<String>>>>,
}

/// The region that is cut off from all others for long, and from when to when: nothing that it accepts meanwhile settles.
pub type Alone = Arc<Mutex<Option<(usize, Range<u64>)>>>;

/// One region does not hear another for a moment, and a third one does not hear it for longer.
#[derive(Clone)]
pub struct Lag {
    pub first: usize,
    pub between: usize,
    pub last: usize,
    /// When `first` and `between` are asked the same.
    pub doubled: Range<u64>,
    /// When `first` decides on its own, what `last` is asked later.
    pub decided: Range<u64>,
}

/// What of it is now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Now {
    Doubled,
    Decided,
    Whatever,
}

pub struct Client {
    pub number: usize,
    pub name: String,
    pub world: World,
    pub dice: Dice,
    pub made: u64,
    /// What a region accepted while it was alone.
    pub unsettled: Vec<(Command, String)>,
    /// What was accepted, and when and where it is asked once more.
    pub echoes: VecDeque<(u64, &'static str, Command, String)>,
}

const WAIT: Duration = Duration::from_secs(4);
const ATTEMPTS_MAX: usize = 4;
/// Longer than everything takes to settle over links that are whole, and shorter than clocks may be apart.
const ECHO_MS: u64 = 1_800;
/// A request that was sent is answered or forgotten by then, also by a process that stood still meanwhile.
const FORGOTTEN_MS: u64 = 14_000;
/// Parts of a session's token; a request may have sixteen.
const TOKEN_PARTS_MAX: usize = 12;

impl World {
    pub fn now_ms(&self) -> u64 {
        turmoil::sim_elapsed().map_or(0, |elapsed| elapsed.as_millis() as u64)
    }
}

impl Client {
    pub async fn run(mut self) {
        while !self.world.stop.load(Ordering::Relaxed) {
            match self.dice.below(100) {
                0..20 if self.world.story == Story::LongCut => self.retry_late().await,
                0..80 if self.echoes.front().is_some_and(|(at_ms, ..)| *at_ms <= self.world.now_ms()) => self.echo().await,
                0..58 => self.command().await,
                58..88 => self.read().await,
                88..94 => self.pass(),
                _ => self.look_around().await,
            }
            let pause = self.dice.between(1, self.world.think_ms);
            self.world.env.sleep(Duration::from_millis(pause)).await;
        }
    }

    async fn command(&mut self) {
        self.made += 1;
        let command = workload::choose(&mut self.dice, &format!("{}-{}", self.name, self.made), self.world.ids, self.world.story);
        let (now, lag) = self.in_a_lag();
        let mut region = match &lag {
            Some(lag) => self.world.regions[lag.first],
            None => self.region(),
        };
        let began_ms = self.world.now_ms();
        let if_match = if command.name == "keep" && self.dice.happens(500) { self.etag(region, &command.aggregate).await } else { None };
        let key = if self.dice.happens(100) { None } else { Some(format!("k-{}", command.mark)) };
        let mut bare = lag.is_some();
        for attempt in 0..ATTEMPTS_MAX {
            let (reply, with_token) = self.send(region, &command, key.as_deref(), if_match.as_deref(), bare).await;
            let answer = answer(&reply);
            self.tell(region, &command, key.as_deref(), with_token, answer.clone());
            let doubled = attempt == 0 && self.dice.happens(self.doubled_permille());
            match answer {
                Answer::Accepted { .. } if self.stays_unsettled(region, began_ms) => {
                    self.unsettled.extend(key.map(|key| (command, key)));
                    return;
                }
                // As if the answer were lost: the client asks another region, which may not have heard of it.
                Answer::Accepted { .. } if key.is_some() && (doubled || attempt == 0 && now == Now::Doubled) => bare = true,
                Answer::Accepted { .. } if now == Now::Decided => {
                    let to = lag.map_or(region, |lag| self.world.regions[lag.last]);
                    self.echoes.extend(key.map(|key| (self.world.now_ms() + ECHO_MS, to, command, key)));
                    return;
                }
                // Without a key the server made one, and nobody can know whether a second try is the same command.
                Answer::Unknown { .. } if key.is_some() && !self.world.stop.load(Ordering::Relaxed) => {}
                _ => break,
            }
            if attempt + 1 < ATTEMPTS_MAX {
                let elsewhere = bare || self.dice.happens(500);
                let next = match &lag {
                    Some(lag) => self.world.regions[lag.between],
                    None if elsewhere => *self.dice.pick(&self.world.regions),
                    None => region,
                };
                let what = if next == region { "retry of a key in the same region" } else { "retry of a key in another region" };
                self.world.coverage.lock().count(what);
                region = next;
                let most_ms = match self.world.story {
                    Story::Registers | Story::Versions => 250,
                    Story::Echoes => 100,
                    _ => 800,
                };
                let pause = self.dice.between(50, most_ms);
                self.world.env.sleep(Duration::from_millis(pause)).await;
            }
        }
    }

    /// Most follow a lag.
    fn in_a_lag(&mut self) -> (Now, Option<Lag>) {
        let lag = self.world.lag.lock().clone();
        let now_ms = self.world.now_ms();
        match lag {
            Some(lag) if lag.doubled.contains(&now_ms) && self.dice.happens(800) => (Now::Doubled, Some(lag)),
            Some(lag) if lag.decided.contains(&now_ms) && self.dice.happens(800) => (Now::Decided, Some(lag)),
            _ => (Now::Whatever, None),
        }
    }

    fn doubled_permille(&self) -> u64 {
        match self.world.story {
            Story::Registers | Story::Versions => 700,
            Story::Twins | Story::Bounds => 450,
            _ => 150,
        }
    }

    /// As if the answer had been lost for long.
    async fn echo(&mut self) {
        let Some((_, region, command, key)) = self.echoes.pop_front() else { return };
        self.world.coverage.lock().count("retry of a key in another region");
        let (reply, with_token) = self.send(region, &command, Some(&key), None, true).await;
        self.tell(region, &command, Some(&key), with_token, answer(&reply));
    }

    /// What `region` accepted, asked at `began_ms`, can't have settled before it is asked again now.
    fn stays_unsettled(&self, region: &str, began_ms: u64) -> bool {
        let alone = self.world.alone.lock();
        let all_that_time = |when: &Range<u64>| when.contains(&began_ms) && when.contains(&(self.world.now_ms() + FORGOTTEN_MS));
        alone.as_ref().is_some_and(|(at, when)| self.world.regions[*at] == region && all_that_time(when))
    }

    /// A key that is older than keys are kept for, whose event can't have settled.
    async fn retry_late(&mut self) {
        let Some((at, when)) = self.world.alone.lock().clone() else { return };
        let passed = self.world.windows_passed.load(Ordering::Relaxed) > 0;
        if self.unsettled.is_empty() || !passed || !when.contains(&(self.world.now_ms() + FORGOTTEN_MS)) {
            return;
        }
        let (command, key) = self.unsettled.swap_remove(self.dice.below(self.unsettled.len()));
        let region = if self.dice.happens(700) { self.world.regions[at] } else { *self.dice.pick(&self.world.regions) };
        self.world.coverage.lock().count("key retried when it had expired, but not settled");
        let (reply, with_token) = self.send(region, &command, Some(&key), None, true).await;
        self.tell(region, &command, Some(&key), with_token, answer(&reply));
    }

    async fn send(
        &mut self,
        region: &str,
        command: &Command,
        key: Option<&str>,
        if_match: Option<&str>,
        bare: bool,
    ) -> (Result<Reply, String>, bool) {
        let path = format!("/v1/{}/{}", command.aggregate, command.name);
        // A list that grows long is sent, so that the answer joins it to one.
        let token = self.token().filter(|token| !bare && (token.split(',').count() > 8 || self.dice.happens(850)));
        let mut headers = Vec::new();
        headers.extend(key.map(|key| ("idempotency-key", key)));
        headers.extend(if_match.map(|etag| ("if-match", etag)));
        headers.extend(token.as_deref().map(|token| (TOKEN, token)));
        let request = Request { host: self.host(region), method: "POST", path: &path, headers: &headers, body: command.args.to_string() };
        let reply = http::send(&self.world.env, request, WAIT).await;
        if let Ok(reply) = &reply
            && reply.status == 200
        {
            self.keep(reply, token.is_some());
        }
        (reply, token.is_some())
    }

    fn tell(&self, region: &str, command: &Command, key: Option<&str>, with_token: bool, answer: Answer) {
        let mut coverage = self.world.coverage.lock();
        let said = match &answer {
            Answer::Accepted { event, replayed } => {
                coverage.count(if *replayed { "command replayed" } else { "command accepted" });
                format!("accepted as {event}{}", if *replayed { ", replayed" } else { "" })
            }
            Answer::Refused { status, code } => {
                coverage.count("command refused");
                coverage.count_if("bound refused a spend", code == "bound-reached");
                format!("refused: {status} {code}")
            }
            Answer::Unknown { why } => {
                coverage.count("outcome unknown to the client");
                format!("unknown: {why}")
            }
        };
        drop(coverage);
        let at_ms = self.world.now_ms();
        self.world.trace.say(
            at_ms,
            &self.name,
            format_args!("{region}: {} {} {} key {}: {said}", command.aggregate, command.name, command.args, key.unwrap_or("-")),
        );
        if command.marked {
            self.world.history.add(Step::Attempt(Attempt {
                client: self.number,
                region: region.to_owned(),
                at_ms,
                aggregate: command.aggregate.clone(),
                command: command.name.to_owned(),
                key: key.map_or_else(|| command.mark.clone(), str::to_owned),
                mark: command.mark.clone(),
                with_token,
                answer,
            }));
        }
    }

    async fn read(&mut self) {
        let (region, aggregate) = (self.region(), workload::aggregate(&mut self.dice, self.world.ids));
        let Some(token) = self.token() else { return };
        let path = format!("/v1/{aggregate}");
        let prefer = format!("wait={}", self.dice.below(3));
        let headers = [(TOKEN, &*token), ("prefer", &*prefer)];
        let request = Request { host: self.host(region), method: "GET", path: &path, headers: &headers, body: String::new() };
        let reply = http::send(&self.world.env, request, WAIT).await;
        let at_ms = self.world.now_ms();
        let marks = match &reply {
            Ok(reply) if reply.status == 200 => workload::marks(&reply.json()),
            Ok(reply) if reply.status == 404 => Default::default(),
            Ok(reply) => {
                self.world.coverage.lock().count_if("read waited in vain for its token", reply.status == 503);
                return self.world.trace.say(
                    at_ms,
                    &self.name,
                    format_args!("{region}: read {aggregate}: {} {}", reply.status, reply.code()),
                );
            }
            Err(why) => return self.world.trace.say(at_ms, &self.name, format_args!("{region}: read {aggregate}: {why}")),
        };
        self.world.trace.say(at_ms, &self.name, format_args!("{region}: read {aggregate}: {} marks", marks.len()));
        if let Ok(reply) = &reply {
            self.keep(reply, true);
        }
        if !aggregate.starts_with("page/") {
            let region = region.to_owned();
            self.world.history.add(Step::Read(Read { client: self.number, region, at_ms, aggregate, marks: marks.into_keys().collect() }));
        }
    }

    /// Takes over what another client has seen.
    fn pass(&mut self) {
        let from = self.dice.below(self.world.tokens.lock().len());
        let mut tokens = self.world.tokens.lock();
        let (Some(theirs), true) = (tokens[from].clone(), from != self.number) else { return };
        // A request has at most sixteen; the next answer joins them to one.
        let joined = match &tokens[self.number] {
            Some(mine) if mine.split(',').count() + theirs.split(',').count() > TOKEN_PARTS_MAX => return,
            Some(mine) => format!("{mine}, {theirs}"),
            None => theirs,
        };
        tokens[self.number] = Some(joined);
        self.world.history.add(Step::Pass(Pass { from, to: self.number }));
        self.world.coverage.lock().count("token passed between clients");
    }

    /// Other reads, so that they run while things go wrong; what they say is checked in the end.
    async fn look_around(&mut self) {
        let region = self.region();
        let path = *self.dice.pick(&["/v1/views/things?limit=5", "/v1/views/switched", "/v1/conflicts?limit=20", "/v1/status", "/readyz"]);
        let request = Request { host: self.host(region), method: "GET", path, headers: &[], body: String::new() };
        let reply = http::send(&self.world.env, request, WAIT).await;
        let said = reply.map_or_else(|why| why, |reply| reply.status.to_string());
        self.world.trace.say(self.world.now_ms(), &self.name, format_args!("{region}: {path}: {said}"));
    }

    async fn etag(&mut self, region: &str, aggregate: &str) -> Option<String> {
        let path = format!("/v1/{aggregate}");
        let request = Request { host: self.host(region), method: "GET", path: &path, headers: &[], body: String::new() };
        http::send(&self.world.env, request, WAIT).await.ok().and_then(|reply| reply.etag)
    }

    fn region(&mut self) -> &'static str {
        let home = self.world.regions[self.number % self.world.regions.len()];
        if self.dice.happens(600) { home } else { self.world.regions[self.dice.below(self.world.regions.len())] }
    }

    /// One of the region's processes, as a balancer would choose.
    fn host(&mut self, region: &str) -> &'static str {
        let at = self.world.regions.iter().position(|name| *name == region).unwrap_or(0);
        let hosts = &self.world.hosts[at];
        hosts[self.dice.below(hosts.len())]
    }

    fn token(&self) -> Option<String> {
        self.world.tokens.lock()[self.number].clone()
    }

    /// The answer's token has all that the request's had; without one in the request it is one more.
    fn keep(&self, reply: &Reply, sent: bool) {
        let Some(token) = &reply.token else { return };
        let mut tokens = self.world.tokens.lock();
        let slot = &mut tokens[self.number];
        *slot = match slot.take() {
            // A token that is not kept is no promise: the mark is known only to who kept it.
            Some(mine) if !sent => Some(format!("{mine}, {token}")),
            _ => Some(token.clone()),
        };
    }
}

fn answer(reply: &Result<Reply, String>) -> Answer {
    match reply {
        Ok(reply) if reply.status == 200 => {
            let event = reply.json()["event"].as_str().unwrap_or("?").to_owned();
            Answer::Accepted { event, replayed: reply.replayed }
        }
        Ok(reply) if (400..429).contains(&reply.status) => Answer::Refused { status: reply.status, code: reply.code() },
        Ok(reply) => Answer::Unknown { why: format!("{} {}", reply.status, reply.code()) },
        Err(why) => Answer::Unknown { why: why.clone() },
    }
}
