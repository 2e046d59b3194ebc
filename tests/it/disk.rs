//! What can be wrong with a folder or a disk.

use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use sterna_tests::{Cluster, Options, eventually, free_port, say};

#[tokio::test]
async fn a_damaged_folder_is_refused_with_its_name_and_what_to_do_and_is_not_touched() {
    let mut cluster = Cluster::start(Options::marks(), &["solo"]).await;
    for n in 0..50 {
        cluster["solo"].command("bag/b/mark", json!({ "mark": format!("m{n}") })).ok().await;
    }
    cluster["solo"].kill().await;
    let journal = largest_journal(&cluster["solo"].data().join("store"));
    let good = fs::read(&journal).expect("a journal can be read");
    let written = good.iter().rposition(|byte| *byte != 0).expect("something was written");
    let mut bad = good.clone();
    bad[written / 2..written / 2 + 16].iter_mut().for_each(|byte| *byte ^= 0xff);
    fs::write(&journal, &bad).expect("a journal can be damaged");

    let refused = cluster["solo"].serve_to_its_end().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("is damaged") && refused.stderr.contains("restore it from a backup"), "{}", refused.stderr);
    assert!(refused.stderr.contains(&cluster["solo"].data().display().to_string()), "{}", refused.stderr);
    assert_eq!(fs::read(&journal).expect("it is there"), bad, "a folder that is refused stays as it is");

    fs::write(&journal, &good).expect("a journal can be mended");
    cluster["solo"].start().await;
    cluster["solo"].eventually("/v1/bag/b", "all of it", |bag| bag["state"]["count"] == 50).await;
}

#[tokio::test]
async fn a_folder_of_a_newer_version_is_refused_and_is_not_touched() {
    let mut cluster = Cluster::start(Options::marks(), &["solo"]).await;
    assert!(cluster["solo"].stop().await.success());
    let marker = cluster["solo"].data().join("store/STERNA");
    let text = fs::read_to_string(&marker).expect("there is a marker");
    fs::write(&marker, text.replace("format = 1", "format = 99")).expect("a marker can be changed");
    let refused = cluster["solo"].serve_to_its_end().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("has format 99, and this version of sterna knows formats up to 1"), "{}", refused.stderr);
    fs::write(&marker, text).expect("a marker can be changed");
    cluster["solo"].start().await;
}

#[tokio::test]
async fn a_folder_of_something_else_is_refused() {
    let cluster = Cluster::prepare(Options::marks(), &["solo"]).await;
    fs::create_dir_all(cluster["solo"].data().join("store")).expect("a folder can be made");
    fs::write(cluster["solo"].data().join("store/thesis.tex"), "all of it").expect("a file can be written");
    let refused = cluster["solo"].serve_to_its_end().await;
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("is not a sterna store"), "{}", refused.stderr);
}

#[tokio::test]
async fn a_second_process_on_a_folder_or_on_a_port_is_refused_and_the_first_goes_on() {
    let cluster = Cluster::start(Options::marks(), &["solo"]).await;
    cluster["solo"].command("bag/b/mark", json!({ "mark": "m" })).ok().await;

    let folder = cluster["solo"].twin(cluster.path("twin"), free_port()).serve_to_its_end().await;
    assert_eq!(folder.code, Some(1), "{folder:?}");
    let holder = format!("in use by process {}", cluster["solo"].pid().as_raw_nonzero());
    assert!(folder.stderr.contains(&holder), "{}", folder.stderr);

    let mut port = cluster["solo"].twin(cluster.path("other"), cluster["solo"].config.port);
    port.config.data = cluster.path("other/data");
    let port = port.serve_to_its_end().await;
    assert_eq!(port.code, Some(1), "{port:?}");
    assert!(port.stderr.contains("can't listen on 127.0.0.1:") && port.stderr.contains("is another process using it?"), "{}", port.stderr);
    assert!(!cluster.path("other/data").exists(), "who has no port touches no data");

    cluster["solo"].command("bag/b/mark", json!({ "mark": "n" })).ok().await;
    cluster["solo"].eventually("/v1/bag/b", "both", |bag| bag["state"]["count"] == 2).await;
}

