//! A kill keeps what the system has in memory, so it can't show that an answer waits for the disk. The system calls can.
//!
//! In the trace, what a command wrote is known by its aggregate's id: in the journal, and in the answer. Of a tracer's lines those of one
//! thread's wait and another's answer are in the order in which they happened: a thread goes on only once its line is written.

use serde_json::json;
use std::fs;
use std::path::Path;
use std::process::Command;
use sterna_tests::{Cluster, Options, say};

const SINGLES: usize = 40;
const AT_ONCE: usize = 4;
const BULK_LINES: usize = 150;
const CALLS: &str = "trace=write,writev,pwrite64,pwritev,sendto,sendmsg,fsync,fdatasync";

#[tokio::test]
async fn no_answer_leaves_before_the_sync_that_covers_it() {
    if !strace_works() {
        say("strace lane: SKIPPED, no strace, or no permission to trace: that answers wait for the disk was not checked");
        return;
    }
    let mut cluster = Cluster::prepare(Options::marks(), &["solo"]).await;
    let trace = cluster.path("trace");
    let served = cluster["solo"].serve();
    let mut command = tokio::process::Command::new("strace");
    // Detached: the process that the test knows is the region.
    command
        .args(["-D", "-f", "-y", "-s", "2000000", "-e", CALLS, "-o"])
        .arg(&trace)
        .arg(served.as_std().get_program())
        .args(served.as_std().get_args());
    command.kill_on_drop(true);
    cluster["solo"].spawn_as(command);
    cluster["solo"].ready().await;

    let http = cluster["solo"].http();
    let mut ids = Vec::new();
    for round in 0..SINGLES / AT_ONCE {
        let round: Vec<String> = (0..AT_ONCE).map(|n| format!("single-{}x", round * AT_ONCE + n)).collect();
        let sent = round.iter().map(|id| http.command(&format!("bag/{id}/mark"), json!({ "mark": "m" })).ok());
        futures::future::join_all(sent).await;
        ids.extend(round);
    }
    let bulk: Vec<String> = (0..BULK_LINES).map(|n| format!("bulk-{n}x")).collect();
    let line = |id: &String| json!({ "type": "bag", "id": id, "command": "mark", "args": { "mark": "m" }, "key": id }).to_string() + "\n";
    let done = http.bulk(bulk.iter().map(line).collect::<String>()).ok().await.json_lines().pop();
    assert_eq!(done.map(|done| done["accepted"].clone()), Some(json!(BULK_LINES)));
    ids.extend(bulk);
    assert!(cluster["solo"].stop().await.success());

    let text = String::from_utf8_lossy(&fs::read(&trace).expect("the tracer wrote")).into_owned();
    let calls = Calls::read(&text, &cluster["solo"].data().join("store"));
    assert!(calls.syncs.len() >= SINGLES / AT_ONCE, "the journal is synced: {} times", calls.syncs.len());
    for id in &ids {
        calls.assert_synced_before_answer(id);
    }
}

/// Places are lines of the trace.
struct Calls<'t> {
    journal: Vec<(usize, &'t str)>,
    answers: Vec<(usize, &'t str)>,
    /// Of the journal's files: first and last line of each call that succeeded.
    syncs: Vec<(usize, usize)>,
}

impl<'t> Calls<'t> {
    fn read(trace: &'t str, store: &Path) -> Self {
        let store = format!("<{}/", store.display());
        let mut calls = Self { journal: Vec::new(), answers: Vec::new(), syncs: Vec::new() };
        let mut waiting: Vec<(&str, usize)> = Vec::new();
        for (at, line) in trace.lines().enumerate() {
            let (thread, call) = line.split_once(' ').unwrap_or((line, ""));
            let call = call.trim_start();
            let target = call.split(['>', ',']).next().unwrap_or_default();
            let (in_store, is_sync) =
                (target.contains(&store) && target.contains(".jnl"), call.starts_with("fdatasync(") || call.starts_with("fsync("));
            if is_sync && in_store && call.contains("<unfinished ...>") {
                waiting.push((thread, at));
            } else if is_sync && in_store && call.ends_with("= 0") {
                calls.syncs.push((at, at));
            } else if call.contains("sync resumed>") && call.ends_with("= 0") {
                let of_thread = waiting.iter().position(|(waits, _)| *waits == thread);
                calls.syncs.extend(of_thread.map(|waits| (waiting.swap_remove(waits).1, at)));
            } else if in_store {
                calls.journal.push((at, call));
            } else if target.contains("<TCP:") || target.contains("<socket:") {
                calls.answers.push((at, call));
            }
        }
        calls
    }

    fn assert_synced_before_answer(&self, id: &str) {
        let answered = self.answers.iter().find(|(_, call)| call.contains(id)).unwrap_or_else(|| panic!("{id} is answered")).0;
        let written = self.journal.iter().filter(|(at, call)| *at < answered && call.contains(id)).map(|(at, _)| *at).max();
        let written =
            written.unwrap_or_else(|| panic!("{id} is answered in line {answered} of the trace before it is written to the journal"));
        let covered = self.syncs.iter().any(|(begun, ended)| written < *begun && *ended < answered);
        assert!(covered, "{id} is written in line {written} and answered in line {answered} of the trace, without a sync in between");
    }
}

/// Where it is missing and may be installed, it is.
fn strace_works() -> bool {
    let works = || Command::new("strace").args(["-D", "-o", "/dev/null", "true"]).output().is_ok_and(|run| run.status.success());
    let root = rustix::process::geteuid().is_root();
    works() || root && Command::new("apt-get").args(["install", "-y", "strace"]).output().is_ok_and(|run| run.status.success()) && works()
}
