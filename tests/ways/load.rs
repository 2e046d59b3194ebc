//! Mixed load as clients make it: commands with a key, sent again until they are acknowledged, and reads, without a pause.

use serde_json::json;
use std::cell::{Cell, RefCell};
use std::collections::BTreeSet;
use std::time::Duration;
use sterna_env::{Env, Instant};
use sterna_tests::{Cluster, Http, Region, eventually};

const BAGS: usize = 12;

#[derive(Default)]
pub struct Load {
    acked: RefCell<BTreeSet<String>>,
    reads: Cell<usize>,
    /// When a request was sent that went wrong, and how.
    pub errors: RefCell<Vec<(Instant, String)>>,
    stopping: Cell<bool>,
}

impl Load {
    /// Until [`Self::stop`], `tasks` writers and as many readers for each client. `name` tells the clients' marks.
    pub async fn run(&self, clients: &[(&str, Http)], tasks: usize) {
        let clients = clients.iter().flat_map(|client| (0..tasks).map(move |task| (client, task)));
        let each = clients.map(|((name, http), task)| async move {
            tokio::join!(self.write(http, format!("{name}-{task}")), self.read(http, task));
        });
        futures::future::join_all(each).await;
    }

    pub fn stop(&self) {
        self.stopping.set(true);
    }

    pub fn acked(&self) -> usize {
        self.acked.borrow().len()
    }

    /// Until this many more commands and reads were answered.
    pub async fn more(&self, count: usize) {
        let (acked, reads) = (self.acked() + count, self.reads.get() + count);
        eventually(&format!("{count} more"), async || {
            let now = (self.acked(), self.reads.get());
            if now.0 >= acked && now.1 >= reads { Ok(()) } else { Err(format!("{now:?}")) }
        })
        .await;
    }

    async fn write(&self, http: &Http, name: String) {
        let env = Env::real();
        for n in 0.. {
            let mark = format!("{name}-{n}");
            let path = format!("bag/bag-{}/mark", n % BAGS);
            loop {
                if self.stopping.get() {
                    return;
                }
                let sent = env.now();
                let answer = http.command(&path, json!({ "mark": mark })).key(&mark).try_send().await;
                match answer {
                    Ok(answer) if answer.status == 200 => break,
                    Ok(answer) => self.errors.borrow_mut().push((sent, format!("{mark}: {} {}", answer.status, answer.text()))),
                    Err(error) => self.errors.borrow_mut().push((sent, format!("{mark}: {error}"))),
                }
                env.sleep(Duration::from_millis(20)).await;
            }
            self.acked.borrow_mut().insert(mark);
        }
    }

    async fn read(&self, http: &Http, task: usize) {
        let env = Env::real();
        while !self.stopping.get() {
            let path = if task.is_multiple_of(2) {
                "/v1/views/bags?limit=20".to_owned()
            } else {
                format!("/v1/bag/bag-{}", self.reads.get() % BAGS)
            };
            let sent = env.now();
            match http.get(&path).try_send().await {
                // A bag that has no mark yet is not there yet.
                Ok(answer) if answer.status == 200 || answer.status == 404 => self.reads.set(self.reads.get() + 1),
                Ok(answer) => self.errors.borrow_mut().push((sent, format!("{path}: {} {}", answer.status, answer.text()))),
                Err(error) => self.errors.borrow_mut().push((sent, format!("{path}: {error}"))),
            }
            env.sleep(Duration::from_millis(5)).await;
        }
    }

    /// Errors of requests that were sent behind this moment.
    pub fn errors_since(&self, moment: Instant) -> Vec<String> {
        self.errors.borrow().iter().filter(|(sent, _)| *sent >= moment).map(|(_, error)| error.clone()).collect()
    }

    /// Waits until every region has each acknowledged mark, counted once.
    pub async fn is_everywhere_once(&self, cluster: &Cluster) {
        for region in cluster.regions() {
            eventually(&format!("{} has every mark once", region.name), async || self.is_in(region).await).await;
        }
    }

    async fn is_in(&self, region: &Region) -> Result<(), String> {
        let (mut found, mut count) = (BTreeSet::new(), 0);
        for bag in 0..BAGS {
            let answer = region.get(&format!("/v1/bag/bag-{bag}")).try_send().await?;
            if answer.status == 404 {
                continue;
            }
            let state = &answer.json()["state"];
            count += state["count"].as_u64().unwrap_or_default();
            found.extend(state["marks"].as_array().into_iter().flatten().filter_map(|mark| mark.as_str().map(str::to_owned)));
        }
        let acked = self.acked.borrow();
        if let Some(lost) = acked.difference(&found).next() {
            return Err(format!("{lost} was acknowledged and is missing"));
        }
        // The last command of each writer may have been taken without an acknowledgement.
        if count == found.len() as u64 { Ok(()) } else { Err(format!("{} marks have {count} effects", found.len())) }
    }
}