#[tokio::test]
async fn a_folder_of_another_region_or_number_of_shards_is_refused() {
    let mut cluster = Cluster::start(Options::marks(), &["solo"]).await;
    assert!(cluster["solo"].stop().await.success());
    cluster["solo"].config.shards += 1;
    let shards = cluster["solo"].serve_to_its_end().await;
    assert!(shards.code == Some(1) && shards.stderr.contains("this store has 4 shards, the configuration says 5"), "{shards:?}");
    cluster["solo"].config.shards -= 1;
    cluster["solo"].config.region = "duo".to_owned();
    let region = cluster["solo"].serve_to_its_end().await;
    assert!(region.code == Some(1) && region.stderr.contains("this store belongs to region `solo`, not to `duo`"), "{region:?}");
}

#[tokio::test]
async fn on_a_full_disk_commands_are_refused_and_reads_go_on_until_there_is_room() {
    let mut cluster = Cluster::prepare(Options::marks(), &["solo"]).await;
    // The store keeps 256 MB free for its own work; a file that needs memory only where it is filled takes the rest.
    let Some(disk) = SmallDisk::mount(cluster.path("disk"), 320) else { return };
    cluster["solo"].config.data = disk.path.join("data");
    cluster["solo"].start().await;
    cluster["solo"].command("bag/b/mark", json!({ "mark": "m0" })).key("k0").ok().await;

    let filler = disk.path.join("filler");
    fs::write(&filler, vec![1_u8; 80 << 20]).expect("there is room for it");
    // Free space is measured now and then: some are still taken. A key that was taken is answered for ever, so each has its own.
    let mut taken = vec!["m0".to_owned()];
    let refused = loop {
        let mark = format!("m{}", taken.len());
        let answer = cluster["solo"].command("bag/b/mark", json!({ "mark": mark })).key(&mark).send().await;
        if answer.status != 200 {
            break answer;
        }
        taken.push(mark);
        assert!(taken.len() < 10_000, "the full disk is never noticed");
    };
    refused.refused(503, "disk-full");
    assert!(refused.header("retry-after").is_some());
    let line = json!({ "type": "bag", "id": "b", "command": "mark", "args": { "mark": "bulk" }, "key": "bulk" }).to_string();
    let bulk = cluster["solo"].http().bulk(line).ok().await.json_lines();
    assert_eq!((&bulk[0]["status"], &bulk[0]["body"]["code"], &bulk[1]["refused"]), (&json!(503), &json!("disk-full"), &json!(1)));
    cluster["solo"].get("/v1/bag/b").ok().await;

    fs::remove_file(&filler).expect("it is there");
    eventually("there is room again", async || {
        let answer = cluster["solo"].command("bag/b/mark", json!({ "mark": "after" })).key("after").try_send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
    taken.push("after".to_owned());
    let bag = cluster["solo"].eventually("/v1/bag/b", "what was taken", |bag| bag["state"]["count"] == taken.len()).await.json();
    let mut marks: Vec<&str> = bag["state"]["marks"].as_array().into_iter().flatten().filter_map(|mark| mark.as_str()).collect();
    marks.sort_unstable();
    taken.sort_unstable();
    assert_eq!(marks, taken, "what was taken is there, and what was refused had no effect");
    cluster["solo"].stop().await;
}

/// A file system of its own.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    /// `None`, and said loudly, where this process may not mount one.
    fn mount(path: PathBuf, megabytes: u32) -> Option<Self> {
        fs::create_dir_all(&path).expect("a temporary folder takes folders");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={megabytes}m"), "sterna-it"]).arg(&path).output();
        if mounted.is_ok_and(|run| run.status.success()) {
            return Some(Self { path });
        }
        say("disk full: SKIPPED, this process may not mount a small disk (it takes root on Linux)");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: where a test failed, the process may still have files open.
        _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn largest_journal(store: &Path) -> PathBuf {
    let mut journals = Vec::new();
    let mut folders = vec![store.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a folder can be read").flatten() {
            let path = entry.path();
            match path.extension().and_then(|kind| kind.to_str()) {
                Some("jnl") => journals.push(path),
                _ if path.is_dir() => folders.push(path),
                _ => {}
            }
        }
    }
    let written = |path: &PathBuf| fs::read(path).map_or(0, |bytes| bytes.iter().filter(|byte| **byte != 0).count());
    journals.into_iter().max_by_key(written).expect("a store has a journal")
}
