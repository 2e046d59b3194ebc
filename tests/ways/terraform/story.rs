//! From nothing to three regions, through a dead process and two rollouts, and back to nothing.

use super::workspace::{REGIONS, Workspace, a_moment};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use sterna_tests::{Http, Program, eventually};
use tokio::process::Command;

#[tokio::test]
async fn regions_are_applied_mended_rolled_and_destroyed() {
    let Some(mut workspace) = Workspace::new().await else { return };
    let bystander = Program::start(Command::new("sleep").arg("1000"), workspace.path("bystander"));

    let applied = workspace.applied().await;
    assert!(applied.stdout.contains(&format!("http://127.0.0.1:{}", workspace.balancer)), "it prints the endpoints: {}", applied.stdout);
    for (at, name) in REGIONS.iter().enumerate() {
        assert_eq!(workspace.region(at).get("/readyz").send().await.status, 200, "{name} is ready when apply is done");
    }
    let clients = Http::new(format!("http://127.0.0.1:{}", workspace.balancer));
    // A balancer that is new, on a machine this busy, may take a slow region for a dead one for a moment: clients send again, with their key.
    is_taken(&clients, "cart/c/add_item", json!({ "sku": "tea", "quantity": 1 })).await;
    workspace.is_up_to_date().await;

    a_killed_process_shows_and_is_started_again(&workspace).await;

    let model = fs::read_to_string(&workspace.model).expect("it is there");
    let more = "\n[aggregate.cart.commands.inscribe]\nargs = { note = \"string\" }\neffects = [{ set = \"args.note\", to = \"note\" }]\n";
    let changed = model.replace("version = 1", "version = 2") + more;
    fs::write(&workspace.model, changed).expect("it can be written");
    rolls(&workspace).await;
    is_taken(&clients, "cart/c/inscribe", json!({ "note": "new" })).await;

    // The same program with a few more bytes, in another file: one that runs can't be written.
    let mut binary = fs::read(&workspace.binary).expect("it is there");
    binary.extend_from_slice(b"more");
    let newer = workspace.path("sterna-newer");
    fs::copy(&workspace.binary, &newer).expect("it keeps its mode");
    fs::write(&newer, binary).expect("it can be written");
    workspace.binary = newer;
    rolls(&workspace).await;
    a_rollout_stops_at_its_first_failure(&mut workspace).await;

    workspace.destroyed().await;
    let mut bystander = bystander;
    bystander.assert_runs();
    assert!(workspace.data().join("us-east/store").is_dir(), "the data stay");

    workspace.applied().await;
    eventually("what was written is still there", async || {
        let cart = clients.get("/v1/cart/c").try_send().await?;
        if cart.status == 200 && cart.json()["state"]["items"]["tea"] == 1 { Ok(()) } else { Err(cart.text()) }
    })
    .await;
    workspace.more = "keep_data = false\n".to_owned();
    workspace.applied().await;
    workspace.destroyed().await;
    assert!(!workspace.data().exists(), "the data go when that is asked for");
}

async fn is_taken(clients: &Http, path: &str, args: Value) {
    eventually(&format!("{path} is taken"), async || {
        let answer = clients.command(path, args.clone()).key(path).try_send().await?;
        if answer.status == 200 { Ok(()) } else { Err(answer.text()) }
    })
    .await;
}

async fn a_killed_process_shows_and_is_started_again(workspace: &Workspace) {
    for name in ["eu-west", "haproxy"] {
        let before: Vec<_> = REGIONS.iter().map(|region| workspace.pid(region)).collect();
        let pid = workspace.pid(name).and_then(|pid| Pid::from_raw(pid as i32)).expect("it is written down");
        kill_process(pid, Signal::KILL).expect("it runs");
        let plan = eventually(&format!("the plan sees that {name} died"), async || {
            let plan = workspace.plan().await;
            if plan.code == Some(2) { Ok(plan.stdout) } else { Err(format!("{plan:?}")) }
        })
        .await;
        assert!(plan.contains(&format!("after {} died", pid.as_raw_nonzero())), "{plan}");
        assert_eq!(plan.matches("terraform_data.process must be replaced").count(), 1, "only {name} is started again: {plan}");
        workspace.applied().await;
        let others = REGIONS.iter().zip(before).filter(|(region, _)| **region != name);
        for (region, pid) in others {
            assert_eq!(workspace.pid(region), pid, "{region} is left alone");
        }
        workspace.is_up_to_date().await;
    }
}

/// Every region is replaced, and at no moment is more than one of them not ready.
async fn rolls(workspace: &Workspace) {
    let before: Vec<_> = REGIONS.iter().map(|region| workspace.pid(region)).collect();
    let mut rolling = workspace.start_apply();
    let watching = async {
        let mut most = 0;
        loop {
            let ready = futures::future::join_all((0..REGIONS.len()).map(|at| is_ready(workspace.region(at)))).await;
            most = most.max(ready.iter().filter(|ready| !**ready).count());
            assert!(most <= 1, "more than one region is not ready: {ready:?}");
            a_moment().await;
        }
    };
    tokio::select! {
        status = rolling.wait() => assert!(status.expect("terraform ends").success(), "the rollout succeeds"),
        () = watching => {}
    }
    for (region, pid) in REGIONS.iter().zip(before) {
        assert_ne!(workspace.pid(region), pid, "{region} was restarted");
    }
    workspace.is_up_to_date().await;
}

/// A binary that passes the checks and can't serve costs one region, and the apply says which one.
async fn a_rollout_stops_at_its_first_failure(workspace: &mut Workspace) {
    let before: Vec<_> = REGIONS.iter().map(|region| workspace.pid(region)).collect();
    let broken = workspace.path("sterna-broken");
    let script = format!("#!/bin/sh\n[ \"$1\" = serve ] && echo 'can not serve' && exit 1\nexec '{}' \"$@\"\n", workspace.binary.display());
    fs::write(&broken, script).expect("it can be written");
    fs::set_permissions(&broken, fs::Permissions::from_mode(0o755)).expect("its mode can be set");
    let good = std::mem::replace(&mut workspace.binary, broken);
    let failed = workspace.apply().await;
    assert_eq!(failed.code, Some(1), "{failed:?}");
    let said = failed.stdout + &failed.stderr;
    assert!(said.contains("can not serve"), "it says what the process said: {said}");
    assert!(said.contains("another one failed, so this one is left as it runs"), "{said}");
    let left: Vec<&str> =
        REGIONS.iter().zip(&before).filter(|(region, pid)| workspace.pid(region) == **pid).map(|(region, _)| *region).collect();
    assert_eq!(left.len(), REGIONS.len() - 1, "all but one run as before: {left:?}");
    for (at, name) in REGIONS.iter().enumerate().filter(|(_, name)| left.contains(name)) {
        assert!(is_ready(workspace.region(at)).await, "{name} is ready");
    }
    workspace.binary = good;
    workspace.applied().await;
    workspace.is_up_to_date().await;
}

/// The process refuses connections or says that it is not ready; an answer that is only slow is none.
async fn is_ready(region: Http) -> bool {
    region.get("/readyz").try_send().await.is_ok_and(|answer| answer.status == 200)
}
